// Package job holds the recorded unit of asynchronous work: its signed receipt,
// its message on the lane, its record, and the port to the records.
package job

import (
	"time"

	"github.com/google/uuid"

	"acervo/internal/fault"
)

// Kind says what a job does to its book.
type Kind string

// The kinds of jobs on the writes lane.
const (
	Create  Kind = "book.create"
	Replace Kind = "book.replace"
	Update  Kind = "book.update"
	Delete  Kind = "book.delete"
)

// State is where a job stands.
type State string

// The states. A job without a record is Queued.
const (
	Queued     State = "queued"
	Succeeded  State = "succeeded"
	Failed     State = "failed"
	Superseded State = "superseded"
)

// Terminal reports whether a job in this state has ended.
func (s State) Terminal() bool { return s == Succeeded || s == Failed || s == Superseded }

// RecordTTL is how long the record of an ended job is kept, counted from its
// end. It outlives every copy of the job's message.
const RecordTTL = 30 * 24 * time.Hour

// ReceiptTTL is how long a receipt without a record is believed to be queued.
// It is the retention of the lane.
const ReceiptTTL = 14 * 24 * time.Hour

// Record is what is kept of a job's end. A job that has none is queued.
type Record struct {
	ID          string         `json:"id"` // the receipt
	Generation  int            `json:"generation"`
	State       State          `json:"state"`
	Attempts    int            `json:"attempts"`
	FinishedAt  time.Time      `json:"finished_at,omitzero"`
	BookVersion int64          `json:"book_version,omitzero"` // of a job that succeeded
	Error       *fault.Problem `json:"error,omitzero"`        // of one that did not
}

// Job is what a client sees of a job.
type Job struct {
	ID          string
	Kind        Kind
	State       State
	BookID      uuid.UUID
	SubmittedAt time.Time
	Record      Record // zero while queued
}

// Status returns what a client may know of the job of an authentic receipt, of
// which rec is the record, if there is one. An old receipt without a record is
// fault.Gone: nobody knows any more.
func Status(r Receipt, rec Record, recorded bool, now time.Time) (Job, error) {
	j := Job{ID: r.ID, Kind: r.Kind, State: Queued, BookID: r.BookID, SubmittedAt: r.AcceptedAt()}
	if recorded {
		j.State, j.Record = rec.State, rec
		return j, nil
	}
	if now.Sub(r.AcceptedAt()) > ReceiptTTL {
		return Job{}, fault.New(fault.Gone, "The job is older than 14 days and its record is no longer kept.")
	}
	return j, nil
}
