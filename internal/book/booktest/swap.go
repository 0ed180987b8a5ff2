package booktest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
)

func neverSeen(s *Suite) {
	s.absent(uuid.New())
	s.create()
	s.absent(uuid.New())
}

func readAsStored(s *Suite) {
	at := time.Date(2024, 2, 29, 23, 59, 59, 123456789, time.UTC)
	full := book.Item{
		ID: uuid.New(), Existence: book.Live, Version: 1, Fence: 2,
		Draft: book.Draft{
			Title: "A hora da estrela <&> \"\u0000\u2028\" 星の時 🌟", Authors: []string{"Clarice Lispector", "Ö", ""},
			ISBN: "9788532508126", Published: 1977, Language: "pt-BR", Description: strings.Repeat("é", 16<<10),
			Rating: 4.7, Price: &book.Price{Amount: "39.90", Currency: "BRL"},
		},
		CreatedAt: at, UpdatedAt: at.Add(time.Hour), AcceptedAt: at.Add(time.Minute),
		LastJob: strings.Repeat("v", 80), LastJobVersion: 1,
		Row: book.Token{ArrivedAt: at, Import: uuid.New(), Line: 1 << 40, Did: book.RowCreated},
	}
	s.swap(book.Item{ID: full.ID}, full)
	s.holds(full)
	large := full
	large.Version, large.Fence, large.LastJobVersion = 1<<53+1, 1<<53+3, 1<<53+1
	s.swap(full, large)
	s.holds(large)
	plain := book.Item{ID: uuid.New(), Existence: book.Live, Version: 1, Draft: book.Draft{Title: "A", Authors: []string{"B"}}}
	s.swap(book.Item{ID: plain.ID}, plain)
	s.holds(plain)
}

func replacesAll(s *Suite) {
	read := s.create()
	next := book.Item{ID: read.ID, Existence: book.Live, Version: 2, Draft: book.Draft{Title: "B", Authors: []string{"C"}}}
	s.swap(read, next)
	s.holds(next)
}

func swapTwice(s *Suite) {
	absent := book.Item{ID: uuid.New()}
	first := s.swap(absent, s.after(absent, "A"))
	s.refused(absent, s.after(absent, "B"))
	s.swap(first, s.after(first, "B"))
	s.refused(first, s.after(first, "C"))
}

func swapFromOther(s *Suite) {
	read := s.create()
	read = s.swap(read, buried(read))
	read = s.swap(read, s.after(read, "B")) // version 2, fence 1
	for _, off := range []struct{ version, fence int64 }{{-1, 0}, {1, 0}, {0, -1}, {0, 1}, {-1, 1}, {1, -1}, {-2, -1}} {
		other := read
		other.Version += off.version
		other.Fence += off.fence
		s.refused(other, s.after(other, "C"))
		s.refused(other, s.tombstone(read))
	}
	nobody := book.Item{ID: uuid.New()}
	s.refused(s.after(nobody, "A"), s.after(nobody, "B"))
	s.refused(buried(nobody), s.after(nobody, "B"))
}

func swapComparesTwo(s *Suite) {
	stored := s.create()
	read := book.Item{ID: stored.ID, Version: stored.Version, Fence: stored.Fence, Existence: book.Tombstone}
	s.holds(s.swap(read, s.after(stored, "B")))
}

func sameVersion(s *Suite) {
	stored := s.create()
	next := stored
	next.AcceptedAt = next.AcceptedAt.Add(time.Hour)
	s.swap(stored, next)
	s.holds(next)
	fenced := buried(next)
	s.swap(next, fenced)
	s.holds(fenced)
}

func otherBooks(s *Suite) {
	a, b := s.create(), s.create()
	next := s.swap(a, s.after(a, "B"))
	s.holds(b)
	s.swap(b, s.tombstone(b))
	s.holds(next)
}

func swapsAtOnce(s *Suite) {
	const writers = 16
	read := book.Item{ID: uuid.New()}
	for round := range 10 {
		nexts, errs := make([]book.Item, writers), make([]error, writers)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range writers {
			nexts[i] = s.after(read, fmt.Sprint(round, ".", i))
			wg.Go(func() {
				<-start
				errs[i] = s.Store.Swap(s.t.Context(), read, nexts[i])
			})
		}
		close(start)
		wg.Wait()
		won := -1
		for i, err := range errs {
			switch {
			case err == nil && won < 0:
				won = i
			case err == nil:
				s.t.Fatalf("round %d: both %d and %d were done", round, won, i)
			case !fault.Is(err, fault.Changed):
				s.t.Fatal(err)
			}
		}
		if won < 0 {
			s.t.Fatalf("round %d: all were refused", round)
		}
		read = nexts[won]
		s.holds(read)
	}
}

func countTogether(s *Suite) {
	const writers, each = 8, 10
	id := uuid.New()
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for done, lost := 0, 0; done < each; {
				read, err := s.Store.Get(s.t.Context(), id)
				if err == nil {
					err = s.Store.Swap(s.t.Context(), read, s.after(read, "A"))
				}
				switch {
				case err == nil:
					done++
				case fault.Is(err, fault.Changed) && lost < writers*each: // to one that was done
					lost++
				default:
					s.t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if item := s.get(id); item.Version != writers*each {
		s.t.Errorf("%d writes were done, the version is %d", writers*each, item.Version)
	}
}

func strongReads(s *Suite) {
	const swaps, readers = 60, 4
	read := s.create()
	id := read.ID
	var returned atomic.Int64
	returned.Store(read.Version)
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for seen := int64(0); seen < swaps; {
				least := returned.Load()
				item, err := s.Store.Get(s.t.Context(), id)
				if err != nil || item.Version < max(least, seen) {
					s.t.Errorf("read version %d (%v) after the swap to %d had returned", item.Version, err, max(least, seen))
					return
				}
				seen = item.Version
			}
		})
	}
	for read.Version < swaps {
		next := s.after(read, "A")
		if err := s.Store.Swap(s.t.Context(), read, next); err != nil {
			s.t.Error(err)
			returned.Store(swaps)
			break
		}
		returned.Store(next.Version)
		read = next
	}
	wg.Wait()
}
