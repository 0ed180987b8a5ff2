package intake

import (
	"context"
	"time"

	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
)

// tries is how often an operator's step is tried when workers or other operators
// write the same record.
const tries = 5

// maxEach is the most jobs that one filtered step takes.
const maxEach = 1000

// Order is what an operator wants of the dead, and who and why, for the history.
type Order struct {
	Who, Why string
	// Edit changes the message of a retry; nil leaves it as it is.
	Edit func(*job.Message) error
}

// Retry sends a dead job to its lane again, as a new generation that is stored
// before it is sent. Asked twice, it sends the stored one again. A job that is
// not dead, or too long so, is fault.Conflict.
func (in *Intake) Retry(ctx context.Context, id string, o Order) error {
	return in.amend(ctx, id, func(rec job.Record) (job.Record, error) {
		if rec.RetryAsked() {
			if o.Edit != nil {
				return rec, fault.New(fault.Conflict, "A retry of the job is under way, it cannot be edited now.")
			}
			return rec, nil
		}
		if err := in.pictured(ctx, rec); err != nil {
			return rec, err
		}
		return in.nextGeneration(rec, o)
	}, in.resend)
}

// unmade reports whether a job died before its picture was made into a cover.
func unmade(m job.Message) bool { return m.Kind == job.CoverSet && m.Cover == nil }

// pictured refuses the retry of a job whose picture is not kept any more:
// fault.Conflict.
func (in *Intake) pictured(ctx context.Context, rec job.Record) error {
	m, err := job.DecodeMessage(rec.Burial.Message)
	if err != nil || !unmade(m) {
		return nil //nolint:nilerr // what cannot be read is refused with the others
	}
	if in.Originals == nil {
		return fault.New(fault.Conflict, "There are no pictures here.")
	}
	_, err = in.Originals.Stat(ctx, job.OriginalKey(rec.ID))
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Conflict, "The picture of the job is no longer kept: upload it again.")
	}
	return err
}

// nextGeneration is the record of a dead job whose retry was asked for.
func (in *Intake) nextGeneration(rec job.Record, o Order) (job.Record, error) {
	now := in.Now()
	if rec.Burial.Lane == queue.Imports {
		return rec, fault.New(fault.Conflict,
			"The rows of a chunk are not retried: take the failed rows of its import, which hold them, and drop them again.")
	}
	if now.Sub(rec.Burial.At) > job.RetryTTL {
		return rec, fault.New(fault.Conflict, "The job has been dead for more than 30 days: submit it as a new write.")
	}
	m, err := job.DecodeMessage(rec.Burial.Message)
	if err != nil {
		return rec, fault.New(fault.Conflict, "The message of the job cannot be read: it can only be discarded.")
	}
	event := job.Event{At: now.UTC(), What: "retried", Who: o.Who, Why: o.Why}
	if o.Edit != nil {
		event.What = "edited"
		if err := o.Edit(&m); err != nil {
			return rec, err
		}
	}
	rec.Generation++
	rec.State, rec.Attempts, rec.Starts, rec.FinishedAt, rec.NextAttemptAt = job.Queued, 0, 0, time.Time{}, time.Time{}
	m.Generation = rec.Generation
	burial := *rec.Burial
	if burial.Message, err = m.Encode(); err != nil {
		return rec, err
	}
	rec.Burial = &burial
	rec.Note(event)
	return rec, nil
}

// resend puts the stored message of a retry on the lane.
func (in *Intake) resend(ctx context.Context, rec job.Record) error {
	m, err := job.DecodeMessage(rec.Burial.Message)
	if err != nil {
		return err
	}
	if unmade(m) {
		return in.Again(ctx, m.Job)
	}
	return in.Lane.Send(ctx, queue.Message{Group: m.Group(), DedupID: m.DedupID(), Body: rec.Burial.Message})
}

// Discard takes a dead job out of the ledger for good. One that is not dead, or
// whose retry was asked for, is fault.Conflict.
func (in *Intake) Discard(ctx context.Context, id string, o Order) error {
	return in.amend(ctx, id, func(rec job.Record) (job.Record, error) {
		if rec.RetryAsked() {
			return rec, fault.New(fault.Conflict, "A retry of the job is under way.")
		}
		burial := *rec.Burial
		burial.Listed = false
		rec.Burial = &burial
		rec.Note(job.Event{At: in.Now().UTC(), What: "discarded", Who: o.Who, Why: o.Why})
		return rec, nil
	}, func(context.Context, job.Record) error { return nil })
}

// amend changes the record of a job in the ledger, and then does something with
// what is stored. A change that changes nothing is not stored.
func (in *Intake) amend(
	ctx context.Context, id string,
	change func(job.Record) (job.Record, error), then func(context.Context, job.Record) error,
) error {
	for range tries {
		rec, recorded, err := in.Jobs.Get(ctx, id)
		switch {
		case err != nil:
			return err
		case !recorded:
			return fault.New(fault.NotFound, "There is no such dead job.")
		case rec.Burial == nil || !rec.Burial.Listed:
			return fault.New(fault.Conflict, "The job is not dead.")
		}
		next, err := change(rec)
		if err != nil {
			return err
		}
		if next.Generation != rec.Generation || next.Burial.Listed != rec.Burial.Listed {
			err = in.Jobs.Amend(ctx, rec, next)
		}
		if !fault.Is(err, fault.Changed) {
			if err == nil {
				err = then(ctx, next)
			}
			return err
		}
	}
	return fault.New(fault.Conflict, "The job keeps changing: ask again.")
}

// Each does something to up to limit of the dead that a filter chooses, and
// returns how many there were to do it to. Those that others have changed
// meanwhile are passed over.
func (in *Intake) Each(
	ctx context.Context, f job.Filter, limit int, do func(ctx context.Context, id string) error,
) (matched int, err error) {
	var ids []string
	for cursor, more := "", true; more && len(ids) < min(limit, maxEach); {
		var page []job.Record
		page, cursor, err = in.Jobs.Dead(ctx, f, cursor, min(100, min(limit, maxEach)-len(ids)))
		if err != nil {
			return 0, err
		}
		for _, rec := range page {
			ids = append(ids, rec.ID)
		}
		more = cursor != ""
	}
	for _, id := range ids {
		err := do(ctx, id)
		switch {
		case err == nil:
			matched++
		case fault.Is(err, fault.Conflict), fault.Is(err, fault.NotFound):
		default:
			return matched, err
		}
	}
	return matched, nil
}
