package book

import (
	"context"

	"github.com/google/uuid"
)

// Store is the port to the catalogue. All its reads are strong: they see every
// write that returned before they began. It is safe for concurrent use. Its
// contract suite is booktest.
type Store interface {
	// Get returns the item of an id, tombstones and fences included; an id that
	// was never seen, or whose tombstone has expired, is an Absent item of
	// version 0. fault.Damaged names the book, and still tells its version and
	// fence.
	Get(ctx context.Context, id uuid.UUID) (Item, error)

	// Swap stores next in the place of read, on the condition that the stored
	// version and fence are still those of read; fault.Changed otherwise, and
	// nothing is written. Both are of one id.
	Swap(ctx context.Context, read, next Item) error
}
