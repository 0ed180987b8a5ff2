package drop

import (
	"fmt"

	"github.com/google/uuid"
)

// The objects of imports, all in the bucket of drops. They are kept as long as the
// drop is, and end with it.
const (
	// Folder is where drops are put.
	Folder = "drop/"
	// Beside is where imports keep what they make of them.
	Beside = "imports/"
)

// PlanKey is the key of what was understood of a drop: a tabular.Plan as its
// Encode writes it.
func PlanKey(id uuid.UUID) string { return fmt.Sprintf("%s%s/plan.json", Beside, id) }

// TextKey is the key of what a gzipped drop was expanded to.
func TextKey(id uuid.UUID) string { return fmt.Sprintf("%s%s/text", Beside, id) }

// ReportsKey is what the keys of the reports of a pass begin with.
func ReportsKey(id uuid.UUID, pass Pass) string { return fmt.Sprintf("%s%s/%s/", Beside, id, pass) }

// ReportKey is the key of the report of a chunk: a RowReport on each line, in the
// order of the rows. The numbers are padded, so that keys are in the order of the
// chunks. There is none when there is nothing to tell.
func ReportKey(id uuid.UUID, pass Pass, chunk int) string {
	return fmt.Sprintf("%s%08d.ndjson", ReportsKey(id, pass), chunk)
}

// The outcomes of rows, as they are told and asked for.
const (
	RowOK         = "ok"
	RowFailed     = "failed"
	RowSuperseded = "superseded"
	RowUnchanged  = "unchanged"
)

// RowReport tells of one row that failed, or of which something is to be said:
// the reasons, or the warnings, or that it was superseded. In a Comparing pass the
// first rows of other outcomes may be among them, as samples, without notes.
type RowReport struct {
	Line    int64     `json:"line"`
	Offset  int64     `json:"offset"` // bytes, in the expanded file
	Outcome string    `json:"outcome"`
	Creates bool      `json:"creates,omitzero"` // ok: it made a book that was not there, or would
	Book    uuid.UUID `json:"book,omitzero"`
	Title   string    `json:"title,omitzero"` // of one that did not fail
	// LaterLine is the line of the file by which a row is superseded; 0 when that was a
	// newer write of its book.
	LaterLine int64  `json:"later_line,omitzero"`
	Notes     []Note `json:"notes,omitempty"`
}
