package book_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// A rule is one value of one field, and the faults it makes, if any.
type rule struct{ name, field, value, faults string }

func TestRulesOfFields(t *testing.T) {
	t.Parallel()
	rules := [][]rule{titleRules(), authorRules(), isbnRules(), yearRules(), languageRules(), descriptionRules(), ratingRules(), priceRules(), idRules()}
	for _, of := range rules {
		for _, r := range of {
			t.Run(r.field+": "+r.name, func(t *testing.T) {
				t.Parallel()
				_, err := book.ParseDraft([]byte(draftWith(r.field, r.value)), uuid.Nil, july())
				if r.faults != "" {
					wantFaults(t, err, fault.Invalid, strings.Split(r.faults, ", ")...)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func titleRules() []rule {
	return []rule{
		{"one character is enough", "title", `"x"`, ""},
		{"500 characters are taken", "title", quoted(strings.Repeat("x", 500)), ""},
		{"500 characters of several bytes are taken", "title", quoted(strings.Repeat("語", 500)), ""},
		{"500 characters beyond the basic plane are taken", "title", quoted(strings.Repeat("𝄞", 500)), ""},
		{"501 characters are too many", "title", quoted(strings.Repeat("x", 501)), "/title too_long"},
		{"none is too few", "title", `""`, "/title blank"},
		{"spaces say nothing", "title", "\" \u00a0\u3000\"", "/title blank"},
		{"a second line is refused", "title", `"one\ntwo"`, "/title control_character"},
		{"a control character is refused", "title", `"a\u0000b"`, "/title control_character"},
		{"null is as good as absent", "title", `null`, "/title required"},
		{"a number is refused", "title", `1984`, "/title type"},
		{"an object is refused", "title", `{"en":"x"}`, "/title type"},
	}
}

func authorRules() []rule {
	return []rule{
		{"twenty are taken", "authors", array(`"x"`, 20), ""},
		{"21 are too many", "authors", array(`"x"`, 21), "/authors count"},
		{"none is too few", "authors", `[]`, "/authors count"},
		{"200 characters are taken", "authors", array(quoted(strings.Repeat("é", 200)), 2), ""},
		{"201 characters are too many", "authors", `["x",` + quoted(strings.Repeat("é", 201)) + `]`, "/authors/1 too_long"},
		{"each is judged", "authors", `["", "x", "\t"]`, "/authors/0 blank, /authors/2 blank"},
		{"null among them is refused", "authors", `["x", null]`, "/authors/1 type"},
		{"a number among them is refused", "authors", `["x", 1]`, "/authors type"},
		{"a second line is refused", "authors", `["x\r"]`, "/authors/0 control_character"},
		{"a string is refused", "authors", `"Machado de Assis"`, "/authors type"},
		{"null is as good as absent", "authors", `null`, "/authors required"},
	}
}

func isbnRules() []rule {
	return []rule{
		{"one that is right is taken", "isbn", `"978-0-306-40615-7"`, ""},
		{"one that is wrong is refused", "isbn", `"978-0-306-40615-8"`, "/isbn not_an_isbn"},
		{"a number is refused", "isbn", `9780306406157`, "/isbn type"},
		{"an empty one is refused", "isbn", `""`, "/isbn not_an_isbn"},
		{"null is as good as absent", "isbn", `null`, ""},
	}
}

func yearRules() []rule {
	return []rule{
		{"the year 1 is taken", "published", `1`, ""},
		{"next year is taken", "published", `2027`, ""},
		{"the year after is refused", "published", `2028`, "/published out_of_range"},
		{"the year 0 is refused", "published", `0`, "/published out_of_range"},
		{"a negative zero is refused", "published", `-0`, "/published out_of_range"},
		{"a year before it is refused", "published", `-500`, "/published out_of_range"},
		{"a fraction is refused", "published", `1999.5`, "/published type"},
		{"a whole number with decimals is refused", "published", `1999.0`, "/published type"},
		{"an exponent is refused", "published", `1e3`, "/published type"},
		{"what no integer holds is refused", "published", strings.Repeat("9", 400), "/published type"},
		{"what no float holds is refused", "published", `1e999`, "/published type"},
		{"a string is refused", "published", `"1999"`, "/published type"},
		{"null is as good as absent", "published", `null`, ""},
	}
}

func languageRules() []rule {
	private := "x-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaa" // 36 bytes
	return []rule{
		{"a language is taken", "language", `"pt"`, ""},
		{"a language and a region are taken", "language", `"pt-BR"`, ""},
		{"script, region and variant are taken", "language", `"sr-Latn-RS-ekavsk"`, ""},
		{"35 bytes are taken", "language", quoted(private[:35]), ""},
		{"36 bytes are too many", "language", quoted(private), "/language not_a_language"},
		{"a subtag that nobody registered is refused", "language", `"zz"`, "/language not_a_language"},
		{"an underscore is refused", "language", `"pt_BR"`, "/language not_a_language"},
		{"a name is refused", "language", `"Portuguese"`, "/language not_a_language"},
		{"a hyphen at the end is refused", "language", `"pt-"`, "/language not_a_language"},
		{"a space is refused", "language", `"pt "`, "/language not_a_language"},
		{"an empty one is refused", "language", `""`, "/language not_a_language"},
		{"an array is refused", "language", `["pt"]`, "/language type"},
		{"null is as good as absent", "language", `null`, ""},
	}
}

func descriptionRules() []rule {
	return []rule{
		{"32 KiB are taken", "description", quoted(strings.Repeat("x", 32<<10)), ""},
		{"one byte more is too many", "description", quoted(strings.Repeat("x", 32<<10+1)), "/description too_long"},
		{"bytes count, not characters", "description", quoted(strings.Repeat("é", 16<<10) + "x"), "/description too_long"},
		{"paragraphs and tabs are taken", "description", `"one\r\n\ttwo\n"`, ""},
		{"an empty one is as good as absent", "description", `""`, ""},
		{"other control characters are refused", "description", `"a\u001bb"`, "/description control_character"},
		{"every fault of it is told", "description", quoted(strings.Repeat("x", 32<<10) + `\u0000`), "/description too_long, /description control_character"},
		{"a boolean is refused", "description", `true`, "/description type"},
		{"null is as good as absent", "description", `null`, ""},
	}
}

func ratingRules() []rule {
	return []rule{
		{"1 is taken", "rating", `1`, ""},
		{"5 is taken", "rating", `5`, ""},
		{"decimals are taken", "rating", `4.75`, ""},
		{"an exponent is taken", "rating", `45e-1`, ""},
		{"less than 1 is refused", "rating", `0.999`, "/rating out_of_range"},
		{"more than 5 is refused", "rating", `5.001`, "/rating out_of_range"},
		{"0 is refused", "rating", `0`, "/rating out_of_range"},
		{"a negative one is refused", "rating", `-3`, "/rating out_of_range"},
		{"what no float holds is refused", "rating", `1e400`, "/rating type"},
		{"a string is refused", "rating", `"4"`, "/rating type"},
		{"null is as good as absent", "rating", `null`, ""},
	}
}

func priceRules() []rule {
	price := func(amount, currency string) string {
		return fmt.Sprintf(`{"amount":%q,"currency":%q}`, amount, currency)
	}
	all := []rule{
		{"a float is refused", "price", `{"amount":39.90,"currency":"BRL"}`, "/price/amount type"},
		{"no amount is refused", "price", `{"currency":"BRL"}`, "/price/amount required"},
		{"no currency is refused", "price", `{"amount":"1"}`, "/price/currency required"},
		{"an empty one lacks both", "price", `{}`, "/price/amount required, /price/currency required"},
		{"null in it is as good as absent", "price", `{"amount":null,"currency":"BRL"}`, "/price/amount required"},
		{"every fault of it is told", "price", price("1,5", "reais"), "/price/amount not_an_amount, /price/currency not_a_currency"},
		{"a string is refused", "price", `"BRL 39.90"`, "/price type"},
		{"an array is refused", "price", `["39.90"]`, "/price type"},
		{"null is as good as absent", "price", `null`, ""},
	}
	for _, amount := range []string{"0", "39.90", "999999999", "999999999.99", "007"} {
		all = append(all, rule{"the amount " + amount + " is taken", "price", price(amount, "BRL"), ""})
	}
	for _, amount := range []string{"", "1000000000", ".5", "5.", "-1", "+1", "1e3", "1,5", " 1", "1 ", "1.00000", "1.2.3", "NaN", "１", "1\n"} {
		all = append(all, rule{fmt.Sprintf("the amount %q is refused", amount), "price", price(amount, "BRL"), "/price/amount not_an_amount"})
	}
	for _, code := range []string{"", "brl", "R$", "ZZZ", "BR", "BRLX"} {
		all = append(all, rule{fmt.Sprintf("the currency %q is refused", code), "price", price("1", code), "/price/currency not_a_currency"})
	}
	for _, c := range []struct{ amount, currency, faults string }{
		{"1", "JPY", ""},
		{"1.0", "JPY", "/price/amount too_precise"},
		{"1.99", "BRL", ""},
		{"1.999", "BRL", "/price/amount too_precise"},
		{"1.999", "KWD", ""},
		{"1.9999", "KWD", "/price/amount too_precise"},
		{"1.9999", "CLF", ""},
	} {
		name := fmt.Sprintf("%s %s has as many decimals as its currency, or fewer", c.currency, c.amount)
		if c.faults != "" {
			name = fmt.Sprintf("%s %s has more decimals than its currency", c.currency, c.amount)
		}
		all = append(all, rule{name, "price", price(c.amount, c.currency), c.faults})
	}
	return all
}

func idRules() []rule {
	return []rule{
		{"a UUID is taken", "id", quoted(someID().String()), ""},
		{"other text is refused", "id", `"7"`, "/id not_a_uuid"},
		{"the nil UUID is refused", "id", quoted(uuid.Nil.String()), "/id not_a_uuid"},
		{"a number is refused", "id", `7`, "/id type"},
		{"null is as good as absent", "id", `null`, ""},
	}
}

func TestParseDraft(t *testing.T) {
	t.Parallel()
	t.Run("every field is read, and written in its usual way", func(t *testing.T) {
		t.Parallel()
		got, err := book.ParseDraft([]byte(`{
			"id": "01890A5D-AC96-774B-BCCE-B302099A8057", "title": " Dom Casmurro ", "authors": ["Machado de Assis", "José"],
			"isbn": "0-8044-2957-X", "published": 1899, "language": "PT-br", "description": "one\ntwo", "rating": 4.5,
			"price": {"amount": "39.90", "currency": "BRL"}}`), uuid.Nil, july())
		want := book.Draft{
			ID: someID(), Title: " Dom Casmurro ", Authors: []string{"Machado de Assis", "José"},
			ISBN: "9780804429573", Published: 1899, Language: "pt-BR", Description: "one\ntwo", Rating: 4.5,
			Price: &book.Price{Amount: "39.90", Currency: "BRL"},
		}
		if err != nil || !got.Equal(want) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("every fault is listed at once", func(t *testing.T) {
		t.Parallel()
		_, err := book.ParseDraft([]byte(`{"id": "x", "title": "", "authors": ["", null], "isbn": "1", "published": 0,
			"language": "-", "description": 1, "rating": 9, "price": {"amount": "x"}}`), uuid.Nil, july())
		wantFaults(t, err, fault.Invalid, "/id not_a_uuid", "/title blank", "/authors/0 blank", "/authors/1 type",
			"/isbn not_an_isbn", "/published out_of_range", "/language not_a_language", "/description type",
			"/rating out_of_range", "/price/amount not_an_amount", "/price/currency required")
	})
	t.Run("title and authors are required", func(t *testing.T) {
		t.Parallel()
		_, err := book.ParseDraft([]byte(`{}`), uuid.Nil, july())
		wantFaults(t, err, fault.Invalid, "/title required", "/authors required")
	})
	t.Run("next year is counted in UTC", func(t *testing.T) {
		t.Parallel()
		eve := time.Date(2026, 12, 31, 23, 0, 0, 0, time.FixedZone("west", -2*60*60))
		if _, err := book.ParseDraft([]byte(draftWith("published", "2028")), uuid.Nil, eve); err != nil {
			t.Error(err)
		}
	})
	t.Run("the id may be left out or be that of the address, and no other", func(t *testing.T) {
		t.Parallel()
		other := uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8058")
		body := draftWith("id", quoted(someID().String()))
		if _, err := book.ParseDraft([]byte(body), someID(), july()); err != nil {
			t.Error(err)
		}
		if _, err := book.ParseDraft([]byte(draftWith("rating", "1")), someID(), july()); err != nil {
			t.Error(err)
		}
		_, err := book.ParseDraft([]byte(body), other, july())
		wantFaults(t, err, fault.Invalid, "/id mismatch")
	})
	t.Run("64 KiB when encoded are taken, and no byte more", func(t *testing.T) {
		t.Parallel()
		fits := sized(t, 64<<10)
		if _, err := book.ParseDraft(fits, uuid.Nil, july()); err != nil {
			t.Error(err)
		}
		_, err := book.ParseDraft(sized(t, 64<<10+1), uuid.Nil, july())
		if !fault.Is(err, fault.TooLarge) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("white space and escapes do not count as bytes of the draft", func(t *testing.T) {
		t.Parallel()
		body := draftWith("description", quoted(strings.Repeat(`\u0078`, 32<<10))) + strings.Repeat(" ", 64<<10)
		if _, err := book.ParseDraft([]byte(body), uuid.Nil, july()); err != nil {
			t.Error(err)
		}
	})
}

// sized is a draft that has so many bytes when encoded.
func sized(t *testing.T, size int) []byte {
	t.Helper()
	d := book.Draft{Title: "x", Authors: []string{"x"}, Description: strings.Repeat(`"`, 32<<10-100)}
	encoded, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	d.Title += strings.Repeat("x", size-len(encoded))
	if encoded, err = json.Marshal(d); err != nil || len(encoded) != size {
		t.Fatalf("%d bytes, %v", len(encoded), err)
	}
	return encoded
}

func TestParseDraftKeepsWhatItAccepts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drafts().Draw(t, "draft")
		encoded, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := book.ParseDraft(encoded, uuid.Nil, july())
		if err != nil || !got.Equal(want) {
			t.Errorf("got %+v, %v", got, err)
		}
		obeys(t, got, july())
	})
}

func TestDraftEqual(t *testing.T) {
	t.Parallel()
	full := func() book.Draft {
		d := witness()
		d.ISBN, d.Published, d.Language, d.Description, d.Rating = "9780306406157", 1899, "pt", "text", 4
		return d
	}
	if !full().Equal(full()) {
		t.Error("a draft does not equal its copy")
	}
	for field, change := range map[string]func(*book.Draft){
		"id":             func(d *book.Draft) { d.ID = uuid.Nil },
		"title":          func(d *book.Draft) { d.Title = "other" },
		"authors":        func(d *book.Draft) { d.Authors = []string{"author", "other"} },
		"isbn":           func(d *book.Draft) { d.ISBN = "" },
		"published":      func(d *book.Draft) { d.Published++ },
		"language":       func(d *book.Draft) { d.Language = "" },
		"description":    func(d *book.Draft) { d.Description = "" },
		"rating":         func(d *book.Draft) { d.Rating++ },
		"price":          func(d *book.Draft) { d.Price = nil },
		"price/amount":   func(d *book.Draft) { d.Price.Amount = "2" },
		"price/currency": func(d *book.Draft) { d.Price.Currency = "BRL" },
	} {
		t.Run("another "+field+" is another draft", func(t *testing.T) {
			t.Parallel()
			d := full()
			change(&d)
			if d.Equal(full()) || full().Equal(d) {
				t.Error("they are equal")
			}
		})
	}
}

func TestItem(t *testing.T) {
	t.Parallel()
	t.Run("only a live book exists for readers", func(t *testing.T) {
		t.Parallel()
		for existence, want := range map[book.Existence]bool{book.Live: true, book.Tombstone: false, book.Absent: false} {
			if got := (book.Item{Existence: existence}).Exists(); got != want {
				t.Errorf("%q: got %v", existence, got)
			}
		}
	})
	t.Run("its full draft has its id, and the stored one still has none", func(t *testing.T) {
		t.Parallel()
		i := book.Item{ID: someID(), Draft: book.Draft{Title: "title"}}
		if full := i.Full(); full.ID != someID() || full.Title != "title" || i.Draft.ID != uuid.Nil {
			t.Errorf("got %+v of %+v", full, i)
		}
	})
}
