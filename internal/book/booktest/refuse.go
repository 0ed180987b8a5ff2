package booktest

import (
	"strings"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
)

func refusesCursors(s *ListSuite) {
	for range 3 {
		s.put(s.word, s.word)
	}
	s.settle()
	q := byTitle(s.word)
	q.Limit = 1
	_, cursor := s.page(q)
	if cursor == "" {
		s.t.Fatal("a page of one of three books has no cursor")
	}
	q.Limit, q.Cursor = 2, cursor // another limit is no matter
	s.page(q)
	q.Title, q.Cursor = strings.ToUpper(s.word), cursor // nor is another spelling
	s.page(q)

	for _, bad := range []string{
		"x", "0", " ", cursor + "A", cursor[1:], cursor[:len(cursor)-1], strings.ToUpper(cursor), cursor + cursor,
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "\x00", "%00", "é", "' OR 1=1 --", strings.Repeat("A", 1<<16),
	} {
		q.Cursor = bad
		s.refusesQuery(q, fault.Syntax)
	}
	for _, other := range []book.Query{
		byTitle(s.word[:5]), byTitle(s.word + "x"), byAuthor(s.word),
		{ISBN: newISBN(), Order: book.ByTitle},
		{Order: book.ByTitle},
		{Order: book.ByAuthor},
		{Order: book.Latest},
	} {
		other.Limit, other.Cursor = 1, cursor
		s.refusesQuery(other, fault.Syntax)
	}
	// A checksum can be forged; what is under it must still be a key of the list.
	for _, key := range []string{
		"", "x", s.word, s.word + "\x00", s.word + "\x00x", "\x00" + uuid.NewString(), s.word + "\x00\x00" + uuid.NewString(),
		s.word + "\x00{" + uuid.NewString() + "}", s.word + "\xff\x00" + uuid.NewString(),
		s.word + strings.Repeat("x", book.KeyBytes) + "\x00" + uuid.NewString(),
		s.word + "\x00" + strings.ToUpper("0197a5d0-ac96-774b-bcce-b302099a8057"),
	} {
		q.Title, q.Cursor = s.word, q.CursorAfter(key)
		s.refusesQuery(q, fault.Syntax)
	}
}

func (s *ListSuite) refusesQuery(q book.Query, kind fault.Kind) {
	s.t.Helper()
	if page, next, err := s.lists.Lister.List(s.t.Context(), q); !fault.Is(err, kind) || page != nil || next != "" {
		s.t.Errorf("by %q with cursor %.60q: got %d books and %v, want %s", q.Order, q.Cursor, len(page), err, kind)
	}
}

func refusesLimits(s *ListSuite) {
	for _, limit := range []int{-1 << 62, -1, 0, book.MaxPage + 1, 1 << 62} {
		q := byTitle(s.word)
		q.Limit = limit
		s.refusesQuery(q, fault.Syntax)
	}
}

func refusesCombinations(s *ListSuite) {
	for _, q := range []book.Query{
		{Title: s.word, Order: book.ByAuthor},
		{Title: s.word, Order: book.Latest},
		{Author: s.word, Order: book.ByTitle},
		{Author: s.word, Order: book.Latest},
		{ISBN: newISBN(), Order: book.ByAuthor},
		{ISBN: newISBN(), Order: book.Latest},
		{Title: s.word, Author: s.word, Order: book.ByTitle},
		{Title: s.word, Author: s.word, Order: book.ByAuthor},
		{Title: s.word, ISBN: newISBN(), Order: book.ByTitle},
		{Author: s.word, ISBN: newISBN(), Order: book.ByAuthor},
		{},
		{Order: "updated_at"},
		{Order: "-title"},
	} {
		q.Limit = 1
		s.refusesQuery(q, fault.Combination)
	}
}
