package tabular

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"acervo/internal/book"
)

// The fields that a column can fill: those of a draft, and the currency of a
// price that stands in a column of its own.
const (
	fieldID          = "id"
	fieldTitle       = "title"
	fieldAuthors     = "authors"
	fieldISBN        = "isbn"
	fieldPublished   = "published"
	fieldLanguage    = "language"
	fieldDescription = "description"
	fieldRating      = "rating"
	fieldPrice       = "price"
	fieldCurrency    = "currency"
)

func fieldNames() []string { return append(book.FieldNames(), fieldCurrency) }

// key is what spellings of a column's name have in common: letters and digits
// without case and accents. "VOLUME / SÉRIE" and "volume_serie" are one.
func key(name string) string {
	k := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, book.Fold(name))
	return strings.TrimPrefix(strings.TrimPrefix(k, "volumeinfo"), "saleinfo") // of Google Books' API
}

// recognise tells the field of a column by its name, in English, in Portuguese,
// and as Goodreads, Calibre, LibraryThing, StoryGraph and Google Books export it.
// The rank orders the columns of one field: 0 is asked first.
func recognise(name string) (field string, rank int) {
	name, _ = cutCurrency(name)
	k := key(name)
	for _, of := range []func(string) (string, int){nameOfWork, nameOfNumber, nameOfText, nameOfPrice} {
		if field, rank = of(k); field != "" {
			return field, rank
		}
	}
	return "", 0
}

func nameOfWork(k string) (field string, rank int) {
	switch k {
	case "title", "titulo", "obra", "booktitle", "titulodolivro", "titulodaobra", "nomedolivro", "nomedaobra", "livro", "maintitle":
		return fieldTitle, 0
	case "authors", "author", "autor", "autores", "autoria", "escritor", "escritora", "escritores",
		"writer", "authornames", "authorname", "nomedoautor", "primaryauthor", "autorprincipal", "autora", "autoras", "autoresas", "autoresa",
		"autordolivro", "bookauthor", "bookauthors", "writtenby":
		return fieldAuthors, 0
	case "additionalauthors", "secondaryauthor", "secondaryauthors", "otherauthors", "coauthors", "coauthor", "coautor", "coautores", "outrosautores":
		return fieldAuthors, 1
	default:
		return "", 0
	}
}

func nameOfNumber(k string) (field string, rank int) {
	switch k {
	case "isbn13", "isbn13digits", "ean", "ean13", "gtin13":
		return fieldISBN, 0
	case "isbn", "isbnuid", "isbnean", "codigoisbn", "isbncode", "numeroisbn", "nisbn", "isbnissn":
		return fieldISBN, 1
	case "isbn10":
		return fieldISBN, 2
	case "isbns", "identifiers", "identificadores", "industryidentifiers",
		"gtin", "barcode", "codigodebarras", "codigobarras", "coddebarras", "codbarras": // which number other goods too
		return fieldISBN, 3
	case "id", "uuid", "bookuuid", "acervoid":
		return fieldID, 0
	case "published", "year", "ano", "yearpublished", "publicationyear", "publishedyear", "yearofpublication", "anopublicacao",
		"anodepublicacao", "anodapublicacao", "anopub", "anoedicao", "anodeedicao", "anodaedicao", "anodelancamento":
		return fieldPublished, 0
	case "publisheddate", "publicationdate", "datepublished", "pubdate", "datapublicacao", "datadepublicacao", "datadapublicacao", "datadelancamento",
		"publicadoem", "publicado", "lancamento", "releasedate", "publishdate", "date":
		return fieldPublished, 1
	case "originalpublicationyear", "originalyear", "anooriginal", "publicacao":
		return fieldPublished, 2
	case "rating", "myrating", "starrating", "nota", "avaliacao", "classificacao", "estrelas", "stars", "minhanota":
		return fieldRating, 0
	default:
		return "", 0
	}
}

func nameOfText(k string) (field string, rank int) {
	switch k {
	case "language", "languages", "idioma", "idiomas", "lingua", "linguas", "languagecode", "lang":
		return fieldLanguage, 0
	case "description", "descricao", "sinopse", "resumo", "synopsis", "summary", "comments", "blurb":
		return fieldDescription, 0
	default:
		return "", 0
	}
}

func nameOfPrice(k string) (field string, rank int) {
	switch k {
	case "price", "preco", "precodecapa", "coverprice", "retailprice", "precodevenda", "precounitario", "valor", "valorunitario", "retailpriceamount":
		return fieldPrice, 0
	case "listprice", "listpriceamount":
		return fieldPrice, 1
	case "currency", "moeda", "currencycode", "retailpricecurrencycode", "pricecurrency":
		return fieldCurrency, 0
	case "listpricecurrencycode":
		return fieldCurrency, 1
	default:
		return "", 0
	}
}

var namedCurrency = regexp.MustCompile(`^(.*?\S)(?i:[\s_]+(?:em|in))?[\s_]*(?:[(\[](\S+)[)\]]|[\s_]((?i:BRL|USD|EUR|GBP|reais)|R\$|US\$|€|£))$`)

// nameCurrency is the currency that the name of a column of prices tells, as
// "Preço (R$)", "Preço em reais" and "price_usd" do.
func nameCurrency(name string) string {
	_, code := cutCurrency(name)
	return code
}

// cutCurrency cuts the currency off such a name.
func cutCurrency(name string) (rest, code string) {
	m := namedCurrency.FindStringSubmatch(name)
	if m == nil {
		return name, ""
	}
	code, _, ok := currencySign(m[2] + m[3])
	if field, _ := nameOfPrice(key(m[1])); !ok || code == "" || field != fieldPrice {
		return name, ""
	}
	return m[1], code
}

var markedKey = regexp.MustCompile(`^(.*\S) \(key(?: (\d{1,4}))?(?:: ([\p{L}\p{N}]+))?\)$`)

// cutKey cuts off the name of a column that a Report says that it identifies rows,
// as "code (key)", "shelf (key 2)" and "isbn (key: codigo)" do: place orders the
// columns that do, by is what identities call it, if not by its name.
func cutKey(name string) (rest string, place int, by string, ok bool) {
	m := markedKey.FindStringSubmatch(name)
	if m == nil {
		return name, 0, "", false
	}
	place, _ = strconv.Atoi(m[2]) // digits, or none
	return m[1], place, m[3], true
}

// ours reports whether a column is one that a Report adds.
func ours(name string) bool {
	return name == "_error" || strings.HasPrefix(name, "_error_")
}
