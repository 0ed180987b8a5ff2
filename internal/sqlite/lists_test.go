package sqlite

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

	"acervo/internal/book"
)

// library is a database of books, to look into.
type library struct {
	*DB
	t *testing.T
}

func newLibrary(t *testing.T) *library {
	t.Helper()
	db, err := Open(Options{})
	l := &library{db, t}
	l.ok(err)
	t.Cleanup(func() { l.ok(db.Close()) })
	return l
}

func (l *library) ok(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// put stores a book in the place of what was read.
func (l *library) put(read book.Item, title string, authors ...string) book.Item {
	l.t.Helper()
	next := l.after(read, title, authors...)
	read.ID = next.ID
	l.ok(l.Books().Swap(l.t.Context(), read, next))
	return next
}

func (l *library) after(read book.Item, title string, authors ...string) book.Item {
	next := read
	if next.ID == uuid.Nil {
		next.ID = uuid.New()
	}
	next.Existence, next.Version, next.UpdatedAt = book.Live, read.Version+1, l.now()
	next.Draft = book.Draft{Title: title, Authors: authors}
	return next
}

// exec writes to the file behind the store's back.
func (l *library) exec(query string, args ...any) {
	l.t.Helper()
	l.ok(l.write(l.t.Context(), synced, func(t *tx) error {
		_, err := t.exec(query, args...)
		return err
	}))
}

// list is one page.
func (l *library) list(q book.Query) (page []book.Item, next string) {
	l.t.Helper()
	page, next, err := l.Books().List(l.t.Context(), q)
	l.ok(err)
	return page, next
}

func titles(page []book.Item) (titles string) {
	for _, b := range page {
		titles += b.Draft.Title + " "
	}
	return strings.TrimSpace(titles)
}

// plan is how SQLite goes about a query.
func (l *library) plan(query string, args ...any) (steps []string) {
	l.t.Helper()
	l.ok(l.read(l.t.Context(), func(c *conn) error {
		return c.each("EXPLAIN QUERY PLAN "+query, func(s *sqlite3.Stmt) error {
			steps = append(steps, s.ColumnText(3))
			return nil
		}, args...)
	}))
	return steps
}

func TestListsAreReadAlongTheirIndexesAndFilteredOnesAreSearched(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	end := "\x00" + uuid.NewString()
	for _, q := range []book.Query{
		{Title: "a", Order: book.ByTitle},
		{Author: "a", Order: book.ByAuthor},
		{ISBN: "9788532508126", Order: book.ByTitle},
		{Order: book.ByTitle},
		{Order: book.ByAuthor},
		{Order: book.Latest},
	} {
		for _, after := range []string{"", "a" + end} {
			query, args := listQuery(q, after)
			steps := l.plan(query, args...)
			for _, step := range steps {
				read, search := strings.Contains(step, "books") || strings.Contains(step, "further_authors"), strings.HasPrefix(step, "SEARCH ")
				if strings.Contains(step, "TEMP B-TREE") ||
					read && !search && (q.Order != book.Latest || !strings.Contains(step, "USING COVERING INDEX")) ||
					read && strings.Contains(step, " books ") && !strings.Contains(step, "USING COVERING INDEX") {
					t.Errorf("%+v after %q is read by %q", q, after, steps)
				}
			}
		}
	}
}

func TestAWriteSearchesForWhatItTouches(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	b := l.put(book.Item{}, "A", "Zé", "Ana")
	l.put(b, "B", "Ana", "Zé")
	for query := range maps.Clone(l.conns[0].stmts) {
		if !strings.Contains(query, "books") && !strings.Contains(query, "further_authors") {
			continue
		}
		for _, step := range l.plan(query) {
			if strings.HasPrefix(step, "SCAN ") {
				t.Errorf("%s: %s", query, step)
			}
		}
	}
}

func TestAPageIsBoundedHoweverManyPlacesItPassesOver(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	const books = maxPassed + 50
	for i := range books { // each has a second place, behind the first of every other
		l.put(book.Item{}, fmt.Sprintf("%04d", i), "Ab", "Ac")
	}
	seen, short := map[uuid.UUID]bool{}, 0
	q := book.Query{Author: "a", Order: book.ByAuthor, Limit: book.MaxPage}
	for more := true; more; more = q.Cursor != "" {
		var page []book.Item
		page, q.Cursor = l.list(q)
		for _, b := range page {
			if seen[b.ID] {
				t.Errorf("%q is listed twice", b.Draft.Title)
			}
			seen[b.ID] = true
		}
		if len(page) < q.Limit && q.Cursor != "" {
			short++
		}
		if short > 2 {
			break
		}
	}
	if len(seen) != books || short != 1 {
		t.Errorf("%d books are listed, and %d pages are cut short; want %d and one", len(seen), short, books)
	}
}

func TestAFilterReadsNoFurtherThanWhatItFinds(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	for i := range maxPassed + 1 {
		l.put(book.Item{}, fmt.Sprintf("%04d", i), fmt.Sprintf("%04d", i))
	}
	for _, q := range []book.Query{{Title: "0000", Order: book.ByTitle}, {Author: "0000", Order: book.ByAuthor}} {
		q.Limit = book.MaxPage
		if page, next := l.list(q); titles(page) != "0000" || next != "" { // to read on would cut the page short
			t.Errorf("%+v finds %q, and then %q", q, titles(page), next)
		}
	}
}

func TestAWriteThatMovesNothingRewritesNoKey(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	b := l.put(book.Item{}, "A", "Zé", "Ana", "Bia")
	for _, on := range []string{"UPDATE OF by_title ON books", "INSERT ON further_authors", "DELETE ON further_authors"} {
		l.exec(fmt.Sprintf("CREATE TRIGGER %q BEFORE %s BEGIN SELECT raise(ABORT, 'touched'); END", on, on))
	}
	b = l.put(b, "A", "Zé", "Ana", "Bia")
	b = l.put(b, "Á", "ZÉ", "Bia", "ana") // folded it is the same
	for _, moved := range []book.Item{l.after(b, "B", "Zé", "Ana", "Bia"), l.after(b, "A", "Zé", "Ana"), l.after(b, "A", "Ana", "Zé", "Bia")} {
		if err := l.Books().Swap(t.Context(), b, moved); err == nil || !strings.Contains(err.Error(), "touched") {
			t.Errorf("%q by %q is stored with %v", moved.Draft.Title, moved.Draft.Authors, err)
		}
	}
}

// spoil writes other keys to a book.
func spoil(title, author, updated string) string {
	return fmt.Sprintf("UPDATE books SET by_title = CAST(%s AS BLOB), by_author = CAST(%s AS BLOB), by_updated = CAST(%s AS BLOB) WHERE id = ?",
		title, author, updated)
}

func TestAListPassesOverDamageAndGoesOn(t *testing.T) {
	t.Parallel()
	for damage, query := range map[string]string{
		"of a book":           "UPDATE books SET doc = CAST(replace(CAST(doc AS TEXT), 'second', 'Second') AS BLOB) WHERE id = ?",
		"of a place":          spoil("by_title || x'00'", "by_author || x'00'", "by_updated || x'00'"),
		"that leaves no key":  spoil("'s'", "'s'", "'2'"),
		"that moves a book":   spoil("'sz' || by_title", "'sz' || by_author", "'9' || by_updated"),
		"that leaves no book": "DELETE FROM books WHERE id = ?",
	} {
		t.Run(damage, func(t *testing.T) {
			t.Parallel()
			l := newLibrary(t)
			l.put(book.Item{}, "s first", "s", "s too")
			second := l.put(book.Item{}, "s second", "s")
			l.put(book.Item{}, "s third", "s")
			l.exec(query, second.ID[:])
			for _, q := range []book.Query{
				{Title: "s", Order: book.ByTitle}, {Author: "s", Order: book.ByAuthor}, {Order: book.ByTitle}, {Order: book.ByAuthor},
			} {
				q.Limit = 1
				page, next := l.list(q)
				if titles(page) != "s first" || next == "" {
					t.Fatalf("%+v begins with %q, and then %q", q, titles(page), next)
				}
				q.Cursor = next
				if page, next = l.list(q); titles(page) != "s third" || next != "" {
					t.Errorf("%+v goes on with %q, and then %q", q, titles(page), next)
				}
			}
			if page, _ := l.list(book.Query{Order: book.Latest, Limit: 3}); len(page) != 2 {
				t.Errorf("the latest are %q", titles(page))
			}
		})
	}
}
