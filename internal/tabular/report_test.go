package tabular_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"testing"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/tabular"
)

// reported drops a file and returns the report of its failed rows.
func reported(tb testing.TB, raw []byte, o tabular.Options) (tabular.Plan, []outcome, []byte) {
	tb.Helper()
	p, all := scan(tb, raw, o)
	var b bytes.Buffer
	r := tabular.NewReport(&b, p)
	for _, o := range all {
		if len(o.failures) > 0 {
			if err := r.Write(o.row, o.failures); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return p, all, b.Bytes()
}

func TestReports(t *testing.T) {
	t.Parallel()
	t.Run("failed rows come back in their columns, delimiter and encoding, with the reasons before them", func(t *testing.T) {
		t.Parallel()
		_, _, report := reported(t, in1252(t, "Título;Autor;Preço\r\nA;B;1\r\nÇa;;1,50\r\n;É;2\r\n"), tabular.Options{})
		want := in1252(t, "\"_error\";\"_error_code\";\"_error_column\";\"_error_line\";\"Título\";\"Autor\";\"Preço\"\r\n"+
			"\"Autor must be 1 to 20 authors\";\"count\";\"Autor\";\"3\";\"Ça\";\"\";\"1,50\"\r\n"+
			"\"Título must not be blank\";\"blank\";\"Título\";\"4\";\"\";\"É\";\"2\"\r\n")
		if !bytes.Equal(report, want) {
			t.Errorf("got %q, want %q", report, want)
		}
	})
	t.Run("no failed rows are an empty report", func(t *testing.T) {
		t.Parallel()
		if _, _, report := reported(t, lines("title,author", "A,B"), tabular.Options{}); len(report) != 0 {
			t.Errorf("got %q", report)
		}
	})
	t.Run("a report that is corrected and dropped is read as the file would have been", func(t *testing.T) {
		t.Parallel()
		for name, c := range map[string]struct {
			raw     []byte
			options tabular.Options
		}{
			"UTF-8 with a mark": {[]byte("\xEF\xBB\xBFtitle,author,price\n,\"B\r\nÉ, C\",1\n"), tabular.Options{Currency: "BRL"}},
			"UTF-16":            {inUTF16("title\tauthor\n\tÉ\n", false, true), tabular.Options{}},
			"no header":         {[]byte("x;;Machado;9,90\nx;B;C;1,00\n"), tabular.Options{Mapping: map[string]string{"2": "title", "3": "authors", "4": "price"}, Currency: "BRL"}},
			"names of its own":  {[]byte("Title,NOME,QUEM,VALE\nx,,Machado,9.90\n"), tabular.Options{Mapping: map[string]string{"NOME": "title", "QUEM": "authors", "VALE": "price"}, Currency: "BRL"}},
			"ids that are none": {[]byte("id,title,author\n1,,B\n2,C,D\n"), tabular.Options{}},
			"NDJSON":            {[]byte(`{"author":"B","title":"","year":2001}` + "\n"), tabular.Options{}},
		} {
			p, all, report := reported(t, c.raw, c.options)
			again, second, twice := reported(t, report, tabular.Options{})
			if again.Encoding != p.Encoding || again.Delimiter != p.Delimiter || len(second) != 1 || codes(second[0].failures) != codes(all[0].failures) {
				t.Errorf("%s: %q is read as %+v", name, report, second)
				continue
			}
			if strings.Count(string(twice), "_error") != strings.Count(string(report), "_error") {
				t.Errorf("%s: reported again it is %q", name, twice)
			}
			// What failed for its title is right once it has one.
			fixed := all[0]
			fixed.row.Cells = slices.Clone(all[0].row.Cells)
			for i, column := range p.Columns {
				if column.Field == "title" && p.Kind != tabular.NDJSON {
					fixed.row.Cells[i] = "New"
				}
			}
			for i, column := range again.Columns {
				if column.Field == "title" && p.Kind != tabular.NDJSON {
					second[0].row.Cells[i] = "New"
				}
			}
			if p.Kind == tabular.NDJSON {
				fixed.row.Cells[0] = strings.Replace(fixed.row.Cells[0], `"title":""`, `"title":"New"`, 1)
				second[0].row.Cells[0] = strings.Replace(second[0].row.Cells[0], `"title":""`, `"title":"New"`, 1)
			}
			want, _, _ := tabular.NewReader(p, july()).Draft(fixed.row)
			got, _, failures := tabular.NewReader(again, july()).Draft(second[0].row)
			if !got.Equal(want) || got.Title != "New" || len(failures) > 0 {
				t.Errorf("%s: got %+v, want %+v, %v", name, got, want, failures)
			}
		}
	})
	t.Run("rows with too many cells, open quotes or too many bytes are in it as far as they were read", func(t *testing.T) {
		t.Parallel()
		raw := "title,author\nA,B,C,D\n\"E,F\n" + strings.Repeat("x", 300<<10) + "\nG,H\n"
		_, _, report := reported(t, []byte(raw), tabular.Options{})
		in := csv.NewReader(bytes.NewReader(report))
		in.FieldsPerRecord = -1
		records, err := in.ReadAll()
		if err != nil || len(records) != 4 {
			t.Fatalf("%v: %q", err, records)
		}
		for i, want := range []string{"title|author", "A|B|C|D", "\"E|F", ""} {
			if got := strings.Join(records[i][4:], "|"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	})
	t.Run("no cell is a formula, and the escape is undone when it is dropped", func(t *testing.T) {
		t.Parallel()
		nasty := []string{"=cmd|' /C calc'!A0", "+1", "-1", "@x", "\tx", "'=1", "''@x", "a;=1", "a,\"=1\"", "x\n=1", "＝1", "'quoted'", "-"}
		raw := lines("title,author,note,=HYPERLINK(1)")
		for _, s := range nasty {
			raw = append(raw, (",B,\"" + strings.ReplaceAll(s, `"`, `""`) + "\",x\n")...)
		}
		_, _, report := reported(t, raw, tabular.Options{})
		records, err := csv.NewReader(bytes.NewReader(report)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range records {
			for _, cell := range record {
				if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r\n") || strings.Contains(cell, ";=") || strings.Contains(cell, "\"=") || strings.Contains(cell, "\n=") {
					t.Errorf("%q could be a formula", cell)
				}
			}
		}
		p, again := scan(t, report, tabular.Options{})
		for i, o := range again {
			if got := o.row.Cells[6]; got != nasty[i] {
				t.Errorf("%q came back as %q", nasty[i], got)
			}
		}
		if p.Columns[7].Name != "=HYPERLINK(1)" {
			t.Errorf("got %+v", p.Columns)
		}
	})
	t.Run("bytes that could not be read are not readable in it either", func(t *testing.T) {
		t.Parallel()
		for _, raw := range []string{"title,author\nA\xff,é\nç,é\n", "t\xedtulo,author\nA\x81,\xe9\n", "{\"title\":\"A\xff\",\"author\":\"é\"}\n{\"title\":\"B\",\"author\":\"C\"}\n"} {
			_, all, report := reported(t, []byte(raw), tabular.Options{})
			_, again := scan(t, report, tabular.Options{Mapping: map[string]string{}})
			if len(again[0].failures) == 0 || len(all[0].failures) == 0 {
				t.Errorf("%q: %+v", report, again[0])
			}
		}
	})
	t.Run("an error of its writer is told", func(t *testing.T) {
		t.Parallel()
		p, all := scan(t, lines("title,author", ",B"), tabular.Options{})
		if err := tabular.NewReport(full{}, p).Write(all[0].row, all[0].failures); err == nil {
			t.Error("it is not")
		}
	})
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// FuzzImport drops any bytes: every row that was scanned is read, every draft
// keeps the rules, rows about one book are found, and what failed comes back from its report as it was.
func FuzzImport(f *testing.F) {
	for _, s := range []string{
		"title,author\nA,B\n,C\n", "sep=;\ntítulo;autor;preço\n;B;R$ 1,50\n", "\xEF\xBB\xBFtitle\tauthor\n\"A\nB\"\tC\n", "t\xedtulo;autor\n\xc7a;\n",
		"{\"title\":\"A\",\"author\":\"B\"}\n{}\n[1]\n", "_error,title,author\n'=x,,'=1\n", "title,author\n\"A,B\nC\n\"D\",E\n", string(inUTF16("title,author\n,É\n", false, true)),
		"isbn,title,author\n9780306406157,A,B\n0306406152,\xc9,D\n978-0-306-40615-7,,F\n", "{\"isbn\":\"0306406152\",\"title\":\"A\",\"author\":\"B\"}\n{\"isbn\":\"0306406152\",\"title\":\"A\",\"author\":\"B\"}\n",
		"id,title,author,isbn,year,language,rating,price,currency\n1,A,\"B, C e D E\",439785960,31-Jul-14,por,4/5,\"1.234,50\",BRL\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := tabular.Scan(bytes.NewReader(raw), tabular.Options{})
		if err != nil {
			if fault.KindOf(err) == fault.Internal {
				t.Fatal(err)
			}
			return
		}
		_, all, report := reported(t, raw, tabular.Options{})
		obey(t, all)
		wantDuplicates(t, p, all)
		failed := slices.DeleteFunc(all, func(o outcome) bool { return len(o.failures) == 0 })
		if len(failed) == 0 {
			return
		}
		o := tabular.Options{Encoding: string(p.Encoding), Delimiter: p.Delimiter}
		if _, err := tabular.Scan(bytes.NewReader(report), o); refusals(err) == "binary" {
			return // what failed is full of control characters
		}
		_, again := scan(t, report, o)
		if len(again) != len(failed) {
			t.Fatalf("%d of %d rows came back: %q", len(again), len(failed), report)
		}
	})
}

func obey(t *testing.T, all []outcome) {
	t.Helper()
	for _, o := range all {
		if len(o.failures) > 0 {
			continue
		}
		if again, err := book.Check(o.draft, july()); err != nil || !again.Equal(o.draft) {
			t.Errorf("%+v: %v", o.draft, err)
		}
	}
}
