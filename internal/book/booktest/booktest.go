// Package booktest is the contract of a catalogue: the sentences to which every
// adapter of book.Store is held.
package booktest

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// Harness is a store under test, with its clock in hand. Its books may be those
// of others too: the suite makes up ids of its own.
type Harness struct {
	Store   book.Store
	Now     func() time.Time
	Advance func(d time.Duration) // moves Now, and no real time passes
}

// Sentence is one promise of the port and the check that holds a store to it.
type Sentence struct {
	Text  string
	Check func(s *Suite)
}

// Sentences returns the whole contract.
func Sentences() []Sentence {
	return []Sentence{
		{"an id that was never seen is absent and of version 0", neverSeen},
		{"an item is read as it was stored", readAsStored},
		{"a swap replaces the whole item", replacesAll},
		{"a swap from what was read twice is done once", swapTwice},
		{"a swap from another version or fence changes nothing", swapFromOther},
		{"a swap compares the version and the fence and nothing else", swapComparesTwo},
		{"a swap need not raise the version", sameVersion},
		{"a swap of one book is no matter to another", otherBooks},
		{"of many swaps at once from one version exactly one is done", swapsAtOnce},
		{"books that are read, changed and swapped at once lose no change", countTogether},
		{"a read sees every swap that returned before it began", strongReads},
		{"a deleted book keeps its version for the next", tombstoneContinues},
		{"a book may begin with any version, also after its tombstone or its fence", beginsAnywhere},
		{"a fence of a book that never was is read as absent", fenceOnly},
		{"a tombstone is forgotten when its time is over, and not before", tombstoneExpires},
		{"a fence of a book that never was is forgotten as a tombstone is", fenceExpires},
		{"nothing that was read before it was forgotten can be swapped after", forgottenSwap},
		{"a live book is never forgotten, nor one that lives again", liveStays},
		{"whatever happens to a store, it stays in step with its model", walks},
	}
}

// Run holds a store to every sentence, one subtest each. Each has a store of its
// own, or a share in one whose clock nobody else moves.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	for _, s := range Sentences() {
		t.Run(s.Text, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				if t.Skipped() {
					t.Error("a store may not skip a sentence")
				}
			})
			s.Check(&Suite{Harness: open(t), t: t})
		})
	}
}

// Suite is a store under test, with the calls that sentences are made of.
type Suite struct {
	Harness
	t *testing.T
}

// get reads an item.
func (s *Suite) get(id uuid.UUID) book.Item {
	s.t.Helper()
	item, err := s.Store.Get(s.t.Context(), id)
	s.ok(err)
	return item
}

// holds checks that the store has this item.
func (s *Suite) holds(want book.Item) {
	s.t.Helper()
	if got := s.get(want.ID); !same(got, want) {
		s.t.Fatalf("the store has\n%+v, want\n%+v", got, want)
	}
}

// absent checks that the store knows nothing of an id.
func (s *Suite) absent(id uuid.UUID) {
	s.t.Helper()
	s.holds(book.Item{ID: id})
}

// swap stores next and returns it.
func (s *Suite) swap(read, next book.Item) book.Item {
	s.t.Helper()
	s.ok(s.Store.Swap(s.t.Context(), read, next))
	return next
}

// refused checks that a swap is fault.Changed and changes nothing.
func (s *Suite) refused(read, next book.Item) {
	s.t.Helper()
	before := s.get(next.ID)
	if err := s.Store.Swap(s.t.Context(), read, next); !fault.Is(err, fault.Changed) {
		s.t.Fatalf("swap from version %d, fence %d to version %d: got %v, want fault.Changed",
			read.Version, read.Fence, next.Version, err)
	}
	s.holds(before)
}

// create stores a new book of version 1.
func (s *Suite) create() book.Item {
	s.t.Helper()
	read := book.Item{ID: uuid.New()}
	return s.swap(read, s.after(read, "Água viva"))
}

// after is the item that a write of this title makes of what was read.
func (s *Suite) after(read book.Item, title string) book.Item {
	now := s.Now().UTC()
	next := read
	next.Existence = book.Live
	next.Version++
	next.Draft = book.Draft{Title: title, Authors: []string{"Clarice Lispector"}}
	next.UpdatedAt, next.AcceptedAt = now, now.Add(-time.Second)
	next.LastJob, next.LastJobVersion = uuid.NewString(), next.Version
	return next
}

// tombstone is the item that a deletion makes of what was read.
func (s *Suite) tombstone(read book.Item) book.Item {
	next := s.after(read, "")
	next.Existence, next.Draft = book.Tombstone, book.Draft{}
	return next
}

// buried is the item that a burial makes of what was read.
func buried(read book.Item) book.Item {
	read.Fence++
	return read
}

func (s *Suite) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// same reports whether two items say the same, in whatever zone their times are.
func same(a, b book.Item) bool {
	if !a.Draft.Equal(b.Draft) {
		return false
	}
	a.Draft, b.Draft = book.Draft{}, book.Draft{}
	for _, at := range []*time.Time{
		&a.CreatedAt, &a.UpdatedAt, &a.AcceptedAt, &a.Row.ArrivedAt, &b.CreatedAt, &b.UpdatedAt, &b.AcceptedAt, &b.Row.ArrivedAt,
	} {
		*at = at.Round(0).UTC()
	}
	return reflect.DeepEqual(a, b)
}
