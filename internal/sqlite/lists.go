package sqlite

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

	"acervo/internal/book"
	"acervo/internal/fault"
)

var _ book.Lister = Books{}

// maxPassed bounds the work for one page: the most places that it passes over.
const maxPassed = 500

// List is book.Lister's. It shows every write that returned before it began.
func (b Books) List(ctx context.Context, q book.Query) (page []book.Item, next string, err error) {
	after, err := q.Begin()
	if err != nil {
		return nil, "", err
	}
	err = b.db.read(ctx, func(c *conn) error {
		page, next, err = c.list(q, after, b.db.now())
		return err
	})
	return page, next, err
}

// list walks along the places of a list until its page is full and one more book
// is known to follow. The books are of the same state of the database as the
// places, because that statement is still open when they are read.
func (c *conn) list(q book.Query, after string, now time.Time) (page []book.Item, next string, err error) {
	query, args := listQuery(q, after)
	s, err := c.stmt(query, args...)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, storeError(s.Reset(), "read")) }()
	prefix, passed := q.Prefix(), 0
	for s.Step() {
		key := string(s.ColumnRawBlob(0))
		if !strings.HasPrefix(key, prefix) {
			break
		}
		item, listed, err := c.listed(q, key, s.ColumnInt64(1), now)
		switch {
		case err != nil:
			return nil, "", err
		case listed && len(page) == q.Limit:
			return page, q.CursorAfter(after), nil
		case listed:
			page, after = append(page, item), key
		default:
			passed++
		}
		if passed == maxPassed {
			return page, q.CursorAfter(key), nil
		}
	}
	return page, "", storeError(s.Err(), "read")
}

// listQuery chooses the places of a list beyond one, each from an index.
func listQuery(q book.Query, after string) (query string, args []any) {
	from := []byte(max(after, q.Prefix()))
	switch {
	case q.ISBN != "":
		return `SELECT by_title, rowid FROM books WHERE isbn = ? AND by_title > ? ORDER BY by_title`, []any{q.ISBN, from}
	case q.Author != "":
		return `SELECT by_author, rowid FROM books WHERE by_author > ?1 UNION ALL
			SELECT by_author, (SELECT rowid FROM books WHERE id = book_id) FROM further_authors WHERE by_author > ?1 ORDER BY by_author`, []any{from}
	case q.Order == book.ByAuthor:
		return `SELECT by_author, rowid FROM books WHERE by_author > ? ORDER BY by_author`, []any{from}
	case q.Order == book.Latest && after == "":
		return `SELECT by_updated, rowid FROM books WHERE by_updated IS NOT NULL ORDER BY by_updated DESC`, nil
	case q.Order == book.Latest:
		return `SELECT by_updated, rowid FROM books WHERE by_updated < ? ORDER BY by_updated DESC`, []any{from}
	default:
		return `SELECT by_title, rowid FROM books WHERE by_title > ? ORDER BY by_title`, []any{from}
	}
}

// listed reads the book of a place; false when the list does not have it there,
// or when nobody can read it.
func (c *conn) listed(q book.Query, key string, row int64, now time.Time) (item book.Item, ok bool, err error) {
	if item.ID, ok = book.ParseID(key[max(0, len(key)-36):]); !ok { // the place itself is damaged
		return item, false, nil
	}
	err = c.intoBook(bookByRow, row, now, &item)
	if fault.Is(err, fault.Damaged) {
		return item, false, nil
	}
	at, ok := q.Place(item)
	return item, ok && at == key, err
}

// place is a key as a column has it, NULL when there is none.
func place(key string) any {
	if key == "" {
		return nil
	}
	return []byte(key)
}

// places are what the columns of a book and its further authors have.
func places(keys book.Keys) (title, author, isbn any, further []string) {
	if len(keys.Authors) > 0 {
		author, further = place(keys.Authors[0]), slices.Sorted(slices.Values(keys.Authors[1:]))
	}
	if keys.ISBN != "" {
		isbn = keys.ISBN
	}
	return place(keys.Title), author, isbn, further
}

// putKeys stores where the lists have a book, and touches no index in which it
// stays where it is: most writes change neither title nor authors.
func (c *conn) putKeys(id uuid.UUID, keys book.Keys) error {
	title, author, isbn, further := places(keys)
	_, err := c.exec(`UPDATE books SET by_title = ?2, by_author = ?3, isbn = ?4
		WHERE id = ?1 AND (by_title IS NOT ?2 OR by_author IS NOT ?3 OR isbn IS NOT ?4)`, id[:], title, author, isbn)
	if err != nil {
		return err
	}
	return c.putFurther(id, further)
}

// putFurther stores the places of a book under its further authors.
func (c *conn) putFurther(id uuid.UUID, want []string) error {
	var have []string
	err := c.each(`SELECT by_author FROM further_authors WHERE book_id = ? ORDER BY by_author`, func(s *sqlite3.Stmt) error {
		have = append(have, string(s.ColumnRawBlob(0)))
		return nil
	}, id[:])
	if err != nil || slices.Equal(have, want) {
		return err
	}
	if _, err := c.exec(`DELETE FROM further_authors WHERE book_id = ?`, id[:]); err != nil {
		return err
	}
	return c.addFurther(id, want)
}

func (c *conn) addFurther(id uuid.UUID, keys []string) error {
	for _, key := range keys {
		if _, err := c.exec(`INSERT INTO further_authors (by_author, book_id) VALUES (?, ?)`, []byte(key), id[:]); err != nil {
			return err
		}
	}
	return nil
}
