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

// Bulk is the port by which the rows of imports go, many at once. It keeps to the
// same books as Store, and to the same promises for each of them. Its contract is
// part of booktest.
type Bulk interface {
	// GetMany is Get of many ids, which may repeat, in their order. A book that is
	// damaged harms no other.
	GetMany(ctx context.Context, ids []uuid.UUID) ([]Found, error)

	// SwapMany does many swaps, no two of one book, and returns the fate of each, in
	// their order. Each has its own condition and is done or not by itself; they
	// share neither order nor transaction.
	SwapMany(ctx context.Context, changes []Change) []error
}

// Found is what GetMany found of one id: what Get would return.
type Found struct {
	Item Item
	Err  error // fault.Damaged
}

// Change is a swap: Next in the place of Read.
type Change struct{ Read, Next Item }

// Shelf tells which covers books show. It is safe for concurrent use. Its contract
// suite is booktest, by RunCovers.
type Shelf interface {
	// Shows reports whether there is a book whose cover is made of the original with
	// this SHA-256, in hexadecimal. It is eventually consistent.
	Shows(ctx context.Context, sha256 string) (bool, error)
}
