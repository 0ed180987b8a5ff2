// Package drop holds the import of a file that somebody dropped: what was
// understood of it, how far it has come, its chunks and their outcomes, and the
// port to the records of all this.
package drop

import (
	"time"

	"github.com/google/uuid"

	"acervo/internal/fault"
)

// State is where an import stands.
type State string

// The states.
const (
	AwaitingUpload      State = "awaiting_upload"
	Reading             State = "reading"    // one pass over the file, nothing is applied yet
	Planned             State = "planned"    // read, and compared with the catalogue; waits for an order to apply
	Queued              State = "queued"     // its chunks are on the lane
	Running             State = "running"    // the first chunk has begun
	Cancelling          State = "cancelling" // chunks that have not begun are skipped
	Succeeded           State = "succeeded"
	CompletedWithErrors State = "completed_with_errors" // some rows failed
	Failed              State = "failed"                // the file as a whole, or it was stopped after too many failures
	Cancelled           State = "cancelled"
)

// Terminal reports whether an import in this state has ended.
func (s State) Terminal() bool {
	return s == Succeeded || s == CompletedWithErrors || s == Failed || s == Cancelled
}

// Mode says what is done with a file once it has been read.
type Mode string

// The modes.
const (
	Apply Mode = "apply"
	Plan  Mode = "plan" // stop after reading and comparing, until told to apply
)

// Pass is what is done with the chunks of an import.
type Pass string

// The passes. An import in Plan mode may have both, one after the other.
const (
	Comparing Pass = "plan"  // rows are compared with the catalogue, nothing is written
	Applying  Pass = "apply" // rows are applied
)

// Options are what the importer said of the file; the zero value leaves all of it
// to be found out.
type Options struct {
	Mapping   map[string]string `json:"mapping,omitzero"`
	Delimiter string            `json:"delimiter,omitzero"`
	Encoding  string            `json:"encoding,omitzero"`
	Currency  string            `json:"currency,omitzero"`
	Key       []string          `json:"key,omitzero"`
	// StopAfter ends the import as failed once so many rows have failed, which is seen
	// whenever a chunk is through; nil for never.
	StopAfter *Limit `json:"stop_after,omitzero"`
}

// Limit is a number of rows, or a share of the rows of the file.
type Limit struct {
	Rows    int64   `json:"rows,omitzero"`
	Percent float64 `json:"percent,omitzero"`
}

// Column is one column of the file, the field that it fills, if any, and whether it
// identifies rows.
type Column struct {
	Name  string `json:"name"`
	Field string `json:"field,omitzero"`
	Key   bool   `json:"key,omitzero"`
}

// Format is what was understood of a file.
type Format struct {
	Kind      string   `json:"kind"`
	Encoding  string   `json:"encoding"`
	Delimiter string   `json:"delimiter,omitzero"`
	Columns   []Column `json:"columns"`
}

// Note says what was not understood, and where.
type Note struct {
	Line   int64  `json:"line"`
	Offset int64  `json:"offset"` // bytes, in the expanded file
	Column string `json:"column,omitzero"`
	Value  string `json:"value,omitzero"`
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// Preview is one of the first rows.
type Preview struct {
	Line  int64    `json:"line"`
	Cells []string `json:"cells"`
}

// Counts are rows by outcome. In a Comparing pass Creates and OK together are what
// applying would do.
type Counts struct {
	OK         int64 `json:"ok"` // created or changed a book
	Creates    int64 `json:"creates,omitzero"`
	Failed     int64 `json:"failed"`
	Superseded int64 `json:"superseded"`
	Unchanged  int64 `json:"unchanged"`
	Skipped    int64 `json:"skipped,omitzero"`  // of chunks that came after the end was ordered
	Warnings   int64 `json:"warnings,omitzero"` // about rows that neither failed nor were superseded
}

// Plus returns the sum of two counts.
func (c Counts) Plus(o Counts) Counts {
	return Counts{
		OK: c.OK + o.OK, Creates: c.Creates + o.Creates, Failed: c.Failed + o.Failed, Superseded: c.Superseded + o.Superseded,
		Unchanged: c.Unchanged + o.Unchanged, Skipped: c.Skipped + o.Skipped, Warnings: c.Warnings + o.Warnings,
	}
}

// Rows returns how many rows were counted. Creates and Warnings are not outcomes of
// their own.
func (c Counts) Rows() int64 { return c.OK + c.Failed + c.Superseded + c.Unchanged + c.Skipped }

// Progress is how far a pass has come: the sum of the outcomes of its chunks.
type Progress struct {
	Chunks int    `json:"chunks"` // with an outcome
	Counts Counts `json:"counts"`
}

// Import is the record of one import.
type Import struct {
	ID       uuid.UUID `json:"id"`
	Filename string    `json:"filename"` // as the importer calls it
	State    State     `json:"state"`
	Mode     Mode      `json:"mode"`
	Options  Options   `json:"options"`
	By       string    `json:"by,omitzero"` // the caller, empty for a file put straight into the drop

	// Key and Version name the object as it was dropped.
	Key     string `json:"key"`
	Version string `json:"version,omitzero"`
	Bytes   int64  `json:"bytes"` // as promised, then as dropped
	// Text names the object that the chunks are cut from: the drop itself, or what a
	// gzipped one was expanded to.
	Text        string `json:"text,omitzero"`
	TextVersion string `json:"text_version,omitzero"`
	Digest      string `json:"digest,omitzero"` // SHA-256 of the text, in hexadecimal

	SubmittedAt time.Time `json:"submitted_at"`
	// ArrivedAt is when the object arrived: the accept time of all its rows.
	ArrivedAt  time.Time `json:"arrived_at,omitzero"`
	StartedAt  time.Time `json:"started_at,omitzero"` // the chunks of the latest pass were sent
	FinishedAt time.Time `json:"finished_at,omitzero"`
	// PlannedAt is when all rows had been compared.
	PlannedAt time.Time `json:"planned_at,omitzero"`
	// ExpiresAt is when an upload that has not arrived can no longer begin.
	ExpiresAt time.Time `json:"expires_at,omitzero"`

	Format   *Format   `json:"format,omitzero"`
	Preview  []Preview `json:"preview,omitzero"`
	Warnings []Note    `json:"warnings,omitzero"` // about the file as a whole
	Total    int64     `json:"total"`             // rows, known once Format is
	Chunks   int       `json:"chunks"`            // of each pass
	// Alone says that no older import was unfinished when this one began, so that a
	// row that is equal to its book need not be stamped.
	Alone bool `json:"alone,omitzero"`

	DuplicateOf uuid.UUID `json:"duplicate_of,omitzero"`
	// Error is why the import fails: of one that is Cancelling, why it will have
	// failed once its chunks are through.
	Error *fault.Problem `json:"error,omitzero"`

	// Compared and Applied are kept by the store; who writes an import cannot change
	// them.
	Compared Progress `json:"-"`
	Applied  Progress `json:"-"`
	// Revision is the store's count of the writes to this record.
	Revision int64 `json:"-"`
}

// Progress returns that of a pass.
func (i Import) Progress(p Pass) Progress {
	if p == Comparing {
		return i.Compared
	}
	return i.Applied
}

// TTL is how long an import and its chunks' outcomes are kept after its end.
const TTL = 60 * 24 * time.Hour

// Expires is when the record of an import may be forgotten; false while it has not
// ended. An upload that has not arrived ends by itself.
func (i Import) Expires(now time.Time) (time.Time, bool) {
	switch {
	case i.State.Terminal():
		return now.Add(TTL), true
	case i.State == AwaitingUpload && !i.ExpiresAt.IsZero():
		return i.ExpiresAt.Add(TTL), true
	default:
		return time.Time{}, false
	}
}

// Pending reports whether the file has arrived and its rows may still be applied.
func (i Import) Pending() bool { return !i.State.Terminal() && i.State != AwaitingUpload }
