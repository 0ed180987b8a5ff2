package jobtest

import (
	"sync"
	"time"

	"acervo/internal/fault"
	"acervo/internal/job"
)

func notEnded(s *Suite) {
	s.none(newID())
	s.end(s.record(job.Succeeded))
	s.none(newID())
}

func readAsStored(s *Suite) {
	for _, state := range terminal() {
		rec := s.record(state)
		s.end(rec)
		s.holds(rec)
	}
	full := s.record(job.Failed)
	full.Generation, full.Attempts, full.BookVersion = 3, 12, 1<<53+1
	full.FinishedAt = s.Now().UTC().Truncate(time.Second).Add(123456789)
	full.Error = &fault.Problem{
		Type: "/problems/invalid", Title: "Não", Status: 422, Detail: "\"<&>\u2028 星",
		Errors: []fault.Field{{Pointer: "/a~1b", Code: "too_long", Detail: "x"}, {Code: "required"}},
	}
	s.end(full)
	s.holds(full)
}

func endedOnce(s *Suite) {
	for _, first := range terminal() {
		rec := s.record(first)
		s.end(rec)
		for _, second := range append(terminal(), job.Queued) {
			for generation := range 3 {
				again := s.record(second)
				again.ID, again.Generation, again.Attempts = rec.ID, generation, 2
				s.changed(s.Jobs.Save(s.t.Context(), again))
				s.holds(rec)
			}
		}
	}
}

func notTerminal(s *Suite) {
	rec := s.record(job.Queued)
	rec.Generation = 2
	s.end(rec)
	s.holds(rec)
	for _, generation := range []int{1, 3} {
		other := s.record(job.Failed)
		other.ID, other.Generation = rec.ID, generation
		s.changed(s.Jobs.Save(s.t.Context(), other))
		s.holds(rec)
	}
	end := s.record(job.Superseded)
	end.ID, end.Generation = rec.ID, 2
	s.end(end)
	s.holds(end)
}

func otherJobs(s *Suite) {
	a, b := s.record(job.Failed), s.record(job.Succeeded)
	b.ID = a.ID[:len(a.ID)-1] + "-" // alike but for the last character
	s.end(a)
	s.none(b.ID)
	s.end(b)
	s.holds(a)
	s.holds(b)
}

func endsAtOnce(s *Suite) {
	const deliveries = 16
	for round := range 10 {
		id := newID()
		recs, errs := make([]job.Record, deliveries), make([]error, deliveries)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range deliveries {
			recs[i] = s.record(terminal()[i%3])
			recs[i].ID, recs[i].Attempts = id, i+1
			wg.Go(func() {
				<-start
				errs[i] = s.Jobs.Save(s.t.Context(), recs[i])
			})
		}
		close(start)
		wg.Wait()
		stored := -1
		for i, err := range errs {
			switch {
			case err == nil && stored < 0:
				stored = i
			case err == nil:
				s.t.Fatalf("round %d: both %d and %d were stored", round, stored, i)
			default:
				s.changed(err)
			}
		}
		if stored < 0 {
			s.t.Fatalf("round %d: all were refused", round)
		}
		s.holds(recs[stored])
	}
}

func forgotten(s *Suite) {
	fresh, old := s.record(job.Succeeded), s.record(job.Failed)
	old.FinishedAt = old.FinishedAt.Add(-24 * time.Hour) // it counts from the end, not from now
	s.end(fresh)
	s.end(old)
	// Engines keep this time to the second.
	s.Advance(job.RecordTTL - 24*time.Hour - time.Minute)
	s.holds(old)
	s.Advance(2 * time.Minute)
	s.none(old.ID)
	s.Advance(24*time.Hour - 2*time.Minute)
	s.holds(fresh)
	s.Advance(2 * time.Minute)
	s.none(fresh.ID)
}
