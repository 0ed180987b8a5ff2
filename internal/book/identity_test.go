package book_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"acervo/internal/book"
)

func TestParseISBN(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"thirteen digits are taken as they are", "9780306406157", "9780306406157"},
		{"hyphens of an ISBN-13 are dropped", "978-0-306-40615-7", "9780306406157"},
		{"ten digits become thirteen", "0306406152", "9780306406157"},
		{"hyphens of an ISBN-10 are dropped", "0-306-40615-2", "9780306406157"},
		{"X is the check digit ten", "080442957X", "9780804429573"},
		{"a small x is one too", "0-8044-2957-x", "9780804429573"},
		{"the prefix 979 is a book's", "979-10-90636-07-1", "9791090636071"},
		{"a check digit of zero", "9780000000040", "9780000000040"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := book.ParseISBN(c.in); !ok || got != c.want {
				t.Errorf("got %q, %v; want %q", got, ok, c.want)
			}
		})
	}
	for _, c := range []struct{ name, in string }{
		{"a wrong check digit of thirteen is refused", "9780306406158"},
		{"two digits swapped are refused", "9780306406517"},
		{"a wrong check digit of ten is refused", "0306406153"},
		{"an X that should be a digit is refused", "030640615X"},
		{"an X before the end is refused", "0X06406182"},
		{"an X in thirteen is refused", "978030640615X"},
		{"another prefix than 978 and 979 is refused", "9770306406158"},
		{"nine digits are refused", "030640615"},
		{"eleven digits are refused", "03064061522"},
		{"twelve digits are refused", "978030640615"},
		{"fourteen digits are refused", "97803064061570"},
		{"letters are refused", "97803O6406157"},
		{"spaces are refused", "978 0306406157"},
		{"digits of other scripts are refused", "٩٧٨٠٣"},
		{"bytes that are not UTF-8 are refused", "978030640\xff157"},
		{"nothing is refused", ""},
		{"hyphens alone are refused", "-------------"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := book.ParseISBN(c.in); ok {
				t.Errorf("got %q", got)
			}
		})
	}
	t.Run("of ten digits that differ in the last one, one is right", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			head := rapid.StringMatching(`97[89][0-9]{9}`).Draw(t, "head")
			right := 0
			for digit := range 10 {
				if _, ok := book.ParseISBN(head + strconv.Itoa(digit)); ok {
					right++
				}
			}
			if right != 1 {
				t.Errorf("%d check digits of %s are right", right, head)
			}
		})
	})
}

func TestParseID(t *testing.T) {
	t.Parallel()
	canonical := someID().String()
	for _, c := range []struct {
		name, in string
		ok       bool
	}{
		{"the canonical text is read", canonical, true},
		{"upper case is read", strings.ToUpper(canonical), true},
		{"no hyphens are refused", strings.ReplaceAll(canonical, "-", ""), false},
		{"braces are refused", "{" + canonical + "}", false},
		{"a URN is refused", "urn:uuid:" + canonical, false},
		{"another letter is refused", "g" + canonical[1:], false},
		{"a space is refused", canonical[:35] + " ", false},
		{"the nil UUID is refused", uuid.Nil.String(), false},
		{"nothing is refused", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			id, ok := book.ParseID(c.in)
			if ok != c.ok || ok && id != someID() {
				t.Errorf("got %s, %v", id, ok)
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	t.Run("an id of one's own is kept, ISBN or not", func(t *testing.T) {
		t.Parallel()
		if got := book.ID(book.Draft{ID: someID(), ISBN: "9780306406157"}); got != someID() {
			t.Errorf("got %s", got)
		}
	})
	t.Run("an ISBN always makes the same id", func(t *testing.T) {
		t.Parallel()
		// UUIDv5 of urn:isbn:9780306406157 in the namespace of URLs: books in
		// existing databases hang on it.
		const want = "3a86290a-a908-55b8-a3b5-2185ef2551fd"
		got := book.ID(book.Draft{Title: "one", ISBN: "9780306406157"})
		if got.String() != want || got.Version() != 5 {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("another ISBN makes another id", func(t *testing.T) {
		t.Parallel()
		if book.ID(book.Draft{ISBN: "9780306406157"}) == book.ID(book.Draft{ISBN: "9780804429573"}) {
			t.Error("two ISBNs share an id")
		}
	})
	t.Run("without id and ISBN two books are never the same", func(t *testing.T) {
		t.Parallel()
		d := book.Draft{Title: "title", Authors: []string{"author"}}
		a, b := book.ID(d), book.ID(d)
		if a == b || a == uuid.Nil {
			t.Errorf("got %s and %s", a, b)
		}
	})
}
