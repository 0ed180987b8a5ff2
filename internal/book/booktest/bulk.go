package booktest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// BulkHarness is a store under test with its port for many books at once.
type BulkHarness struct {
	Harness
	Bulk book.Bulk
}

// BulkSentence is one promise of book.Bulk and the check that holds a store to it.
type BulkSentence struct {
	Text  string
	Check func(s *BulkSuite)
}

// BulkSentences returns the contract of book.Bulk.
func BulkSentences() []BulkSentence {
	return []BulkSentence{
		{"many are found as each is, in the order asked, also twice", foundInOrder},
		{"nothing is found of nothing, and nothing swapped", nothingAtAll},
		{"many swaps are each done", swapsEach},
		{"of many swaps those from another version or fence change nothing, and the others are done", swapsOnCondition},
		{"a bulk swap compares and replaces as a swap does", swapsAlike},
		{"a bulk read sees every swap that returned before it began", strongBulk},
		{"a book with further authors is swapped among others, and they with it", furtherAuthors},
		{"of many swaps of the same books at once exactly one each is done", bulkAtOnce},
	}
}

// RunBulk holds a store to every sentence of book.Bulk.
func RunBulk(t *testing.T, open func(t *testing.T) BulkHarness) {
	t.Helper()
	for _, s := range BulkSentences() {
		t.Run(s.Text, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				if t.Skipped() {
					t.Error("a store may not skip a sentence")
				}
			})
			h := open(t)
			s.Check(&BulkSuite{Suite: Suite{Harness: h.Harness, t: t}, bulk: h.Bulk})
		})
	}
}

// BulkSuite is a store under test, with the calls that sentences are made of.
type BulkSuite struct {
	Suite
	bulk book.Bulk
}

// many are more than any engine takes in one call.
const many = 230

func (s *BulkSuite) find(ids ...uuid.UUID) []book.Found {
	s.t.Helper()
	found, err := s.bulk.GetMany(s.t.Context(), ids)
	s.ok(err)
	if len(found) != len(ids) {
		s.t.Fatalf("%d ids were asked for and %d found", len(ids), len(found))
	}
	return found
}

// shelf makes changes that create so many books.
func (s *BulkSuite) shelf(n int) (changes []book.Change) {
	for i := range n {
		read := book.Item{ID: uuid.New()}
		changes = append(changes, book.Change{Read: read, Next: s.after(read, fmt.Sprint("Book ", i))})
	}
	return changes
}

// swapAll swaps, and wants each done.
func (s *BulkSuite) swapAll(changes []book.Change) {
	s.t.Helper()
	for i, err := range s.bulk.SwapMany(s.t.Context(), changes) {
		if err != nil {
			s.t.Fatalf("swap %d: %v", i, err)
		}
	}
}

func foundInOrder(s *BulkSuite) {
	a, b := s.create(), s.create()
	b = s.swap(b, s.tombstone(b))
	never := uuid.New()
	found := s.find(a.ID, never, b.ID, a.ID)
	for i, want := range []book.Item{a, {ID: never}, b, a} {
		got := found[i]
		if got.Err != nil || !same(got.Item, want) {
			s.t.Errorf("place %d has %+v (%v), want %+v", i, got.Item, got.Err, want)
		}
	}
}

func nothingAtAll(s *BulkSuite) {
	s.find()
	if fates := s.bulk.SwapMany(s.t.Context(), nil); len(fates) != 0 {
		s.t.Errorf("nothing was swapped, with %v", fates)
	}
}

func swapsEach(s *BulkSuite) {
	changes := s.shelf(many)
	s.swapAll(changes)
	ids := make([]uuid.UUID, len(changes))
	for i, c := range changes {
		ids[i] = c.Next.ID
	}
	for i, f := range s.find(ids...) {
		if f.Err != nil || !same(f.Item, changes[i].Next) {
			s.t.Fatalf("place %d has %+v (%v), want %+v", i, f.Item, f.Err, changes[i].Next)
		}
	}
}

func swapsOnCondition(s *BulkSuite) {
	changes := s.shelf(30)
	s.swapAll(changes)
	stand := make([]book.Item, len(changes))
	for i, c := range changes {
		read := c.Next
		stand[i] = read
		switch i % 3 {
		case 1:
			stand[i] = s.swap(read, s.after(read, "Meanwhile"))
		case 2:
			stand[i] = s.swap(read, buried(read))
		}
		changes[i] = book.Change{Read: read, Next: s.after(read, "Again")}
	}
	for i, err := range s.bulk.SwapMany(s.t.Context(), changes) {
		switch {
		case i%3 == 0:
			s.ok(err)
			s.holds(changes[i].Next)
		case !fault.Is(err, fault.Changed):
			s.t.Errorf("swap %d: got %v, want fault.Changed", i, err)
		default:
			s.holds(stand[i])
		}
	}
}

func swapsAlike(s *BulkSuite) {
	stored := s.create()
	read := book.Item{ID: stored.ID, Version: stored.Version, Fence: stored.Fence, Existence: book.Tombstone}
	next := buried(stored)
	s.swapAll([]book.Change{{Read: read, Next: next}})
	s.holds(next)
	gone := s.tombstone(next)
	s.swapAll([]book.Change{{Read: next, Next: gone}})
	s.holds(gone)
	s.Advance(book.TombstoneTTL + 2*time.Second) // engines keep time roughly
	if f := s.find(stored.ID)[0]; f.Err != nil || !same(f.Item, book.Item{ID: stored.ID}) {
		s.t.Errorf("after its time there is %+v (%v)", f.Item, f.Err)
	}
}

func strongBulk(s *BulkSuite) {
	changes := s.shelf(20)
	for round := range 5 {
		s.swapAll(changes)
		for i := range changes {
			read := s.find(changes[i].Next.ID)[0].Item
			if !same(read, changes[i].Next) {
				s.t.Fatalf("round %d: read version %d, want %d", round, read.Version, changes[i].Next.Version)
			}
			changes[i] = book.Change{Read: read, Next: s.after(read, fmt.Sprint("Round ", round))}
		}
	}
}

func furtherAuthors(s *BulkSuite) {
	changes := s.shelf(3)
	changes[1].Next.Draft.Authors = []string{"A", "B", "C"}
	s.swapAll(changes)
	for i := range changes {
		s.holds(changes[i].Next)
		read := changes[i].Next
		changes[i] = book.Change{Read: read, Next: s.after(read, "Fewer")}
	}
	s.swapAll(changes)
	for i := range changes {
		s.holds(changes[i].Next)
	}
}

func bulkAtOnce(s *BulkSuite) {
	const writers = 4
	reads := s.shelf(20)
	fates := make([][]error, writers)
	done := make(chan struct{})
	for w := range writers {
		go func() {
			defer func() { done <- struct{}{} }()
			mine := make([]book.Change, len(reads))
			for i, r := range reads {
				mine[i] = book.Change{Read: r.Read, Next: s.after(r.Read, fmt.Sprint("Writer ", w))}
			}
			fates[w] = s.bulk.SwapMany(s.t.Context(), mine)
		}()
	}
	for range writers {
		<-done
	}
	for i := range reads {
		won := 0
		for w := range writers {
			if err := fates[w][i]; err == nil {
				won++
			} else if !fault.Is(err, fault.Changed) {
				s.t.Fatal(err)
			}
		}
		if won != 1 {
			s.t.Errorf("book %d was swapped %d times from one version", i, won)
		}
	}
}
