package work

import (
	"context"
	"time"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// Applier brings jobs of the writes lane to their end: read, decide, write if
// unchanged. It needs neither a clock nor a lock to be right: the lane stands
// still for the book until the message is deleted, and every write is
// conditional. It is safe for concurrent use.
type Applier struct {
	books book.Store
	jobs  job.Store
	now   func() time.Time
}

// NewApplier returns an applier over the stores of books and of records.
func NewApplier(books book.Store, jobs job.Store, now func() time.Time) *Applier {
	return &Applier{books, jobs, now}
}

// Apply returns nil when the job has ended and its message can be deleted. After
// an error the message must be delivered again; whatever was done by then stays
// done once.
func (a *Applier) Apply(ctx context.Context, m job.Message) error {
	for {
		err := a.attempt(ctx, m)
		if !fault.Is(err, fault.Changed) {
			return err
		}
		if ctx.Err() != nil {
			return fault.Wrap(fault.Unavailable, context.Cause(ctx), "the job kept losing its conditions")
		}
	}
}

// attempt reads the book and only then the record: the record read last proves
// that the book was read while the lane stood still.
func (a *Applier) attempt(ctx context.Context, m job.Message) error {
	item, err := a.books.Get(ctx, m.BookID)
	if err != nil {
		return err
	}
	rec, recorded, err := a.jobs.Get(ctx, m.Job)
	if err != nil {
		return err
	}
	d := decide(m, item, rec, recorded, a.now())
	switch d.step {
	case confirm:
		return a.jobs.EndIfUnchanged(ctx, d.record, item)
	case apply:
		if err := a.books.Swap(ctx, item, d.next); err != nil {
			return err
		}
		return a.end(ctx, d.record)
	case conclude:
		return a.end(ctx, d.record)
	default:
		return nil
	}
}

// end stores the record. When it is there already, another delivery ended the
// job.
func (a *Applier) end(ctx context.Context, rec job.Record) error {
	if err := a.jobs.End(ctx, rec); !fault.Is(err, fault.Changed) {
		return err
	}
	return nil
}
