package tabular

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// cut is a record that was copied.
type cut struct {
	record
	plain int64 // of the lexer when it was cut
}

// cuts reads all records of a stream that starts at a place of the file.
func cuts(tb testing.TB, x *lexer) []cut {
	tb.Helper()
	var all []cut
	for {
		rec, err := x.next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			tb.Fatal(err)
		}
		if rec.length <= 0 {
			tb.Fatalf("a record of %d bytes at %d", rec.length, rec.offset)
		}
		rec.raw = bytes.Clone(rec.raw)
		all = append(all, cut{rec, x.plain})
	}
}

func lex(r io.Reader, most int, delim byte) *lexer {
	x := newLexer(r, most)
	x.delim = delim
	return x
}

func sameRecord(a, b record) bool {
	return bytes.Equal(a.raw, b.raw) && a.offset == b.offset && a.line == b.line && a.length == b.length && a.fault == b.fault && a.plain == b.plain
}

// splitting holds every slice of a file between records to the file read whole.
func splitting(tb testing.TB, raw []byte, most int, delim byte) {
	tb.Helper()
	all := cuts(tb, lex(bytes.NewReader(raw), most, delim))
	length := int64(0)
	for _, rec := range all {
		if rec.offset != length {
			tb.Fatalf("a record starts at %d after one that ends at %d", rec.offset, length)
		}
		length += rec.length
	}
	if length != int64(len(raw)) {
		tb.Fatalf("%d of %d bytes are in records", length, len(raw))
	}
	if small := cuts(tb, lex(iotest.OneByteReader(bytes.NewReader(raw)), most, delim)); len(small) != len(all) {
		tb.Fatalf("%d records byte by byte, %d at once", len(small), len(all))
	}
	for i := range all {
		for j := i + 1; j <= len(all); j++ {
			end := len(raw)
			if j < len(all) {
				end = int(all[j].offset)
			}
			x := lex(bytes.NewReader(raw[all[i].offset:end]), most, delim)
			x.offset, x.line = all[i].offset, all[i].line
			if all[i].record.plain {
				x.plain = all[i].plain
			}
			part := cuts(tb, x)
			if len(part) != j-i {
				tb.Fatalf("%q: records %d to %d are %d on their own", raw, i, j, len(part))
			}
			for k := range part {
				if !sameRecord(part[k].record, all[i+k].record) {
					tb.Fatalf("%q: record %d is %+v of %d, and on its own from %d to %d %+v", raw, i+k, all[i+k], len(all), i, j, part[k])
				}
			}
		}
	}
}

func oddities() []string {
	return []string{
		"", "\n", "a,b\r\nc,d\r\n", "a\rb\nc\r\nd", "\"a\nb\",c\nd,e\n", "a,\"b\"\"c\"\n", "\"a\nb,c\nd,e\n", "x,\"\ny\nz,\"q\nr\"\n",
		"\"", "\"\"", "\"\"\"", "a,\"b\" ,c\n", " \"a\nb\" ,c\nd\n", "a\"b,c\n", "\"a\"b\"\nc\n", "\"a\nb,\"\"c\nd\n", "a,b\n\"c\n\"d,e\n\"f\ng\"\nh\n",
		strings.Repeat("\"\"a\n", 12) + ",\"x\n", strings.Repeat("a", 80) + "\nb\n", "\"" + strings.Repeat("a\n", 60), "\r", "\r\r\n", "a\r", "\"a\r\n\"\r\n\"b\r", "\xff\xfe\x00,\"\x00\n",
		"\"" + strings.Repeat("a", 40) + "\n" + strings.Repeat("b", 30) + "\"\nc\n",
	}
}

func TestSplittingAnywhereGivesTheSameRecords(t *testing.T) {
	t.Parallel()
	for _, raw := range oddities() {
		for _, most := range []int{4, 16, 64, 1 << 10} {
			splitting(t, []byte(raw), most, ',')
			splitting(t, []byte(raw), most, 0)
		}
	}
}

func TestLineEndsAcrossReads(t *testing.T) {
	t.Parallel()
	for _, row := range []string{"ab,cd", "\"ab\",cd", "ab,\"c\nd\"", "ab,\"c\nde\""} {
		for _, end := range []string{"\r\n", "\n", "\r"} {
			raw := strings.Repeat(row+end, 40)
			for most := 10; most < 40; most++ {
				for i, rec := range cuts(t, lex(strings.NewReader(raw), most, ',')) {
					if string(rec.raw) != row || rec.fault != "" || rec.line != int64(i*(1+strings.Count(row, "\n"))+1) {
						t.Fatalf("record %d of %q, at most %d bytes: %q at line %d, %s", i, row+end, most, rec.raw, rec.line, rec.fault)
					}
				}
			}
		}
	}
}

func FuzzSplitting(f *testing.F) {
	for _, raw := range oddities() {
		f.Add([]byte(raw), uint8(16))
	}
	f.Fuzz(func(t *testing.T, raw []byte, most uint8) {
		if len(raw) > 400 {
			return
		}
		splitting(t, raw, int(most)+4, ',')
	})
}

// FuzzAgainstEncodingCSV holds the cells of what encoding/csv takes for well
// formed to its own.
func FuzzAgainstEncodingCSV(f *testing.F) {
	for _, raw := range oddities() {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		in := csv.NewReader(bytes.NewReader(raw))
		in.FieldsPerRecord = -1
		want, err := in.ReadAll()
		if err != nil || bytes.Contains(bytes.ReplaceAll(raw, []byte("\r\n"), nil), []byte("\r")) {
			return
		}
		var got [][]string
		for _, rec := range cuts(t, lex(bytes.NewReader(raw), MaxRecord, ',')) {
			if len(rec.raw) > 0 {
				got = append(got, split(rec.raw, ','))
			}
		}
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
	})
}

func TestForgottenQuotes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, raw, want string }{
		{"a quote that is never closed costs its row only", "a,b\n\"c,d\ne,f\ng,h\n", "a,b|!\"c,d|e,f|g,h"},
		{"a quote that the next quoted field seems to close costs its row only", "a,\"b\nc,d\ne,\"f\"\ng,h\n", "!a,\"b|c,d|e,\"f\"|g,h"},
		{"the same where that field begins its line", "a,\"b\nc,d\n\"e\",f\n", "!a,\"b|c,d|\"e\",f"},
		{"line breaks within quotes belong to the value", "\"a\r\nb\rc\nd\",e\nf,g\n", "\"a\r\nb\rc\nd\",e|f,g"},
		{"quotes of the text that were not doubled are its own", "\"a \"b\" c\nd \"e\" f\",g\nh,i\n", "\"a \"b\" c\nd \"e\" f\",g|h,i"},
		{"doubled quotes after a line break close nothing", "\"a\n\"\"b\"\" c\",d\ne,f\n", "\"a\n\"\"b\"\" c\",d|e,f"},
		{"a quote within a field opens nothing", "5\" disk,b\nc,d\n", "5\" disk,b|c,d"},
		{"CRLF, LF and CR end lines side by side", "a\r\nb\nc\rd\r\r\ne", "a|b|c|d||e"},
		{"a record as long as may be is one", strings.Repeat("a", 63) + "\nb\n", strings.Repeat("a", 63) + "|b"},
		{"a longer one is passed over", strings.Repeat("a", 64) + "\nb\n", "!|b"},
		{"a quoted one that grows longer costs its first line", "\"a\n" + strings.Repeat("b", 60) + "\nc\"\nd\n", "!\"a|" + strings.Repeat("b", 60) + "|c\"|d"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, rec := range cuts(t, lex(strings.NewReader(c.raw), 64, ',')) {
				mark := ""
				if rec.fault != "" {
					mark = "!"
				}
				got = append(got, mark+string(rec.raw))
			}
			if s := strings.Join(got, "|"); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
			splitting(t, []byte(c.raw), 64, ',')
		})
	}
}

func TestQuotesThatSeemToOpenOnEveryLineCostLinearTime(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"\"\"a\n", ",\"\"x\n", "\"a\n", "x,\"\n"} {
		raw := []byte(strings.Repeat(pattern, 4<<20/len(pattern)))
		x := lex(bytes.NewReader(raw), MaxRecord, ',')
		searches := int64(0)
		for plain := int64(0); ; {
			rec, err := x.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if x.plain != plain { // a search beyond the line
				searches += x.plain - rec.offset
				plain = x.plain
			}
		}
		if searches > 2*int64(len(raw)) {
			t.Errorf("%q: %d bytes were searched of %d", pattern, searches, len(raw))
		}
	}
}

func FuzzWide(f *testing.F) {
	for _, s := range append(oddities(), "título,é😀\n\xff", "\x3d\xd8\x00\xde\x3d", "\xd8\x3d\xde\x00\xd8") {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, big bool) {
		e := UTF16LE
		if big {
			e = UTF16BE
		}
		// Any bytes are units of some text, and their widths add up.
		text, err := io.ReadAll(newWide(iotest.OneByteReader(bytes.NewReader(raw)), e))
		if err != nil {
			t.Fatal(err)
		}
		if once, err := io.ReadAll(newWide(bytes.NewReader(raw), e)); err != nil || !bytes.Equal(once, text) {
			t.Errorf("%q at once, and byte by byte %q, %v", once, text, err)
		}
		x := lex(nil, 4, ',')
		x.wide = true
		if got := x.width(text); got != int64(len(raw)+len(raw)%2) {
			t.Errorf("%d bytes of %d: %q", got, len(raw), text)
		}
		// Text that can be said in UTF-16 comes back.
		s := strings.ToValidUTF8(string(raw), "?")
		back, err := io.ReadAll(newWide(bytes.NewReader(e.bytes(s)), e))
		if err != nil || string(back) != s || !utf8.Valid(back) {
			t.Errorf("%q came back as %q, %v", s, back, err)
		}
	})
}
