package simtest

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
)

// gatedBooks is the catalogue as one actor sees it.
type gatedBooks struct {
	s *Sim
	a *actor
}

func (g gatedBooks) Get(ctx context.Context, id uuid.UUID) (item book.Item, err error) {
	err = g.a.gate(ctx, &access{what: "read the book", do: func() error {
		item, err = g.s.stores.Books.Get(context.WithoutCancel(ctx), id)
		g.s.note(": %s is %s", g.s.books[id], (*shownItem)(&item))
		return err
	}})
	return item, err
}

func (g gatedBooks) Swap(ctx context.Context, read, next book.Item) error {
	return g.a.gate(ctx, &access{what: "write the book", lasts: true, do: func() error {
		g.s.note(" %s: %s", g.s.books[read.ID], (*shownItem)(&next))
		err := g.s.stores.Books.Swap(context.WithoutCancel(ctx), read, next)
		g.s.observe(g.s.books[read.ID], g.s.jobs[next.LastJob], cause{})
		return err
	}})
}

// gatedJobs is the records and the claims as one actor sees them.
type gatedJobs struct {
	job.Store
	s *Sim
	a *actor
}

func (s *Sim) gatedJobs(a *actor) gatedJobs { return gatedJobs{s.stores.Jobs, s, a} }

func (g gatedJobs) Get(ctx context.Context, id string) (rec job.Record, ok bool, err error) {
	err = g.a.gate(ctx, &access{what: "read the record", do: func() error {
		rec, ok, err = g.s.stores.Jobs.Get(context.WithoutCancel(ctx), id)
		g.s.note(": %s is %s", g.s.jobs[id], (*shownRecord)(&rec))
		return err
	}})
	return rec, ok, err
}

// write gates a write of a record.
func (g gatedJobs) write(ctx context.Context, what string, rec job.Record, c cause, do func(ctx context.Context) error) error {
	return g.a.gate(ctx, &access{what: what, lasts: true, do: func() error {
		j := g.s.jobs[rec.ID]
		g.s.note(": %s is %s", j, (*shownRecord)(&rec))
		err := do(context.WithoutCancel(ctx))
		g.s.observe(j.book, j, c)
		return err
	}})
}

func (g gatedJobs) Save(ctx context.Context, rec job.Record) error {
	return g.write(ctx, "write the record", rec, cause{}, func(ctx context.Context) error {
		return g.s.stores.Jobs.Save(ctx, rec)
	})
}

func (g gatedJobs) SaveIfUnchanged(ctx context.Context, rec job.Record, read book.Item) error {
	return g.write(ctx, "write the record if the book is unchanged", rec, cause{}, func(ctx context.Context) error {
		return g.s.stores.Jobs.SaveIfUnchanged(ctx, rec, read)
	})
}

func (g gatedJobs) Bury(ctx context.Context, rec job.Record, read book.Item) error {
	return g.write(ctx, "bury the job", rec, cause{givenUp: g.a.quits}, func(ctx context.Context) error {
		return g.s.stores.Jobs.Bury(ctx, rec, read)
	})
}

func (g gatedJobs) Amend(ctx context.Context, read, next job.Record) error {
	c := cause{operator: true, edit: g.a.wants}
	return g.write(ctx, "amend the record", next, c, func(ctx context.Context) error {
		return g.s.stores.Jobs.Amend(ctx, read, next)
	})
}

func (g gatedJobs) Claim(ctx context.Context, c job.Claim) (stands job.Claim, mine bool, err error) {
	err = g.a.gate(ctx, &access{what: "claim the key", do: func() error {
		stands, mine, err = g.s.stores.Claims.Claim(context.WithoutCancel(ctx), c)
		if err == nil {
			g.s.claimed(g.a, c, stands)
		}
		return err
	}})
	return stands, mine, err
}

func (g gatedJobs) MarkSent(ctx context.Context, c job.Claim) error {
	return g.a.gate(ctx, &access{what: "mark the claim as sent", lasts: true, do: func() error {
		return g.s.stores.Claims.MarkSent(context.WithoutCancel(ctx), c)
	}})
}

// gatedLane is the lane as one actor sees it.
type gatedLane struct {
	s     *Sim
	a     *actor
	limit int  // of the batch that a worker receives
	spent bool // its first delivery has been received too often
}

// Receive returns the deliveries of one group and gives the others back, so that
// a worker does one thing at a time.
func (g gatedLane) Receive(ctx context.Context, limit int) (batch []queue.Delivery, err error) {
	err = g.a.gate(ctx, &access{what: "receive", do: func() error {
		all, err := g.s.receive(min(limit, g.limit))
		for _, d := range all {
			if d.Group == all[0].Group {
				batch = append(batch, d)
				g.a.handles = append(g.a.handles, d.Handle)
				g.s.note(" %s", g.s.named(d.DedupID))
			} else {
				_ = g.s.release(d.Handle, 0)
			}
		}
		if g.spent && len(batch) > 0 {
			g.s.note(", the first for the last time")
			batch[0].Receives = tooOften
		}
		return err
	}})
	return batch, err
}

func (g gatedLane) Lease() time.Duration { return g.s.stores.Lane.Lease() }

// Extend is for the scheduler to do, see Sim.extend: here it is never due.
func (g gatedLane) Extend(context.Context, string) error { return nil }

// Release gives a delivery back. Delays are random, so any is the same one here.
func (g gatedLane) Release(ctx context.Context, handle string, delay time.Duration) error {
	return g.a.gate(ctx, &access{what: "release a delivery", lasts: true, do: func() error {
		g.a.drop(handle)
		g.s.note(" of %s", g.s.holder(handle))
		if delay > 0 {
			delay = restFor
		}
		return g.s.release(handle, delay)
	}})
}

func (g gatedLane) Delete(ctx context.Context, handle string) error {
	return g.a.gate(ctx, &access{what: "delete a delivery", lasts: true, do: func() error {
		g.a.drop(handle)
		g.s.note(" of %s", g.s.holder(handle))
		return g.s.delete(handle)
	}})
}

func (g gatedLane) Send(ctx context.Context, m queue.Message) error {
	return g.a.gate(ctx, &access{what: "send", lasts: true, do: func() error {
		g.s.meet(m.DedupID, g.a.wants)
		g.s.note(" %s", g.s.named(m.DedupID))
		return g.s.send(m)
	}})
}

// drop notes that an actor lets go of a delivery.
func (a *actor) drop(handle string) {
	a.handles = slices.DeleteFunc(a.handles, func(h string) bool { return h == handle })
}

// unreadable reports damage that nobody did.
func (s *Sim) unreadable(err error, what any) {
	if fault.Is(err, fault.Damaged) {
		s.violated(damage, "%s: %v", what, err)
	} else if err != nil {
		s.violated(damage, "%s cannot be read: %v", what, err)
	}
}
