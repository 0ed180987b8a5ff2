package simtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// dropModel is what is known of a file.
type dropModel struct {
	name    string
	id      uuid.UUID
	arrived time.Time
	alone   bool // no older one was unfinished when it began
	chunks  []*chunkModel
}

// chunkModel is a slice of a file that is delivered, any number of times.
type chunkModel struct {
	drop *dropModel
	rows []*rowModel
	done bool // it has an outcome
}

func (c *chunkModel) String() string { return fmt.Sprintf("a chunk of %s", c.drop.name) }

// rowModel is what is known of a row.
type rowModel struct {
	name    string
	drop    *dropModel
	line    int64
	book    *bookModel
	asks    *payload
	once    bool // its plan says that its book stands in no other row
	loses   bool // its plan says that a later row is about its book
	effects int  // versions that it made
}

func (r *rowModel) String() string { return r.name }

func (r *rowModel) token() book.Token {
	return book.Token{ArrivedAt: r.drop.arrived, Import: r.drop.id, Line: r.line}
}

func (r *rowModel) row() book.Row {
	return book.Row{Draft: r.asks.draft(), Token: r.token(), Once: r.once && r.drop.alone}
}

// ask is one row of a file that is to be dropped.
type ask struct {
	book *bookModel
	asks *payload
}

// drops makes a file of rows, so many to a chunk. Its plan knows of rows about the
// same book, or only that there are some.
func (s *Sim) drops(rows []ask, each int, overflow bool) *dropModel {
	s.passes(time.Second)
	s.arrival = latest(s.arrival.Add(time.Millisecond), s.clock.now()) // no two arrive together
	defer s.passes(time.Second)                                        // what is accepted from now on is accepted later
	d := &dropModel{name: fmt.Sprintf("d%d", len(s.dropped)), id: uuid.New(), arrived: s.arrival, alone: !s.pending()}
	for i, a := range rows {
		twin := func(o ask) bool { return o.book == a.book }
		r := &rowModel{name: fmt.Sprintf("%s.%d", d.name, i), drop: d, line: int64(i + 1), book: a.book, asks: a.asks}
		r.loses = slices.ContainsFunc(rows[i+1:], twin) && (!overflow || slices.ContainsFunc(rows[i+1:min(len(rows), i-i%each+each)], twin))
		r.once = !overflow && !slices.ContainsFunc(rows[i+1:], twin) && !slices.ContainsFunc(rows[:i], twin)
		if i%each == 0 {
			d.chunks = append(d.chunks, &chunkModel{drop: d})
		}
		c := d.chunks[len(d.chunks)-1]
		c.rows = append(c.rows, r)
	}
	s.dropped = append(s.dropped, d)
	return d
}

// pending reports whether a file has chunks without an outcome.
func (s *Sim) pending() bool {
	return slices.ContainsFunc(s.dropped, func(d *dropModel) bool {
		return slices.ContainsFunc(d.chunks, func(c *chunkModel) bool { return !c.done })
	})
}

// imports starts on a file of one row.
func (s *Sim) imports(i int, b *bookModel, p *payload) *actor {
	return s.brings(i, s.drops([]ask{{b, p}}, 1, false).chunks[0])
}

// brings starts a worker on a chunk that has no outcome yet: it reads the books of its
// rows, decides each row, stores what they change, decides again those that lost their
// book to somebody, and records the outcome.
func (s *Sim) brings(i int, c *chunkModel) *actor {
	return s.begin(s.rows, i, "chunk", nil, func(a *actor) {
		finished := false
		if err := a.gate(context.Background(), &access{what: "look for an outcome", do: func() error {
			finished = c.done
			return nil
		}}); err != nil || finished {
			return
		}
		ctx, did := context.Background(), map[*rowModel]book.RowEffect{}
		var open []*rowModel
		for _, r := range c.rows {
			if did[r] = book.RowSuperseded; !r.loses {
				open = append(open, r)
			}
		}
		for len(open) > 0 {
			found, err := s.finds(a, open)
			var lost []*rowModel
			for n := 0; n < len(open) && err == nil; n++ {
				var next book.Item
				var write bool
				if did[open[n]], next, write = open[n].row().Apply(found[n].Item); !write {
					continue
				}
				if err = s.writeRow(a, open[n], found[n].Item, next); fault.Is(err, fault.Changed) {
					lost, err = append(lost, open[n]), nil
				}
			}
			if err != nil {
				return // it is delivered again
			}
			open = lost
		}
		_ = a.gate(ctx, &access{what: "record the outcome", lasts: true, do: func() error {
			s.outcome(c, did)
			return nil
		}})
	})
}

func (s *Sim) finds(a *actor, open []*rowModel) (found []book.Found, err error) {
	ids := make([]uuid.UUID, len(open))
	for i, r := range open {
		ids[i] = r.book.id
	}
	err = a.gate(context.Background(), &access{what: "read the books of its rows", do: func() error {
		found, err = s.stores.Bulk.GetMany(context.Background(), ids)
		for i := range found {
			s.note(": %s is %s", open[i].book, (*shownItem)(&found[i].Item))
		}
		return err
	}})
	return found, err
}

func (s *Sim) writeRow(a *actor, r *rowModel, read, next book.Item) error {
	return a.gate(context.Background(), &access{what: "write row " + r.name, lasts: true, do: func() error {
		s.note(" on %s: %s", r.book, (*shownItem)(&next))
		fates := s.stores.Bulk.SwapMany(context.Background(), []book.Change{{Read: read, Next: next}})
		s.observe(r.book, nil, cause{row: r})
		return fates[0]
	}})
}

// rowChanged judges the step that a row made from a book as last seen to item.
func (s *Sim) rowChanged(b *bookModel, was, item book.Item, r *rowModel) {
	if item.Version == was.Version && item.Fence == was.Fence {
		s.alike(b, item, was)
		return
	}
	if b.accepted.After(r.drop.arrived) {
		s.violated(newer, "%s arrived before a write of %s was accepted that had been applied", r, b)
	}
	if b.latest.Compare(r.token()) > 0 {
		s.violated(newer, "%s comes after a later row of %s", r, b)
	}
	b.latest = r.token()
	equal := was.Existence == book.Live && was.Draft.Equal(r.asks.draft())
	switch {
	case equal && item.Version == was.Version:
		want := was
		want.Fence++
		want.Row = r.token()
		s.alike(b, item, want)
	case equal || item.Version != was.Version+1:
		s.violated(once, "%s took %s from version %d to %d, and changes something: %t", r, b, was.Version, item.Version, !equal)
	default:
		r.effects++
		if r.effects > 1 {
			s.violated(once, "%s has changed %s %d times", r, b, r.effects)
		}
		s.alike(b, item, r.asks.imported(was, r.token()))
	}
}

// outcome records what became of the rows of a chunk, unless it has an outcome, and
// judges whether that is true.
func (s *Sim) outcome(c *chunkModel, did map[*rowModel]book.RowEffect) {
	if c.done {
		return
	}
	c.done = true
	for _, r := range c.rows {
		var holds bool
		switch did[r] {
		case book.RowSuperseded:
			holds = r.loses || r.book.accepted.After(r.drop.arrived) || r.book.latest.Compare(r.token()) > 0
		case book.RowUnchanged:
			holds = r.effects == 0 || r.row().Once
		default:
			holds = r.effects == 1
		}
		if !holds {
			s.violated(record, "%s is said to be %q and has changed %s %d times", r, did[r], r.book, r.effects)
		}
		if did[r] != book.RowSuperseded && r.book.latest.Compare(r.token()) < 0 {
			r.book.latest = r.token()
		}
	}
}

// imported is the book as a row of an import leaves it, which keeps what it found.
func (p *payload) imported(item book.Item, token book.Token) book.Item {
	next := item
	next.Version++
	next.Row = token
	next.Row.Did = book.RowChanged
	if item.Existence != book.Live {
		next.CreatedAt, next.Row.Did = token.ArrivedAt, book.RowCreated
	}
	next.UpdatedAt = latest(item.UpdatedAt, token.ArrivedAt)
	next.Existence, next.Draft = book.Live, p.draft()
	return next
}

// bringAll has every chunk that has no outcome delivered again.
func (s *Sim) bringAll() {
	for rounds := 0; s.pending(); rounds++ {
		if rounds == maxRounds {
			s.violated(ends, "after %d rounds without a fault there are chunks without an outcome", rounds)
		}
		for _, d := range s.dropped {
			for _, c := range d.chunks {
				if !c.done {
					s.goOn(s.brings(0, c), toTheEnd, happens)
				}
			}
		}
	}
}

// maxDrops is how many files one history has.
const maxDrops = 6

// imports has a chunk of a file delivered, for the first time or again, or has one
// go on.
func (d dice) imports() command {
	i := d.below(len(d.s.rows))
	if a := d.s.rows[i]; a.busy() {
		return d.goesOn(a)
	}
	w := d.shortWay()
	if len(d.s.dropped) == maxDrops || len(d.s.dropped) > 0 && d.chance(2) {
		c := pick(d, pick(d, d.s.dropped).chunks)
		return command{fmt.Sprintf("worker %d of imports has %s again, %s", i, c, w), func() { d.s.goes(d.s.brings(i, c), w) }}
	}
	var rows []ask
	var text strings.Builder
	for range 1 + d.below(3) {
		a := ask{pick(d, d.s.shelf), d.payload()}
		a.asks.kind = job.Replace
		if item := a.book.item; item.Existence == book.Live && d.chance(3) {
			a.asks = same(item.Draft)
		}
		rows = append(rows, a)
		fmt.Fprintf(&text, " %q for %s", a.asks.title, a.book)
	}
	each, overflow := 1+d.below(2), d.chance(3)
	return command{fmt.Sprintf("a file brings%s, overflow: %t; worker %d of imports has a chunk of it, %s", text.String(), overflow, i, w), func() {
		d.s.goes(d.s.brings(i, d.s.drops(rows, each, overflow).chunks[0]), w)
	}}
}

// same is a payload that says what a book says.
func same(d book.Draft) *payload {
	p := &payload{kind: job.Replace, title: d.Title}
	if d.Price != nil {
		p.amount, p.currency = d.Price.Amount, d.Price.Currency
	}
	return p
}
