package tabular

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

const (
	// badUnit stands for what an encoding has no character for, as a surrogate
	// without its other half: a byte that is never valid in UTF-8, so that its cell
	// is known to be unreadable.
	badUnit = 0xFF
	// badByte is one that Windows-1252 has no character for.
	badByte = 0x81
)

// wide turns UTF-16 into UTF-8.
type wide struct {
	r     io.Reader
	order binary.ByteOrder
	in    []byte // not yet turned; its odd byte or half of a pair stays
	out   []byte
	given int // of out
	err   error
}

func newWide(r io.Reader, e Encoding) *wide {
	w := &wide{r: r, order: binary.LittleEndian, in: make([]byte, 0, 4<<10)}
	if e == UTF16BE {
		w.order = binary.BigEndian
	}
	return w
}

func (w *wide) Read(p []byte) (int, error) {
	for w.given == len(w.out) && w.err == nil {
		n, err := w.r.Read(w.in[len(w.in):cap(w.in)])
		w.in, w.err = w.in[:len(w.in)+n], err
		w.turn()
	}
	n := copy(p, w.out[w.given:])
	w.given += n
	if n == 0 && len(p) > 0 {
		return 0, w.err
	}
	return n, nil
}

// turn turns what has come, but for a half of something unless nothing follows.
func (w *wide) turn() {
	w.out, w.given = w.out[:0], 0
	in := w.in
	for len(in) >= 2 {
		r := rune(w.order.Uint16(in))
		if utf16.IsSurrogate(r) {
			if len(in) < 4 && w.err == nil {
				break
			}
			if len(in) >= 4 {
				if pair := utf16.DecodeRune(r, rune(w.order.Uint16(in[2:]))); pair != utf8.RuneError {
					w.out = utf8.AppendRune(w.out, pair)
					in = in[4:]
					continue
				}
			}
			w.out = append(w.out, badUnit)
		} else {
			w.out = utf8.AppendRune(w.out, r)
		}
		in = in[2:]
	}
	if w.err != nil && len(in) == 1 {
		w.out, in = append(w.out, badUnit), nil
	}
	w.in = w.in[:copy(w.in[:cap(w.in)], in)]
}

// text returns bytes of the file, or what wide made of them, as UTF-8.
func (e Encoding) text(raw []byte) []byte {
	if e != Windows1252 && e != Latin1 || ascii(raw) {
		return raw
	}
	out := make([]byte, 0, len(raw)+len(raw)/4)
	for _, b := range raw {
		if r := charmap.Windows1252.DecodeByte(b); r != utf8.RuneError {
			out = utf8.AppendRune(out, r)
		} else {
			out = append(out, badUnit)
		}
	}
	return out
}

// bytes is the inverse of text and wide. What the encoding does not have is
// unreadable again.
func (e Encoding) bytes(s string) []byte {
	switch e {
	case UTF16LE, UTF16BE:
		order := binary.AppendByteOrder(binary.LittleEndian)
		if e == UTF16BE {
			order = binary.BigEndian
		}
		var out []byte
		for _, unit := range utf16.Encode([]rune(s)) {
			out = order.AppendUint16(out, unit)
		}
		return out
	case Windows1252, Latin1:
		out := make([]byte, 0, len(s))
		for _, r := range s {
			b, ok := charmap.Windows1252.EncodeRune(r)
			if !ok {
				b = badByte
			}
			out = append(out, b)
		}
		return out
	default:
		return []byte(s)
	}
}

func ascii(raw []byte) bool { return asciiRun(raw) == len(raw) }

// asciiRun counts the bytes of ASCII at the start, eight at a time.
func asciiRun(raw []byte) int {
	n := 0
	for len(raw) >= n+8 && binary.LittleEndian.Uint64(raw[n:])&0x8080808080808080 == 0 {
		n += 8
	}
	for n < len(raw) && raw[n] < utf8.RuneSelf {
		n++
	}
	return n
}

// evidence gathers what all the bytes of a file say about its encoding.
type evidence struct {
	rest      []byte // the first bytes of a character whose end has not come
	seen      int64
	valid     int64 // characters of several bytes, right in UTF-8
	firstGood int64 // the offset of the first of these
	invalid   int64 // bytes that UTF-8 does not have there
	firstBad  int64 // the offset of the first of these
	lastBad   int64 // and of the last
	breaks    int64 // runs of them
	c1        int64 // bytes that only Windows-1252 has a character for
	nuls      int64
	firstNul  int64 // the offset of the first of these
}

func (e *evidence) add(p []byte) {
	if n := bytes.Count(p, []byte{0}); n > 0 {
		if e.nuls == 0 {
			e.firstNul = e.seen + int64(len(e.rest)) + int64(bytes.IndexByte(p, 0))
		}
		e.nuls += int64(n)
	}
	if kept := len(e.rest); kept > 0 { // at most three bytes
		joined := slices.Concat(e.rest, p[:min(len(p), utf8.UTFMax)])
		done := e.walk(joined, kept)
		if done < kept {
			e.rest = joined[done:]
			return
		}
		e.rest, p = nil, p[done-kept:]
	}
	if ascii(p) {
		e.seen += int64(len(p))
		return
	}
	done := e.walk(p, len(p))
	e.rest = bytes.Clone(p[done:])
}

// walk looks at the characters that start before upto, or until one is not
// whole. It returns how many bytes it has looked at.
func (e *evidence) walk(p []byte, upto int) int {
	i := 0
	for i < upto {
		if n := asciiRun(p[i:upto]); n > 0 {
			i += n
			e.seen += int64(n)
			continue
		}
		if !utf8.FullRune(p[i:]) {
			break
		}
		i += e.character(p[i:])
	}
	return i
}

func (e *evidence) character(p []byte) int {
	r, n := utf8.DecodeRune(p)
	if r == utf8.RuneError && n == 1 {
		if e.invalid == 0 {
			e.firstBad = e.seen
		}
		if e.invalid == 0 || e.lastBad != e.seen-1 {
			e.breaks++
		}
		e.lastBad = e.seen
		e.invalid++
		if p[0] < 0xA0 {
			e.c1++
		}
	} else {
		if e.valid == 0 {
			e.firstGood = e.seen
		}
		e.valid++
	}
	e.seen += int64(n)
	return n
}

// end looks at what is left when the file has ended.
func (e *evidence) end() {
	for len(e.rest) > 0 {
		e.rest = e.rest[e.character(e.rest):]
	}
}

// goodWeight is how many breaks in UTF-8 one good character of several bytes outweighs.
// Text of another encoding hardly ever looks like UTF-8, and taking UTF-8 for another
// encoding garbles every accent without a word, where the opposite costs cells that
// are told of.
const goodWeight = 4

// encoding decides among those whose lines end alike. A run of bytes that are no UTF-8
// is one break, however long. Bytes that only Windows-1252 has count where they are no
// part of UTF-8.
func (e *evidence) encoding() Encoding {
	switch {
	case e.breaks <= goodWeight*e.valid:
		return UTF8
	case e.c1 > 0:
		return Windows1252
	default:
		return Latin1
	}
}

// parseEncoding reads the name of an encoding as people write it.
func parseEncoding(name string) (Encoding, bool) {
	switch strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(name), "_", "-"), " ", "-") {
	case "utf-8", "utf8", "ascii", "us-ascii":
		return UTF8, true
	case "utf-16", "utf16", "utf-16le", "utf-16-le":
		return UTF16LE, true
	case "utf-16be", "utf-16-be":
		return UTF16BE, true
	case "windows-1252", "cp1252", "1252", "win1252", "ansi":
		return Windows1252, true
	case "iso-8859-1", "latin1", "latin-1", "iso8859-1":
		return Latin1, true
	default:
		return "", false
	}
}
