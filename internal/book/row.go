package book

import (
	"bytes"
	"cmp"
	"time"

	"github.com/google/uuid"
)

// Token is what a row of an import leaves on its book: which row it was and what it
// did. Tokens are in the order of the arrival of their files; of files that arrived
// together, of their imports; and of one file, of its lines.
type Token struct {
	ArrivedAt time.Time `json:"arrived_at"`
	Import    uuid.UUID `json:"import"`
	Line      int64     `json:"line"`
	// Did is what the row did, so that it counts the same when it is delivered again.
	Did RowEffect `json:"did,omitzero"`
}

// Compare returns how a token stands to another, as cmp.Compare does, whatever their
// rows did.
func (t Token) Compare(o Token) int {
	return cmp.Or(t.ArrivedAt.Compare(o.ArrivedAt), bytes.Compare(t.Import[:], o.Import[:]), cmp.Compare(t.Line, o.Line))
}

// RowEffect is what a row does to its book.
type RowEffect string

// The effects of rows.
const (
	RowUnchanged  RowEffect = ""           // it says what the book says already
	RowCreated    RowEffect = "created"    // it made the book, or made it anew
	RowChanged    RowEffect = "changed"    //
	RowSuperseded RowEffect = "superseded" // the book has a newer write
)

// Row is a row of an import that is to be applied to its book.
type Row struct {
	Draft Draft
	Token Token // without what it did
	// Once says that a row which changes nothing may leave no token: no other row of
	// its file is about this book, and no older import was unfinished when its own
	// began, so that nobody will ask.
	Once bool
}

// Apply decides what a row does to a book as it was read, and returns the book as it
// is to be stored; write is false when there is nothing to store.
//
// A row loses to a later row, and to a write that was accepted after its file had
// arrived, also if that deleted the book; it replaces everything else. One that has
// been here before did what it did then. A row raises the version if it changes
// anything, and otherwise the fence, so that whoever has read the book before reads
// it again: none may put back the token that stood before. It keeps the job that
// wrote last, the accept time, and with it the order of the writes of the lane.
func (r Row) Apply(read Item) (did RowEffect, next Item, write bool) {
	switch order := read.Row.Compare(r.Token); {
	case order == 0:
		return read.Row.Did, read, false
	case order > 0 || read.AcceptedAt.After(r.Token.ArrivedAt):
		return RowSuperseded, read, false
	}
	next = read
	next.Row = r.Token
	draft := r.Draft
	draft.ID = uuid.Nil // it stands in the item
	if read.Exists() && read.Draft.Equal(draft) {
		next.Row.Did = RowUnchanged
		next.Fence++
		return RowUnchanged, next, !r.Once
	}
	next.Row.Did = RowChanged
	if !read.Exists() {
		next.Row.Did, next.CreatedAt = RowCreated, r.Token.ArrivedAt
	}
	next.Version++
	next.Existence, next.Draft = Live, draft
	if r.Token.ArrivedAt.After(read.UpdatedAt) {
		next.UpdatedAt = r.Token.ArrivedAt
	}
	return next.Row.Did, next, true
}
