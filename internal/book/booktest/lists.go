package booktest

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"

	"acervo/internal/book"
)

// ListHarness is a store under test, with its lists.
type ListHarness struct {
	Harness

	Lister book.Lister
	// Settle waits until the lists show every write that has returned; nil when
	// they always do.
	Settle func()
}

// ListSentence is one promise of the lists and the check that holds a store to
// it.
type ListSentence struct {
	Text  string
	Own   bool // it wants a store in which there is nobody else's book
	Check func(s *ListSuite)
}

// ListSentences returns the whole contract of book.Lister.
func ListSentences() []ListSentence {
	return []ListSentence{
		{"a book is found by what its title begins with, whatever its case and accents", false, findsByTitle},
		{"a book is found by what an author begins with, whatever the case and accents", false, findsByAuthor},
		{"a filter finds what begins with it and nothing else", false, findsNothingElse},
		{"a book is found by its ISBN, and so are its twins, sorted by title", false, findsByISBN},
		{"a filter that is longer than a key finds exactly what it says", false, findsLong},
		{"a book of several authors is found under each and listed once, at the lowest that matches", false, severalAuthors},
		{"books of one title, or of one author and title, are sorted by id", false, sortsTies},
		{"lists without a filter are sorted by title, by first author, or the latest update first", true, sortsAll},
		{"a listed book is whole", false, listsWhole},
		{"neither deleted books nor fences are listed, and a book that lives again is", false, listsTheLiving},
		{"a burial leaves the place of a book as it is", false, burialLeavesPlace},
		{"a book that has changed is listed at its new place and not at its old", false, moves},
		{"pages of any size have neither gaps nor repeats", false, pages},
		{"pages without a filter have neither gaps nor repeats", true, pagesOfAll},
		{"pages have neither gaps nor repeats while other books come, go and change", false, pagesAmidWrites},
		{"a cursor that was not given out for this filter and order is refused", false, refusesCursors},
		{"a limit out of bounds is refused", false, refusesLimits},
		{"a filter and an order that do not go together are refused", false, refusesCombinations},
		{"whatever happens to a store, its lists stay in step with their model", false, listWalks},
	}
}

// RunLists holds a store to every sentence, one subtest each. Shared opens a
// store that may be shared with others, on whose clock nobody else is; own opens
// one without any books.
func RunLists(t *testing.T, shared, own func(t *testing.T) ListHarness) {
	t.Helper()
	for _, s := range ListSentences() {
		t.Run(s.Text, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				if t.Skipped() {
					t.Error("a store may not skip a sentence")
				}
			})
			open := shared
			if s.Own {
				open = own
			}
			h := open(t)
			s.Check(&ListSuite{Suite: Suite{Harness: h.Harness, t: t}, lists: h, word: newWord()})
		})
	}
}

// ListSuite is a store under test, with the calls that sentences are made of.
type ListSuite struct {
	Suite

	lists ListHarness
	word  string // that nobody else's titles and authors begin with
}

// maxListed is more than any list of a sentence has.
const maxListed = 1000

// newWord is a word of 11 letters, of which CJK characters after it leave no cut
// of a key between two characters.
func newWord() string {
	word := make([]byte, 11)
	for i := range word {
		word[i] = byte('a' + rand.IntN(26))
	}
	return string(word)
}

// newISBN is 13 digits that nobody else's book has.
func newISBN() string {
	isbn := []byte("9780000000000")
	for i := range isbn[3:] {
		isbn[3+i] = byte('0' + rand.IntN(10))
	}
	return string(isbn)
}

// put stores a new book.
func (s *ListSuite) put(title string, authors ...string) book.Item {
	s.t.Helper()
	return s.putAs(uuid.New(), title, authors...)
}

func (s *ListSuite) putAs(id uuid.UUID, title string, authors ...string) book.Item {
	s.t.Helper()
	read := book.Item{ID: id}
	next := s.after(read, title)
	if len(authors) > 0 {
		next.Draft.Authors = authors
	}
	return s.swap(read, next)
}

// change stores a book with another draft.
func (s *ListSuite) change(read book.Item, change func(d *book.Draft)) book.Item {
	s.t.Helper()
	next := s.after(read, read.Draft.Title)
	next.Draft = read.Draft
	next.Draft.Authors = slices.Clone(read.Draft.Authors)
	change(&next.Draft)
	return s.swap(read, next)
}

// remove deletes a book.
func (s *ListSuite) remove(read book.Item) book.Item {
	s.t.Helper()
	return s.swap(read, s.tombstone(read))
}

func (s *ListSuite) settle() {
	if s.lists.Settle != nil {
		s.lists.Settle()
	}
}

// page asks for one page.
func (s *ListSuite) page(q book.Query) (page []book.Item, next string) {
	s.t.Helper()
	page, next, err := s.lists.Lister.List(s.t.Context(), q)
	s.ok(err)
	if len(page) > q.Limit {
		s.t.Fatalf("a page of %d has %d books", q.Limit, len(page))
	}
	return page, next
}

// all lists what a query finds while nobody writes, page by page.
func (s *ListSuite) all(q book.Query) (all []book.Item) {
	s.t.Helper()
	s.settle()
	for more := true; more; more = q.Cursor != "" {
		page, next := s.page(q)
		if len(all) > maxListed {
			s.t.Fatal("the pages have no end")
		}
		if len(page) < q.Limit && next != "" {
			s.t.Fatalf("a page of %d has %d books although more follow", q.Limit, len(page))
		}
		if len(page) == 0 && q.Cursor != "" {
			s.t.Fatal("there is a page with nothing on it")
		}
		q.Cursor, all = next, append(all, page...)
	}
	return all
}

// finds checks that a query finds these books in this order, whatever the size of
// its pages.
func (s *ListSuite) finds(q book.Query, want ...book.Item) {
	s.t.Helper()
	most := max(1, len(want))
	for _, q.Limit = range slices.Compact([]int{1, min(2, most), most, book.MaxPage}) {
		if got := s.all(q); !slices.Equal(listed(got), listed(want)) {
			s.t.Fatalf("%+v finds\n%q, want\n%q", q, listed(got), listed(want))
		}
	}
}

// listed tells books apart, and people which are which.
func listed(items []book.Item) []string {
	names := make([]string, len(items))
	for i, item := range items {
		names[i] = item.Draft.Title + " " + item.ID.String()
	}
	return names
}

func byTitle(prefix string) book.Query  { return book.Query{Title: prefix, Order: book.ByTitle} }
func byAuthor(prefix string) book.Query { return book.Query{Author: prefix, Order: book.ByAuthor} }
