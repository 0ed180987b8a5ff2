package work

import (
	"context"
	"time"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// Limits of a job's tries. With its backoff a job that fails is dead within a
// quarter of an hour, and so is one that kills its worker each time.
const (
	// MaxAttempts is how many failed attempts bury a job.
	MaxAttempts = 10
	// Suspicious is after how many deliveries a job may be one that kills its
	// worker. Many are no proof: it may have waited behind a job that fails, or
	// for a store that throttles. So from then on its starts are written down, and
	// MaxAttempts of which nobody tells the end bury it.
	Suspicious = 20
	// MaxReceives is how many deliveries bury a job, however they ended.
	MaxReceives = 1000
)

// Applier brings jobs of the writes lane to their end: read, decide, write if
// unchanged. It needs neither a clock nor a lock to be right: the lane stands
// still for the book until the message is deleted, and every write is
// conditional. It is safe for concurrent use.
type Applier struct {
	books book.Store
	jobs  job.Store
	lane  string
	now   func() time.Time
}

// NewApplier returns an applier over the stores of books and of records. Lane is
// the name under which it buries.
func NewApplier(books book.Store, jobs job.Store, lane string, now func() time.Time) *Applier {
	return &Applier{books, jobs, lane, now}
}

// Apply returns nil when the job has ended and its message can be deleted. After
// an error the message must be delivered again; whatever was done by then stays
// done once. Body is the message as it was sent, and receives how often it was
// delivered.
func (a *Applier) Apply(ctx context.Context, m job.Message, body []byte, receives int) error {
	if suspicious(receives) {
		if err := a.start(ctx, m); err != nil {
			return err
		}
	}
	for {
		err := a.attempt(ctx, m, body, receives)
		if !fault.Is(err, fault.Changed) {
			return err
		}
		if ctx.Err() != nil {
			return fault.Wrap(fault.Internal, context.Cause(ctx), "the job kept losing its conditions")
		}
	}
}

// suspicious reports whether the starts of a job are written down.
func suspicious(receives int) bool { return receives > Suspicious && receives <= MaxReceives }

// start writes a start down before anything is begun.
func (a *Applier) start(ctx context.Context, m job.Message) error {
	r, err := a.record(ctx, m)
	if err != nil || r.ended(m.Generation) {
		return err
	}
	starts := 1
	if r.record.Generation == m.Generation {
		starts += r.record.Starts
	}
	return a.save(ctx, started(m, r, starts))
}

// Interrupted takes back a start that ended for no fault of the job's.
func (a *Applier) Interrupted(ctx context.Context, m job.Message, receives int) error {
	if !suspicious(receives) {
		return nil
	}
	r, err := a.record(ctx, m)
	if err != nil || r.ended(m.Generation) || r.record.Starts == 0 {
		return err
	}
	return a.save(ctx, started(m, r, 0))
}

// attempt reads the book and only then the record: the record read last proves
// that the book was read while the lane stood still.
func (a *Applier) attempt(ctx context.Context, m job.Message, body []byte, receives int) error {
	item, damage := a.books.Get(ctx, m.BookID)
	if damage != nil && !fault.Is(damage, fault.Damaged) {
		return damage
	}
	r, err := a.record(ctx, m)
	if err != nil {
		return err
	}
	r.item, r.spent = item, spent(r.record, m.Generation, receives)
	if damage != nil && r.spent == nil && !r.ended(m.Generation) {
		return damage
	}
	d := decide(m, r)
	switch d.step {
	case bury:
		d.record.Burial.Lane, d.record.Burial.Message = a.lane, body
		return a.jobs.Bury(ctx, d.record, item)
	case confirm:
		return a.jobs.SaveIfUnchanged(ctx, d.record, item)
	case apply:
		if err := a.books.Swap(ctx, item, d.next); err != nil {
			return err
		}
		return a.save(ctx, d.record)
	case save:
		return a.save(ctx, d.record)
	default:
		return nil
	}
}

// record reads the record of a job. What damage has left of one is enough to
// tell whether the job has ended.
func (a *Applier) record(ctx context.Context, m job.Message) (reading, error) {
	rec, recorded, err := a.jobs.Get(ctx, m.Job)
	if fault.Is(err, fault.Damaged) {
		err = nil
	}
	return reading{record: rec, recorded: recorded, now: a.now()}, err
}

// save stores the record. When it cannot, another delivery has ended the job.
func (a *Applier) save(ctx context.Context, rec job.Record) error {
	if err := a.jobs.Save(ctx, rec); !fault.Is(err, fault.Changed) {
		return err
	}
	return nil
}

// spent is why a job is given up, nil while it is not.
func spent(rec job.Record, generation, receives int) error {
	switch {
	case rec.Generation == generation && rec.Attempts >= MaxAttempts:
		return fault.New(fault.Internal, "%d attempts have failed", rec.Attempts)
	case rec.Generation == generation && rec.Starts > MaxAttempts:
		return fault.New(fault.Internal, "it was begun %d times and nobody lived to tell the end", rec.Starts-1)
	case receives > MaxReceives:
		return fault.New(fault.Internal, "it was delivered %d times without coming to an end", receives-1)
	default:
		return nil
	}
}

// Fail records that an attempt failed and returns when the next one may come. An
// error means that the failure itself could not be recorded.
func (a *Applier) Fail(ctx context.Context, m job.Message, why error) (delay time.Duration, err error) {
	r, err := a.record(ctx, m)
	if err != nil || r.ended(m.Generation) {
		return 0, err
	}
	attempts := 1
	if r.record.Generation == m.Generation {
		attempts += r.record.Attempts
	}
	if attempts != MaxAttempts { // the delivery after the last attempt buries, at once
		delay = backoff(attempts)
	}
	err = a.save(ctx, failedAttempt(m, r, why, r.now.Add(delay)))
	return delay, err
}

// BuryUnreadable puts a message that cannot be read into the ledger, whole.
func (a *Applier) BuryUnreadable(ctx context.Context, m job.Message, body []byte, why error) error {
	for {
		item, err := a.books.Get(ctx, m.BookID)
		if err != nil && !fault.Is(err, fault.Damaged) {
			return err
		}
		r, err := a.record(ctx, m)
		if err != nil || r.ended(m.Generation) {
			return err
		}
		r.item, r.spent = item, why
		rec := buried(m, r)
		rec.Burial.Lane, rec.Burial.Message = a.lane, body
		if err = a.jobs.Bury(ctx, rec, item); !fault.Is(err, fault.Changed) || ctx.Err() != nil {
			return err
		}
	}
}
