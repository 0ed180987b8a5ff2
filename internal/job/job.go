// Package job holds the recorded unit of asynchronous work: its signed receipt,
// its message on the lane, its record, and the port to the records.
package job

import (
	"slices"
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

	CoverSet    Kind = "cover.set"
	CoverRemove Kind = "cover.remove"
)

// Chunk is what the ledger of the dead calls a slice of a file on the imports lane.
const Chunk Kind = "import.chunk"

// OfCover reports whether jobs of the kind change the cover of a book. The latest
// accepted of them wins: receipts sort by accept time.
func (k Kind) OfCover() bool { return k == CoverSet || k == CoverRemove }

// State is where a job stands.
type State string

// The states. A job without a record is Queued.
const (
	Queued     State = "queued"
	Retrying   State = "retrying" // an attempt failed, another will come
	Succeeded  State = "succeeded"
	Failed     State = "failed"     // refused for good
	Superseded State = "superseded" // its book has moved on
	Dead       State = "dead"       // given up, and kept for an operator
)

// Terminal reports whether a job in this state has ended.
func (s State) Terminal() bool {
	return s == Succeeded || s == Failed || s == Superseded || s == Dead
}

// RecordTTL is how long the record of an ended job is kept, counted from its
// last write. It outlives every copy of the job's message.
const RecordTTL = 30 * 24 * time.Hour

// ReceiptTTL is how long a receipt without a record is believed to be queued.
// It is the retention of the lane.
const ReceiptTTL = 14 * 24 * time.Hour

// Record is what is kept of a job once it has ended or an attempt at it failed.
// A job that has none is queued.
type Record struct {
	ID            string         `json:"id"` // the receipt
	Kind          Kind           `json:"kind"`
	BookID        uuid.UUID      `json:"book_id"`
	Generation    int            `json:"generation"` // from 1; a retry of a dead job raises it
	State         State          `json:"state"`
	Attempts      int            `json:"attempts"`        // of this generation
	Starts        int            `json:"starts,omitzero"` // of which nobody told the end, see work.Suspicious
	NextAttemptAt time.Time      `json:"next_attempt_at,omitzero"`
	FinishedAt    time.Time      `json:"finished_at,omitzero"`
	BookVersion   int64          `json:"book_version,omitzero"` // of a job that succeeded
	Error         *fault.Problem `json:"error,omitzero"`        // of the last attempt that did not succeed
	Burial        *Burial        `json:"burial,omitzero"`       // of a job that was dead once
	History       []Event        `json:"history,omitempty"`     // oldest first

	// Revision is the store's count of the writes to this record. See Store.Save for
	// what it means in one that is to be stored.
	Revision int64 `json:"-"`
}

// Unwritten is the revision of a record that is to be the first of its job.
const Unwritten = -1

// Burial is the entry of a job in the ledger of the dead.
type Burial struct {
	// Listed says that an operator has still to decide, or that the retry that was
	// asked for has not ended.
	Listed bool `json:"listed"`
	// Lane is the lane that the job died on.
	Lane string `json:"lane"`
	// Message is the body of the job's message, as it is to be sent again.
	Message []byte `json:"message"`
	// BookVersion is the version of the book at the first burial. It is never
	// replaced: a retry applies only to that version.
	BookVersion int64 `json:"book_version"`
	// At is when the job was buried last.
	At time.Time `json:"at"`
	// Cause is the last error in full, for operators.
	Cause string `json:"cause"`
	// Fingerprint is the same for errors that are alike.
	Fingerprint string `json:"fingerprint"`
}

// RetryTTL is how long after its burial a dead job can be retried as it is.
const RetryTTL = 30 * 24 * time.Hour

// RetryAsked reports whether a retry was asked for that has not ended.
func (r Record) RetryAsked() bool {
	return r.Burial != nil && r.Burial.Listed && !r.State.Terminal()
}

// maxHistory is the most events that a record keeps; the oldest go first.
const maxHistory = 100

// Event is one thing that happened to a job.
type Event struct {
	At         time.Time `json:"at"`
	What       string    `json:"what"` // attempt_failed, buried, retried, edited, discarded, or the state it ended in
	Generation int       `json:"generation"`
	Who        string    `json:"who,omitzero"` // the operator, if one did it
	Why        string    `json:"why,omitzero"` // the error, or the operator's reason
}

// Note appends an event to the history, which is copied.
func (r *Record) Note(e Event) {
	e.Generation = r.Generation
	kept := r.History
	if len(kept) >= maxHistory {
		kept = kept[len(kept)-maxHistory+1:]
	}
	r.History = append(slices.Clip(slices.Clone(kept)), e)
}

// Expires is when the record may be forgotten; false while it is in the ledger.
func (r Record) Expires(now time.Time) (time.Time, bool) {
	if r.Burial != nil && r.Burial.Listed {
		return time.Time{}, false
	}
	return now.Add(RecordTTL), true
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
