package tabular_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"acervo/internal/book"
	"acervo/internal/tabular"
)

// july is when these tests take place: the latest year of publication is 2027.
func july() time.Time { return time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC) }

// realFile reads one of the files that users have sent.
func realFile(tb testing.TB, name string) []byte {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "data", name))
	if err != nil {
		tb.Skipf("%s is not here", name)
	}
	return raw
}

// outcome is a row and what became of it.
type outcome struct {
	row      tabular.Row
	draft    book.Draft
	warnings []tabular.Note
	failures []tabular.Note
}

// scan scans and reads a file chunk by chunk.
func scan(tb testing.TB, raw []byte, o tabular.Options) (tabular.Plan, []outcome) {
	tb.Helper()
	p, err := tabular.Scan(bytes.NewReader(raw), o)
	if err != nil {
		tb.Fatalf("%v\n%+v", err, p.Columns)
	}
	return p, outcomes(tb, p, raw)
}

func outcomes(tb testing.TB, p tabular.Plan, raw []byte) []outcome {
	tb.Helper()
	var all []outcome
	r := tabular.NewReader(p, july())
	for _, c := range p.Chunks {
		for row, err := range r.Rows(c, bytes.NewReader(raw[c.Offset:c.Offset+c.Length])) {
			if err != nil {
				tb.Fatal(err)
			}
			d, warnings, failures := r.Draft(row)
			all = append(all, outcome{row, d, warnings, failures})
		}
	}
	if int64(len(all)) != p.Rows {
		tb.Fatalf("%d rows were scanned and %d read", p.Rows, len(all))
	}
	return all
}

func codes(notes []tabular.Note) string {
	var all []string
	for _, n := range notes {
		all = append(all, n.Code)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}

func TestTheFilesThatUsersSent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, title, author string
		comma               rune
		kind                tabular.Kind
		rows                int
	}{
		{"livros_escola_bom_crlf_tab.csv", "OBRA", "AUTOR", '\t', tabular.TSV, 3049},
		{"google_books_1299.csv", "title", "author", ',', tabular.CSV, 1299},
	} {
		t.Run(c.name+" is read without any option, as an independent reader reads it", func(t *testing.T) {
			t.Parallel()
			raw := realFile(t, c.name)
			p, all := scan(t, raw, tabular.Options{})
			if p.Kind != c.kind || p.Encoding != tabular.UTF8 || len(all) != c.rows || len(p.Preview) != 10 {
				t.Errorf("%+v", p)
			}
			for _, warning := range p.Warnings {
				t.Log(warning)
			}
			in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\xEF\xBB\xBF"))))
			in.Comma = c.comma
			records, err := in.ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			title, author := slices.Index(records[0], c.title), slices.Index(records[0], c.author)
			counts := map[string]int{}
			for i, want := range records[1:] {
				got := all[i]
				if !slices.Equal(got.row.Cells, want) {
					t.Fatalf("line %d: got %q, want %q", got.row.Line, got.row.Cells, want)
				}
				if !bytes.HasPrefix(raw[got.row.Offset:], []byte(want[0])) {
					t.Errorf("line %d does not start at byte %d", got.row.Line, got.row.Offset)
				}
				for _, n := range append(got.warnings, got.failures...) {
					counts[n.Column+" "+n.Code]++
				}
				if len(got.failures) == 0 && (got.draft.Title != strings.TrimSpace(want[title]) || !saysAuthors(got.draft.Authors, want[author])) {
					t.Errorf("line %d: %+v is not %q", got.row.Line, got.draft, want)
				}
				if len(got.failures) > 0 {
					t.Errorf("line %d fails: %v", got.row.Line, got.failures)
				}
			}
			t.Log(counts)
		})
	}
}

// saysAuthors holds authors against their cell, whatever is between them.
func saysAuthors(authors []string, cell string) bool {
	for _, a := range authors {
		before, after, found := strings.Cut(cell, a)
		if !found {
			return false
		}
		cell = before + after
	}
	return strings.Trim(strings.ReplaceAll(" "+cell+" ", " e ", " "), " \u00A0,;/") == "" || len(authors) > 1
}
