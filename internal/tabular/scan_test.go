package tabular_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"golang.org/x/text/encoding/charmap"

	"acervo/internal/fault"
	"acervo/internal/tabular"
)

// refusals are the codes of the fields of an error.
func refusals(err error) string {
	told, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return ""
	}
	var all []string
	for _, f := range told.Fields {
		all = append(all, strings.TrimSpace(f.Pointer+" "+f.Code))
	}
	return strings.Join(all, ", ")
}

func titles(all []outcome) string {
	var got []string
	for _, o := range all {
		if len(o.failures) > 0 {
			got = append(got, "!"+codes(o.failures))
		} else {
			got = append(got, o.draft.Title)
		}
	}
	return strings.Join(got, "|")
}

func TestTheHeaderAsDataIsNoRowHoweverItIsQuoted(t *testing.T) {
	t.Parallel()
	p, all := scan(t, []byte("title,author\nA,B\n\"title\",\"author\"\nTitle,AUTHOR\n title , author \nTitles,Author\n"), tabular.Options{})
	if got := titles(all); got != "A|Titles" || p.Rows != 2 {
		t.Errorf("%d rows are %q", p.Rows, got)
	}
}

func TestAHeaderThatIsTooWideIsLocatedWhereItBegins(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		strings.Repeat("a,", 2_000_000) + "\nA,B\n":             "line 1 has",
		"\n\n\"a\nb\"" + strings.Repeat(",x", 1200) + "\nA,B\n": "line 3 has",
	} {
		if _, err := tabular.Scan(strings.NewReader(raw), tabular.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(i * i >> 3)
	}
	const good = "title,author\nA,B\n"
	for _, c := range []struct {
		name, raw, want string
		options         tabular.Options
	}{
		{"an empty file", "", "empty", tabular.Options{}},
		{"blank lines", "\r\n\n  \n", "empty", tabular.Options{}},
		{"a mark and nothing else", "\xEF\xBB\xBF", "empty", tabular.Options{}},
		{"a header and nothing else", "title,author\r\n", "no_rows", tabular.Options{}},
		{"a header and empty rows", "title,author\r\n,\r\n , \r\n", "no_rows", tabular.Options{}},
		{"a zip", "PK\x03\x04....lista.csv", "zip", tabular.Options{}},
		{"an Excel workbook", "PK\x03\x04....[Content_Types].xml....xl/workbook.xml", "xlsx", tabular.Options{}},
		{"a LibreOffice sheet", "PK\x03\x04....mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "ods", tabular.Options{}},
		{"an EPUB", "PK\x03\x04....mimetypeapplication/epub+zip", "epub", tabular.Options{}},
		{"an old Excel workbook", "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1....", "xls", tabular.Options{}},
		{"a PDF", "%PDF-1.7 ...", "pdf", tabular.Options{}},
		{"Calibre's database", "SQLite format 3\x00....", "sqlite", tabular.Options{}},
		{"gzip within gzip", "\x1F\x8B\x08\x00", "gzip", tabular.Options{}},
		{"a web page", " <!DOCTYPE html><table>", "markup", tabular.Options{}},
		{"a JSON array", "[\n {\"title\":\"A\"}]", "json_array", tabular.Options{}},
		{"noise", string(noise), "binary", tabular.Options{}},
		{"zeros", strings.Repeat("\x00", 1000), "binary", tabular.Options{}},
		{"noise after a good beginning", good + strings.Repeat("x,y\n", 20<<10) + strings.Repeat("\x00", 1<<20), "binary", tabular.Options{}},
		{"more columns than may be", "title,author" + strings.Repeat(",x", 1200) + "\nA,B\n", "too_many_columns", tabular.Options{}},
		{"two million columns", strings.Repeat("a,", 2_000_000) + "\nA,B\n", "too_many_columns", tabular.Options{}},
		{"no authors", "title,publisher\nA,B\n", "/mapping no_authors", tabular.Options{}},
		{"neither header nor mapping", "Dom Casmurro,Machado de Assis\n", "/mapping no_title, /mapping no_authors", tabular.Options{}},
		{"more bytes than may be", good, "too_large", tabular.Options{MaxBytes: 10}},
		{
			"every fault of the options at once", good,
			"/delimiter unknown_delimiter, /encoding unknown_encoding, /currency not_a_currency, /mapping/a unknown_field, /mapping/b~1c unknown_field",
			tabular.Options{Delimiter: "x", Encoding: "ebcdic", Currency: "REAL", Mapping: map[string]string{"a": "titel", "b/c": "author"}},
		},
		{
			"every fault of the columns at once", "title,publisher\nA,B\n", "/mapping/3 unknown_column, /mapping/autor unknown_column, /mapping no_authors, /key/0 unknown_column",
			tabular.Options{Mapping: map[string]string{"autor": "authors", "3": "authors"}, Key: []string{"sku"}},
		},
	} {
		t.Run(c.name+" is refused by name", func(t *testing.T) {
			t.Parallel()
			p, err := tabular.Scan(strings.NewReader(c.raw), c.options)
			if got := refusals(err); got != c.want {
				t.Errorf("got %q (%v) %+v, want %q", got, err, p.Columns, c.want)
			}
		})
	}
	t.Run("an error of the reader is passed on", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("disk on fire")
		for _, head := range []string{"", "title,author\nA,B\n", strings.Repeat("title,author\n", 100_000)} {
			if _, err := tabular.Scan(io.MultiReader(strings.NewReader(head), iotest.ErrReader(broken)), tabular.Options{}); !errors.Is(err, broken) {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestDialects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, raw, delimiter, want string }{
		{"commas", "title,author\nA,B\nC,D\n", ",", "A|C"},
		{"semicolons and decimal commas", "título;autor;preço\nA;B;1,50\nC;D;2,50\n", ";", "A|C"},
		{"tabs", "title\tauthor\nA, or B\tC\n", "\t", "A, or B"},
		{"bars", "title|author\nA|B\n", "|", "A"},
		{"a line that says it", "sep=;\r\ntitle;author\r\nA,x,y;B\r\n", ";", "A,x,y"},
		{"CRLF, LF and CR in one file", "title,author\r\nA,B\nC,D\rE,F", ",", "A|C|E"},
		{"blank lines, empty rows and the header once more", "\n\ntitle,author\nA,B\n\n,\ntitle,author\nC,D\n , \n", ",", "A|C"},
		{"a file that was put behind another", "\xEF\xBB\xBFtitle,author\nA,B\n\xEF\xBB\xBFtitle,author\nC,D\n", ",", "A|C"},
		{"values of several lines", "title,author,description\n\"A\r\nB\",C,\"D\n\nE\"\nF,G,\n", ",", "A B|F"},
		{"cells that are missing", "title,author,isbn\nA,B\nC\n", ",", "A|!count"},
		{"cells that are too many", "title,author\nA,B,,\nC, or D,E\n", ",", "A|!wrong_columns"},
		{"a quote that is never closed", "title,author\n\"A,B\nC,D\nE\nF,G\n", ",", "!unclosed_quote|C|!wrong_columns|F"},
	} {
		t.Run(c.name+" are read", func(t *testing.T) {
			t.Parallel()
			p, all := scan(t, []byte(c.raw), tabular.Options{})
			if got := titles(all); p.Delimiter != c.delimiter || got != c.want {
				t.Errorf("got %q by %q, want %q by %q", got, p.Delimiter, c.want, c.delimiter)
			}
			for _, o := range all {
				if at := strings.SplitAfter(strings.ReplaceAll(c.raw, "\r\n", " \n"), "\n"); !strings.Contains(c.raw, "\rE") && len(o.row.Cells) > 0 {
					first, _, _ := strings.Cut(o.row.Cells[0], "\n")
					if got := at[o.row.Line-1]; !strings.HasPrefix(strings.TrimLeft(got, "\""), strings.TrimLeft(first, "\"")) {
						t.Errorf("line %d is %q, not %q", o.row.Line, got, first)
					}
				}
			}
		})
	}
}

// inUTF16 writes a text in UTF-16.
func inUTF16(s string, big, mark bool) []byte {
	units := utf16.Encode([]rune(s))
	if mark {
		units = append([]uint16{0xFEFF}, units...)
	}
	var out []byte
	for _, u := range units {
		if big {
			out = append(out, byte(u>>8), byte(u))
		} else {
			out = append(out, byte(u), byte(u>>8))
		}
	}
	return out
}

func in1252(tb testing.TB, s string) []byte {
	tb.Helper()
	raw, err := charmap.Windows1252.NewEncoder().Bytes([]byte(s))
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	const text = "título;autor;descrição\r\nMemórias Póstumas;Machado de Assis;“sic”\r\n\"Ação 😀\nII\";João Guimarães;x\r\n"
	plain := strings.ReplaceAll(text, " 😀", "")
	for _, c := range []struct {
		name string
		raw  []byte
		want tabular.Encoding
	}{
		{"UTF-8", []byte(text), tabular.UTF8},
		{"UTF-8 with a mark", []byte("\xEF\xBB\xBF" + text), tabular.UTF8},
		{"UTF-16LE with a mark", inUTF16(text, false, true), tabular.UTF16LE},
		{"UTF-16BE with a mark", inUTF16(text, true, true), tabular.UTF16BE},
		{"UTF-16LE", inUTF16(text, false, false), tabular.UTF16LE},
		{"UTF-16BE", inUTF16(text, true, false), tabular.UTF16BE},
		{"Windows-1252", in1252(t, plain), tabular.Windows1252},
		{"Latin-1", in1252(t, strings.NewReplacer("“", "", "”", "").Replace(plain)), tabular.Latin1},
	} {
		t.Run(c.name+" is found out", func(t *testing.T) {
			t.Parallel()
			p, all := scan(t, c.raw, tabular.Options{})
			if p.Encoding != c.want || p.Columns[0].Name != "título" {
				t.Errorf("got %+v", p)
			}
			if len(all) != 2 || all[0].draft.Title != "Memórias Póstumas" || !strings.HasPrefix(all[1].draft.Title, "Ação") || all[1].draft.Authors[0] != "João Guimarães" {
				t.Errorf("got %+v", all)
			}
			slow, err := tabular.Scan(iotest.OneByteReader(bytes.NewReader(c.raw)), tabular.Options{})
			if err != nil || slow.Encoding != p.Encoding || slow.Digest != p.Digest || !slices.Equal(slow.Chunks, p.Chunks) {
				t.Errorf("byte by byte it is %+v, %v", slow, err)
			}
			for i, first := range []string{"Mem", "\"A"} {
				at := all[i].row.Offset
				if rest := c.raw[at:]; !bytes.HasPrefix(rest, []byte(first)) && !bytes.HasPrefix(rest, inUTF16(first, false, false)) && !bytes.HasPrefix(rest, inUTF16(first, true, false)) {
					t.Errorf("row %d does not start at byte %d", i, at)
				}
			}
		})
	}
	t.Run("an accent at byte 99,465 decides it", func(t *testing.T) {
		t.Parallel()
		raw := []byte("title,author\n" + strings.Repeat("Plain title,Plain Author\n", 3978))
		raw = append(raw, "Um t"...)
		raw = append(raw, in1252(t, "ítulo,João\n")...)
		if i := bytes.IndexByte(raw, 0xED); i < 99_000 {
			t.Fatalf("it stands at %d", i)
		}
		p, all := scan(t, raw, tabular.Options{})
		if last := all[len(all)-1]; p.Encoding != tabular.Latin1 || last.draft.Title != "Um título" || last.draft.Authors[0] != "João" {
			t.Errorf("%s: %+v", p.Encoding, last)
		}
	})
	t.Run("a byte of another encoding at 99,465 of UTF-8 costs its cell, and garbles nothing before or after", func(t *testing.T) {
		t.Parallel()
		raw := []byte("title,author,description\n" + strings.Repeat("Um título,João,é\n", 5238))
		raw = append(raw, "Um título,João,\xe7\nCoração,É,fim\n"...)
		if i := bytes.IndexByte(raw, 0xe7); i < 99_465 {
			t.Fatalf("it stands at %d", i)
		}
		p, all := scan(t, raw, tabular.Options{})
		before, hit, after := all[len(all)-3], all[len(all)-2], all[len(all)-1]
		if p.Encoding != tabular.UTF8 || before.draft.Title != "Um título" || after.draft.Title != "Coração" || after.draft.Description != "fim" {
			t.Errorf("%s: %+v, %+v", p.Encoding, before, after)
		}
		if hit.draft.Title != "Um título" || hit.draft.Description != "" || codes(hit.warnings) != "bad_encoding" {
			t.Errorf("got %+v", hit)
		}
		twin, err := tabular.Scan(tabular.Expand(bytes.NewReader(gzipped(t, raw)), 0), tabular.Options{})
		if err != nil || !reflect.DeepEqual(twin, p) {
			t.Errorf("gzipped it is %+v, %v", twin, err)
		}
	})
	t.Run("bad bytes in the middle of UTF-8 cost their cells only, and are located", func(t *testing.T) {
		t.Parallel()
		raw := []byte("title,author,description\nMemória,João,é\nA\xe7\xe3o,B,x\nC,D,\xff\nE,F\x00,x\nG,H,i\x00j\nçãéô,É,x\n")
		p, all := scan(t, raw, tabular.Options{})
		if got := titles(all); p.Encoding != tabular.UTF8 || got != "Memória|!bad_encoding|C|!control_character|G|çãéô" {
			t.Errorf("%s: %q", p.Encoding, got)
		}
		if codes(all[2].warnings) != "bad_encoding" || codes(all[4].warnings) != "control_character" {
			t.Errorf("got %v, %v", all[2].warnings, all[4].warnings)
		}
		if f := all[1].failures[0]; f.Line != 3 || f.Offset != int64(bytes.Index(raw, []byte("A\xe7"))) || f.Column != "title" || f.Value == "" {
			t.Errorf("got %+v", f)
		}
		if w := p.Warnings[0]; w.Code != "bad_encoding" || w.Offset != int64(bytes.IndexByte(raw, 0xe7)) {
			t.Errorf("got %+v", w)
		}
	})
	t.Run("a damaged cell, however long, does not garble the few good accents", func(t *testing.T) {
		t.Parallel()
		for name, bad := range map[string]string{
			"one run of bad bytes": "Rui " + strings.Repeat("\xff", 41) + ",A\n",
			"four torn letters":    "A\xc3,A\n\xa7B,A\nC\xe3,A\n\xf5D,A\n",
		} {
			p, all := scan(t, []byte("title,author\nEmílio,A\n"+bad), tabular.Options{})
			if p.Encoding != tabular.UTF8 || all[0].draft.Title != "Emílio" || codes(p.Warnings) != "bad_encoding" {
				t.Errorf("%s: %s, %v, %+v", name, p.Encoding, p.Warnings, all)
			}
			for _, o := range all[1:] {
				if codes(o.failures) != "bad_encoding" {
					t.Errorf("%s: %+v", name, o)
				}
			}
		}
	})
	t.Run("what looks like UTF-8 in another encoding is told", func(t *testing.T) {
		t.Parallel()
		raw := append([]byte("title,author\n"), in1252(t, "“Amanhã, amanhã”,João\nÇa va à çà,É\nAMANHÃ”,À\n")...)
		p, all := scan(t, raw, tabular.Options{})
		if p.Encoding != tabular.Windows1252 || all[len(all)-1].draft.Title != "AMANHÃ”" {
			t.Fatalf("%s: %+v", p.Encoding, all)
		}
		if w := p.Warnings; codes(w) != "mixed_encoding" || w[0].Offset != int64(bytes.Index(raw, []byte("\xc3\x94"))) {
			t.Errorf("it is told that %+v", w)
		}
	})
	t.Run("an encoding that is given is believed", func(t *testing.T) {
		t.Parallel()
		p, all := scan(t, []byte("title,author\n\xc3\xa9,B\n"), tabular.Options{Encoding: "cp1252"})
		if p.Encoding != tabular.Windows1252 || all[0].draft.Title != "Ã©" {
			t.Errorf("%s: %+v", p.Encoding, all)
		}
		p, all = scan(t, inUTF16("title,author\nA,B\n", true, false), tabular.Options{Encoding: "utf-16be"})
		if p.Encoding != tabular.UTF16BE || all[0].draft.Title != "A" {
			t.Errorf("%s: %+v", p.Encoding, all)
		}
	})
}

func TestExportsOfOtherPrograms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, raw, want string }{
		{
			"Goodreads", "Book Id,Title,Author,Author l-f,Additional Authors,ISBN,ISBN13,My Rating,Average Rating,Publisher,Binding,Number of Pages,Year Published,Original Publication Year,Date Read\n" +
				"1,Harry Potter,J.K. Rowling,\"Rowling, J.K.\",Mary GrandPré,\"=\"\"0439785960\"\"\",\"=\"\"9780439785969\"\"\",0,4.57,Scholastic,Paperback,652,2006,2005,\n",
			`{"title":"Harry Potter","authors":["J.K. Rowling","Mary GrandPré"],"isbn":"9780439785969","published":2006}`,
		},
		{
			"Calibre", "author_sort,authors,comments,formats,id,isbn,identifiers,languages,pubdate,publisher,rating,series,tags,title,title_sort,uuid\n" +
				"\"Pratchett, Terry\",Terry Pratchett & Neil Gaiman,<p>Funny</p>,epub,17,,\"isbn:9780439785969,goodreads:1\",eng,2008-01-01T00:00:00+00:00,X,4,,fun,Good Omens,Good Omens,01890a5d-ac96-774b-bcce-b302099a8057\n",
			`{"id":"01890a5d-ac96-774b-bcce-b302099a8057","title":"Good Omens","authors":["Terry Pratchett","Neil Gaiman"],"isbn":"9780439785969","published":2008,"language":"en","description":"<p>Funny</p>","rating":4}`,
		},
		{
			"LibraryThing", "Book Id\tTitle\tSort Character\tPrimary Author\tPrimary Author Role\tSecondary Author\tPublication\tDate\tReview\tRating\tSummary\tLanguages\tOriginal Languages\tISBN\tISBNs\tList Price\n" +
				"9\tHarry Potter\t1\tRowling, J.K.\t\tGrandPré, Mary|Jones, Ann\tScholastic (2005)\t2005\t\t4.5\tA wizard\tEnglish\tEnglish\t[0439785960]\t0439785960, 9780439785969\t\n",
			`{"title":"Harry Potter","authors":["Rowling, J.K.","GrandPré, Mary","Jones, Ann"],"isbn":"9780439785969","published":2005,"language":"en","description":"A wizard","rating":4.5}`,
		},
		{
			"StoryGraph", "Title,Authors,Contributors,ISBN/UID,Format,Read Status,Date Added,Star Rating,Review,Owned?\nHarry Potter,\"J.K. Rowling, Mary GrandPré\",,9780439785969,paperback,read,2021/01/01,4.25,,No\n",
			`{"title":"Harry Potter","authors":["J.K. Rowling","Mary GrandPré"],"isbn":"9780439785969","rating":4.25}`,
		},
		{
			"Google Books", ",title,author,rating,voters,price,currency,description,ISBN,language,published_date\n0,Attack,Hajime Isayama,4.6,428,43.28,SAR,Titans,9780439785969,English,31-Jul-14\n",
			`{"title":"Attack","authors":["Hajime Isayama"],"isbn":"9780439785969","published":2014,"language":"en","description":"Titans","rating":4.6,"price":{"amount":"43.28","currency":"SAR"}}`,
		},
		{
			"a Brazilian spreadsheet", "Código;Título da Obra;Autor(es);Preço (R$);Ano de Publicação;Idioma;Sinopse;Nota\n7;Quincas Borba;Machado de Assis;1.234,50;1891.0;Português;\"S&oacute;\";4,5\n",
			`{"title":"Quincas Borba","authors":["Machado de Assis"],"published":1891,"language":"pt","description":"Só","rating":4.5,"price":{"amount":"1234.50","currency":"BRL"}}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, all := scan(t, []byte(c.raw), tabular.Options{})
			if got, err := json.Marshal(all[0].draft); string(got) != c.want || err != nil {
				t.Errorf("got %s, want %s\n%v %v", got, c.want, all[0].warnings, all[0].failures)
			}
			if len(all[0].warnings) > 0 {
				t.Errorf("warned: %v", all[0].warnings)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	t.Run("a file without header is read by a mapping of numbers", func(t *testing.T) {
		t.Parallel()
		p, all := scan(t, lines("1;Dom Casmurro;Machado de Assis;39,90", "2;Quincas Borba;Machado de Assis;10"),
			tabular.Options{Mapping: map[string]string{"2": "title", "#3": "authors", "4": "price"}, Currency: "BRL"})
		if got := titles(all); p.Header != nil || got != "Dom Casmurro|Quincas Borba" || all[0].draft.Price.Amount != "39.90" || all[0].draft.Price.Currency != "BRL" {
			t.Errorf("%+v: %q", p, got)
		}
	})
	t.Run("names of a mapping are found whatever their case and accents, and make a header", func(t *testing.T) {
		t.Parallel()
		_, all := scan(t, lines("PRODUTO,QUEM,Title", "A,B,x"), tabular.Options{Mapping: map[string]string{"produto": "title", "Quem": "authors"}})
		if got := titles(all); got != "A" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a column may be ignored", func(t *testing.T) {
		t.Parallel()
		_, all := scan(t, lines("title,author,isbn", "A,B,x"), tabular.Options{Mapping: map[string]string{"isbn": ""}})
		if len(all[0].warnings) > 0 {
			t.Errorf("got %v", all[0].warnings)
		}
	})
	t.Run("a delimiter may be given", func(t *testing.T) {
		t.Parallel()
		_, all := scan(t, lines("title|author;title", "A|B;C"), tabular.Options{Delimiter: "|", Mapping: map[string]string{"2": "authors"}})
		if got := titles(all); got != "A" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a column called id that numbers its rows is ignored, unless it is mapped", func(t *testing.T) {
		t.Parallel()
		raw := lines("id,title,author", "1,A,B", "2,C,D")
		p, all := scan(t, raw, tabular.Options{})
		if got := titles(all); got != "A|C" || codes(p.Warnings) != "ids_ignored" {
			t.Errorf("got %q %v", got, p.Warnings)
		}
		_, all = scan(t, raw, tabular.Options{Mapping: map[string]string{"id": "id"}})
		if got := titles(all); got != "!not_a_uuid|!not_a_uuid" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("an optional cell that is not understood is left out with a warning that locates it", func(t *testing.T) {
		t.Parallel()
		_, all := scan(t, lines("title,author,isbn,year,language,rating,price,currency,description", "A,B,1,x,y,9,z,BRL,d"), tabular.Options{})
		if got := codes(all[0].warnings); got != "not_a_language not_a_year not_an_amount not_an_isbn out_of_range" || all[0].draft.Description != "d" {
			t.Errorf("got %q, %+v", got, all[0])
		}
		if w := all[0].warnings[0]; w.Line != 2 || w.Offset != 66 || w.Column != "isbn" || w.Value != "1" || w.Reason == "" {
			t.Errorf("got %+v", w)
		}
	})
	t.Run("a comma parts last from first where most names of the file stand so", func(t *testing.T) {
		t.Parallel()
		_, all := scan(t, lines("title,author", `A,"García Márquez, Gabriel José"`, `B,"Assis, Machado de"`, `C,"Amado, Jorge"`), tabular.Options{})
		if got := all[0].draft.Authors; len(got) != 1 {
			t.Errorf("got %q", got)
		}
		_, all = scan(t, lines("title,author", `A,"Terry Pratchett, Neil Gaiman"`, "B,Machado de Assis", "C,Jorge Amado"), tabular.Options{})
		if got := all[0].draft.Authors; len(got) != 2 {
			t.Errorf("got %q", got)
		}
		_, all = scan(t, lines("title,author,year", `A,"Silva, Ana, Souza, Rui",14`, "B,Machado de Assis,1899"), tabular.Options{})
		if got := all[0]; len(got.draft.Authors) != 1 || got.draft.Published != 0 || codes(got.warnings) != "ambiguous_date authors_not_split" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("cells of two names that show no order are no evidence for one", func(t *testing.T) {
		t.Parallel()
		p, all := scan(t, lines("title,author", `A,"Platão, Aristóteles"`, `B,"Homero, Virgílio"`, `C,"Sófocles, Ésquilo"`), tabular.Options{})
		if got := all[0]; p.Order != "" || len(got.draft.Authors) != 1 || codes(got.warnings) != "authors_not_split" {
			t.Errorf("%q: got %+v", p.Order, got)
		}
		long := []string{"title,author", `A,"Sófocles, Shakespeare, Homero"`}
		for range 12 {
			long = append(long, "B,Machado de Assis")
		}
		p, all = scan(t, lines(long...), tabular.Options{})
		if got := all[0]; p.Order != tabular.FirstLast || len(got.draft.Authors) != 3 || len(got.warnings) > 0 {
			t.Errorf("%q: got %+v", p.Order, got)
		}
	})
	t.Run("how names stand is known of programs that are known by their columns", func(t *testing.T) {
		t.Parallel()
		for header, want := range map[string]string{
			"Title,Authors,ISBN/UID":              "Plato|Desmond Lee, Jr. ",
			"Title,Additional Authors,Author l-f": "Plato|Desmond Lee, Jr. ",
			"Title,Primary Author,Sort Character": "Plato, Desmond Lee, Jr. ",
			"title,authors,author_sort":           "Plato, Desmond Lee, Jr. authors_not_split",
		} {
			_, all := scan(t, lines(header, `A,"Plato, Desmond Lee, Jr.",`), tabular.Options{})
			if got := strings.Join(all[0].draft.Authors, "|") + " " + codes(all[0].warnings); got != want {
				t.Errorf("%s: got %s, want %s", header, got, want)
			}
			_, all = scan(t, lines(header, `A,"Silva, João",`), tabular.Options{})
			if isPair := strings.Contains(header, "Sort Character"); isPair && codes(all[0].warnings) != "" {
				t.Errorf("%s: got %+v", header, all[0])
			}
		}
	})
	t.Run("a row is identified by its id, the columns that are named, its ISBN, or its line", func(t *testing.T) {
		t.Parallel()
		raw := lines("id,sku,title,author,isbn", "01890a5d-ac96-774b-bcce-b302099a8057,1,A,B,", ",1,A,B,9788535711912", ",,A,B,9788535711912", ",,A,B,", ",,A,B,")
		ids := func(o tabular.Options) []string {
			p, all := scan(t, raw, o)
			var got []string
			for _, row := range all {
				got = append(got, tabular.NewReader(p, july()).ID(row.row, row.draft).String())
			}
			return got
		}
		plain, keyed := ids(tabular.Options{}), ids(tabular.Options{Key: []string{"SKU"}})
		if plain[0] != "01890a5d-ac96-774b-bcce-b302099a8057" || plain[1] != plain[2] || plain[3] == plain[4] || plain[1] == plain[3] {
			t.Errorf("got %q", plain)
		}
		if keyed[0] != plain[0] || keyed[1] == plain[1] || keyed[2] != plain[2] || keyed[3] != plain[3] {
			t.Errorf("got %q, without key %q", keyed, plain)
		}
	})
}

func TestPlans(t *testing.T) {
	t.Parallel()
	raw := generated(3000)
	t.Run("a plan tells rows, bytes, digest and chunks of 500 rows or 256 KiB", func(t *testing.T) {
		t.Parallel()
		p, _ := scan(t, raw, tabular.Options{})
		sum := sha256.Sum256(raw)
		if p.Rows != 3000 || p.Bytes != int64(len(raw)) || p.Digest != hex.EncodeToString(sum[:]) || len(p.Chunks) != 6 {
			t.Errorf("%d rows, %d bytes, %s, %d chunks", p.Rows, p.Bytes, p.Digest, len(p.Chunks))
		}
		long, _ := scan(t, []byte("title,author,description\n"+strings.Repeat("A,B,"+strings.Repeat("x", 20_000)+"\n", 40)), tabular.Options{})
		for _, c := range long.Chunks {
			if c.Length > 256<<10 || c.Rows > 13 {
				t.Errorf("got %+v", c)
			}
		}
	})
	t.Run("a plan that was kept as JSON reads the same", func(t *testing.T) {
		t.Parallel()
		p, all := scan(t, raw, tabular.Options{})
		p.Duplicates = map[uuid.UUID]int64{uuid.New(): 7}
		text, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		kept, err := tabular.DecodePlan(text)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(kept.Duplicates, p.Duplicates) {
			t.Errorf("the duplicates are now %v", kept.Duplicates)
		}
		if _, err := tabular.DecodePlan(text[:len(text)/2]); !fault.Is(err, fault.Damaged) {
			t.Errorf("half of it reads as %v", err)
		}
		again := outcomes(t, kept, raw)
		if !slices.EqualFunc(all, again, func(a, b outcome) bool { return a.draft.Equal(b.draft) && slices.Equal(a.row.Cells, b.row.Cells) }) {
			t.Error("it does not")
		}
	})
	t.Run("a quote that is never closed is remembered from chunk to chunk", func(t *testing.T) {
		t.Parallel()
		rows := strings.Repeat("A,B\n", 700) + "C\n" + strings.Repeat("A,B\n", 700)
		p, all := scan(t, []byte("title,author\n\"open,B\n"+rows), tabular.Options{})
		if len(p.Chunks) != 3 || all[0].row.Plain || !all[1].row.Plain || codes(all[0].failures) != "unclosed_quote" || codes(all[701].failures) != "wrong_columns" || len(all[702].failures) > 0 {
			t.Errorf("%+v: %v, %v", p.Chunks, all[0].failures, all[701].failures)
		}
	})
	t.Run("bytes that have changed since are noticed", func(t *testing.T) {
		t.Parallel()
		p, _ := scan(t, raw, tabular.Options{})
		c := p.Chunks[1]
		slice := raw[c.Offset : c.Offset+c.Length]
		for name, changed := range map[string][]byte{"cut": slice[:len(slice)-200], "gone": nil, "joined": bytes.ReplaceAll(slice, []byte("\r\n"), []byte("  "))} {
			var last error
			for _, err := range tabular.NewReader(p, july()).Rows(c, bytes.NewReader(changed)) {
				last = err
			}
			if !fault.Is(last, fault.Damaged) {
				t.Errorf("%s: got %v", name, last)
			}
		}
	})
}

// endless is a stream of so many bytes of one pattern.
type endless struct {
	pattern string
	left    int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for i := 0; i < n; {
		i += copy(p[i:n], e.pattern)
	}
	e.left -= n
	return n, nil
}

// TestMemoryIsBounded is not parallel, since it measures the whole process.
func TestMemoryIsBounded(t *testing.T) {
	size := 16 << 20
	if testing.Short() {
		size = 2 << 20
	}
	for _, c := range []struct{ name, head, pattern string }{
		{"one quote and no end", "title,author\n\"", "a"},
		{"one quote and many lines", "title,author\n\"", "some,line\n"},
		{"a field without end", "title,author\n", "x"},
		{"quotes only", "title,author\n", "\""},
		{"quotes that open on every line", "title,author\n", "\"\"a\n"},
		{"line ends only", "title,author\nA,B\n", "\n"},
		{"columns only", "title,author\nA,B\n", "a,"},
		{"bad bytes only", "title,author\nA,B\n", "\x80"},
		{"a line of NDJSON without end", `{"title":"A","author":"B"}` + "\n{\"title\":\"", "a"},
		{"UTF-16 without a line end", "\xFF\xFEt\x00i\x00t\x00l\x00e\x00,\x00a\x00u\x00t\x00h\x00o\x00r\x00\n\x00", "a\x00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			p, err := tabular.Scan(io.MultiReader(strings.NewReader(c.head), &endless{c.pattern, size}), tabular.Options{})
			runtime.ReadMemStats(&after)
			if err != nil && fault.KindOf(err) == fault.Internal {
				t.Fatal(err)
			}
			t.Logf("%d rows in %d chunks, %v; %d KiB allocated", p.Rows, len(p.Chunks), err, (after.TotalAlloc-before.TotalAlloc)>>10)
			// What was allocated altogether is more than what was ever held.
			if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
				t.Errorf("%d bytes were allocated for %d", got, size)
			}
		})
	}
}
