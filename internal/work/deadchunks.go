package work

import (
	"context"
	"log/slog"
	"time"

	"acervo/internal/blob"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/queue"
	"acervo/internal/tabular"
)

// chunkDead is the code of rows that failed with their chunk.
const chunkDead = "chunk_dead"

// bury gives a chunk up. Its rows have failed, so that the import ends and they are
// among its failed rows; and it stands in the ledger, for operators to see.
func (c *Chunks) bury(ctx context.Context, m drop.Chunk, body []byte, r reading) error {
	i, open, err := c.open(ctx, m)
	if err != nil {
		return err
	}
	if open {
		c.Log.ErrorContext(ctx, "a chunk is given up", "import", m.Import, "chunk", m.Number, "error", r.spent)
		if err := c.report(ctx, m, c.deadRows(ctx, i, m)); err != nil {
			return err
		}
		if err := c.finish(ctx, m, drop.Counts{Failed: int64(m.Rows)}); err != nil {
			return err
		}
	}
	id := chunkJob(m.DedupID())
	if r.ended(id.Generation) {
		return nil
	}
	rec := buried(id, r)
	rec.Burial.Lane, rec.Burial.Message = queue.Imports, body
	return c.Ledger.save(ctx, rec)
}

// deadRows tells of the rows of a chunk that is given up, or of the first for all of
// them when they cannot be read.
func (c *Chunks) deadRows(ctx context.Context, i drop.Import, m drop.Chunk) (report []drop.RowReport) {
	err := safely(func() error {
		plan, err := c.plans.get(ctx, c.Objects, i)
		if err != nil {
			return err
		}
		body, _, err := c.Objects.Get(ctx, m.Key, m.Version, blob.Range{Offset: m.Offset, Length: m.Length})
		if err != nil {
			return err
		}
		defer func() { _ = body.Close() }() // it was only read
		at := tabular.Chunk{Offset: m.Offset, Length: m.Length, Line: m.Line, Rows: m.Rows, Plain: m.Plain}
		for row, err := range plan.reader.Rows(at, body) {
			if err != nil {
				return err
			}
			report = append(report, deadRow(row.Line, row.Offset, "the rows around it could not be applied after several attempts; drop it again"))
		}
		return nil
	})
	if err != nil {
		c.Log.WarnContext(ctx, "the rows of a chunk that is given up cannot be read", "import", m.Import, "chunk", m.Number, "error", err)
	}
	if len(report) == 0 {
		report = append(report, deadRow(m.Line, m.Offset, "the rows from this one on could neither be applied nor read"))
	}
	return report
}

func deadRow(line, offset int64, reason string) drop.RowReport {
	return drop.RowReport{
		Line: line, Offset: offset, Outcome: drop.RowFailed,
		Notes: []drop.Note{{Line: line, Offset: offset, Code: chunkDead, Reason: reason}},
	}
}

// lostEvery is how often the queue of what was lost is looked at.
const lostEvery = 5 * time.Minute

// Lost buries the chunks that the queue itself took off its lane, because nobody had
// lived to tell the end of them.
type Lost struct {
	Lane   queue.Receiver
	Chunks *Chunks
	Log    *slog.Logger
}

// Run looks now and then until ctx ends.
func (l *Lost) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := l.Once(ctx); err != nil && ctx.Err() == nil {
			l.Log.WarnContext(ctx, "lost chunks cannot be buried now", "error", err)
		}
		pause(ctx, lostEvery)
	}
}

// Once buries what there is.
func (l *Lost) Once(ctx context.Context) error {
	for {
		batch, err := l.Lane.Receive(ctx, queue.MaxBatch)
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, d := range batch {
			if err := l.bury(ctx, d); err != nil {
				return err
			}
			if err := l.Lane.Delete(ctx, d.Handle); err != nil {
				return err
			}
		}
	}
}

func (l *Lost) bury(ctx context.Context, d queue.Delivery) error {
	m, err := decodeChunk(d)
	if err != nil {
		return l.Chunks.Ledger.BuryUnreadable(ctx, chunkJob(d.DedupID), d.Body, err)
	}
	r, err := l.Chunks.Ledger.record(ctx, chunkJob(m.DedupID()))
	if err != nil {
		return err
	}
	r.spent = fault.New(fault.Internal, "it was delivered so often without coming to an end that the queue gave it up")
	return l.Chunks.bury(ctx, m, d.Body, r)
}
