package job

import (
	"context"

	"acervo/internal/book"
)

// Store is the port to the records of jobs. Its reads are strong. It is safe for
// concurrent use. Its contract suite is jobtest.
type Store interface {
	// Get returns the record of a job; false when there is none, or when its TTL
	// is over. Damage found on the way is fault.Internal and names the job.
	Get(ctx context.Context, id string) (Record, bool, error)

	// End stores the record of an ended job, on the condition that none is
	// stored, or one of the same generation that is not terminal; fault.Changed
	// otherwise, and nothing is written.
	End(ctx context.Context, rec Record) error

	// EndIfUnchanged is End in one transaction with the check that the stored
	// version and fence of the book are still those of read. It writes nothing to
	// the book.
	EndIfUnchanged(ctx context.Context, rec Record, read book.Item) error
}
