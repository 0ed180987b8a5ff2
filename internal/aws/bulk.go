package aws

import (
	"context"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"acervo/internal/book"
	"acervo/internal/fault"
)

var _ book.Bulk = Books{}

// bulkWriters is how many books of one SwapMany are written at once: each takes some
// milliseconds, and what throttles them throttles interactive writes too.
const bulkWriters = 16

// GetMany is book.Bulk's. It reads a hundred books in one call, strongly: a
// unit for each 4 KB of a book, and one for a book that is not there.
func (b Books) GetMany(ctx context.Context, ids []uuid.UUID) ([]book.Found, error) {
	keys := make([]row, len(ids))
	for i, id := range ids {
		keys[i] = bookKey(id, bookPart)
	}
	stored, err := b.s.get(ctx, booksTable, keys)
	if err != nil {
		return nil, err
	}
	found, now := make([]book.Found, len(ids)), b.s.now()
	for i, id := range ids {
		item, err := readBook(id, stored[id.String()], now)
		found[i] = book.Found{Item: item, Err: err}
	}
	return found, nil
}

// SwapMany is book.Bulk's. DynamoDB has no batch of conditional writes, so each is a
// call of its own; once one is throttled the rest are not begun.
func (b Books) SwapMany(ctx context.Context, changes []book.Change) []error {
	fates := make([]error, len(changes))
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	var all errgroup.Group
	all.SetLimit(bulkWriters)
	for i, c := range changes {
		all.Go(func() error {
			fates[i] = b.swapUnlessGivenUp(ctx, c)
			if fault.Is(fates[i], fault.Throttled) || fault.Is(fates[i], fault.Unavailable) {
				giveUp(fates[i])
			}
			return nil
		})
	}
	_ = all.Wait() // the fates tell
	return fates
}

// swapUnlessGivenUp does not begin after ctx has ended, and ends what it has begun.
func (b Books) swapUnlessGivenUp(ctx context.Context, c book.Change) error {
	if ctx.Err() != nil {
		return fault.Wrap(fault.KindOf(context.Cause(ctx)), context.Cause(ctx), "book %s was not begun", c.Next.ID)
	}
	return b.Swap(context.WithoutCancel(ctx), c.Read, c.Next)
}
