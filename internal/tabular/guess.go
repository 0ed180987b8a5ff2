package tabular

import (
	"cmp"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"acervo/internal/book"
)

// guess is what the plan will be if the file turns out to have this encoding, so
// that rows can be looked at before that is known.
type guess struct {
	plan   Plan
	err    error
	reader *Reader
	wanted []bool // the columns that make an identity, up to the last of them

	last     map[uuid.UUID]int64 // of the books that were seen again, the line
	overflow bool
}

// guess makes the plans of all encodings that the file may still have.
func (s *scanner) guess() {
	encodings := []Encoding{s.plan.Encoding}
	if s.plan.Encoding == "" {
		encodings = []Encoding{UTF8, Windows1252}
	}
	s.named = s.recall(encodings[0])
	for _, e := range encodings {
		g := guess{plan: s.plan}
		g.plan.Encoding, g.plan.Currency, g.plan.Columns = e, s.Currency, slices.Clone(s.plan.Columns)
		g.err = s.name(&g.plan)
		s.look(&g.plan)
		g.reader = NewReader(g.plan, time.Time{})
		g.wanted = g.reader.identifying()
		s.guesses = append(s.guesses, g)
	}
	s.finder = newFinder(s.plan, s.guesses)
	for _, rec := range s.sample {
		s.finder.add(rec)
	}
}

// settle takes the plan of the encoding that the file has turned out to have.
func (s *scanner) settle() error {
	p := &s.plan
	g := s.guesses[0]
	if p.Encoding != g.plan.Encoding { // Latin-1 reads as Windows-1252 does
		g = s.guesses[len(s.guesses)-1]
	}
	p.Columns, p.Key, p.Order, p.Preview, p.Warnings = g.plan.Columns, g.plan.Key, g.plan.Order, g.plan.Preview, g.plan.Warnings
	p.Duplicates, p.Overflow, p.Currency = g.last, g.overflow, s.Currency
	if g.err != nil {
		return g.err
	}
	if s.tap.invalid > 0 && p.Encoding == UTF8 && !s.lexer.wide {
		p.warn(Row{Offset: s.tap.firstBad}, "bad_encoding", "%d bytes are not valid in UTF-8, the first at this offset", s.tap.invalid)
	}
	if s.tap.valid > 0 && (p.Encoding == Windows1252 || p.Encoding == Latin1) {
		p.warn(Row{Offset: s.tap.firstGood}, "mixed_encoding",
			"%d characters look like UTF-8, the first at this offset, and are read as %s; give the encoding if that is wrong", s.tap.valid, p.Encoding)
	}
	if s.tap.nuls > 0 && !s.lexer.wide {
		p.warn(Row{Line: s.nul, Offset: s.tap.firstNul}, "nul", "%d bytes are zero, the first at this offset", s.tap.nuls)
	}
	for i, c := range p.Columns {
		if c.Name != "" && slices.ContainsFunc(p.Columns[:i], func(o Column) bool { return o.Name == c.Name }) {
			p.warn(Row{}, "same_name", "more than one column is called %s", shorten(c.Name))
		}
	}
	return nil
}

// name gives the columns the names that they have in the encoding of the plan.
func (s *scanner) name(p *Plan) error {
	switch {
	case p.Kind == NDJSON:
		return s.columns(p, also(members(s.sample, p.Encoding), s.named))
	case p.Header == nil:
		return nil
	}
	return s.columns(p, namesOf(split(readably(p.Encoding, p.Header), s.lexer.delim)))
}

// look gives the plan what the first rows show: a preview, the order of names,
// and whether a column of ids holds any.
func (s *scanner) look(p *Plan) {
	r := NewReader(*p, time.Time{})
	orders, ids := map[NameOrder]int{}, map[string]int{} // columns that hold more UUIDs than other things
	for i, rec := range s.sample {
		row := r.row(rec)
		b := &draft{r: r, row: row}
		if p.Kind == NDJSON {
			b.of, _ = r.members(row)
		}
		for _, c := range b.cells(fieldAuthors) {
			orders[orderOf(c.value)]++
		}
		for _, c := range b.cells(fieldID) {
			if _, ok := book.ParseID(c.value); ok {
				ids[c.column]++
			} else if c.value != "" {
				ids[c.column]--
			}
		}
		if i < previewRows {
			p.Preview = append(p.Preview, brief(row))
		}
	}
	p.Order = cmp.Or(orderOfExport(p.Columns), prevailing(orders))
	s.ignoreIDs(p, ids)
}

// ignoreIDs leaves aside a column that is called id but numbers its rows, unless
// it was asked for.
func (s *scanner) ignoreIDs(p *Plan, ids map[string]int) {
	for _, field := range s.Mapping {
		if field == fieldID {
			return
		}
	}
	for i, c := range p.Columns {
		if c.Field == fieldID && ids[c.Name] < 0 {
			p.Columns[i].Field = ""
			p.warn(Row{}, "ids_ignored", "the column %s holds no UUIDs and is ignored; map it to id if it should be one", shorten(c.Name))
		}
	}
}

// identifying marks the columns that make an identity; nil when there are none.
func (r *Reader) identifying() []bool {
	var wanted []bool
	for i, c := range r.plan.Columns {
		if c.Field == fieldID || c.Field == fieldISBN || slices.Contains(r.plan.Key, i) {
			wanted = append(wanted, make([]bool, i+1-len(wanted))...)
			wanted[i] = true
		}
	}
	return wanted
}

// readably decodes a header, also one that breaks its encoding.
func readably(e Encoding, header []byte) []byte {
	if text := e.text(header); utf8.Valid(text) {
		return text
	}
	return Windows1252.text(header)
}
