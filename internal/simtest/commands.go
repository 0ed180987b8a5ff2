package simtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"acervo/internal/arrive"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/work"
)

// toTheEnd is more accesses than any actor makes.
const toTheEnd = maxSteps + 1

// goOn lets an actor make up to n accesses, and the first of them go as fate has it.
func (s *Sim) goOn(a *actor, n int, first fate) {
	for ; n > 0 && a.next != nil; n-- {
		s.step(a, first)
		first = happens
	}
}

// begin starts an actor in a free slot, false when there is none.
func (s *Sim) begin(slots []*actor, i int, name string, asks *payload, fn func(a *actor)) *actor {
	if slots[i].busy() {
		return nil
	}
	slots[i] = s.start(fmt.Sprintf("%s %d", name, i), asks, fn)
	return slots[i]
}

// receives starts a worker on one batch of up to limit messages. When spent, the
// first of them has been received too often.
func (s *Sim) receives(i, limit int, spent bool) *actor {
	paused, err := s.stores.Lane.Paused(context.Background())
	s.unreadable(err, "whether the lane is paused")
	if paused != s.paused {
		s.violated(lane, "paused is %t, want %t", paused, s.paused)
	}
	if paused {
		return nil
	}
	inHand, stop := context.WithCancel(context.Background())
	open, shut := context.WithCancel(inHand)
	a := s.begin(s.workers, i, "worker", nil, func(a *actor) {
		defer stop()
		applier := work.NewApplier(gatedBooks{s, a}, s.gatedJobs(a), "writes", s.clock.now)
		r := &work.Runner{
			Lane: gatedLane{s, a, limit, spent}, Handler: &work.Writes{Applier: applier, Log: s.log},
			Slots: queue.MaxBatch, MaxRun: time.Hour, Log: s.log,
		}
		_ = r.Once(open, inHand)
	})
	if a == nil {
		shut()
		stop()
		return nil
	}
	a.stop, a.shut = stop, shut
	return a
}

// submits starts a client that asks for a write, with an idempotency key or nil.
func (s *Sim) submits(i int, b *bookModel, p *payload, k *keyModel) *actor {
	w := p.write(b)
	if k != nil {
		w.Key, w.Caller, w.Hash = k.text, s.caller, b.name+p.String()
	}
	return s.begin(s.clients, i, "client", p, func(a *actor) {
		in := s.intake(a)
		j, replayed, err := in.Submit(context.Background(), w)
		a.ended = func() { s.answered(w, k, j, replayed, err) }
	})
}

func (s *Sim) intake(a *actor) *intake.Intake {
	jobs, pictures := s.gatedJobs(a), gatedPictures{s: s, a: a}
	covers := arrive.Covers{Objects: pictures}
	return &intake.Intake{
		Originals: pictures, Again: func(ctx context.Context, id string) error {
			_, err := covers.Again(ctx, id)
			return err
		},
		Ring: s.ring, Lane: gatedLane{s: s, a: a}, Gauge: s.stores.Lane, Jobs: jobs, Claims: jobs, Now: s.clock.now,
	}
}

// answered is what a client hears.
func (s *Sim) answered(w intake.Write, k *keyModel, j job.Job, replayed bool, err error) {
	switch {
	case err != nil && (k == nil || k.hash == w.Hash) && fault.Is(err, fault.Invalid):
		s.violated(key, "a write is refused: %v", err)
	case err != nil:
		s.say("  client: told %s", fault.KindOf(err))
		return
	case k != nil && (k.hash != w.Hash || k.job != j.ID):
		s.violated(key, "%s is of another request, or answered with %s", k.text, s.jobs[j.ID])
	case s.jobs[j.ID] == nil:
		s.violated(durable, "a job was accepted that was never sent")
	}
	s.say("  client: told that %s is %s, replayed: %t", s.jobs[j.ID], j.State, replayed)
	s.jobs[j.ID].acked = true
	if k != nil {
		k.settled = true
	}
	s.durable()
}

// claimed checks that a key stands for one job, whoever asks.
func (s *Sim) claimed(a *actor, c, stands job.Claim) {
	k := s.keys[slices.IndexFunc(s.keys, func(k *keyModel) bool { return k.text == c.Key })]
	if k.job == "" {
		receipt, err := s.ring.Verify(c.Job)
		s.unreadable(err, "a receipt")
		k.job, k.hash, k.request, k.book = c.Job, c.Hash, a.wants, s.books[receipt.BookID]
	}
	if stands.Job != k.job || stands.Hash != k.hash {
		s.violated(key, "%s stands for another job than at first", k.text)
	}
}

// meet makes known the job of a message that is sent for the first time.
func (s *Sim) meet(dedup string, p *payload) {
	id, _, _ := strings.Cut(dedup, ".")
	if s.jobs[id] != nil {
		return
	}
	receipt, err := s.ring.Verify(id)
	s.unreadable(err, "a receipt")
	j := &jobModel{
		name: fmt.Sprintf("j%d", len(s.queued)), id: id, book: s.books[receipt.BookID],
		accepted: receipt.AcceptedAt(), payloads: []*payload{p},
	}
	s.jobs[id] = j
	s.queued = append(s.queued, j)
}

// sendsGarbage puts a message on the lane that no release can read.
func (s *Sim) sendsGarbage(b *bookModel) {
	receipt, err := s.ring.Mint(job.Update, b.id)
	s.unreadable(err, "a receipt")
	dedup := receipt.ID + ".1"
	s.meet(dedup, &payload{kind: job.Update, unreadable: true})
	_ = s.send(queue.Message{Group: b.id.String(), DedupID: dedup, Body: []byte(`{"v":1,"job":7}`)})
}

// sendsAgain repeats the first message of a job, as its sender may at any time.
func (s *Sim) sendsAgain(j *jobModel) {
	_ = s.send(queue.Message{Group: j.book.id.String(), DedupID: j.id + ".1", Body: j.body})
}

// retries starts an operator who has a dead job done again, with an edit or nil.
func (s *Sim) retries(i int, j *jobModel, edit *payload) *actor {
	o := intake.Order{Who: "operator", Why: "they asked"}
	if edit != nil {
		o.Edit = edit.amend
	}
	return s.operates(i, edit, func(in *intake.Intake) error { return in.Retry(context.Background(), j.id, o) })
}

// discards starts an operator who gives a dead job up.
func (s *Sim) discards(i int, j *jobModel) *actor {
	return s.operates(i, nil, func(in *intake.Intake) error {
		return in.Discard(context.Background(), j.id, intake.Order{Who: "operator"})
	})
}

func (s *Sim) operates(i int, edit *payload, do func(in *intake.Intake) error) *actor {
	return s.begin(s.operators, i, "operator", edit, func(a *actor) {
		err := do(s.intake(a))
		a.ended = func() { s.say("  operator: told %q", fault.KindOf(err)) }
	})
}

// passes lets time pass, or step back.
func (s *Sim) passes(d time.Duration) {
	s.clock.pass(d)
	s.gauge()
}

// leasesEnd lets time pass until nothing is leased or delayed.
func (s *Sim) leasesEnd() {
	until := s.clock.now()
	for _, m := range s.lane {
		until = latest(until, m.until)
	}
	s.passes(until.Sub(s.clock.now()))
}

// extends renews the leases of a worker, as a running one does now and then. When
// one is lost its work is interrupted.
func (s *Sim) extends(a *actor) {
	for _, h := range a.handles {
		if s.extend(h) != nil {
			s.say("  the lease is lost")
			a.stop()
		}
	}
}

// usesStale has somebody use a handle that owns nothing any more.
func (s *Sim) usesStale(handle string, how int) {
	switch how {
	case 0:
		_ = s.delete(handle)
	case 1:
		_ = s.release(handle, 0)
	default:
		_ = s.extend(handle)
	}
}

// pauses closes or opens the lane. Workers that know of it begin nothing more.
func (s *Sim) pauses(paused bool) {
	s.unreadable(s.stores.Lane.Pause(context.Background(), paused), "the pause")
	s.paused = paused
	for _, a := range s.workers {
		if a != nil && paused {
			a.shut()
		}
	}
}

// restarts kills the process with everybody in it and starts another one.
func (s *Sim) restarts() {
	s.killAll()
	stores, err := s.stores.Restart()
	s.unreadable(err, "the stores after a restart")
	s.stores = stores
	for _, m := range s.lane {
		m.handle, m.until = "", time.Time{}
	}
	s.late, s.handles = nil, nil
	s.gauge()
}
