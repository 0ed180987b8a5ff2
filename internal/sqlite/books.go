package sqlite

import (
	"cmp"
	"context"
	"encoding/binary"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// Books is book.Store.
type Books struct{ db *DB }

var (
	_ book.Store = Books{}
	_ book.Shelf = Books{}
)

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

// Swap is book.Store's. It survives the end of the process at once, and loss of
// power with the next synced commit: the record of its job, at the latest, is one,
// and the log is written in order. A swap that is lost before that is done again,
// since its message is still on the lane.
func (b Books) Swap(ctx context.Context, read, next book.Item) error {
	now := b.db.now()
	return b.db.write(ctx, buffered, func(t *tx) error {
		return t.swap(read, next, now)
	})
}

// Shows is book.Shelf's.
func (b Books) Shows(ctx context.Context, sha256 string) (shows bool, err error) {
	err = b.db.read(ctx, func(c *conn) error {
		return c.each(`SELECT 1 FROM books WHERE cover = ? LIMIT 1`, func(*sqlite3.Stmt) error {
			shows = true
			return nil
		}, sha256)
	})
	return shows, err
}

// swap stores next in the place of read, unless something else stands there.
func (c *conn) swap(read, next book.Item, now time.Time) error {
	row, err := c.standing(read, now)
	if err != nil {
		return err
	}
	if row.stands {
		return c.putBook(next, now)
	}
	return c.addBook(next, now)
}

// addBook stores a book that is not there, or only as what is forgotten, which has no
// place in a list. So every index is touched once.
func (c *conn) addBook(item book.Item, now time.Time) error {
	doc, expires, err := encodeBook(item, now)
	if err != nil {
		return err
	}
	keys := book.SearchKeys(item)
	title, author, isbn, further := places(keys)
	_, err = c.exec(`INSERT INTO books (id, version, fence, expires_at, doc, sum, by_updated, by_title, by_author, isbn, cover)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
		ON CONFLICT (id) DO UPDATE SET version = ?2, fence = ?3, expires_at = ?4, doc = ?5, sum = ?6, by_updated = ?7,
		by_title = ?8, by_author = ?9, isbn = ?10, cover = ?11`,
		item.ID[:], item.Version, item.Fence, expires, doc, bookSum(item.ID, item.Version, expires == nil, doc),
		place(keys.Updated), title, author, isbn, coverOf(item))
	if err != nil {
		return err
	}
	return c.addFurther(item.ID, further)
}

// encodeBook returns a book's document, and when it is forgotten, NULL for never.
func encodeBook(item book.Item, now time.Time) (doc []byte, expires any, err error) {
	if doc, err = json.Marshal(item); err != nil {
		return nil, nil, fault.Wrap(fault.Internal, err, "encode book %s", item.ID)
	}
	if item.Existence != book.Live {
		expires = now.Add(book.TombstoneTTL)
	}
	return doc, expires, nil
}

// coverOf is what the column of covers has of a book.
func coverOf(item book.Item) any {
	if item.Cover == nil {
		return nil
	}
	return item.Cover.SHA256
}

func (c *conn) putBook(item book.Item, now time.Time) error {
	doc, expires, err := encodeBook(item, now)
	if err != nil {
		return err
	}
	keys := book.SearchKeys(item)
	_, err = c.exec(`INSERT INTO books (id, version, fence, expires_at, doc, sum, by_updated, cover) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET version = excluded.version, fence = excluded.fence,
		expires_at = excluded.expires_at, doc = excluded.doc, sum = excluded.sum, by_updated = excluded.by_updated,
		cover = excluded.cover`,
		item.ID[:], item.Version, item.Fence, expires, doc, bookSum(item.ID, item.Version, expires == nil, doc), place(keys.Updated), coverOf(item))
	if err != nil {
		return err
	}
	return c.putKeys(item.ID, keys)
}

// bookSum leaves out the fence and the time of expiry: a burial writes both
// without looking at the rest, so that a damaged book stays noticed.
func bookSum(id uuid.UUID, version int64, keeps bool, doc []byte) uint32 {
	expiry := byte(1)
	if keeps {
		expiry = 0
	}
	return checksum(id[:], binary.BigEndian.AppendUint64(nil, uint64(version)), []byte{expiry}, doc)
}

// raiseFence makes the fence of a book one more than was read. Of a book that is
// damaged so that it cannot be written, nobody needs to be kept away.
func (c *conn) raiseFence(read book.Item, now time.Time) error {
	row, err := c.bookRow(read.ID, now, nil)
	if err != nil {
		return err
	}
	if !row.stands {
		return c.putBook(book.Item{ID: read.ID, Fence: 1}, now)
	}
	_, err = c.exec(`UPDATE books SET fence = ?, expires_at = iif(expires_at IS NULL, NULL, ?) WHERE id = ?`,
		read.Fence+1, now.Add(book.TombstoneTTL), read.ID[:])
	if row.damage != nil && malformed(err) {
		return nil
	}
	return err
}

// unchanged is fault.Changed unless the stored version and fence are those of read.
func (c *conn) unchanged(read book.Item, now time.Time) error {
	_, err := c.standing(read, now)
	return err
}

// standing is unchanged, and returns the row.
func (c *conn) standing(read book.Item, now time.Time) (bookRow, error) {
	row, err := c.bookRow(read.ID, now, nil)
	if version, fence := row.version, row.fence; err == nil && (version != read.Version || fence != read.Fence) {
		err = fault.New(fault.Changed, "book %s is no longer as it was read", read.ID)
	}
	return row, err
}

func (c *conn) book(id uuid.UUID, now time.Time) (book.Item, error) {
	item := book.Item{ID: id}
	err := c.intoBook(bookByID, id[:], now, &item)
	return item, err
}

// intoBook reads the row that a query finds by a value into the item of its id.
func (c *conn) intoBook(query string, value any, now time.Time, item *book.Item) error {
	row, err := c.readBook(query, value, item.ID, now, item)
	item.Version, item.Fence = row.version, row.fence
	return cmp.Or(err, row.damage)
}

// bookRow is what a row tells without its doc.
type bookRow struct {
	stands         bool // there is one, and its time is not over
	version, fence int64
	damage         error
}

// bookRow reads the row of an id, and its doc if it is to go into an item.
func (c *conn) bookRow(id uuid.UUID, now time.Time, into *book.Item) (bookRow, error) {
	return c.readBook(bookByID, id[:], id, now, into)
}

// What readBook takes.
const (
	bookByID  = `SELECT version, fence, doc, expires_at, sum FROM books WHERE id = ?`
	bookByRow = `SELECT version, fence, doc, expires_at, sum FROM books WHERE rowid = ?`
)

// readBook reads the row of an id, which a query finds by a value. That its time
// is over is believed only of a sound row, lest damage makes a book absent.
func (c *conn) readBook(query string, value any, id uuid.UUID, now time.Time, into *book.Item) (row bookRow, err error) {
	err = c.each(query, func(s *sqlite3.Stmt) error {
		keeps, doc := s.ColumnType(3) == sqlite3.NULL, s.ColumnRawBlob(2)
		sound := bookSum(id, s.ColumnInt64(0), keeps, doc) == uint32(s.ColumnInt64(4))
		if sound && !keeps && !millis(s, 3).After(now) {
			return nil
		}
		row = bookRow{stands: true, version: s.ColumnInt64(0), fence: s.ColumnInt64(1)}
		switch {
		case !sound:
			row.damage = fault.New(fault.Damaged, "book %s is damaged: its checksum is wrong", id)
		case into != nil:
			row.damage = fault.Wrap(fault.Damaged, book.ParseItem(doc, into), "book %s is damaged", id)
		}
		return nil
	}, value)
	if malformed(err) {
		return bookRow{stands: true, damage: fault.Wrap(fault.Damaged, err, "book %s is damaged", id)}, nil
	}
	return row, err
}
