package jobtest

import (
	"acervo/internal/job"
)

// unamended checks that an amendment loses its condition and changes nothing.
func (s *Suite) unamended(read, next job.Record) {
	s.t.Helper()
	before := s.get(next.ID)
	s.changed(s.Jobs.Amend(s.t.Context(), read, next))
	s.holds(before)
	if after := s.get(next.ID); after.Revision != before.Revision {
		s.t.Errorf("the revision has become %d from %d", after.Revision, before.Revision)
	}
}

func amended(s *Suite) {
	for _, state := range append(terminal(), job.Queued, job.Retrying) {
		for _, next := range append(terminal(), job.Queued, job.Retrying) {
			read := s.save(s.record(state))
			rec := s.dead(newID())
			rec.ID, rec.State, rec.Generation = read.ID, next, read.Generation+1
			s.holds(s.amend(read, rec))
			s.holds(rec)
		}
	}
	// It is the generation stored that counts from then on.
	died := s.save(s.dead(newID()))
	retry := died
	retry.Generation, retry.State = 2, job.Queued
	s.amend(died, retry)
	s.changed(s.Jobs.Save(s.t.Context(), died))
	ended := retry
	ended.State, ended.Burial = job.Succeeded, unlisted(retry)
	s.save(ended)
	s.holds(ended)
}

func amendedLate(s *Suite) {
	next := func(read job.Record) job.Record {
		rec := read
		rec.Generation, rec.State = 9, job.Queued
		return rec
	}
	read := s.save(s.record(job.Retrying))
	s.save(read) // as it was, but written
	s.unamended(read, next(read))

	read = s.get(read.ID)
	s.ok(s.Jobs.Bury(s.t.Context(), read, bookOf(read)))
	s.unamended(read, next(read))

	read = s.get(read.ID)
	s.amend(read, next(read))
	s.unamended(read, next(read))

	never := s.save(s.record(job.Dead))
	never.Revision += 1000
	s.unamended(never, next(never))
	never.Revision = 0
	s.unamended(never, next(never))
}

func amendsNothing(s *Suite) {
	for revision := range int64(3) {
		rec := s.dead(newID())
		rec.Revision = revision
		s.changed(s.Jobs.Amend(s.t.Context(), rec, rec))
		s.none(rec.ID)
	}
}

func amendsAtOnce(s *Suite) {
	const operators = 16
	for range 10 {
		read := s.save(s.dead(newID()))
		nexts := make([]job.Record, operators)
		for i := range nexts {
			nexts[i] = read
			nexts[i].Generation = 2 + i
		}
		won := s.atOnce(operators, func(i int) error { return s.Jobs.Amend(s.t.Context(), read, nexts[i]) })
		s.holds(nexts[won])
	}
}
