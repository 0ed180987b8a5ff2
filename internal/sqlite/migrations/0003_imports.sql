-- Imports of files. doc is the record as JSON; compared and applied are the progress
-- of the two passes, which grows with the outcomes of chunks and not with updates of
-- the record. pending_since is when the file arrived, while its rows may still be
-- applied.

CREATE TABLE imports (
	id            BLOB PRIMARY KEY NOT NULL, -- the 16 bytes of a UUID
	submitted_at  INTEGER NOT NULL,
	pending_since INTEGER,
	revision      INTEGER NOT NULL,
	expires_at    INTEGER,
	doc           BLOB NOT NULL,
	compared      BLOB NOT NULL,
	applied       BLOB NOT NULL,
	sum           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX imports_latest ON imports (submitted_at DESC, id);
CREATE INDEX imports_pending ON imports (pending_since) WHERE pending_since IS NOT NULL;
CREATE INDEX imports_expiring ON imports (expires_at) WHERE expires_at IS NOT NULL;

-- The chunks that have an outcome.
CREATE TABLE chunks (
	import     BLOB NOT NULL,
	pass       TEXT NOT NULL,
	number     INTEGER NOT NULL,
	expires_at INTEGER NOT NULL,
	PRIMARY KEY (import, pass, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX chunks_expiring ON chunks (expires_at);

-- Which import has the bytes of a digest.
CREATE TABLE import_claims (
	digest     TEXT PRIMARY KEY NOT NULL,
	import     BLOB NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX import_claims_expiring ON import_claims (expires_at);
