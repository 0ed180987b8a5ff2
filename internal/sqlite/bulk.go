package sqlite

import (
	"bytes"
	"context"
	"slices"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
)

var _ book.Bulk = Books{}

// GetMany is book.Bulk's. It is one read.
func (b Books) GetMany(ctx context.Context, ids []uuid.UUID) ([]book.Found, error) {
	found := make([]book.Found, len(ids))
	err := b.db.read(ctx, func(c *conn) error {
		for i, id := range ids {
			item, err := c.book(id, b.db.now())
			if err != nil && !fault.Is(err, fault.Damaged) {
				return err
			}
			found[i] = book.Found{Item: item, Err: err}
		}
		return nil
	})
	return found, err
}

// maxBulk is the most swaps of one bulk transaction: it holds the writing connection
// for some milliseconds, which is what a write of somebody else may have to wait.
const maxBulk = 500

// SwapMany is book.Bulk's. The swaps go in the order of their ids, some hundred in
// each transaction, so that they meet the pages of the index one after the other.
// They are as durable as those of Swap.
func (b Books) SwapMany(ctx context.Context, changes []book.Change) []error {
	order := make([]int, len(changes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		return bytes.Compare(changes[i].Next.ID[:], changes[j].Next.ID[:])
	})
	fates := make([]error, len(changes))
	for part := range slices.Chunk(order, maxBulk) {
		err := b.swapPart(ctx, changes, part, fates)
		if malformed(err) && len(part) > 1 { // SQLite writes nothing beside what it cannot read
			for _, i := range part {
				b.settle(ctx, changes, i, fates)
			}
			continue
		}
		for _, i := range part {
			if err != nil {
				fates[i] = err
			}
		}
	}
	return fates
}

// settle does one swap in a transaction of its own.
func (b Books) settle(ctx context.Context, changes []book.Change, i int, fates []error) {
	if err := b.swapPart(ctx, changes, []int{i}, fates); err != nil {
		fates[i] = err
	}
}

// swapPart does some swaps in one transaction, and tells the fate of each unless the
// transaction itself fails.
func (b Books) swapPart(ctx context.Context, changes []book.Change, part []int, fates []error) error {
	now := b.db.now()
	return b.db.writeBulk(ctx, func(t *tx) error {
		for _, i := range part {
			err := t.unchanged(changes[i].Read, now)
			if err == nil {
				err = t.putBook(changes[i].Next, now)
			}
			if fates[i] = err; err != nil && !fault.Is(err, fault.Changed) {
				return err
			}
		}
		return nil
	})
}
