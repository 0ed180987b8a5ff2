// Package intake accepts writes: it mints the receipt and puts the job on its
// lane. It also sends the dead back to their lane when an operator asks. What it
// is given has been validated.
package intake

import (
	"context"
	"time"

	"github.com/google/uuid"

	"acervo/internal/blob"
	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
)

// Intake accepts writes. It is safe for concurrent use. Its fields are set once.
type Intake struct {
	Ring   *job.Keyring
	Lane   queue.Sender
	Gauge  queue.Gauge
	Jobs   job.Store
	Claims job.Claims
	// Originals are where pictures for covers land; nil where there are no covers.
	Originals blob.Store
	// Again has the picture of a dead job land once more.
	Again func(ctx context.Context, job string) error
	Now   func() time.Time
	// MaxAge is how old the oldest message may be before writes are refused; zero
	// for no limit. It is far below the retention of the lane.
	MaxAge time.Duration
}

// Write is a valid write of one book. A Create whose BookID is nil is given the
// identity of its draft.
type Write struct {
	Kind        job.Kind
	BookID      uuid.UUID
	Draft       *book.Draft // of a create or a replace
	Patch       book.Patch  // of an update
	Version     int64       // that a replace has a book begin with that does not exist; zero for none
	IfMatch     *book.Tags
	IfNoneMatch *book.Tags
	Traceparent string

	// Key is the Idempotency-Key, empty for none, of this Caller; Hash tells
	// whether two requests with one key are the same.
	Key, Caller, Hash string
}

// Submit returns the job of a write once the lane has made it durable, and
// whether an earlier request with the same key had submitted it. An error leaves
// the fate of the write unknown; the same key asked again settles it.
func (in *Intake) Submit(ctx context.Context, w Write) (j job.Job, replayed bool, err error) {
	if err := in.admit(ctx); err != nil {
		return job.Job{}, false, err
	}
	if w.BookID == uuid.Nil && w.Draft != nil {
		w.BookID = book.ID(*w.Draft)
	}
	receipt, err := in.Ring.Mint(w.Kind, w.BookID)
	if err != nil {
		return job.Job{}, false, err
	}
	if w.Key != "" {
		return in.submitOnce(ctx, receipt, w)
	}
	if err := in.send(ctx, receipt, w); err != nil {
		return job.Job{}, false, err
	}
	return queued(receipt), false, nil
}

// submitOnce has the claim on the key decide which job the request is. Whoever
// finds a claim whose message may not have been sent sends it, the same again,
// and answers only after that.
func (in *Intake) submitOnce(ctx context.Context, receipt job.Receipt, w Write) (j job.Job, replayed bool, err error) {
	claim, mine, err := in.Claims.Claim(ctx, job.Claim{Caller: w.Caller, Key: w.Key, Hash: w.Hash, Job: receipt.ID})
	if err != nil {
		return job.Job{}, false, err
	}
	if !mine {
		if claim.Hash != w.Hash {
			return job.Job{}, false, fault.New(fault.Invalid, "The Idempotency-Key was used for another request.")
		}
		if receipt, err = in.Ring.Verify(claim.Job); err != nil {
			return job.Job{}, false, fault.Wrap(fault.Internal, err, "read the receipt of a claim")
		}
	}
	if !claim.Sent {
		if err := in.send(ctx, receipt, w); err != nil {
			return job.Job{}, false, err
		}
		if err := in.Claims.MarkSent(ctx, claim); err != nil {
			return job.Job{}, false, err
		}
	}
	if mine {
		return queued(receipt), false, nil
	}
	j, err = in.Status(ctx, receipt)
	return j, true, err
}

func (in *Intake) send(ctx context.Context, r job.Receipt, w Write) error {
	m := job.Message{
		Job: r.ID, Generation: 1, Kind: r.Kind, BookID: r.BookID, AcceptedAt: r.AcceptedAt(),
		Draft: w.Draft, Patch: w.Patch, Version: w.Version, IfMatch: w.IfMatch, IfNoneMatch: w.IfNoneMatch, Traceparent: w.Traceparent,
	}
	body, err := m.Encode()
	if err != nil {
		return err
	}
	return in.Lane.Send(ctx, queue.Message{Group: m.Group(), DedupID: m.DedupID(), Body: body})
}

// Status returns what is known of the job of an authentic receipt.
func (in *Intake) Status(ctx context.Context, r job.Receipt) (job.Job, error) {
	rec, recorded, err := in.Jobs.Get(ctx, r.ID)
	if err == nil && !recorded && in.Originals != nil && job.Overdue(r, in.Now()) {
		return in.overdue(ctx, r)
	}
	if err != nil {
		return job.Job{}, err
	}
	return job.Status(r, rec, recorded, in.Now())
}

func queued(r job.Receipt) job.Job {
	return job.Job{ID: r.ID, Kind: r.Kind, State: job.Queued, BookID: r.BookID, SubmittedAt: r.AcceptedAt()}
}

// admit refuses writes while the lane is too far behind.
func (in *Intake) admit(ctx context.Context) error {
	if in.MaxAge == 0 {
		return nil
	}
	stats, err := in.Gauge.Stats(ctx)
	if err == nil && stats.OldestAge > in.MaxAge {
		err = fault.New(fault.Unavailable, "The lane is too far behind: its oldest write has waited longer than %s.", in.MaxAge)
	}
	return err
}
