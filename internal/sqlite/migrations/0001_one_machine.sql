-- Everything of one machine in one file. Each doc is JSON; sum is the CRC-32C of
-- the row's key, its doc and what decides over it, so that damage is noticed and
-- named. Times are Unix milliseconds.

CREATE TABLE books (
	id         BLOB PRIMARY KEY NOT NULL, -- the 16 bytes of a UUID
	version    INTEGER NOT NULL,
	fence      INTEGER NOT NULL,
	expires_at INTEGER,                   -- of tombstones and fences
	doc        BLOB NOT NULL,
	sum        INTEGER NOT NULL,
	-- of those that readers see: where the lists have them
	by_title   BLOB,
	by_author  BLOB, -- the first author
	by_updated BLOB,
	isbn       TEXT
) STRICT;
CREATE INDEX books_expiring ON books (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX books_by_title ON books (by_title) WHERE by_title IS NOT NULL;
CREATE INDEX books_by_author ON books (by_author) WHERE by_author IS NOT NULL;
CREATE INDEX books_by_updated ON books (by_updated) WHERE by_updated IS NOT NULL;
CREATE INDEX books_by_isbn ON books (isbn, by_title) WHERE isbn IS NOT NULL;

-- The places of books under their further authors.
CREATE TABLE further_authors (
	by_author BLOB PRIMARY KEY NOT NULL,
	book_id   BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX further_authors_of ON further_authors (book_id);

CREATE TABLE jobs (
	id         TEXT PRIMARY KEY NOT NULL, -- the receipt
	generation INTEGER NOT NULL,
	state      TEXT NOT NULL,
	revision   INTEGER NOT NULL,
	expires_at INTEGER,
	doc        BLOB NOT NULL,
	sum        INTEGER NOT NULL,
	-- of those that the ledger of the dead lists
	buried_at   INTEGER,
	lane        TEXT,
	kind        TEXT,
	book_id     BLOB,
	fingerprint TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_expiring ON jobs (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX jobs_dead ON jobs (buried_at DESC, id) WHERE buried_at IS NOT NULL;

-- Idempotency keys.
CREATE TABLE claims (
	caller     TEXT NOT NULL,
	key        TEXT NOT NULL,
	hash       TEXT NOT NULL,
	job        TEXT NOT NULL,
	sent       INTEGER NOT NULL,
	expires_at INTEGER NOT NULL,
	sum        INTEGER NOT NULL,
	PRIMARY KEY (caller, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_expiring ON claims (expires_at);

-- Leases and delays live in memory: when the process ends, so do they.
CREATE TABLE messages (
	seq        INTEGER PRIMARY KEY NOT NULL, -- the order of sending
	lane       TEXT NOT NULL,
	grp        TEXT NOT NULL,
	dedup      TEXT NOT NULL,
	sent_at    INTEGER NOT NULL,
	receives   INTEGER NOT NULL,
	body       BLOB NOT NULL,
	sum        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX messages_dedup ON messages (lane, dedup);

CREATE TABLE lanes (
	name   TEXT PRIMARY KEY NOT NULL,
	paused INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE heartbeats (
	lane              TEXT NOT NULL,
	worker            TEXT NOT NULL,
	at                INTEGER NOT NULL,
	waiting           INTEGER NOT NULL,
	in_flight         INTEGER NOT NULL,
	delayed           INTEGER NOT NULL,
	oldest_age        INTEGER NOT NULL, -- nanoseconds
	done_per_second   REAL NOT NULL,
	growth_per_second REAL NOT NULL,
	stuck             INTEGER NOT NULL,
	PRIMARY KEY (lane, worker)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipt_keys (
	id         INTEGER PRIMARY KEY NOT NULL,
	secret     BLOB NOT NULL,
	made_at    INTEGER NOT NULL,
	retired_at INTEGER,
	sum        INTEGER NOT NULL
) STRICT;

-- What is kept of the keys of callers.
CREATE TABLE caller_keys (
	name       TEXT PRIMARY KEY NOT NULL,
	role       TEXT NOT NULL,
	hash       BLOB NOT NULL UNIQUE,
	made_at    INTEGER NOT NULL,
	made_by    TEXT NOT NULL,
	expires_at INTEGER,
	sum        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
