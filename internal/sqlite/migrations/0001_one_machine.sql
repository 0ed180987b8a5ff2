-- Everything of one machine in one file. Each doc is JSON; sum is the CRC-32C of
-- the row's key and doc, so that damage is noticed and named. Times are Unix
-- milliseconds.

CREATE TABLE books (
	id         BLOB PRIMARY KEY NOT NULL, -- the 16 bytes of a UUID
	version    INTEGER NOT NULL,
	fence      INTEGER NOT NULL,
	expires_at INTEGER,                   -- of tombstones and fences
	doc        BLOB NOT NULL,
	sum        INTEGER NOT NULL
) STRICT;
CREATE INDEX books_expiring ON books (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE jobs (
	id         TEXT PRIMARY KEY NOT NULL, -- the receipt
	generation INTEGER NOT NULL,
	state      TEXT NOT NULL,
	expires_at INTEGER,
	doc        BLOB NOT NULL,
	sum        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_expiring ON jobs (expires_at) WHERE expires_at IS NOT NULL;

-- Leases live in memory: when the process ends, so do they.
CREATE TABLE messages (
	seq        INTEGER PRIMARY KEY NOT NULL, -- the order of sending
	lane       TEXT NOT NULL,
	grp        TEXT NOT NULL,
	dedup      TEXT NOT NULL,
	sent_at    INTEGER NOT NULL,
	visible_at INTEGER NOT NULL,
	receives   INTEGER NOT NULL,
	body       BLOB NOT NULL,
	sum        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX messages_dedup ON messages (lane, dedup);

CREATE TABLE receipt_keys (
	id         INTEGER PRIMARY KEY NOT NULL,
	secret     BLOB NOT NULL,
	retired_at INTEGER
) STRICT;
