package drop

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Store is the port to the records of imports. Its reads by id are strong. It is
// safe for concurrent use. Its contract suite is droptest.
type Store interface {
	// Create stores an import whose id is new; fault.Conflict otherwise, and
	// nothing is written. One that has ended is forgotten when its time is over, see
	// Expires.
	Create(ctx context.Context, i Import) error

	// Get returns an import with the progress of its passes; fault.NotFound.
	Get(ctx context.Context, id uuid.UUID) (Import, error)

	// Update stores next in the place of read, on the condition that nobody has
	// updated it since; fault.Changed otherwise. Outcomes of chunks are no updates.
	Update(ctx context.Context, read, next Import) error

	// List returns up to limit imports, the latest submitted first, and the cursor
	// of the next page, empty when there is none. A cursor is what an earlier call
	// returned; fault.Syntax otherwise.
	List(ctx context.Context, cursor string, limit int) ([]Import, string, error)

	// Unfinished returns up to limit imports that arrived at a time or before it and
	// whose rows may still be applied, the latest first. The read is strong.
	Unfinished(ctx context.Context, at time.Time, limit int) ([]uuid.UUID, error)

	// Claim makes an import the one that imports these bytes with these options,
	// unless another one is: it returns the holder, which is id itself if the claim
	// is its own, also when it claims again. A claim lasts for TTL.
	Claim(ctx context.Context, digest string, id uuid.UUID) (holder uuid.UUID, err error)

	// Unclaim gives a claim back, if it is the import's own.
	Unclaim(ctx context.Context, digest string, id uuid.UUID) error

	// Finish records the outcome of a chunk, once: it adds its counts to the progress
	// of its pass in the same transaction, and is durable when it returns. A chunk
	// that has an outcome already changes nothing. It returns the progress after it.
	Finish(ctx context.Context, id uuid.UUID, pass Pass, chunk int, counts Counts) (Progress, error)

	// Finished reports whether a chunk has an outcome.
	Finished(ctx context.Context, id uuid.UUID, pass Pass, chunk int) (bool, error)
}
