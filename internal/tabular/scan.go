package tabular

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"unicode/utf8"

	"acervo/internal/fault"
)

const (
	headBytes    = 64 << 10 // on which kind and UTF-16 are decided
	sampleRows   = 200
	previewRows  = 10
	previewCells = 40
)

// tap is what the bytes of a file pass through: it counts and digests them and
// gathers the evidence for an encoding.
type tap struct {
	r    io.Reader
	n    int64
	most int64
	hash hash.Hash
	evidence
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.n += int64(n)
	_, _ = t.hash.Write(p[:n]) // which never fails
	t.add(p[:n])
	if t.most > 0 && t.n > t.most {
		return 0, refuse(fault.TooLarge, "too_large", fmt.Sprintf("it has more than %d bytes", t.most))
	}
	return n, err
}

// scanner makes a plan.
type scanner struct {
	Options
	tap    *tap
	lexer  *lexer
	plan   Plan
	sample []record // the first rows, copied
	kept   int      // bytes of the sample
	named  []string // the columns that a report of NDJSON names
	open   bool     // the last chunk can take more rows
	nul    int64    // the line of the first zero byte, 0 before it was cut
	// guesses are what the plan may be, one for each encoding that is still possible;
	// none before the sample is whole.
	guesses []guess
	finder  *finder
}

// Scan reads a file once and decides what it is: kind, encoding, delimiter,
// columns, rows, and where its chunks are. A gzipped file is expanded by the
// caller. It holds about 1 MiB, 40 bytes for each chunk, and up to 12 MiB to find
// the rows that are about one book.
//
// The error is a fault that says what to do: MediaType for what is no list,
// TooLarge for what is too large, Invalid for all that is wrong with the options,
// for a list without title or authors, and for one without rows. With Invalid the
// plan still tells the columns. Errors of r are passed on.
func Scan(r io.Reader, o Options) (Plan, error) {
	s := &scanner{Options: o, tap: &tap{r: r, most: o.MaxBytes, hash: sha256.New()}}
	defer func() { s.finder.done() }()
	if err := o.Check(); err != nil {
		return s.plan, err
	}
	for _, step := range []func() error{s.begin, s.dialect, s.header, s.records, s.conclude} {
		if err := step(); err != nil {
			return s.plan, err
		}
	}
	return s.plan, nil
}

// begin looks at the first bytes, refuses what is no text, and skips its mark.
func (s *scanner) begin() error {
	in := bufio.NewReaderSize(s.tap, headBytes)
	head, err := in.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if len(head) == 0 {
		return refuse(fault.Invalid, "empty", "it has no bytes")
	}
	if err := sniff(head); err != nil {
		return err
	}
	e, bom := guessWide(head)
	if explicit, ok := parseEncoding(s.Encoding); ok {
		s.plan.Encoding = explicit
		if isWide := explicit == UTF16LE || explicit == UTF16BE; !isWide || bom == 0 {
			e, bom = "", 0
			if isWide {
				e = explicit
			}
		}
	}
	if bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")) {
		bom = 3
		s.plan.Encoding = UTF8
	}
	if e == "" && isBinary(head) {
		return refuse(fault.MediaType, "binary", noText)
	}
	s.plan.BOM = bom > 0
	_, _ = in.Discard(bom)
	s.lexer = newLexer(in, MaxRecord)
	if e != "" {
		s.plan.Encoding = e
		s.lexer = newLexer(newWide(in, e), MaxRecord)
	}
	s.lexer.wide, s.lexer.offset = e != "", int64(bom)
	s.lexer.fill()
	return s.lexer.err
}

// dialect decides between NDJSON and the delimiters.
func (s *scanner) dialect() error {
	x := s.lexer
	if err := markup(x.buf[:x.end]); err != nil {
		return err
	}
	text := bytes.TrimLeft(x.buf[:x.end], " \t\r\n")
	if len(text) == 0 && x.eof {
		return refuse(fault.Invalid, "empty", "it has nothing but blank lines")
	}
	if text[0] == '{' && s.Delimiter == "" {
		s.plan.Kind = NDJSON
		return nil
	}
	n, body := lineEnd(x.buf[:x.end], x.eof)
	delim, ok := parseSep(x.buf[:max(body, 0)])
	if ok {
		x.start, x.line, x.offset = n, 2, x.offset+x.width(x.buf[:n])
	}
	if explicit, named := parseDelimiter(s.Delimiter); named {
		delim, ok = explicit, true
	}
	if !ok {
		delim = s.guessShape(x.buf[x.start:min(x.end, x.start+sampleBytes)], ",;\t|").delim
	}
	x.delim = delim
	s.plan.Kind, s.plan.Delimiter = CSV, string(delim)
	if delim == '\t' {
		s.plan.Kind = TSV
	}
	return nil
}

// header finds the names of the columns, and whether they suffice.
func (s *scanner) header() error {
	x := s.lexer
	if s.plan.Kind == NDJSON {
		return nil
	}
	sample := x.buf[x.start:min(x.end, x.start+sampleBytes)]
	columns := s.shapeOf(sample, x.delim).columns
	for {
		rec, err := s.next()
		if errors.Is(err, io.EOF) {
			return refuse(fault.Invalid, "empty", "it has nothing but blank lines")
		}
		if err != nil {
			return err
		}
		if rec.fault == faultLength {
			return tooWide(rec)
		}
		if blank(rec.raw, x.delim) {
			continue
		}
		cells := split(s.tentative(rec.raw), x.delim)
		if len(cells) > MaxColumns || columns > MaxColumns {
			return tooWide(rec)
		}
		if names := namesOf(cells); rec.fault == "" && s.isHeader(names) {
			s.plan.Header = bytes.Clone(rec.raw)
			return s.columns(&s.plan, names)
		}
		s.row(rec)
		return s.columns(&s.plan, make([]string, columns))
	}
}

func tooWide(rec record) error {
	return refuse(fault.Invalid, "too_many_columns",
		fmt.Sprintf("line %d has more than %d columns, or more than %d bytes", rec.line, MaxColumns, MaxRecord))
}

// tentative decodes a header before the encoding is known. A header that is valid
// UTF-8 is nothing else.
func (s *scanner) tentative(raw []byte) []byte {
	if s.lexer.wide || utf8.Valid(raw) {
		return raw
	}
	return Windows1252.text(raw)
}

// columns gives columns of these names their fields.
func (s *scanner) columns(p *Plan, names []string) error {
	p.Columns = make([]Column, len(names))
	for i, name := range names {
		p.Columns[i].Name = name
	}
	p.Key = nil
	if p.Kind != NDJSON {
		p.Key = cutKeys(p.Columns)
	}
	f := s.assign(p.Columns)
	if p.Kind != NDJSON || !slices.ContainsFunc(names, ours) { // of lines that were no objects
		required(p.Columns, &f)
	}
	if len(s.Key) > 0 {
		p.Key = s.keys(p.Columns, &f)
	}
	return f.err()
}

// records goes through the rows and cuts the chunks.
func (s *scanner) records() error {
	for {
		rec, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !s.plan.skips(rec, s.lexer.delim) {
			s.row(rec)
		}
	}
}

// next returns the next record, as the lexer does, and notes on which line the first
// zero byte stands. The tap has seen all of the record.
func (s *scanner) next() (record, error) {
	rec, err := s.lexer.next()
	if at := s.tap.firstNul - rec.offset; s.tap.nuls > 0 && s.nul == 0 && at >= 0 && at < rec.length {
		s.nul = rec.line + lines(rec.raw[:min(at, int64(len(rec.raw)))])
	}
	return rec, err
}

// row counts a row, keeps it if it is among the first, and looks for others about
// its book.
func (s *scanner) row(rec record) {
	s.chunk(rec)
	if s.guesses == nil {
		if len(s.sample) < sampleRows && s.kept+len(rec.raw) <= sampleBytes {
			rec.raw = bytes.Clone(rec.raw)
			s.sample, s.kept = append(s.sample, rec), s.kept+len(rec.raw)
			return
		}
		s.guess()
	}
	s.finder.add(rec)
}

// chunk adds a row to the last chunk, or begins another.
func (s *scanner) chunk(rec record) {
	s.plan.Rows++
	if last := len(s.plan.Chunks) - 1; s.open {
		c := &s.plan.Chunks[last]
		if end := rec.offset + rec.length; c.Rows < chunkRows && end-c.Offset <= chunkBytes {
			c.Rows, c.Length = c.Rows+1, end-c.Offset
			return
		}
	}
	s.open = true
	c := Chunk{Offset: rec.offset, Length: rec.length, Line: rec.line, Rows: 1}
	if rec.plain {
		c.Plain = s.lexer.plain
	}
	s.plan.Chunks = append(s.plan.Chunks, c)
}

// noText is said of what looks like no text. UTF-16 without a mark, in other letters
// than Latin ones, looks like that too.
const noText = "it is no text; export the list as CSV, or give its encoding if it is UTF-16"

// skips reports whether a record is no row: blank, or the header once more.
func (p *Plan) skips(rec record, delim byte) bool {
	if rec.fault != "" {
		return false
	}
	if blank(rec.raw, delim) {
		return true
	}
	return p.Header != nil && sameNames(trimMark(rec.raw), p.Header)
}

// sameNames reports whether two records differ at most in the case of their ASCII, in
// quotes and in spaces, as the headers of files that were put together do.
func sameNames(a, b []byte) bool {
	for {
		a, b = bytes.TrimLeft(a, `" `), bytes.TrimLeft(b, `" `)
		if len(a) == 0 || len(b) == 0 {
			return len(a) == len(b)
		}
		if lower(a[0]) != lower(b[0]) {
			return false
		}
		a, b = a[1:], b[1:]
	}
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}

func trimMark(raw []byte) []byte { return bytes.TrimPrefix(raw, []byte("\xEF\xBB\xBF")) }

// conclude decides what needed the whole file.
func (s *scanner) conclude() error {
	s.tap.end()
	p := &s.plan
	p.Bytes, p.Digest = s.tap.n, hex.EncodeToString(s.tap.hash.Sum(nil))
	if !s.lexer.wide && s.tap.nuls*20 > s.tap.n {
		return refuse(fault.MediaType, "binary", noText)
	}
	if p.Rows == 0 {
		return refuse(fault.Invalid, "no_rows", "it has a header and no rows")
	}
	if s.guesses == nil {
		s.guess()
	}
	s.finder.done()
	if p.Encoding == "" {
		p.Encoding = s.tap.encoding()
	}
	return s.settle()
}

// namesOf trims the cells of a header.
func namesOf(cells []string) []string {
	names := make([]string, len(cells))
	escaped := slices.ContainsFunc(cells, ours)
	for i, cell := range cells {
		if escaped {
			cell = unescape(cell)
		}
		names[i] = trim(cell)
	}
	return names
}
