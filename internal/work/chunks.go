package work

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"acervo/internal/blob"
	"acervo/internal/book"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
)

// Chunks handles the deliveries of the imports lane: it applies, or compares, the
// rows of a chunk and records its outcome, once. It is a Handler and safe for
// concurrent use. Its fields are set once.
//
// It needs no lock either: a row leaves its token on its book, so that doing a chunk
// again does what was left undone and counts the same, and the outcome has a key of
// its own.
type Chunks struct {
	Drops   drop.Store
	Objects blob.Store
	Books   book.Bulk
	// Ledger takes the chunks that are given up, and the attempts at those that may be.
	Ledger *Applier
	Now    func() time.Time
	Log    *slog.Logger

	plans plans
}

// Do is Handler's.
func (c *Chunks) Do(ctx context.Context, d queue.Delivery) error {
	m, err := decodeChunk(d)
	switch {
	case fault.Is(err, fault.Unavailable):
		return err
	case err != nil:
		c.Log.ErrorContext(ctx, "the message of a chunk cannot be read and is buried", "message", d.DedupID, "error", err)
		return c.Ledger.BuryUnreadable(ctx, chunkJob(d.DedupID), d.Body, err)
	}
	id := chunkJob(m.DedupID())
	if suspicious(d.Receives) {
		if err := c.Ledger.start(ctx, id); err != nil {
			return err
		}
	}
	if d.Receives > 1 {
		r, err := c.Ledger.record(ctx, id)
		if err != nil {
			return err
		}
		if r.spent = spent(r.record, id.Generation, d.Receives); r.spent != nil {
			return c.bury(ctx, m, d.Body, r)
		}
	}
	return c.do(ctx, m)
}

// Failed is Handler's. What fails or throttles rests longer than a write does, so
// that imports give way first.
func (c *Chunks) Failed(ctx context.Context, d queue.Delivery, why error) Outcome {
	m, err := decodeChunk(d)
	if fault.Is(err, fault.Unavailable) {
		c.Log.WarnContext(ctx, "a chunk of another release rests", "message", d.DedupID, "error", err)
		return Outcome{Delay: foreign}
	}
	id := chunkJob(d.DedupID)
	if err == nil {
		id = chunkJob(m.DedupID())
	}
	w := Writes{Applier: c.Ledger, Log: c.Log}
	outcome := w.settle(ctx, d, id, why)
	if fault.Is(why, fault.Throttled) {
		outcome.Delay += time.Second
	}
	return outcome
}

// chunkJob stands for a chunk in the ledger. It is of no book.
func chunkJob(dedup string) job.Message {
	return job.Message{Job: dedup, Generation: 1, Kind: job.Chunk}
}

func decodeChunk(d queue.Delivery) (drop.Chunk, error) {
	if d.Damaged {
		return drop.Chunk{}, fault.New(fault.Damaged, "the message is damaged: its checksum is wrong")
	}
	m, err := drop.DecodeChunk(d.Body)
	if err == nil && m.Group() != d.Group {
		err = fault.New(fault.Damaged, "the message is of another import than its envelope")
	}
	return m, err
}

// do brings a chunk to its outcome.
func (c *Chunks) do(ctx context.Context, m drop.Chunk) error {
	i, open, err := c.open(ctx, m)
	if err != nil || !open {
		return err
	}
	if i.State == drop.Cancelling || i.State.Terminal() {
		return c.finish(ctx, m, drop.Counts{Skipped: int64(m.Rows)})
	}
	b, err := c.read(ctx, i, m)
	if err == nil {
		err = c.apply(ctx, b)
	}
	if fault.Is(err, fault.Gone) {
		if err := c.give(ctx, i, err); err != nil {
			return err
		}
		return c.finish(ctx, m, drop.Counts{Skipped: int64(m.Rows)})
	}
	if err != nil {
		return err
	}
	counts, report, err := b.outcome()
	if err == nil {
		err = c.report(ctx, m, report)
	}
	if err != nil {
		return err
	}
	return c.finish(ctx, m, counts)
}

// open returns the import of a chunk, which runs from its first chunk on. It is
// false when nothing is to be done: the chunk has an outcome, or nobody knows its
// import any more.
func (c *Chunks) open(ctx context.Context, m drop.Chunk) (drop.Import, bool, error) {
	i, err := c.Drops.Get(ctx, m.Import)
	if fault.Is(err, fault.NotFound) {
		c.Log.WarnContext(ctx, "a chunk of an import that nobody knows is dropped", "import", m.Import, "chunk", m.Number)
		return i, false, nil
	}
	if err != nil {
		return i, false, err
	}
	done, err := c.Drops.Finished(ctx, m.Import, m.Pass, m.Number)
	if err != nil {
		return i, false, err
	}
	if done {
		return i, false, c.conclude(ctx, m)
	}
	if i.State == drop.Queued {
		next := i
		next.State = drop.Running
		err = c.Drops.Update(ctx, i, next)
		if fault.Is(err, fault.Changed) { // by another chunk, by who sends them, or by who cancels
			return c.open(ctx, m)
		}
	}
	return i, err == nil, err
}

// give gives an import up whose file is not there any more.
func (c *Chunks) give(ctx context.Context, i drop.Import, why error) error {
	c.Log.WarnContext(ctx, "an import is given up", "import", i.ID, "error", why)
	return c.change(ctx, i.ID, func(i drop.Import) (drop.Import, bool) {
		if i.State.Terminal() || i.Error != nil {
			return i, false
		}
		return i.Fail(why), true
	})
}

// finish records the outcome of a chunk, and that of its import if it was the last.
func (c *Chunks) finish(ctx context.Context, m drop.Chunk, counts drop.Counts) error {
	if _, err := c.Drops.Finish(ctx, m.Import, m.Pass, m.Number, counts); err != nil {
		return err
	}
	return c.conclude(ctx, m)
}

func (c *Chunks) conclude(ctx context.Context, m drop.Chunk) error {
	return c.change(ctx, m.Import, func(i drop.Import) (drop.Import, bool) { return i.Conclude(m.Pass, c.Now()) })
}

// change changes the record of an import, whoever else does, until there is nothing
// to change.
func (c *Chunks) change(ctx context.Context, id uuid.UUID, next func(drop.Import) (drop.Import, bool)) error {
	for {
		i, err := c.Drops.Get(ctx, id)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		changed, needed := next(i)
		if !needed {
			return nil
		}
		if err := c.Drops.Update(ctx, i, changed); !fault.Is(err, fault.Changed) || ctx.Err() != nil {
			return err
		}
	}
}
