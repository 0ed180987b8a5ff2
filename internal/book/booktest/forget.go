package booktest

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// justUnder is a little less than the time for which a store remembers. Engines
// keep it to the second.
const justUnder = book.TombstoneTTL - time.Minute

func tombstoneContinues(s *Suite) {
	read := s.create()
	gone := s.swap(read, s.tombstone(read))
	s.holds(gone)
	s.refused(book.Item{ID: read.ID}, s.after(book.Item{ID: read.ID}, "B"))
	again := s.swap(gone, s.after(gone, "B"))
	s.holds(again)
	if again.Version != 3 {
		s.t.Errorf("the version is %d, want 3", again.Version)
	}
}

func beginsAnywhere(s *Suite) {
	deleted := s.create()
	deleted = s.swap(deleted, s.tombstone(deleted))
	absent, fence := book.Item{ID: uuid.New()}, book.Item{ID: uuid.New()}
	fence = s.swap(fence, buried(fence))
	for _, read := range []book.Item{absent, deleted, fence} {
		next := s.after(read, "B")
		next.Version, next.LastJobVersion = 1<<40, 1<<40
		s.holds(s.swap(read, next))
		s.refused(read, s.after(read, "C"))
		s.holds(s.swap(next, s.after(next, "C")))
	}
}

func fenceOnly(s *Suite) {
	absent := book.Item{ID: uuid.New()}
	fence := s.swap(absent, buried(absent))
	s.holds(fence)
	s.refused(absent, s.after(absent, "A"))
	s.refused(absent, buried(absent))
	s.holds(s.swap(fence, s.after(fence, "A")))
}

func tombstoneExpires(s *Suite) {
	read := s.create()
	s.forgotten(s.swap(read, s.tombstone(read)))
}

func fenceExpires(s *Suite) {
	absent := book.Item{ID: uuid.New()}
	s.forgotten(s.swap(absent, buried(absent)))
}

// forgotten checks that an item is forgotten in its time and then is as if it
// had never been.
func (s *Suite) forgotten(item book.Item) {
	s.t.Helper()
	s.Advance(justUnder)
	s.holds(item)
	s.Advance(2 * time.Minute)
	s.absent(item.ID)
	absent := book.Item{ID: item.ID}
	s.holds(s.swap(absent, s.after(absent, "B")))
}

func forgottenSwap(s *Suite) {
	read := s.create()
	gone := s.swap(read, s.tombstone(read))
	absent := book.Item{ID: uuid.New()}
	fence := s.swap(absent, buried(absent))
	s.Advance(book.TombstoneTTL + time.Minute)
	s.refused(gone, s.after(gone, "B"))
	s.refused(fence, s.after(fence, "B"))
}

func liveStays(s *Suite) {
	live := s.create()
	again := s.create()
	again = s.swap(again, s.tombstone(again))
	again = s.swap(again, s.after(again, "B"))
	fenced := buried(book.Item{ID: uuid.New()})
	s.swap(book.Item{ID: fenced.ID}, fenced)
	fenced = s.swap(fenced, s.after(fenced, "C"))
	s.Advance(10 * book.TombstoneTTL)
	s.holds(live)
	s.holds(again)
	s.holds(fenced)
}

// remembered is an item in the model of a store, with the time when it was
// written.
type remembered struct {
	book.Item
	at time.Time
}

// walks compares the store with a map, on random walks over two books. The
// items to swap from are any that were ever read or stored.
func walks(s *Suite) {
	rapid.Check(s.t, func(t *rapid.T) {
		model := map[uuid.UUID]remembered{}
		ids := []uuid.UUID{uuid.New(), uuid.New()}
		known := map[uuid.UUID][]book.Item{}
		for _, id := range ids {
			known[id] = []book.Item{{ID: id}}
		}
		stored := func(id uuid.UUID) book.Item {
			m, ok := model[id]
			if !ok || m.Existence != book.Live && s.Now().Sub(m.at) >= book.TombstoneTTL {
				return book.Item{ID: id}
			}
			return m.Item
		}
		t.Repeat(map[string]func(*rapid.T){
			"swap": func(t *rapid.T) {
				id := rapid.SampledFrom(ids).Draw(t, "book")
				read := rapid.SampledFrom(known[id]).Draw(t, "read")
				next := s.draw(t, read)
				err := s.Store.Swap(s.t.Context(), read, next)
				now := stored(id)
				if fits := read.Version == now.Version && read.Fence == now.Fence; fits != (err == nil) || !fits && !fault.Is(err, fault.Changed) {
					t.Fatalf("swap from %s where %s is stored: %v", brief(read), brief(now), err)
				}
				if err == nil {
					model[id] = remembered{next, s.Now()}
					known[id] = append(known[id], next)
				}
			},
			"wait": func(t *rapid.T) {
				// Never just at the end of a time to remember.
				s.Advance(time.Duration(rapid.IntRange(1, 3).Draw(t, "thirds"))*book.TombstoneTTL/3 + time.Minute)
			},
			"": func(t *rapid.T) {
				for _, id := range ids {
					item, err := s.Store.Get(s.t.Context(), id)
					if want := stored(id); err != nil || !same(item, want) {
						t.Fatalf("the store has %s (%v), want %s", brief(item), err, brief(want))
					}
				}
			},
		})
	})
}

// draw returns what one of the ways to write makes of what was read.
func (s *Suite) draw(t *rapid.T, read book.Item) book.Item {
	switch rapid.SampledFrom([]string{"write", "delete", "bury"}).Draw(t, "way") {
	case "write":
		return s.after(read, "A")
	case "delete":
		return s.tombstone(read)
	default:
		return buried(read)
	}
}

func brief(i book.Item) string {
	return fmt.Sprintf("%q of version %d, fence %d", i.Existence, i.Version, i.Fence)
}
