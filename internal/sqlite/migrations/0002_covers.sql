-- The keys that sign uploads, as receipt_keys sign receipts.
CREATE TABLE upload_keys (
	id         INTEGER PRIMARY KEY NOT NULL,
	secret     BLOB NOT NULL,
	made_at    INTEGER NOT NULL,
	retired_at INTEGER,
	sum        INTEGER NOT NULL
) STRICT;

-- Which renditions a book shows: the SHA-256 of their original, in hexadecimal.
ALTER TABLE books ADD COLUMN cover TEXT;
CREATE INDEX books_by_cover ON books (cover) WHERE cover IS NOT NULL;
