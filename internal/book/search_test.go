package book_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// listedAs is a live book of this title and these authors.
func listedAs(title string, authors ...string) book.Item {
	return book.Item{ID: someID(), Existence: book.Live, Draft: book.Draft{Title: title, Authors: authors}, UpdatedAt: july()}
}

func TestKeysAreWhatListsSortBy(t *testing.T) {
	t.Parallel()
	end := "\x00" + someID().String()
	item := listedAs("Água", "Zé", "ze", "Ana", "ZÉ")
	item.Draft.ISBN = "9788535910667"
	item.UpdatedAt = time.Date(2026, 7, 1, 9, 0, 0, 123_999_999, time.FixedZone("", -3*60*60))
	keys := book.SearchKeys(item)
	if keys.Title != "agua"+end || keys.ISBN != "9788535910667" || keys.Updated != "2026-07-01T12:00:00.123Z"+end {
		t.Errorf("the keys are %+q", keys)
	}
	if want := []string{"ze\x00agua" + end, "ana\x00agua" + end}; !slices.Equal(keys.Authors, want) {
		t.Errorf("the authors' keys are %q, want %q", keys.Authors, want)
	}
}

func TestWhatReadersDoNotSeeHasNoKeys(t *testing.T) {
	t.Parallel()
	for _, existence := range []book.Existence{book.Absent, book.Tombstone} {
		item := listedAs("A", "B")
		item.Existence = existence
		if keys := book.SearchKeys(item); keys.Title != "" || keys.Updated != "" || keys.Authors != nil {
			t.Errorf("%q has %+v", existence, keys)
		}
		for _, order := range []book.Order{book.ByTitle, book.ByAuthor, book.Latest} {
			if key, ok := (book.Query{Order: order}).Place(item); ok {
				t.Errorf("%q is listed at %q", existence, key)
			}
		}
	}
}

func TestNoKeyIsLongerThanAnEngineTakes(t *testing.T) {
	t.Parallel()
	for _, long := range []string{strings.Repeat("a", 500), strings.Repeat("書", 500), strings.Repeat("\ufdfa", 500), "a" + strings.Repeat("𝄞", 500)} {
		keys := book.SearchKeys(listedAs(long, long, "b"+long))
		for _, key := range append(keys.Authors, keys.Title, keys.Updated) {
			if len(key) > 2*book.KeyBytes+38 || !utf8.ValidString(key) || strings.Count(key, "\x00") > 2 {
				t.Errorf("the key %q has %d bytes", key, len(key))
			}
		}
		if len(keys.Title) < book.KeyBytes+37-utf8.UTFMax {
			t.Errorf("the key %q is cut to %d bytes", keys.Title, len(keys.Title))
		}
	}
}

func TestAFilterChoosesThePlace(t *testing.T) {
	t.Parallel()
	item := listedAs("Água", "Zé", "Ana", "Anabela")
	item.Draft.ISBN = "9788535910667"
	keys := book.SearchKeys(item)
	for _, c := range []struct {
		name string
		q    book.Query
		want string
	}{
		{"title", book.Query{Title: "AG", Order: book.ByTitle}, keys.Title},
		{"another title", book.Query{Title: "gua", Order: book.ByTitle}, ""},
		{"the lowest author", book.Query{Author: "an", Order: book.ByAuthor}, keys.Authors[1]},
		{"the only author", book.Query{Author: "anab", Order: book.ByAuthor}, keys.Authors[2]},
		{"another author", book.Query{Author: "Zé\x00agua", Order: book.ByAuthor}, ""},
		{"isbn", book.Query{ISBN: "9788535910667", Order: book.ByTitle}, keys.Title},
		{"another isbn", book.Query{ISBN: "9788535910668", Order: book.ByTitle}, ""},
		{"all by title", book.Query{Order: book.ByTitle}, keys.Title},
		{"all by author", book.Query{Order: book.ByAuthor}, keys.Authors[0]},
		{"the latest", book.Query{Order: book.Latest}, keys.Updated},
	} {
		got, ok := c.q.Place(item)
		if got != c.want && ok || ok != (c.want != "") || ok && !strings.HasPrefix(got, c.q.Prefix()) {
			t.Errorf("%s: listed at %q (%v), want %q", c.name, got, ok, c.want)
		}
	}
}

func TestACursorIsItsListsOwn(t *testing.T) {
	t.Parallel()
	id := "\x00" + someID().String()
	lists := []struct {
		q   book.Query
		key string
	}{
		{book.Query{Order: book.ByTitle}, "agua" + id},
		{book.Query{Order: book.ByAuthor}, "ze\x00agua" + id},
		{book.Query{Order: book.Latest}, "2026-07-01T12:00:00.123Z" + id},
		{book.Query{Title: "Á", Order: book.ByTitle}, "agua" + id},
		{book.Query{Author: "Zé", Order: book.ByAuthor}, "ze\x00agua" + id},
		{book.Query{ISBN: "9788535910667", Order: book.ByTitle}, "agua" + id},
	}
	for i, of := range lists {
		for j, in := range lists {
			q := in.q
			q.Limit, q.Cursor = 1, of.q.CursorAfter(of.key)
			after, err := q.Begin()
			if i == j && (err != nil || after != of.key) {
				t.Errorf("%+v begins after %q (%v), want %q", q, after, err, of.key)
			}
			if i != j && !fault.Is(err, fault.Syntax) {
				t.Errorf("%+v takes the cursor of %+v: %q, %v", q, of.q, after, err)
			}
		}
	}
}

func FuzzCursor(f *testing.F) {
	q := book.Query{Author: "Zé", Order: book.ByAuthor, Limit: 1}
	id := "\x00" + uuid.NewString()
	for _, key := range []string{"ze\x00agua" + id, "ze" + id, "ze\x00\x00" + id, "ana\x00agua" + id, "ze\xff\x00a" + id, ""} {
		f.Add(q.CursorAfter(key), key)
	}
	f.Add("", "")
	f.Fuzz(func(t *testing.T, cursor, key string) {
		for _, q.Cursor = range []string{cursor, q.CursorAfter(key)} {
			after, err := q.Begin()
			if err != nil {
				if !fault.Is(err, fault.Syntax) || after != "" {
					t.Fatalf("%q: %q, %v", q.Cursor, after, err)
				}
				continue
			}
			if after == "" && q.Cursor == "" {
				continue
			}
			if q.CursorAfter(after) != q.Cursor || !strings.HasPrefix(after, "ze") || len(after) > 2*book.KeyBytes+38 ||
				!utf8.ValidString(after) || strings.Count(after, "\x00") != 2 {
				t.Fatalf("%q begins after %q", q.Cursor, after)
			}
		}
	})
}
