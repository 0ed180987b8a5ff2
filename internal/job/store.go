package job

import (
	"context"

	"github.com/google/uuid"

	"acervo/internal/book"
)

// Store is the port to the records of jobs. Its reads are strong, but for the
// lists of the dead. It is safe for concurrent use. Its contract suite is
// jobtest.
type Store interface {
	// Get returns the record of a job; false when there is none, or when its TTL
	// is over. fault.Damaged names the job, and still tells its generation and
	// state.
	Get(ctx context.Context, id string) (Record, bool, error)

	// Save stores a record on the condition that none is stored, or one of the
	// same generation that is not terminal; fault.Changed otherwise, and nothing
	// is written. One with a Revision is stored in the place of that one only, with
	// Unwritten only where there is none.
	Save(ctx context.Context, rec Record) error

	// SaveIfUnchanged is Save in one transaction with the check that the stored
	// version and fence of the book are still those of read. It writes nothing to
	// the book.
	SaveIfUnchanged(ctx context.Context, rec Record, read book.Item) error

	// Bury is SaveIfUnchanged in one transaction with raising the fence of the
	// book by one; a book that is absent becomes a fence of version 0, which
	// everyone takes for absent. The nil id stands for no book: then it is Save.
	Bury(ctx context.Context, rec Record, read book.Item) error

	// Amend stores next in the place of read, on the condition that nobody has
	// written the record since; fault.Changed otherwise.
	Amend(ctx context.Context, read, next Record) error

	// Dead returns up to limit records that the ledger lists, the latest burial
	// first, and the cursor of the next page, empty when there is none. A cursor
	// is what an earlier call returned; fault.Syntax otherwise.
	Dead(ctx context.Context, f Filter, cursor string, limit int) ([]Record, string, error)

	// Groups returns the listed dead grouped by fingerprint, the largest group
	// first, and at most 100 of them.
	Groups(ctx context.Context, f Filter) ([]Group, error)
}

// Filter chooses among the dead. A zero field chooses all.
type Filter struct {
	Lane        string
	Kind        Kind
	Fingerprint string
	Book        uuid.UUID
}

// Group is the dead of one fingerprint.
type Group struct {
	Fingerprint string
	Lane        string
	Count       int
	Oldest      Record // the first buried
	Latest      Record // the last buried
}
