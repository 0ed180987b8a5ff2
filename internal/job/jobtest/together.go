package jobtest

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// books returns a book of each kind: absent, live, deleted, and only a fence.
func (s *Suite) books() map[string]book.Item {
	s.t.Helper()
	deleted := s.write(book.Item{ID: uuid.New()})
	gone := deleted
	gone.Existence, gone.Version, gone.Draft = book.Tombstone, 2, book.Draft{}
	s.ok(s.Books.Swap(s.t.Context(), deleted, gone))
	return map[string]book.Item{
		"absent":  {ID: uuid.New()},
		"live":    s.write(book.Item{ID: uuid.New()}),
		"deleted": gone,
		"a fence": s.bury(book.Item{ID: uuid.New()}),
	}
}

// unread checks that the store of books still has what was read.
func (s *Suite) unread(read book.Item) {
	s.t.Helper()
	item, err := s.Books.Get(s.t.Context(), read.ID)
	s.ok(err)
	if !reflect.DeepEqual(item, read) {
		s.t.Errorf("the book is %+v, and was %+v", item, read)
	}
}

func endsWithBook(s *Suite) {
	for kind, made := range s.books() {
		read, err := s.Books.Get(s.t.Context(), made.ID)
		s.ok(err)
		rec := s.record(job.Failed)
		if err := s.Jobs.EndIfUnchanged(s.t.Context(), rec, read); err != nil {
			s.t.Fatalf("the book is %s: %v", kind, err)
		}
		s.holds(rec)
		s.unread(read)
	}
}

func bookWritten(s *Suite) {
	for _, read := range s.books() {
		s.write(read)
		rec := s.record(job.Failed)
		s.changed(s.Jobs.EndIfUnchanged(s.t.Context(), rec, read))
		s.none(rec.ID)
	}
	never := book.Item{ID: uuid.New(), Version: 1}
	rec := s.record(job.Failed)
	s.changed(s.Jobs.EndIfUnchanged(s.t.Context(), rec, never))
	s.none(rec.ID)
}

func bookBuried(s *Suite) {
	for _, read := range s.books() {
		s.bury(read)
		rec := s.record(job.Failed)
		s.changed(s.Jobs.EndIfUnchanged(s.t.Context(), rec, read))
		s.none(rec.ID)
	}
}

func endedWithBook(s *Suite) {
	read := s.write(book.Item{ID: uuid.New()})
	for _, first := range terminal() {
		rec := s.record(first)
		s.end(rec)
		again := s.record(job.Failed)
		again.ID, again.Attempts = rec.ID, 2
		s.changed(s.Jobs.EndIfUnchanged(s.t.Context(), again, read))
		s.holds(rec)
	}
}

// closeRace writes a book while jobs end with it. Whichever job has no record
// after the write returned must not get one: its check would have looked at the
// book at another time than that at which it wrote.
func closeRace(s *Suite) {
	const jobs = 8
	for range 40 {
		read := s.write(book.Item{ID: uuid.New()})
		recs, errs := make([]job.Record, jobs), make([]error, jobs)
		began := make(chan struct{})
		var wg sync.WaitGroup
		for i := range jobs {
			recs[i] = s.record(job.Failed)
			wg.Go(func() {
				began <- struct{}{}
				errs[i] = s.Jobs.EndIfUnchanged(s.t.Context(), recs[i], read)
			})
		}
		for range jobs {
			<-began
		}
		s.write(read)
		var late []int
		for i, rec := range recs {
			_, found, err := s.Jobs.Get(s.t.Context(), rec.ID)
			s.ok(err)
			if !found {
				late = append(late, i)
			}
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				s.changed(err)
			}
		}
		for _, i := range late {
			if errs[i] == nil {
				s.t.Fatal("a job ended after its book had changed")
			}
		}
	}
}

// walks compares the store with maps, on random walks over two jobs and a book.
func walks(s *Suite) {
	rapid.Check(s.t, func(t *rapid.T) {
		records := map[string]job.Record{}
		ids := []string{newID(), newID()}
		reads := []book.Item{s.write(book.Item{ID: uuid.New()})} // the last is stored
		stored := func(id string) (job.Record, bool) {
			rec, ok := records[id]
			return rec, ok && s.Now().Sub(rec.FinishedAt) < job.RecordTTL
		}
		t.Repeat(map[string]func(*rapid.T){
			"write": func(*rapid.T) { reads = append(reads, s.write(reads[len(reads)-1])) },
			"bury":  func(*rapid.T) { reads = append(reads, s.bury(reads[len(reads)-1])) },
			"end": func(t *rapid.T) {
				rec := s.record(rapid.SampledFrom(append(terminal(), job.Queued)).Draw(t, "state"))
				rec.ID = rapid.SampledFrom(ids).Draw(t, "job")
				rec.Generation = rapid.IntRange(1, 2).Draw(t, "generation")
				old, found := records[rec.ID]
				if found && s.Now().Sub(old.FinishedAt) >= job.RecordTTL {
					return // whether what was forgotten still counts is the adapter's choice
				}
				fits := !found || old.Generation == rec.Generation && !old.State.Terminal()
				end := s.Jobs.End
				if rapid.Bool().Draw(t, "with book") {
					read := rapid.SampledFrom(reads).Draw(t, "read")
					now := reads[len(reads)-1]
					fits = fits && read.Version == now.Version && read.Fence == now.Fence
					end = func(ctx context.Context, rec job.Record) error { return s.Jobs.EndIfUnchanged(ctx, rec, read) }
				}
				if err := end(s.t.Context(), rec); fits != (err == nil) || !fits && !fault.Is(err, fault.Changed) {
					t.Fatalf("end %+v where %+v is stored (%v): %v", rec, old, found, err)
				}
				if fits {
					records[rec.ID] = rec
				}
			},
			"wait": func(t *rapid.T) {
				// Never just at the end of a time to remember.
				s.Advance(time.Duration(rapid.IntRange(1, 3).Draw(t, "thirds"))*job.RecordTTL/3 + time.Minute)
			},
			"": func(t *rapid.T) {
				for _, id := range ids {
					want, kept := stored(id)
					rec, found, err := s.Jobs.Get(s.t.Context(), id)
					if err != nil || found != kept || kept && !same(rec, want) {
						t.Fatalf("the store has %+v (%v, %v), want %+v (%v)", rec, found, err, want, kept)
					}
				}
			},
		})
	})
}
