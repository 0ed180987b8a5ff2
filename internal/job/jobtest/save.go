package jobtest

import (
	"bytes"
	"sync"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

func notWritten(s *Suite) {
	s.none(newID())
	s.save(s.record(job.Succeeded))
	s.none(newID())
}

func readAsStored(s *Suite) {
	for _, state := range append(terminal(), job.Queued, job.Retrying) {
		rec := s.record(state)
		s.save(rec)
		s.holds(rec)
	}
	at := s.Now().UTC().Truncate(time.Second).Add(123456789)
	full := s.dead("writes")
	full.Generation, full.Attempts, full.BookVersion = 3, 12, 1<<53+1
	full.FinishedAt, full.NextAttemptAt, full.Burial.At = at, at.Add(time.Hour), at.Add(-time.Hour)
	full.Error = &fault.Problem{
		Type: "/problems/invalid", Title: "Não", Status: 422, Detail: "\"<&>\u2028 星",
		Errors: []fault.Field{{Pointer: "/a~1b", Code: "too_long", Detail: "x"}, {Code: "required"}},
	}
	full.Burial.Message = bytes.Repeat([]byte("\x00\xff{\""), 16<<10) // 64 KiB of no text
	full.Burial.BookVersion, full.Burial.Cause = 1<<53+3, "goroutine 7 [running]:\n\tmain.go:1"
	full.History = []job.Event{
		{At: at, What: "attempt_failed", Generation: 1, Why: "no \x00 luck"},
		{At: at.Add(time.Minute), What: "edited", Generation: 2, Who: "Érico", Why: "typo"},
	}
	s.save(full)
	s.holds(full)
}

func endedOnce(s *Suite) {
	for _, first := range terminal() {
		rec := s.record(first)
		s.save(rec)
		for _, second := range append(terminal(), job.Queued, job.Retrying) {
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
	for _, state := range []job.State{job.Queued, job.Retrying} {
		rec := s.record(state)
		rec.Generation = 2
		s.save(rec)
		for _, generation := range []int{1, 3} {
			for _, second := range []job.State{job.Failed, job.Retrying} {
				other := s.record(second)
				other.ID, other.Generation = rec.ID, generation
				s.changed(s.Jobs.Save(s.t.Context(), other))
				s.holds(rec)
			}
		}
		end := s.record(job.Superseded)
		end.ID, end.Generation = rec.ID, 2
		s.save(end)
		s.holds(end)
	}
}

func retrying(s *Suite) {
	for _, end := range terminal() {
		rec := s.record(job.Retrying)
		for attempt := range 3 {
			rec.Attempts, rec.NextAttemptAt = attempt+1, s.Now().UTC().Add(time.Minute)
			rec.Note(job.Event{At: s.Now().UTC(), What: "attempt_failed", Why: "no luck"})
			s.save(rec)
			s.holds(rec)
		}
		ended := s.record(end)
		ended.ID, ended.Attempts, ended.History = rec.ID, 4, rec.History
		s.save(ended)
		s.holds(ended)
		rec.Attempts = 5
		s.changed(s.Jobs.Save(s.t.Context(), rec)) // a zombie's
		s.holds(ended)
	}
}

func revisions(s *Suite) {
	ctx := s.t.Context()
	for _, state := range []job.State{job.Queued, job.Retrying} {
		first := s.save(s.record(state))
		if first.Revision < 1 {
			s.t.Errorf("the first revision is %d", first.Revision)
		}
		last := first.Revision
		rises := func(id string) {
			s.t.Helper()
			if rec := s.get(id); rec.Revision <= last {
				s.t.Errorf("revision %d follows %d", rec.Revision, last)
			} else {
				last = rec.Revision
			}
		}
		first.Revision = 0
		s.ok(s.Jobs.Save(ctx, first))
		rises(first.ID)
		read := s.write(bookOf(first))
		s.ok(s.Jobs.SaveIfUnchanged(ctx, first, read))
		rises(first.ID)
		s.ok(s.Jobs.Amend(ctx, s.get(first.ID), first))
		rises(first.ID)
		s.ok(s.Jobs.Bury(ctx, first, read))
		rises(first.ID)
	}
}

func savedOver(s *Suite) {
	read := s.write(book.Item{ID: uuid.New()})
	for way, save := range map[string]func(job.Record) error{
		"alone":         func(rec job.Record) error { return s.Jobs.Save(s.t.Context(), rec) },
		"with its book": func(rec job.Record) error { return s.Jobs.SaveIfUnchanged(s.t.Context(), rec, read) },
		"by a burial": func(rec job.Record) error {
			err := s.Jobs.Bury(s.t.Context(), rec, read)
			if err == nil {
				read = fenced(read)
			}
			return err
		},
	} {
		s.t.Log(way)
		rec := s.record(job.Retrying)
		rec.BookID = read.ID
		late := rec
		late.Revision = 1 // of none
		s.changed(save(late))
		s.none(rec.ID)
		rec.Revision = job.Unwritten
		s.ok(save(rec))
		s.changed(save(rec))
		seen := s.get(rec.ID)
		s.ok(save(seen))
		s.changed(save(seen))
		s.book(read)
		if stands := s.get(rec.ID); stands.Revision != seen.Revision+1 {
			s.t.Errorf("revision %d follows %d", stands.Revision, seen.Revision)
		}
	}
}

func otherJobs(s *Suite) {
	a, b := s.record(job.Failed), s.record(job.Succeeded)
	b.ID = a.ID[:len(a.ID)-1] + "-" // alike but for the last character
	s.save(a)
	s.none(b.ID)
	s.save(b)
	s.holds(a)
	s.holds(b)
}

// atOnce starts calls together, waits for all, and returns which one succeeded.
// All others must have lost their condition.
func (s *Suite) atOnce(calls int, call func(i int) error) (won int) {
	s.t.Helper()
	errs := make([]error, calls)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() {
			<-start
			errs[i] = call(i)
		})
	}
	close(start)
	wg.Wait()
	won = -1
	for i, err := range errs {
		switch {
		case err == nil && won < 0:
			won = i
		case err == nil:
			s.t.Fatalf("both %d and %d were done", won, i)
		default:
			s.changed(err)
		}
	}
	if won < 0 {
		s.t.Fatal("none was done")
	}
	return won
}

func endsAtOnce(s *Suite) {
	const deliveries = 16
	for range 10 {
		id := newID()
		recs := make([]job.Record, deliveries)
		for i := range recs {
			recs[i] = s.record(terminal()[i%4])
			recs[i].ID, recs[i].Attempts = id, i+1
		}
		won := s.atOnce(deliveries, func(i int) error { return s.Jobs.Save(s.t.Context(), recs[i]) })
		s.holds(recs[won])
	}
}

// The times to remember end to the second on some engines.
const margin = time.Minute

func forgotten(s *Suite) {
	const day = 24 * time.Hour
	ended, waiting := s.record(job.Failed), s.record(job.Retrying)
	ended.FinishedAt = s.Now().UTC().Add(-day) // which does not count
	s.save(ended)
	s.save(waiting)
	s.Advance(day)
	s.save(waiting) // another attempt failed
	s.Advance(job.RecordTTL - day - margin)
	s.holds(ended)
	s.Advance(2 * margin)
	s.none(ended.ID)
	s.holds(waiting)
	s.Advance(day - 2*margin)
	s.holds(waiting)
	s.Advance(2 * margin)
	s.none(waiting.ID)
}

func listedStays(s *Suite) {
	lane := newID()
	buried, asked := s.dead(lane), s.dead(lane)
	s.save(buried)
	asked = s.save(asked)
	retry := asked
	retry.State, retry.Generation = job.Queued, 2
	s.amend(asked, retry)
	s.Advance(10 * job.RecordTTL)
	s.holds(buried)
	s.holds(retry)

	discarded := buried
	discarded.Burial = unlisted(buried)
	s.amend(s.get(buried.ID), discarded)
	ended := retry
	ended.State, ended.Burial = job.Succeeded, unlisted(retry)
	s.save(ended)
	s.Advance(job.RecordTTL - margin)
	s.holds(discarded)
	s.holds(ended)
	s.Advance(2 * margin)
	s.none(discarded.ID)
	s.none(ended.ID)
}

// unlisted is the burial of a record that leaves the ledger.
func unlisted(rec job.Record) *job.Burial {
	burial := *rec.Burial
	burial.Listed = false
	return &burial
}
