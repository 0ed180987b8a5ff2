package tabular

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"acervo/internal/book"
)

func july() time.Time { return time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC) }

func TestISBNsAsTheyAreLeft(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, cell, want, code string }{
		{"thirteen digits", "9788535711912", "9788535711912", ""},
		{"hyphens of any kind and spaces", "978\u201185 357–1191-2", "9788535711912", ""},
		{"ten digits", "0-439-78596-0", "9780439785969", ""},
		{"a small x", "080442957x", "9780804429573", ""},
		{"a label", "ISBN-13: 9788535711912", "9788535711912", ""},
		{"a note", "9788535711912 (pbk.)", "9788535711912", ""},
		{"brackets of LibraryThing", "[0439785960]", "9780439785969", ""},
		{"identifiers of Calibre", "isbn:9788535711912,goodreads:12345", "9788535711912", ""},
		{"two spellings of one book", "0439785960, 9780439785969", "9780439785969", ""},
		{"decimals of a spreadsheet", "9788535711912.0", "9788535711912", ""},
		{"decimals after a comma", "9788535711912,00", "9788535711912", ""},
		{"a lost zero, when the check digit is right", "439785960", "9780439785969", codeRestored},
		{"two lost zeros", "71486186", "9780071486187", codeRestored},
		{"an apostrophe", "'0439785960", "9780439785969", ""},
		{"every digit in scientific notation", "9.788535711912E+12", "9788535711912", ""},
		{"a lost zero that cannot be proved", "439785961", "", "not_an_isbn"},
		{"the number of a shop, although it could have lost three zeros", "2460345", "", "not_an_isbn"},
		{"rounded by a spreadsheet", "9.78E+12", "", "isbn_rounded"},
		{"rounded with a comma", "9,78161e+12", "", "isbn_rounded"},
		{"rounded at the last digit", "9.78853571191E+12", "", "isbn_rounded"},
		{"a wrong check digit", "9788535711913", "", "not_an_isbn"},
		{"two books", "0439785960, 9788535711912", "", "several_isbns"},
		{"a word", "PRELO", "", "not_an_isbn"},
		{"identifiers of Google Books", "[{'type': 'ISBN_10', 'identifier': '0439785960'}, {'type': 'ISBN_13', 'identifier': '9788535711912'}]", "9788535711912", ""},
		{"the same as JSON, the other way round", `[{"identifier":"UOM:39015","type":"OTHER"},{"identifier":"0439785960","type":"ISBN_10"}]`, "9780439785969", ""},
		{"identifiers of no ISBN", `[{"type":"OTHER","identifier":"439785960"}]`, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, tr := parseISBN(value(c.cell)); got != c.want || tr.code != c.code {
				t.Errorf("%q is %q %q, want %q %q", c.cell, got, tr.code, c.want, c.code)
			}
		})
	}
	if got := value(`="9788535711912"`); got != "9788535711912" {
		t.Errorf("a formula is %q", got)
	}
}

func TestPricesAsTheyAreLeft(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, cell, given, want, code string }{
		{"Brazilian", "R$ 1.234,50", "", "1234.50 BRL", ""},
		{"Brazilian thousands", "R$ 1.234", "", "1234 BRL", ""},
		{"a point for decimals after R$", "R$12.50", "", "12.50 BRL", ""},
		{"a hard space", "R$\u00A039,90", "", "39.90 BRL", ""},
		{"a column of currencies", "43.28", "SAR", "43.28 SAR", ""},
		{"American", "US$ 1,234.50", "", "1234.50 USD", ""},
		{"American thousands", "US$ 1,234", "", "1234 USD", ""},
		{"a code after it", "12,90 EUR", "", "12.90 EUR", ""},
		{"a euro", "€ 9,99", "", "9.99 EUR", ""},
		{"a dollar in a known currency", "$ 10", "CAD", "10 CAD", ""},
		{"millions", "1.234.567,89", "BRL", "1234567.89 BRL", ""},
		{"Swiss", "CHF 1'234.50", "", "1234.50 CHF", ""},
		{"spaces between thousands", "1 234,50", "EUR", "1234.50 EUR", ""},
		{"zeros that a program wrote", "39.9000", "BRL", "39.90 BRL", ""},
		{"less than one", "0,50", "BRL", "0.50 BRL", ""},
		{"less than one, without the zero", ".99 USD", "", "0.99 USD", ""},
		{"the same beside its sign", "US$ .5", "", "0.5 USD", ""},
		{"the same with a comma", "R$ ,50", "", "0.50 BRL", ""},
		{"three decimals after zero", "0.125", "KWD", "0.125 KWD", ""},
		{"nothing", "0", "SAR", "0 SAR", ""},
		{"thousands or thousandths", "1.234", "SAR", "", "ambiguous_amount"},
		{"a dollar of no country", "$ 10", "", "", "no_currency"},
		{"no currency", "10", "", "", "no_currency"},
		{"two currencies", "R$ 10", "USD", "", "two_currencies"},
		{"less than nothing", "-5", "BRL", "", "not_an_amount"},
		{"a word", "grátis", "BRL", "", "not_an_amount"},
		{"a range", "10-20", "BRL", "", "not_an_amount"},
		{"points in the wrong places", "1.23.4", "BRL", "", "not_an_amount"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			p, tr := parsePrice(c.cell, c.given)
			if p != nil {
				got = p.Amount + " " + p.Currency
			}
			if got != c.want || tr.code != c.code {
				t.Errorf("%q is %q %q, want %q %q", c.cell, got, tr.code, c.want, c.code)
			}
		})
	}
}

func TestYearsAsTheyAreLeft(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]int{
		"14": 0, "99": 0, "07": 0, "7": 0, "14.0": 0, "c14": 0, "2008": 2008, "2008.0": 2008, "2008,00": 2008, "c2008": 2008, "[1899]": 1899, "850": 850, "31-Jul-14": 2014, "15-Nov-86": 1986,
		"1-Jan-27": 2027, "1-Jan-28": 1928, "15-Sep-00": 2000, "12-fev-99": 1999, "2014-07-31": 2014, "2014-07": 2014, "2014-07-31T00:00:00+00:00": 2014,
		"2014-07-31 12:30": 2014, "31/07/2014": 2014, "7/31/2014": 2014, "July 2014": 2014, "July 31st, 2014": 2014, "31 de julho de 2014": 2014,
		"set/2009": 2009, "1º de março de 1999": 1999, "2014/7": 2014,
		"0": 0, "31/07/14": 0, "Jul-14": 0, "41851": 0, "2014-2015": 0, "soon": 0, "-500": 0, "0101-01-01T00:00:00+00:00": 0, "2014-07-45": 0, "20140731": 0,
	} {
		got, tr := parseYear(cell, july())
		if got != want || (tr.code == "") != (want != 0 || strings.HasPrefix(cell, "0101")) {
			t.Errorf("%q is %d %q, want %d", cell, got, tr.code, want)
		}
	}
}

func TestRatingsAsTheyAreLeft(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]float64{"4.5": 4.5, "4,5": 4.5, "4/5": 4, "★★★☆☆": 3, "5": 5, "8/10": 0, "good": 0, "NaN": 0, "1e1": 0, "0x1": 0} {
		if got, tr := parseRating(cell); got != want || (tr.code == "") != (want != 0) {
			t.Errorf("%q is %v %q, want %v", cell, got, tr.code, want)
		}
	}
}

func TestLanguagesAsTheyAreLeft(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"English": "en", "INGLÊS": "en", "Português": "pt", "português (Brasil)": "pt-BR", "pt_BR": "pt-BR", "pt-br": "pt-BR", "por": "pt", "eng": "en",
		"fre": "fr", "ger": "de", "Français": "fr", "Español": "es", "русский": "ru", "日本語": "ja", "Klingon": "", "English, French": "", "xx-": "", "e": "",
	} {
		if got, tr := parseLanguage(cell); got != want || (tr.code == "") != (want != "") {
			t.Errorf("%q is %q %q, want %q", cell, got, tr.code, want)
		}
	}
}

func TestAuthorsInOneCell(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, cell string
		order      NameOrder
		want       []string
	}{
		{"semicolons part, and nothing else then", "Silva, João; Cruz e Souza ;", "", []string{"Silva, João", "Cruz e Souza"}},
		{"bars part", "Rowling, J.K.|Grandpré, Mary", "", []string{"Rowling, J.K.", "Grandpré, Mary"}},
		{"slashes between spaces part", "ILMAR ROHLOFF / LUIS AFFONSO", "", []string{"ILMAR ROHLOFF", "LUIS AFFONSO"}},
		{"last, first is one", "Machado, Joaquim Maria", "", []string{"Machado, Joaquim Maria"}},
		{"as is what is as clear", "ASSIS, Machado", "", []string{"ASSIS, Machado"}},
		{"a particle shows it", "Assis, Machado de", "", []string{"Assis, Machado de"}},
		{"also among others", "Assis, Machado de", FirstLast, []string{"Assis, Machado de"}},
		{"an initial does", "Rowling, J.", "", []string{"Rowling, J."}},
		{"the column does", "Silva, João", LastFirst, []string{"Silva, João"}},
		{"an institution may come after a person", "Ana Lima, Universidade de São Paulo", "", []string{"Ana Lima", "Universidade de São Paulo"}},
		{"a list may begin with one word where names stand as first, last", "SÓFOCLES, SONIA RODRIGUES, HOMERO", FirstLast, []string{"SÓFOCLES", "SONIA RODRIGUES", "HOMERO"}},
		{"last, first is one where all are written so", "García Márquez, Gabriel José", LastFirst, []string{"García Márquez, Gabriel José"}},
		{"commas part whole names", "ALBERTO BEUTENMÜLLER, WANDERLEY LOCONTE", "", []string{"ALBERTO BEUTENMÜLLER", "WANDERLEY LOCONTE"}},
		{"a list may have names of one word", "ANA CRISTINA CESAR, CACASO, CHACAL", "", []string{"ANA CRISTINA CESAR", "CACASO", "CHACAL"}},
		{"two of which one is of one word are not safe", "ALCY, JOSÉ SANTOS", "", []string{"ALCY, JOSÉ SANTOS"}},
		{"degrees are no authors", "Robert B. Cialdini, PhD", "", []string{"Robert B. Cialdini, PhD"}},
		{"nor are Jr. and III", "Martin Luther King, Jr., III", "", []string{"Martin Luther King, Jr., III"}},
		{"e parts whole names", "Antonio Bigode e Joaquim Gimenez", "", []string{"Antonio Bigode", "Joaquim Gimenez"}},
		{"E too", "JÚNIA CAMPAS E RONALD CLAVER", "", []string{"JÚNIA CAMPAS", "RONALD CLAVER"}},
		{"and parts whole names", "Terry Pratchett and Neil Gaiman", "", []string{"Terry Pratchett", "Neil Gaiman"}},
		{"& parts whole names", "Terry Pratchett & Neil Gaiman", "", []string{"Terry Pratchett", "Neil Gaiman"}},
		{"e may belong to a name", "ANTÔNIO DE PÁDUA E SILVA", "", []string{"ANTÔNIO DE PÁDUA E SILVA"}},
		{"also before Neto", "José Bonifácio de Andrada e Silva Neto", "", []string{"José Bonifácio de Andrada e Silva Neto"}},
		{"a shared surname is not safe", "AUDREY E DON WOOD", "", []string{"AUDREY E DON WOOD"}},
		{"institutions are one", "Conselho Nacional de Ciência e Desenvolvimento Tecnológico", "", []string{"Conselho Nacional de Ciência e Desenvolvimento Tecnológico"}},
		{"the last two of a list", "Ana Borgatto, Terezinha Bertin e Vera Marchezi", "", []string{"Ana Borgatto", "Terezinha Bertin", "Vera Marchezi"}},
		{"and after a comma", "A B, C D, and E F", "", []string{"A B", "C D", "E F"}},
		{"others are nobody", "Avelino Correa e outros", "", []string{"Avelino Correa e outros"}},
		{"and between two of last, first", "Doe, John and Roe, Jane", "", []string{"Doe, John", "Roe, Jane"}},
		{"e after more of them", "Silva, Ana, Souza, Rui e Costa, Eva", "", []string{"Silva, Ana", "Souza, Rui", "Costa, Eva"}},
		{"pairs that an initial shows", "Knuth, Donald E., Graham, Ronald L., Patashnik, Oren", "", []string{"Knuth, Donald E.", "Graham, Ronald L.", "Patashnik, Oren"}},
		{"pairs of which all have initials", "García Márquez, G., Vargas Llosa, M.", "", []string{"García Márquez, G.", "Vargas Llosa, M."}},
		{"pairs and a comma before and", "Knuth, Donald E., Graham, Ronald L., and Patashnik, Oren", "", []string{"Knuth, Donald E.", "Graham, Ronald L.", "Patashnik, Oren"}},
		{"pairs where all are written so", "Silva, Ana, García Márquez, Gabriel", LastFirst, []string{"Silva, Ana", "García Márquez, Gabriel"}},
		{"and between two whole ones where all are written so", "García Márquez, Gabriel & Doe, John", LastFirst, []string{"García Márquez, Gabriel", "Doe, John"}},
		{"whole names are told apart also among inverted ones", "João Silva, Maria Souza e Ana Costa", LastFirst, []string{"João Silva", "Maria Souza", "Ana Costa"}},
		{"one of last, first and one that is not", "Silva, João e Maria Costa", LastFirst, []string{"Silva, João", "Maria Costa"}},
		{"degrees after whole names", "John Smith, M.D., Jane Roe, Ph.D.", "", []string{"John Smith, M.D.", "Jane Roe, Ph.D."}},
		{"e within a name of a list", "Ana Lima, Cruz e Souza, Rui Costa", "", []string{"Ana Lima", "Cruz e Souza", "Rui Costa"}},
		{"three with &", "Neil Gaiman & Terry Pratchett & Ann Doe", "", []string{"Neil Gaiman", "Terry Pratchett", "Ann Doe"}},
		{"three with and", "Neil Gaiman and Terry Pratchett and Ann Doe", "", []string{"Neil Gaiman", "Terry Pratchett", "Ann Doe"}},
		{"three with e", "Ana Lima e Beto Reis e Caio Melo", "", []string{"Ana Lima", "Beto Reis", "Caio Melo"}},
		{"y may belong to a name", "Ramón y Cajal", "", []string{"Ramón y Cajal"}},
		{"also beside another", "Ramón y Cajal & Ann Doe", "", []string{"Ramón y Cajal", "Ann Doe"}},
		{"a list of Python", `['Ana Lima', "Flann O'Brien", 'D\'Arc']`, "", []string{"Ana Lima", "Flann O'Brien", "D'Arc"}},
		{"a list of JSON", `["Ana Lima","Reis, Beto"]`, "", []string{"Ana Lima", "Reis, Beto"}},
		{"escapes of JSON", `["Jo\u00e3o"]`, "", []string{"João"}},
		{"a list of one", `['Ana Lima']`, "", []string{"Ana Lima"}},
		{"a list of nobody", `[]`, "", nil},
		{"brackets of a cataloguer", `[Anonymous]`, "", []string{"[Anonymous]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, tr := splitAuthors(c.cell, c.order); !slices.Equal(got, c.want) || tr.code != "" {
				t.Errorf("got %q %q, want %q", got, tr.code, c.want)
			}
		})
	}
	for _, c := range []struct {
		cell  string
		order NameOrder
	}{
		{"Silva, Ana, Souza, Rui", ""},
		{"João Silva, Maria Souza, Ana Costa, Rui Lima", LastFirst},
		{"Platão, Aristóteles", ""},
		{"Platão, Aristóteles", FirstLast},
		{"MARCIA WILLIAMS, HOMERO", FirstLast},
		{"Plato, Desmond Lee", FirstLast},
		{"García Márquez, Gabriel", ""},
		{"Cruz e Souza, João", ""},
		{"Platão, Aristóteles e Homero", ""},
		{"Faraco, Moura e Maruxo", FirstLast},
		{"Silva, João, Maria Souza", ""},
		{"Silva, João, Maria Souza", LastFirst},
		{"García Márquez, Gabriel, Vargas Llosa, Mario", ""},
		{"ANA CRISTINA CESAR, CACASO, CHACAL", LastFirst},
		{"UNESCO, Department of Education and Science, Paris", ""},
		{"Museu de Arte, São Paulo", ""},
		{"Plato & Aristotle", ""},
		{"Ana Lima/Rui Costa", ""},
		{"Simon & Schuster", ""},
		{"Audrey and Don Wood", ""},
	} {
		if got, tr := splitAuthors(c.cell, c.order); !slices.Equal(got, []string{c.cell}) || tr.code != "authors_not_split" {
			t.Errorf("%q, of which nobody knows who is in it, is %q %q", c.cell, got, tr.code)
		}
	}
}

func TestPlainText(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"Tom &amp; Jerry": "Tom & Jerry", "caf&eacute;": "café", "&#8220;a&#x201D;": "“a”", "R&D": "R&D", "&copy that &amp, Co": "&copy that &amp, Co",
		"don\u0092t": "don’t", "\u0081": "\u0081", "é": "é",
	} {
		if got := plainText(s); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
	if got := oneLine(" a \r\n\tb  c\u2028d\u200B "); got != "a b  c d" {
		t.Errorf("got %q", got)
	}
}

func TestNamesOfColumns(t *testing.T) {
	t.Parallel()
	for field, names := range map[string]string{
		fieldTitle:       "Title|TÍTULO|Obra|Título da Obra|volumeInfo.title|Book-Title",
		fieldAuthors:     "Author|AUTOR|Autor(es)|Authors|Additional Authors|Primary Author|Secondary Author|autores|Autor do livro|Book Author|Book-Author|Written by",
		fieldISBN:        "ISBN|ISBN13|isbn_13|ISBN/UID|ISBNs|identifiers|Código ISBN|industryIdentifiers|volumeInfo.industryIdentifiers|Cód. Barras|Código de barras|GTIN",
		fieldPublished:   "Year Published|Original Publication Year|published_date|publishedDate|pubdate|Ano|Ano de Publicação|Ano da publicação|Data da publicação|Ano Pub.|Publicação|Date",
		fieldLanguage:    "language|Languages|Idioma|Língua",
		fieldDescription: "description|Sinopse|Descrição|comments|Summary",
		fieldRating:      "My Rating|Star Rating|Nota|Avaliação|rating",
		fieldPrice:       "Preço|Preço (R$)|price_usd|Price (EUR)|List Price|Valor|Preço em reais|Valor unitário",
		fieldCurrency:    "currency|Moeda|Currency Code",
		fieldID:          "id|uuid",
		"":               "Average Rating|Author l-f|author_sort|title_sort|SELO|Publisher|Exclusive Shelf|voters|Date Added|Sort Character||Book Id",
	} {
		for name := range strings.SplitSeq(names, "|") {
			if got, _ := recognise(name); got != field {
				t.Errorf("%q is %q, want %q", name, got, field)
			}
		}
	}
	for name, want := range map[string]string{"Preço (R$)": "BRL", "Preço em reais": "BRL", "PREÇO EM R$": "BRL", "price_usd": "USD", "Price [EUR]": "EUR", "Preço": "", "Title (EUR)": "", "Price CHF": ""} {
		if got := nameCurrency(name); got != want {
			t.Errorf("%q is in %q, want %q", name, got, want)
		}
	}
	for _, folded := range []string{"ingles", "русскии", "日本語", "castelhano", "frances"} {
		if book.Fold(folded) != folded || languageName(folded) == "" {
			t.Errorf("%q is not looked up as it is folded", folded)
		}
	}
}

// FuzzCells holds what is understood to the rules of the catalogue.
func FuzzCells(f *testing.F) {
	for _, s := range []string{
		`="978-85-357-1191-2"`, "9.78E+12", "439785960", "R$ 1.234,50", "1'234.50 CHF", "31-Jul-14", "2008.0", "★★★", "pt_BR", "A B, C D e E F",
		"Silva, João; X|Y", "Doe, J. and Roe, Jane", `['A B', "C"]`, "&#8220;", "\xff", "a\u0092", "İ", "１２３", "'=1", "\t=1,'-2",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if isbn, _ := parseISBN(value(s)); isbn != "" {
			if again, ok := book.ParseISBN(isbn); !ok || again != isbn {
				t.Errorf("%q is %q", s, isbn)
			}
		}
		if p, tr := parsePrice(s, "BRL"); (p == nil) == (tr.code == "") || p != nil && strings.Trim(p.Amount, "0123456789.") != "" {
			t.Errorf("%q is %+v", s, p)
		}
		if y, tr := parseYear(s, july()); y < 0 || y > 9999 || tr.code != "" && y != 0 {
			t.Errorf("%q is %d", s, y)
		}
		if tag, _ := parseLanguage(s); tag != "" {
			if _, err := book.Check(book.Draft{Title: "t", Authors: []string{"a"}, Language: tag}, july()); err != nil {
				t.Errorf("%q is %q: %v", s, tag, err)
			}
		}
		authors, _ := splitAuthors(s, "")
		if len(strings.ReplaceAll(strings.Join(authors, ""), ", ", ",")) > len(s) || len(authors) == 0 && trim(s) != "" && !strings.HasPrefix(trim(s), "[") && strings.Trim(s, ";|\r\n /") == s {
			t.Errorf("%q is %q", s, authors)
		}
		if got := unescape(escape(s)); got != s {
			t.Errorf("%q came back as %q", s, got)
		}
		for _, delim := range ",;|\t" {
			for _, cell := range strings.FieldsFunc(escape(s), func(r rune) bool { return r == delim || r == '"' || r == '\n' }) {
				if strings.IndexAny(cell, "=+-@") == 0 {
					t.Errorf("%q is escaped as %q", s, escape(s))
				}
			}
		}
		if got := value(plainText(s)); utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("%q is %q", s, got)
		}
	})
}
