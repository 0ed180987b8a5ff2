package simtest

import (
	"context"
	"slices"

	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/queue"
)

// maxRounds is how often the workers may come back before everything has ended.
const maxRounds = 40

// settle ends a history: without further faults every job ends, and soon.
func (s *Sim) settle() {
	s.say("the faults are over")
	for _, land := range s.late {
		land()
	}
	s.late = nil
	for _, a := range s.actors() {
		s.goOn(a, toTheEnd, happens)
	}
	if s.paused {
		s.pauses(false)
	}
	s.askAgain()
	s.bringAll()
	s.landAll()
	for rounds := 0; !s.settled(); rounds++ {
		if rounds == maxRounds {
			s.violated(ends, "after %d rounds without a fault there is still work", rounds)
		}
		s.resend()
		s.landAll()
		s.leasesEnd()
		if a := s.receives(0, queue.MaxBatch, false); a != nil {
			s.goOn(a, toTheEnd, happens)
		}
	}
	s.allEnded()
	s.clear()
}

// askAgain has the clients that never heard what became of their keys ask again.
func (s *Sim) askAgain() {
	for _, k := range s.keys {
		if k.job == "" {
			continue
		}
		s.goOn(s.submits(0, k.book, k.request, k), toTheEnd, happens)
		if !k.settled {
			s.violated(durable, "%s was asked again, and nobody was told what became of it", k.text)
		}
	}
}

// settled reports whether there is nothing left to do.
func (s *Sim) settled() bool {
	return len(s.lane) == 0 && !slices.ContainsFunc(s.queued, func(j *jobModel) bool { return s.unsent(j) })
}

// unsent reports whether a retry was asked for whose message is not on the lane.
func (s *Sim) unsent(j *jobModel) bool {
	return !j.ended() && j.listed && !slices.ContainsFunc(s.lane, func(m *message) bool {
		sent, generation := s.job(m.dedup)
		return sent == j && generation == j.generation()
	})
}

// resend has an operator ask once more for the retries that were never sent.
func (s *Sim) resend() {
	for _, j := range s.queued {
		if s.unsent(j) {
			s.goOn(s.retries(0, j, nil), toTheEnd, happens)
		}
	}
}

// allEnded checks that every job that was sent, or whose picture came, has ended, says so and stays so.
func (s *Sim) allEnded() {
	for _, j := range s.queued {
		if !j.landed && !slices.Contains(j.book.sent, j) {
			continue
		}
		receipt, err := s.ring.Verify(j.id)
		s.unreadable(err, "a receipt")
		status, err := s.status(receipt)
		s.unreadable(err, "a status")
		if !j.ended() || status.State != j.rec.State {
			s.violated(ends, "%s is %s at the end", j, status.State)
		}
	}
	s.sweep()
}

// status asks the intake about a job, as a client does.
func (s *Sim) status(r job.Receipt) (job.Job, error) {
	in := intake.Intake{Jobs: s.stores.Jobs, Now: s.clock.now}
	return in.Status(context.Background(), r)
}

// clear discards the dead, which leaves an empty ledger.
func (s *Sim) clear() {
	for _, j := range s.queued {
		if j.dead() {
			s.goOn(s.discards(0, j), toTheEnd, happens)
		}
	}
	s.sweep()
}
