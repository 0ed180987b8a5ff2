package tabular

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/google/uuid"

	"acervo/internal/book"
)

// sightings remembers which books were seen, in a fixed room: a Bloom filter
// whose bits for one book lie in one line of a processor's cache (Putze, Sanders
// and Singler, 2007). Of a million books it takes one in some thousand for one
// that was seen, which makes it look twice and does no harm.
type sightings struct {
	blocks [][8]uint64 // made when the first book comes
}

const (
	sightingBlocks = 4 << 20 / 64
	sightingBits   = 4
)

// again notes a book, and reports whether it may have been noted before.
func (s *sightings) again(id uuid.UUID) bool {
	if s.blocks == nil {
		s.blocks = make([][8]uint64, sightingBlocks)
	}
	// Ids may be numbered, so that their bits have to be mixed.
	high, low := bits.Mul64(binary.LittleEndian.Uint64(id[:8])^0x9E3779B97F4A7C15, binary.LittleEndian.Uint64(id[8:])^0xD6E8FEB86659FD93)
	h := (high ^ low) * 0xBF58476D1CE4E5B9
	block := &s.blocks[h>>48] // the upper 16 bits
	h = bits.RotateLeft64((h^h>>29)*0x94D049BB133111EB, 32)
	all := true
	for range sightingBits {
		word, bit := h&7, uint64(1)<<(h>>3&63)
		all = all && block[word]&bit != 0
		block[word] |= bit
		h >>= 9
	}
	return all
}

// batch are records that were copied, to be looked at beside the reading.
type batch struct {
	records []record
	text    []byte
}

const batchBytes = 128 << 10

// finder looks for rows about one book while the file is being read on, in a
// goroutine of its own: on one processor less than half of the time is left for
// reading. It ends when done is called.
type finder struct {
	header  bool // the header is ASCII, so that all guesses have the same columns
	guesses []guess
	seen    sightings
	picked  []string // the cells of one row, to be used again
	next    batch
	full    chan batch
	empty   chan batch
	ended   chan struct{}
}

// newFinder returns a finder, or nil when no column makes an identity.
func newFinder(p Plan, guesses []guess) *finder {
	if p.Kind != NDJSON && !slices.ContainsFunc(guesses, func(g guess) bool { return g.wanted != nil }) {
		return nil
	}
	f := &finder{
		header: ascii(p.Header), guesses: guesses,
		full: make(chan batch, 1), empty: make(chan batch, 3), ended: make(chan struct{}),
	}
	for range cap(f.empty) - 1 {
		f.empty <- batch{}
	}
	go f.run()
	return f
}

func (f *finder) run() {
	defer close(f.ended)
	for b := range f.full {
		for _, rec := range b.records {
			f.seek(rec)
		}
		f.empty <- b
	}
}

// add takes a copy of a record.
func (f *finder) add(rec record) {
	if f == nil || rec.raw == nil || rec.fault != "" {
		return
	}
	start := len(f.next.text)
	f.next.text = append(f.next.text, trimMark(rec.raw)...)
	rec.raw = f.next.text[start:len(f.next.text):len(f.next.text)]
	f.next.records = append(f.next.records, rec)
	if len(f.next.text) >= batchBytes || len(f.next.records) == chunkRows {
		f.full <- f.next
		f.next = <-f.empty
		f.next.records, f.next.text = f.next.records[:0], f.next.text[:0]
	}
}

// done looks at the rest, and ends.
func (f *finder) done() {
	if f == nil || f.full == nil {
		return
	}
	f.full <- f.next
	close(f.full)
	<-f.ended
	f.full = nil
}

// seek looks whether an earlier row was about the same book, in every encoding
// that the file may have. What is ASCII is the same in all.
func (f *finder) seek(rec record) {
	id, plain := f.identity(&f.guesses[0], rec)
	again := id != uuid.Nil && f.seen.again(id)
	for i := range f.guesses {
		g, mine := &f.guesses[i], id
		if i > 0 && !(plain && f.header) {
			if mine, _ = f.identity(g, rec); mine != id {
				again = mine != uuid.Nil && f.seen.again(mine)
			}
		}
		if again && mine != uuid.Nil {
			g.found(mine, rec)
		}
	}
}

// identity is that of a row as a guess has it, and whether it is made of ASCII.
func (f *finder) identity(g *guess, rec record) (id uuid.UUID, plain bool) {
	if g.plan.Kind == NDJSON {
		return g.reader.identify(g.reader.row(rec)), ascii(rec.raw)
	}
	if g.wanted == nil {
		return uuid.Nil, true
	}
	row := Row{Line: rec.line, Cells: pick(f.picked[:0], rec.raw, g.plan.Delimiter[0], g.wanted)}
	f.picked = row.Cells
	plain, empty := true, true
	for i, cell := range row.Cells {
		if cell == "" {
			continue
		}
		empty = false
		if text := []byte(cell); !ascii(text) {
			plain = false
			row.Cells[i] = string(g.plan.Encoding.text(text))
		}
		if g.reader.escaped {
			row.Cells[i] = unescape(row.Cells[i])
		}
	}
	if empty {
		return uuid.Nil, true
	}
	if id = g.reader.plainly(row); id == uuid.Nil {
		id = g.reader.identify(row)
	}
	return id, plain
}

// plainly is identify for the rows that most files are made of: those of an id, or
// of an ISBN as it should be, without columns that the importer named. It returns
// nil where it does not know.
func (r *Reader) plainly(row Row) uuid.UUID {
	if len(r.plan.Key) > 0 {
		return uuid.Nil
	}
	for _, field := range []string{fieldID, fieldISBN} {
		for _, i := range r.sources[field] {
			if i >= len(row.Cells) || row.Cells[i] == "" {
				continue
			}
			if id, ok := book.ParseID(row.Cells[i]); ok && field == fieldID {
				return id
			}
			if isbn, ok := book.ParseISBN(row.Cells[i]); ok && field == fieldISBN {
				return book.ID(book.Draft{ISBN: isbn})
			}
			return uuid.Nil
		}
	}
	return uuid.Nil
}

// found notes a row about a book that was seen before, if it makes one.
func (g *guess) found(id uuid.UUID, rec record) {
	if g.overflow {
		return
	}
	if _, _, failures := g.reader.Draft(g.reader.row(rec)); len(failures) > 0 {
		return
	}
	if _, known := g.last[id]; !known && len(g.last) == MaxDuplicates {
		g.overflow = true
		return
	}
	if g.last == nil {
		g.last = map[uuid.UUID]int64{}
	}
	g.last[id] = rec.line
}
