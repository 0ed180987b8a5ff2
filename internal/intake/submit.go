// Package intake accepts writes: it mints the receipt and puts the job on its
// lane. What it is given has been validated.
package intake

import (
	"context"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/job"
	"acervo/internal/queue"
)

// Intake accepts writes. It is safe for concurrent use.
type Intake struct {
	ring *job.Keyring
	lane queue.Sender
}

// New returns an intake that signs with ring and sends to lane.
func New(ring *job.Keyring, lane queue.Sender) *Intake { return &Intake{ring, lane} }

// Write is a valid write of one book. A Create whose BookID is nil is given the
// identity of its draft.
type Write struct {
	Kind        job.Kind
	BookID      uuid.UUID
	Draft       *book.Draft // of a create or a replace
	Patch       book.Patch  // of an update
	IfMatch     *book.Tags
	IfNoneMatch *book.Tags
	Traceparent string
}

// Submit returns the job of a write once the lane has made it durable. An error
// leaves its fate unknown, unless it is fault.Unavailable: then it was not taken.
func (in *Intake) Submit(ctx context.Context, w Write) (job.Job, error) {
	if w.BookID == uuid.Nil && w.Draft != nil {
		w.BookID = book.ID(*w.Draft)
	}
	receipt, err := in.ring.Mint(w.Kind, w.BookID)
	if err != nil {
		return job.Job{}, err
	}
	m := job.Message{
		Job: receipt.ID, Generation: 1, Kind: w.Kind, BookID: w.BookID, AcceptedAt: receipt.AcceptedAt(),
		Draft: w.Draft, Patch: w.Patch, IfMatch: w.IfMatch, IfNoneMatch: w.IfNoneMatch, Traceparent: w.Traceparent,
	}
	body, err := m.Encode()
	if err != nil {
		return job.Job{}, err
	}
	if err := in.lane.Send(ctx, queue.Message{Group: m.Group(), DedupID: m.DedupID(), Body: body}); err != nil {
		return job.Job{}, err
	}
	return job.Status(receipt, job.Record{}, false, receipt.AcceptedAt())
}
