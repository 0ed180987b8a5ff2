package tabular_test

import (
	"strings"
	"testing"

	"acervo/internal/tabular"
)

// A report that is dropped again without options says what its import was told: a
// corrected row is about the book that it would have been about.
func TestAReportCarriesWhatItsImportWasTold(t *testing.T) {
	t.Parallel()
	type options = tabular.Options
	for name, c := range map[string]struct {
		raw     string
		options tabular.Options
		header  string
	}{
		"a key": {"code,title,author\nA-1,,Machado\n", options{Key: []string{"code"}}, "code (key)|title|author"},
		"keys in the order in which they were given": {
			"place,code,title,author\nx,A-1,,Machado\n",
			options{Key: []string{"Code", "place"}},
			"place (key 2)|code (key 1)|title|author",
		},
		"a key that was given twice": {"code,title,author\nA-1,,Machado\n", options{Key: []string{"code", "CODE"}}, "code (key)|title|author"},
		"a key of a file without header": {
			"A-1,,Machado\n",
			options{Mapping: map[string]string{"2": "title", "3": "authors"}, Key: []string{"#1"}},
			"column_1 (key: 1)|title|authors",
		},
		"a key that was given a field": {
			"Código,NOME,author\n9780306406157,,Machado\n",
			options{Mapping: map[string]string{"Código": "isbn", "NOME": "title"}, Key: []string{"codigo"}},
			"isbn (key: codigo)|title|author",
		},
		"a key that was to be ignored": {
			"ISBN,title,author\n9780306406157,,Machado\n",
			options{Mapping: map[string]string{"ISBN": ""}, Key: []string{"ISBN"}},
			"ISBN (ignored) (key: isbn)|title|author",
		},
		"a key with a currency": {
			"price,title,author\n9,,Machado\n",
			options{Currency: "USD", Key: []string{"price"}},
			"price (USD) (key: price)|title|author",
		},
		"that id and ISBN are ignored": {
			"id,ISBN,title,author\n01890a5d-ac96-774b-bcce-b302099a8057,9780306406157,,Machado\n",
			options{Mapping: map[string]string{"id": "", "ISBN": ""}, Key: []string{"title"}},
			"id (ignored)|ISBN (ignored)|title (key)|author",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, all, report := reported(t, []byte(c.raw), c.options)
			for _, o := range []tabular.Options{{}, {}} { // and that of the report as well
				header, _, _ := strings.Cut(string(report), "\r\n")
				if got := strings.ReplaceAll(strings.Trim(header, `"`), `","`, "|"); got != "_error|_error_code|_error_column|_error_line|"+c.header {
					t.Errorf("its header is %q", got)
				}
				again, rows, next := reported(t, report, o)
				want, got := corrected(p, all[0].row), corrected(again, rows[0].row)
				if a, b := identity(t, p, want), identity(t, again, got); a != b {
					t.Errorf("%q is about %s, not %s", report, b, a)
				}
				report = next
			}
		})
	}
}

// Lines of NDJSON cannot be renamed, and carry what their import was told.
func TestAReportOfNDJSONCarriesWhatItsImportWasTold(t *testing.T) {
	t.Parallel()
	type options = tabular.Options
	const good = `{"code":"A-0","place":"x","NOME":"A","title":"other","author":"Machado","price":"9"}` + "\n"
	const bad = `{"code":"A-1","NOME":"","title":"other","author":"Machado","price":"9"}` + "\n"
	given := options{Mapping: map[string]string{"NOME": "title"}, Key: []string{"Code", "place"}, Currency: "USD"}
	p, rows, report := reported(t, []byte(good+bad), given)
	for range 2 { // and the report of the report
		if !strings.Contains(string(report), `"_error_import":{"mapping":{"NOME":"title","title":""},"key":["code","place"],"currency":"USD"}`) {
			t.Fatalf("the report is %s", report)
		}
		fixed := strings.Replace(string(report), `"NOME":""`, `"NOME":"New"`, 1)
		again, all := scan(t, []byte(fixed), options{})
		if got := all[0].draft; got.Title != "New" || got.Price == nil || got.Price.Currency != "USD" {
			t.Errorf("the corrected line is %+v %v", got, all[0].failures)
		}
		want := rows[1].row
		want.Cells = []string{strings.Replace(bad, `"NOME":""`, `"NOME":"New"`, 1)}
		if a, b := identity(t, p, want), identity(t, again, all[0].row); a != b {
			t.Errorf("%s is about %s, not %s", fixed, b, a)
		}
		_, _, report = reported(t, report, options{})
	}
	if _, all := scan(t, report, options{Mapping: map[string]string{"NOME": "", "title": "title"}, Currency: "BRL"}); all[0].draft.Title != "other" || all[0].draft.Price.Currency != "BRL" {
		t.Errorf("what is said anew does not count: %+v", all[0])
	}
	hostile := `{"_error_import":{"mapping":{"x":"nothing"},"currency":"ZZZZ","key":[1]},"title":"T","author":"A B"}` + "\n"
	if _, all := scan(t, []byte(hostile), options{}); all[0].draft.Title != "T" {
		t.Errorf("what cannot have been said is not passed over: %+v", all[0])
	}
	if _, _, plain := reported(t, []byte(`{"title":"","author":"Machado"}`+"\n"), options{}); strings.Contains(string(plain), "_error_import") {
		t.Errorf("nothing was said, and the report is %s", plain)
	}
}

// corrected is a row that has a title.
func corrected(p tabular.Plan, row tabular.Row) tabular.Row {
	for i, c := range p.Columns {
		if c.Field == "title" {
			row.Cells[i] = "New"
		}
	}
	return row
}

// identity is what a row is about, and must be more than its place in the file.
func identity(tb testing.TB, p tabular.Plan, row tabular.Row) string {
	tb.Helper()
	r := tabular.NewReader(p, july())
	d, _, failures := r.Draft(row)
	if len(failures) > 0 {
		tb.Errorf("%+v fails: %v", row, failures)
	}
	return r.ID(row, d).String()
}
