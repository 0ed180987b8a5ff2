package jobtest

import (
	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/job"
)

// fenced is the book as its burial leaves it.
func fenced(read book.Item) book.Item {
	read.Fence++
	return read
}

// unburied checks that a burial loses its condition and changes nothing. What
// stands of the job and of its book is read before and after.
func (s *Suite) unburied(rec job.Record, read book.Item) {
	s.t.Helper()
	before, found, err := s.Jobs.Get(s.t.Context(), rec.ID)
	s.ok(err)
	item, err := s.Books.Get(s.t.Context(), read.ID)
	s.ok(err)
	s.changed(s.Jobs.Bury(s.t.Context(), rec, read))
	s.book(item)
	if found {
		s.holds(before)
	} else {
		s.none(rec.ID)
	}
}

func burial(s *Suite) {
	for kind, read := range s.books() {
		rec := s.dead(newID())
		if err := s.Jobs.Bury(s.t.Context(), rec, read); err != nil {
			s.t.Fatalf("the book is %s: %v", kind, err)
		}
		s.holds(rec)
		s.book(fenced(read))
		second := s.dead(newID())
		s.ok(s.Jobs.Bury(s.t.Context(), second, fenced(read)))
		s.holds(second)
		s.book(fenced(fenced(read)))
	}
	// The record may be one of an attempt that failed, or of a retry.
	read, rec := s.write(book.Item{ID: uuid.New()}), s.dead(newID())
	attempt := rec
	attempt.State, attempt.Burial = job.Retrying, nil
	s.save(attempt)
	s.ok(s.Jobs.Bury(s.t.Context(), rec, read))
	s.holds(rec)
	retry, again := s.get(rec.ID), rec
	retry.State, retry.Generation, again.Generation = job.Queued, 2, 2
	s.amend(s.get(rec.ID), retry)
	s.ok(s.Jobs.Bury(s.t.Context(), again, fenced(read)))
	s.holds(again)
	s.book(fenced(fenced(read)))
}

func burialLate(s *Suite) {
	for _, read := range s.books() {
		s.write(read)
		s.unburied(s.dead(newID()), read)
	}
	for _, read := range s.books() {
		s.fence(read)
		s.unburied(s.dead(newID()), read)
	}
	for _, read := range s.books() {
		s.ok(s.Jobs.Bury(s.t.Context(), s.dead(newID()), read))
		s.unburied(s.dead(newID()), read)
	}
	for _, never := range []book.Item{{ID: uuid.New(), Version: 1}, {ID: uuid.New(), Fence: 1}} {
		s.unburied(s.dead(newID()), never)
	}
}

func burialEnded(s *Suite) {
	for _, state := range append(terminal(), job.Queued, job.Retrying) {
		for _, read := range s.books() {
			stands := s.record(state)
			stands.Generation = 2
			s.save(stands)
			rec := s.dead(newID())
			rec.ID = stands.ID
			s.unburied(rec, read)
			if state.Terminal() {
				rec.Generation = 2
				s.unburied(rec, read)
			}
		}
	}
}

func burialNoBook(s *Suite) {
	nobody := book.Item{}
	rec := s.dead(newID())
	rec.BookID = uuid.Nil
	s.ok(s.Jobs.Bury(s.t.Context(), rec, nobody))
	s.holds(rec)
	s.book(nobody)
	again := rec
	again.Attempts++
	s.changed(s.Jobs.Bury(s.t.Context(), again, nobody))
	s.holds(rec)
	s.book(nobody)
}

func zombies(s *Suite) {
	for _, read := range s.books() {
		s.ok(s.Jobs.Bury(s.t.Context(), s.dead(newID()), read))
		s.changed(s.Books.Swap(s.t.Context(), read, written(read)))
		s.changed(s.Jobs.SaveIfUnchanged(s.t.Context(), s.record(job.Failed), read))
		s.book(fenced(read))
		s.book(s.write(fenced(read))) // who has read it since can
	}
}

func burialRace(s *Suite) {
	for range 10 {
		for _, read := range s.books() {
			rec := s.dead(newID())
			calls := []func() error{
				func() error { return s.Jobs.Bury(s.t.Context(), rec, read) },
				func() error { return s.Books.Swap(s.t.Context(), read, written(read)) },
			}
			switch s.atOnce(len(calls), func(i int) error { return calls[i]() }) {
			case 0:
				s.holds(rec)
				s.book(fenced(read))
			default:
				s.none(rec.ID)
				s.book(written(read))
			}
		}
	}
}

func burialsAtOnce(s *Suite) {
	const deliveries = 16
	for range 3 {
		for _, read := range s.books() {
			id := newID()
			recs := make([]job.Record, deliveries)
			for i := range recs {
				recs[i] = s.dead(newID())
				recs[i].ID, recs[i].Attempts = id, i+1
			}
			won := s.atOnce(deliveries, func(i int) error { return s.Jobs.Bury(s.t.Context(), recs[i], read) })
			s.holds(recs[won])
			s.book(fenced(read))
		}
	}
}

func burialForgotten(s *Suite) {
	books := s.books()
	s.Advance(book.TombstoneTTL / 2)
	for _, read := range books {
		s.ok(s.Jobs.Bury(s.t.Context(), s.dead(newID()), read))
	}
	s.Advance(book.TombstoneTTL - margin) // counted from the burial
	for _, read := range books {
		s.book(fenced(read))
	}
	s.Advance(2 * margin)
	for kind, read := range books {
		switch kind {
		case "live", "fenced":
			s.book(fenced(read))
		default:
			s.book(book.Item{ID: read.ID})
			s.ok(s.Jobs.Bury(s.t.Context(), s.dead(newID()), book.Item{ID: read.ID}))
			s.book(book.Item{ID: read.ID, Fence: 1}) // as if it had never been
		}
	}
}
