package work

import (
	"bytes"
	"context"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"acervo/internal/blob"
	"acervo/internal/book"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/tabular"
)

const (
	// maxNotes is the most that is told of one row.
	maxNotes = 20
	// maxTold is the most rows of a chunk that are told of for warnings alone, and the
	// most that are for newer writes alone. They are all counted. What a later line of
	// the file supersedes is told whole: nobody else could say which lines these are.
	maxTold = 50
	// Of the first chunks of a comparison a few rows of each outcome are told.
	sampledChunks = 4
	samples       = 5
	// maxLost is how often the rows of a chunk may lose their books to others before
	// that counts as an attempt.
	maxLost = 50
)

// rowOf is a row of a chunk on its way to its book.
type rowOf struct {
	book.Row
	id       uuid.UUID
	offset   int64
	warnings []tabular.Note
	failures []tabular.Note
	did      book.RowEffect
	later    int64 // the line of its file that supersedes it, if it is known
}

// rowsOf is a chunk as it was read.
type rowsOf struct {
	m    drop.Chunk
	rows []*rowOf
	open []*rowOf // those that are still to be decided, no two of one book
}

// read reads the rows of a chunk, and decides those that lose to another row of
// their file. A file that is not there any more, or not the same, is fault.Gone.
func (c *Chunks) read(ctx context.Context, i drop.Import, m drop.Chunk) (*rowsOf, error) {
	plan, err := c.plans.get(ctx, c.Objects, i)
	if err != nil {
		return nil, gone(err)
	}
	body, _, err := c.Objects.Get(ctx, m.Key, m.Version, blob.Range{Offset: m.Offset, Length: m.Length})
	if err != nil {
		return nil, gone(err)
	}
	defer func() { _ = body.Close() }() // it was only read
	b, last := &rowsOf{m: m}, map[uuid.UUID]int64{}
	at := tabular.Chunk{Offset: m.Offset, Length: m.Length, Line: m.Line, Rows: m.Rows, Plain: m.Plain}
	for read, err := range plan.reader.Rows(at, body) {
		if err != nil {
			return nil, gone(err)
		}
		r := plan.row(i, read)
		if len(r.failures) == 0 {
			last[r.id] = r.Token.Line
		}
		b.rows = append(b.rows, r)
	}
	for _, r := range b.rows {
		if len(r.failures) == 0 && !r.supersededBy(max(last[r.id], plan.duplicates[r.id])) {
			b.open = append(b.open, r)
		}
	}
	return b, nil
}

// supersededBy notes that a row loses to a line of its file, if that is a later one.
func (r *rowOf) supersededBy(line int64) bool {
	if line <= r.Token.Line {
		return false
	}
	r.did, r.later = book.RowSuperseded, line
	return true
}

// gone tells the end of a file from trouble with its store.
func gone(err error) error {
	switch fault.KindOf(err) {
	case fault.NotFound, fault.Changed, fault.Damaged, fault.Invalid:
		return fault.Wrap(fault.Gone, err,
			"The file was changed or deleted while it was imported. What had been applied stays; drop the file again for the rest.")
	default:
		return err
	}
}

// apply decides the open rows against their books and stores what they change. Those
// that lose their condition are decided again.
func (c *Chunks) apply(ctx context.Context, b *rowsOf) error {
	open := b.open
	for range maxLost {
		if len(open) == 0 {
			return nil
		}
		changes, writers, err := c.decide(ctx, open)
		if err != nil {
			return err
		}
		if b.m.Pass == drop.Comparing {
			return nil
		}
		open = open[:0:0]
		for i, err := range c.Books.SwapMany(ctx, changes) {
			switch {
			case fault.Is(err, fault.Changed):
				open = append(open, writers[i])
			case fault.Is(err, fault.Damaged):
				writers[i].damaged()
			case err != nil:
				return err
			}
		}
	}
	return fault.New(fault.Throttled, "%d rows kept losing their books to others", len(open))
}

// decide reads the books of rows and returns what is to be stored, and for which row.
func (c *Chunks) decide(ctx context.Context, open []*rowOf) (changes []book.Change, writers []*rowOf, err error) {
	ids := make([]uuid.UUID, len(open))
	for i, r := range open {
		ids[i] = r.id
	}
	found, err := c.Books.GetMany(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	for i, r := range open {
		if found[i].Err != nil {
			r.damaged()
			continue
		}
		did, next, write := r.Apply(found[i].Item)
		r.did = did
		if did == book.RowSuperseded && found[i].Item.Row.Import == r.Token.Import {
			r.supersededBy(found[i].Item.Row.Line)
		}
		if write {
			changes, writers = append(changes, book.Change{Read: found[i].Item, Next: next}), append(writers, r)
		}
	}
	return changes, writers, nil
}

// damaged fails a row for its book, which nobody can read.
func (r *rowOf) damaged() {
	r.fail("book_damaged", "its book "+r.id.String()+" is damaged in the store; tell the operator")
}

func (r *rowOf) fail(code, reason string) {
	r.failures = append(r.failures, tabular.Note{Line: r.Token.Line, Offset: r.offset, Code: code, Reason: reason})
}

// outcome counts the rows of a chunk, and tells what is to be told of them.
func (b *rowsOf) outcome() (counts drop.Counts, report []drop.RowReport, err error) {
	warned, late, sampled := 0, 0, map[string]int{}
	for _, r := range b.rows {
		name := r.count(&counts)
		sample := b.m.Pass == drop.Comparing && b.m.Number < sampledChunks && sampled[name] < samples
		switch {
		case name == drop.RowFailed, r.later > 0:
		case name == drop.RowSuperseded && late < maxTold:
			late++
		case name != drop.RowSuperseded && len(r.warnings) > 0 && warned < maxTold:
			warned++
		case sample:
		default:
			continue
		}
		sampled[name]++
		report = append(report, r.report(name))
	}
	if n := counts.Rows(); n != int64(b.m.Rows) {
		err = fault.New(fault.Internal, "%d rows have %d outcomes", b.m.Rows, n)
	}
	return counts, report, err
}

// count adds a row to the counts and returns the name of its outcome.
func (r *rowOf) count(counts *drop.Counts) string {
	switch {
	case len(r.failures) > 0:
		counts.Failed++
		return drop.RowFailed
	case r.did == book.RowSuperseded:
		counts.Superseded++
		return drop.RowSuperseded
	}
	counts.Warnings += int64(len(r.warnings))
	if r.did == book.RowUnchanged {
		counts.Unchanged++
		return drop.RowUnchanged
	}
	if r.did == book.RowCreated {
		counts.Creates++
	}
	counts.OK++
	return drop.RowOK
}

func (r *rowOf) report(outcome string) drop.RowReport {
	notes := slices.Concat(r.failures, r.warnings)
	told := drop.RowReport{
		Line: r.Token.Line, Offset: r.offset, Outcome: outcome, Creates: r.did == book.RowCreated && outcome == drop.RowOK,
		LaterLine: r.later,
	}
	if outcome != drop.RowFailed {
		told.Book, told.Title = r.id, r.Draft.Title
	}
	for _, n := range notes[:min(len(notes), maxNotes)] {
		told.Notes = append(told.Notes, drop.Note(n))
	}
	return told
}

// report stores what is told of the rows of a chunk. Stored again it says the same.
func (c *Chunks) report(ctx context.Context, m drop.Chunk, report []drop.RowReport) error {
	if len(report) == 0 {
		return nil
	}
	var lines bytes.Buffer
	for _, r := range report {
		line, err := json.Marshal(r)
		if err != nil {
			return fault.Wrap(fault.Internal, err, "encode the report of a chunk")
		}
		lines.Write(append(line, '\n'))
	}
	_, err := c.Objects.Put(ctx, drop.ReportKey(m.Import, m.Pass, m.Number), "application/x-ndjson", bytes.NewReader(lines.Bytes()))
	return err
}
