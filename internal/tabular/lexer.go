package tabular

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"
)

// record is one record as it stands between two line ends.
type record struct {
	raw    []byte // valid until the next one, without the line end; nil when too long
	offset int64  // in the file
	line   int64
	length int64 // in the file, line end included
	fault  string
	plain  bool // within what an unclosed quote would have swallowed
}

// lexer cuts a stream into records. It reads UTF-8 and the 8-bit encodings as
// they are, since all of them mean the same by the bytes of ASCII, and UTF-16
// after it was turned into UTF-8.
type lexer struct {
	r      io.Reader
	buf    []byte
	start  int // of what is not yet cut
	end    int
	eof    bool
	err    error
	delim  byte // 0 for NDJSON, which has no quotes
	wide   bool // the file is UTF-16
	most   int  // bytes of a record
	offset int64
	line   int64
	plain  int64 // before this offset, quotes end with their line
	seen   int   // how far the last unclosed quote was followed
	lone   bool  // the last record is one line
}

// newLexer returns a lexer that takes records of at most so many bytes. It holds
// twice as many, so that each byte is moved once.
func newLexer(r io.Reader, most int) *lexer {
	return &lexer{r: r, buf: make([]byte, 2*most), most: most, line: 1}
}

// fill reads until the buffer is full or the stream ends.
func (x *lexer) fill() {
	if x.start > 0 {
		copy(x.buf, x.buf[x.start:x.end])
		x.start, x.end = 0, x.end-x.start
	}
	for empty := 0; x.end < len(x.buf) && !x.eof && x.err == nil; {
		n, err := x.r.Read(x.buf[x.end:])
		x.end += n
		switch {
		case errors.Is(err, io.EOF):
			x.eof = true
		case err != nil:
			x.err = err
		case n > 0:
			empty = 0
		default:
			empty++
			if empty == 100 {
				x.err = io.ErrNoProgress
			}
		}
	}
}

// more makes sure that there is at least one more byte than MaxRecord, or the
// rest of the stream.
func (x *lexer) more() {
	if x.end-x.start <= x.most && !x.eof && x.err == nil {
		x.fill()
	}
}

// next returns the next record, or io.EOF, or what the stream ended with.
func (x *lexer) next() (record, error) {
	n, body, state := x.cut(x.buf[x.start:x.end])
	if state == needMore {
		x.more()
		if x.err != nil {
			return record{}, x.err
		}
		if x.start == x.end {
			return record{}, io.EOF
		}
		n, body, state = x.cut(x.buf[x.start:x.end])
	}
	if state == tooLong {
		return x.skip()
	}
	data := x.buf[x.start:x.end]
	rec := record{raw: data[:body], offset: x.offset, line: x.line, plain: x.offset < x.plain}
	rec.length = x.width(data[:n])
	if state == neverClosed {
		rec.fault = faultQuote
		x.plain = max(x.plain, x.offset+x.width(data[:x.seen]))
	}
	if state == whole && x.lone {
		x.line++
	} else {
		x.line += lines(data[:n])
	}
	x.start += n
	x.offset += rec.length
	return rec, nil
}

// The codes of records that cannot be read.
const (
	faultQuote  = "unclosed_quote"
	faultLength = "record_too_long"
)

// cutState is how a cut ended.
type cutState int

const (
	whole cutState = iota
	needMore
	neverClosed
	tooLong
)

// cut finds the end of the first record of data, which is the rest of the stream
// when that has ended. It returns the length with and without the line end. More
// than the most bytes are always enough to decide, and what it decides does not
// depend on what follows the next chunk boundary, so that a chunk is read as it
// was scanned.
func (x *lexer) cut(data []byte) (n, body int, state cutState) {
	full := len(data) > x.most
	x.lone = true
	n, body = lineEnd(data, x.eof)
	switch {
	case n < 0 && !full:
		return 0, 0, needMore
	case n < 0 || n > x.most:
		return 0, 0, tooLong
	case x.delim == 0 || bytes.IndexByte(data[:body], '"') < 0:
		return n, body, whole
	}
	q := quotes{data: data, delim: x.delim, ends: x.eof, cut: full, line: body}
	switch {
	case x.offset < x.plain:
		q.data, q.ends = data[:body], true
	case full:
		q.data, q.ends = data[:x.most], false
	}
	end, state := q.record()
	if state == whole {
		x.lone = end == body
		n, body = ending(data, end)
	}
	x.seen = q.seen
	return n, body, state
}

// skip passes over a line that is too long.
func (x *lexer) skip() (record, error) {
	rec := record{offset: x.offset, line: x.line, fault: faultLength, plain: x.offset < x.plain}
	for {
		data := x.buf[x.start:x.end]
		n, _ := lineEnd(data, x.eof)
		found := n >= 0
		if !found { // keep what may be half of a line end or of a character
			n = max(len(data)-utf8.UTFMax, 0)
			for x.wide && n > 0 && !utf8.RuneStart(data[n]) {
				n--
			}
		}
		length := x.width(data[:n])
		rec.length += length
		x.offset += length
		x.start += n
		if found {
			x.line++
			return rec, nil
		}
		x.fill()
		if x.err != nil {
			return record{}, x.err
		}
	}
}

// width is how many bytes of the file these are.
func (x *lexer) width(data []byte) int64 {
	if !x.wide {
		return int64(len(data))
	}
	units := 0
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		units++
		if r > 0xFFFF {
			units++
		}
		data = data[n:]
	}
	return int64(2 * units)
}

// lineEnd returns where the first line ends, after and before its CRLF, LF or
// CR. Data that ends without one is a line when it is final; else it is -1.
func lineEnd(data []byte, final bool) (n, body int) {
	line := data
	lf := bytes.IndexByte(data, '\n')
	if lf >= 0 {
		line = data[:lf]
	}
	if cr := bytes.IndexByte(line, '\r'); cr >= 0 {
		if cr+1 == len(data) && !final {
			return -1, -1
		}
		n, body = ending(data, cr)
		return n, body
	}
	switch {
	case lf >= 0:
		return lf + 1, lf
	case final && len(data) > 0:
		return len(data), len(data)
	default:
		return -1, -1
	}
}

// ending returns where the line ends whose end starts at i.
func ending(data []byte, i int) (n, body int) {
	switch {
	case i >= len(data):
		return len(data), len(data)
	case data[i] == '\r' && i+1 < len(data) && data[i+1] == '\n':
		return i + 2, i
	default:
		return i + 1, i
	}
}

// lines counts line ends as lineEnd finds them.
func lines(data []byte) int64 {
	n := bytes.Count(data, []byte{'\n'})
	if crs := bytes.Count(data, []byte{'\r'}); crs > 0 {
		n += crs - bytes.Count(data, []byte("\r\n"))
	}
	return int64(n)
}
