package tabular_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"acervo/internal/tabular"
)

func TestTheFirstZeroByteIsLocated(t *testing.T) {
	t.Parallel()
	const header, rows = "title,author\n", "Plain title,Plain Author\n"
	many, long := strings.Repeat(rows, 30_000), strings.Repeat("x", tabular.MaxRecord)
	for _, c := range []struct{ name, raw string }{
		{"in a cell", header + rows + "A,B\x00\nC,D\x00\n"},
		{"in the header", "title,auth\x00or,author\n" + rows},
		{"after a mark", "\xEF\xBB\xBF" + header + "A\x00,B\n"},
		{"after a line that says the delimiter", "sep=;\ntitle;author\nA\x00;B\n"},
		{"within quotes, some lines below their first", header + rows + "\"A\nB\n\x00C\",D\n" + rows},
		{"far into the file", header + many + "A,\x00B\n" + rows},
		{"beyond the bytes of a record", header + rows + long + long + "\x00" + long + ",D\n" + rows},
		{"below a quote that is never closed", header + "\"A,B\nC,D\x00\n" + rows},
		{"in a line of an object", "{\"title\":\"A\",\"authors\":\"B\"}\n{\"title\":\"C\x00\",\"authors\":\"D\"}\n"},
		{"after half a character", header + "A\xc3\x00,B\n" + rows},
		{"on a line that is no row", header + rows + "\n \x00\n" + rows},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			at := strings.IndexByte(c.raw, 0)
			line := 1 + strings.Count(c.raw[:at], "\n")
			whole, err := tabular.Scan(strings.NewReader(c.raw), tabular.Options{})
			if err != nil {
				t.Fatal(err)
			}
			slow, err := tabular.Scan(iotest.OneByteReader(bytes.NewReader([]byte(c.raw))), tabular.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range []tabular.Plan{whole, slow} {
				n := slices.IndexFunc(p.Warnings, func(n tabular.Note) bool { return n.Code == "nul" })
				if n < 0 || p.Warnings[n].Offset != int64(at) || p.Warnings[n].Line != int64(line) {
					t.Errorf("it stands at byte %d of line %d; it is told that %+v", at, line, p.Warnings)
				}
			}
		})
	}
}
