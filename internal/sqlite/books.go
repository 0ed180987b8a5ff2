package sqlite

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// Books is book.Store.
type Books struct{ db *DB }

var _ book.Store = Books{}

// Books returns the catalogue in this database.
func (db *DB) Books() Books { return Books{db} }

// Get is book.Store's.
func (b Books) Get(ctx context.Context, id uuid.UUID) (item book.Item, err error) {
	err = b.db.read(ctx, func(c *conn) error {
		item, err = c.book(id, b.db.now())
		return err
	})
	return item, err
}

// Swap is book.Store's.
func (b Books) Swap(ctx context.Context, read, next book.Item) error {
	doc, err := json.Marshal(next)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encode book %s", next.ID)
	}
	now := b.db.now()
	var expires any
	if next.Existence != book.Live {
		expires = now.Add(book.TombstoneTTL)
	}
	return b.db.write(ctx, synced, func(t *tx) error {
		if err := t.unchanged(read, now); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO books (id, version, fence, expires_at, doc, sum) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET version = excluded.version, fence = excluded.fence,
			expires_at = excluded.expires_at, doc = excluded.doc, sum = excluded.sum`,
			next.ID[:], next.Version, next.Fence, expires, doc, checksum(next.ID[:], doc))
		return err
	})
}

// unchanged is fault.Changed unless the stored version and fence are those of read.
func (c *conn) unchanged(read book.Item, now time.Time) error {
	var version, fence int64
	err := c.each(`SELECT version, fence FROM books WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)`,
		func(s *sqlite3.Stmt) error {
			version, fence = s.ColumnInt64(0), s.ColumnInt64(1)
			return nil
		}, read.ID[:], now)
	if err == nil && (version != read.Version || fence != read.Fence) {
		err = fault.New(fault.Changed, "book %s is no longer as it was read", read.ID)
	}
	return err
}

func (c *conn) book(id uuid.UUID, now time.Time) (book.Item, error) {
	item := book.Item{ID: id}
	err := c.each(`SELECT version, fence, doc, sum FROM books WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)`,
		func(s *sqlite3.Stmt) error {
			doc := s.ColumnRawBlob(2)
			if checksum(id[:], doc) != uint32(s.ColumnInt64(3)) {
				return fault.New(fault.Internal, "book %s is damaged: its checksum is wrong", id)
			}
			if err := json.Unmarshal(doc, &item); err != nil {
				return fault.Wrap(fault.Internal, err, "book %s is damaged", id)
			}
			if item.Version != s.ColumnInt64(0) || item.Fence != s.ColumnInt64(1) || item.ID != id {
				return fault.New(fault.Internal, "book %s is damaged: its columns and its document differ", id)
			}
			return nil
		}, id[:], now)
	return item, err
}
