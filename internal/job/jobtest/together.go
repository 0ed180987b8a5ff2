package jobtest

import (
	"sync"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/job"
)

// bookOf is the book of a job before it was ever written.
func bookOf(rec job.Record) book.Item { return book.Item{ID: rec.BookID} }

// books returns a book of each kind: absent, live, deleted, only a fence, and
// live after a burial.
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
		"a fence": s.fence(book.Item{ID: uuid.New()}),
		"fenced":  s.fence(s.write(book.Item{ID: uuid.New()})),
	}
}

func endsWithBook(s *Suite) {
	for kind, read := range s.books() {
		rec := s.record(job.Failed)
		if err := s.Jobs.SaveIfUnchanged(s.t.Context(), rec, read); err != nil {
			s.t.Fatalf("the book is %s: %v", kind, err)
		}
		s.holds(rec)
		s.book(read)
	}
}

func bookWritten(s *Suite) {
	for _, read := range s.books() {
		s.write(read)
		rec := s.record(job.Failed)
		s.changed(s.Jobs.SaveIfUnchanged(s.t.Context(), rec, read))
		s.none(rec.ID)
	}
	never := book.Item{ID: uuid.New(), Version: 1}
	rec := s.record(job.Failed)
	s.changed(s.Jobs.SaveIfUnchanged(s.t.Context(), rec, never))
	s.none(rec.ID)
}

func bookFenced(s *Suite) {
	for _, read := range s.books() {
		s.fence(read)
		rec := s.record(job.Failed)
		s.changed(s.Jobs.SaveIfUnchanged(s.t.Context(), rec, read))
		s.none(rec.ID)
	}
}

func endedWithBook(s *Suite) {
	read := s.write(book.Item{ID: uuid.New()})
	for _, first := range terminal() {
		rec := s.record(first)
		s.save(rec)
		again := s.record(job.Failed)
		again.ID, again.Attempts = rec.ID, 2
		s.changed(s.Jobs.SaveIfUnchanged(s.t.Context(), again, read))
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
				errs[i] = s.Jobs.SaveIfUnchanged(s.t.Context(), recs[i], read)
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
