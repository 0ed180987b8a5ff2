package tabular_test

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"acervo/internal/tabular"
)

func TestNDJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, line, want, warnings, failures string }{
		{
			"a draft as the API takes it", `{"title":"A","authors":["B","C, D"],"isbn":"9788535711912","published":1899,"price":{"amount":"39.90","currency":"BRL"}}`,
			`{"title":"A","authors":["B","C, D"],"isbn":"9788535711912","published":1899,"price":{"amount":"39.90","currency":"BRL"}}`, "", "",
		},
		{
			"names of other programs", `{"volumeInfo.title":"A","author":"B C; D E","ISBN_13":9788535711912,"publishedDate":"2014-07-31","moeda":"EUR","preço":12.5,"voters":[1,{}]}`,
			`{"title":"A","authors":["B C","D E"],"isbn":"9788535711912","published":2014,"price":{"amount":"12.5","currency":"EUR"}}`, "", "",
		},
		{
			"volumes as the API of Google Books returns them", `{"kind":"books#volume","volumeInfo":{"title":"A","authors":["B","C, D"],"publishedDate":"2014-07","language":"pt",` +
				`"industryIdentifiers":[{"type":"ISBN_10","identifier":"0439785960"},{"type":"ISBN_13","identifier":"9788535711912"}]},` +
				`"saleInfo":{"country":"BR","retailPrice":{"amount":39.9,"currencyCode":"BRL"}}}`,
			`{"title":"A","authors":["B","C, D"],"isbn":"9788535711912","published":2014,"language":"pt","price":{"amount":"39.9","currency":"BRL"}}`, "", "",
		},
		{"null and empty are absent", `{"title":"A","authors":["B",""],"isbn":null,"rating":0,"language":""}`, `{"title":"A","authors":["B"]}`, "", ""},
		{
			"what is optional and not understood", `{"title":"A","author":"B","isbn":true,"rating":{"a":1},"price":{"amount":null},"published":1e3}`,
			`{"title":"A","authors":["B"]}`, "not_a_number not_a_year not_an_amount not_an_isbn", "",
		},
		{"the last of a name that stands twice counts", `{"title":"A","author":"B","title":"C"}`, `{"title":"C","authors":["B"]}`, "", ""},
		{"no title", `{"authors":["B"]}`, "", "", "blank"},
		{"a title that is a list", `{"title":{"a":1},"authors":[]}`, "", "", "count"},
		{"half a line", `{"title":"A","auth`, "", "", "not_an_object"},
		{"two objects", `{"title":"A","author":"B"} {}`, "", "", "not_an_object"},
		{"a list", `["A","B"]`, "", "", "not_an_object"},
		{"text", `title,author`, "", "", "not_an_object"},
		{"bad bytes", "{\"title\":\"A\xff\",\"author\":\"é\"}", "", "", "bad_encoding"},
		{"half a surrogate", `{"title":"A\ud800","author":"é"}`, "", "", "not_an_object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, all := scan(t, lines(`{"title":"é","authors":["ção"]}`, "", c.line, `{"title":"Y","author":"Z"}`), tabular.Options{})
			if p.Kind != tabular.NDJSON || len(all) != 3 || titles(all[:1]) != "é" || titles(all[2:]) != "Y" {
				t.Fatalf("%+v: %+v", p, all)
			}
			o := all[1]
			got, err := json.Marshal(o.draft)
			if c.want != "" && string(got) != c.want || err != nil || codes(o.warnings) != c.warnings || codes(o.failures) != c.failures {
				t.Errorf("got %s %v %v", got, o.warnings, o.failures)
			}
			if o.row.Line != 3 || c.failures != "" && o.failures[0].Line != 3 {
				t.Errorf("got %+v", o)
			}
		})
	}
	t.Run("Windows-1252 is found out too", func(t *testing.T) {
		t.Parallel()
		p, all := scan(t, in1252(t, `{"título":"Ação","autor":"João"}`+"\n"), tabular.Options{})
		if p.Encoding != tabular.Latin1 || len(p.Columns) != 2 || p.Columns[0].Name != "título" || titles(all) != "Ação" {
			t.Errorf("%+v: %+v", p, all)
		}
	})
	t.Run("a file may have volumes of Google Books only", func(t *testing.T) {
		t.Parallel()
		p, all := scan(t, lines(`{"id":"zyTC","volumeInfo":{"title":"A","authors":["B"]}}`, `{"id":"zyTD","volumeInfo":{"title":"C","authors":["D"]}}`), tabular.Options{})
		if titles(all) != "A|C" || len(p.Columns) != 3 || p.Columns[1].Name != "volumeInfo.title" {
			t.Errorf("%+v: %+v", p, all)
		}
	})
	t.Run("a mapping names members, also those that come late", func(t *testing.T) {
		t.Parallel()
		raw := lines(strings.Repeat(`{"nome":"A","quem":"B","id":"x"}`+"\n", 300) + `{"title":"no","nome":"C","quem":"D","isbn":"9788535711912"}`)
		_, all := scan(t, raw, tabular.Options{Mapping: map[string]string{"nome": "title", "quem": "authors"}})
		if last := all[len(all)-1]; last.draft.Title != "C" || last.draft.ISBN == "" || len(all[0].failures) > 0 {
			t.Errorf("got %+v", last)
		}
	})
}
