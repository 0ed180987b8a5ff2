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

// GetMany is book.Bulk's. It is one read, and there is one of its kind at a time, so
// that others find a connection.
func (b Books) GetMany(ctx context.Context, ids []uuid.UUID) ([]book.Found, error) {
	found := make([]book.Found, len(ids))
	if err := b.db.many.Acquire(ctx, 1); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "The read was given up before it began.")
	}
	defer b.db.many.Release(1)
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

const (
	// maxBulk is the most swaps of one large write: about as many as take two
	// milliseconds, and their commit two more.
	maxBulk = 40
	// yieldEvery is after how many of them it looks whether anybody waits, and if so
	// ends.
	yieldEvery = 10
)

// SwapMany is book.Bulk's. The swaps go in the order of their ids, so that they meet
// the pages of the index one after the other, some hundred in a transaction: fewer
// where somebody waits. They are as durable as those of Swap.
func (b Books) SwapMany(ctx context.Context, changes []book.Change) []error {
	order := make([]int, len(changes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		return bytes.Compare(changes[i].Next.ID[:], changes[j].Next.ID[:])
	})
	fates := make([]error, len(changes))
	for len(order) > 0 {
		part := order[:min(len(order), maxBulk)]
		n, err := b.swapPart(ctx, changes, part, fates)
		switch {
		case err == nil:
			part = part[:n]
		case malformed(err) && len(part) > 1: // SQLite writes nothing beside what it cannot read
			for _, i := range part {
				if _, err := b.swapPart(ctx, changes, []int{i}, fates); err != nil {
					fates[i] = err
				}
			}
		default:
			for _, i := range part {
				fates[i] = err
			}
		}
		order = order[len(part):]
	}
	return fates
}

// swapPart does the first of some swaps in one transaction, all of them unless
// somebody waits, and tells how many, and the fate of each unless the transaction
// itself fails.
func (b Books) swapPart(ctx context.Context, changes []book.Change, part []int, fates []error) (done int, err error) {
	now := b.db.now()
	err = b.db.writeLarge(ctx, func(t *tx) error {
		for done = 0; done < len(part); done++ {
			if done > 0 && done%yieldEvery == 0 && b.db.wanted() {
				return nil
			}
			i := part[done]
			err := t.swap(changes[i].Read, changes[i].Next, now)
			if fates[i] = err; err != nil && !fault.Is(err, fault.Changed) {
				return err
			}
		}
		return nil
	})
	return done, err
}
