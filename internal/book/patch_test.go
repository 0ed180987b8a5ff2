package book_test

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// stored is a book with a price in yen, which has no decimals.
func stored() book.Draft {
	return book.Draft{
		ID: someID(), Title: "Kokoro", Authors: []string{"Natsume Soseki", "Sōseki"}, Language: "ja",
		Price: &book.Price{Amount: "900", Currency: "JPY"},
	}
}

// TestMerging follows the examples of RFC 7396 appendix A that a book can have.
func TestMerging(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, patch string
		change      func(*book.Draft)
	}{
		{"a member is replaced", `{"title":"The Heart"}`, func(d *book.Draft) { d.Title = "The Heart" }},
		{"a member is added", `{"published":1914}`, func(d *book.Draft) { d.Published = 1914 }},
		{"null removes a member, and no other", `{"language":null}`, func(d *book.Draft) { d.Language = "" }},
		{"null for what is not there does nothing", `{"rating":null}`, func(*book.Draft) {}},
		{"an array is replaced whole", `{"authors":["Soseki"]}`, func(d *book.Draft) { d.Authors = []string{"Soseki"} }},
		{"an object is merged", `{"price":{"amount":"950"}}`, func(d *book.Draft) { d.Price.Amount = "950" }},
		{
			"an object is merged in both its members", `{"price":{"amount":"9.50","currency":"EUR"}}`,
			func(d *book.Draft) { d.Price = &book.Price{Amount: "9.50", Currency: "EUR"} },
		},
		{"null removes an object", `{"price":null}`, func(d *book.Draft) { d.Price = nil }},
		{"an empty object changes nothing in another", `{"price":{}}`, func(*book.Draft) {}},
		{"an empty patch changes nothing", `{}`, func(*book.Draft) {}},
		{"the book's own id changes nothing", `{"id":"` + someID().String() + `"}`, func(*book.Draft) {}},
		{"a value is written in its usual way", `{"isbn":"0-8044-2957-X"}`, func(d *book.Draft) { d.ISBN = "9780804429573" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := stored()
			c.change(&want)
			got, err := patched(stored(), c.patch)
			if err != nil || !got.Equal(want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	t.Run("an object is added to a book that has none", func(t *testing.T) {
		t.Parallel()
		got, err := patched(book.Draft{ID: someID(), Title: "x", Authors: []string{"x"}}, `{"price":{"amount":"1","currency":"BRL"}}`)
		if err != nil || got.Price == nil || *got.Price != (book.Price{Amount: "1", Currency: "BRL"}) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("the stored draft is not touched", func(t *testing.T) {
		t.Parallel()
		before := stored()
		if _, err := patched(before, `{"title":"x","authors":["x"],"price":{"amount":"1"}}`); err != nil || !before.Equal(stored()) {
			t.Errorf("got %+v, %v", before, err)
		}
	})
	t.Run("numbers keep their digits", func(t *testing.T) {
		t.Parallel()
		got, err := patched(stored(), `{"rating":4.123456789012345}`)
		if err != nil || got.Rating != 4.123456789012345 {
			t.Errorf("got %v, %v", got.Rating, err)
		}
	})
}

func patched(d book.Draft, body string) (book.Draft, error) {
	patch, err := book.ParsePatch([]byte(body), d.ID, july())
	if err != nil {
		return book.Draft{}, err
	}
	return book.ApplyPatch(d, patch, july())
}

func TestPatchesRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, body, faults string }{
		{"no title", `{"title":null}`, "/title required"},
		{"no authors", `{"authors":null}`, "/authors required"},
		{"null among the authors", `{"authors":["x",null]}`, "/authors/1 type"},
		{"an array for a string", `{"title":["x"]}`, "/title type"},
		{"a string for an array", `{"authors":"x"}`, "/authors type"},
		{"a string for an object", `{"price":"1"}`, "/price type"},
		{"an object for a string", `{"title":{"en":"x"}}`, "/title type"},
		{"a price without amount", `{"price":{"amount":null}}`, "/price/amount required"},
		{"a price without currency", `{"price":{"currency":null,"amount":"1"}}`, "/price/currency required"},
		{"more decimals than any currency has", `{"price":{"amount":"1.23456"}}`, "/price/amount not_an_amount"},
		{"more decimals than the currency in the patch has", `{"price":{"amount":"1.5","currency":"JPY"}}`, "/price/amount too_precise"},
		{"a currency of nobody", `{"price":{"currency":"ZZZ"}}`, "/price/currency not_a_currency"},
		{"another id", `{"id":"01890a5d-ac96-774b-bcce-b302099a8058"}`, "/id mismatch"},
		{"no id", `{"id":null}`, "/id mismatch"},
		{"a year to come", `{"published":2028}`, "/published out_of_range"},
		{"a year with decimals, as in a draft", `{"published":1999.0}`, "/published type"},
		{"a number that no float holds", `{"rating":1e400}`, "/rating type"},
		{"a number that no float holds in a price", `{"price":{"amount":1e400}}`, "/price/amount type"},
		{
			"every fault at once", `{"title":"","rating":1e400,"isbn":"1","price":{"amount":"x","currency":"x"}}`,
			"/isbn not_an_isbn, /price/amount not_an_amount, /price/currency not_a_currency, /rating type, /title blank",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			patch, err := book.ParsePatch([]byte(c.body), someID(), july())
			if patch != nil {
				t.Errorf("got %s", patch)
			}
			wantFaults(t, err, fault.Invalid, sorted(t, err, c.faults)...)
		})
	}
	t.Run("64 KiB without white space are taken, and no byte more", func(t *testing.T) {
		t.Parallel()
		body := func(size int) []byte {
			head := `{ "description":"` + strings.Repeat("\\u0022", 10_000)
			return []byte(head + strings.Repeat("x", size+1-len(head)-2) + `"}`)
		}
		if patch, err := book.ParsePatch(body(64<<10), someID(), july()); err != nil || len(patch) != book.MaxDraft {
			t.Errorf("got %d bytes, %v", len(patch), err)
		}
		if _, err := book.ParsePatch(body(64<<10+1), someID(), july()); !fault.Is(err, fault.TooLarge) {
			t.Errorf("got %v", err)
		}
	})
}

// sorted returns the wanted faults in the order of err: a patch is judged as it
// leaves the book, whose members have no order.
func sorted(t *testing.T, err error, want string) []string {
	t.Helper()
	left := map[string]bool{}
	for w := range strings.SplitSeq(want, ", ") {
		left[w] = true
	}
	for _, got := range fields(err) {
		if !left[got] {
			t.Fatalf("got %q, want %q", fields(err), want)
		}
	}
	if len(fields(err)) != len(left) {
		t.Fatalf("got %q, want %q", fields(err), want)
	}
	return fields(err)
}

func TestSyntaxOfPatches(t *testing.T) {
	t.Parallel()
	for _, c := range misspellings() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			patch, err := book.ParsePatch([]byte(c.body), someID(), july())
			if patch != nil {
				t.Errorf("got %s", patch)
			}
			wantFaults(t, err, fault.Syntax, sorted(t, err, c.faults)...)
		})
	}
	t.Run("a name twice with values of two kinds is told", func(t *testing.T) {
		t.Parallel()
		_, err := book.ParsePatch([]byte(`{"authors":["x"],"authors":"y"}`), someID(), july())
		wantFaults(t, err, fault.Syntax, "/authors duplicate_field")
	})
	t.Run("faults of syntax and of fields are listed together, and syntax decides", func(t *testing.T) {
		t.Parallel()
		_, err := book.ParsePatch([]byte(`{"Title":"x","rating":1e400,"title":null}`), someID(), july())
		wantFaults(t, err, fault.Syntax, sorted(t, err, "/Title unknown_field, /rating type, /title required")...)
	})
}

func TestPatchesJudgedByTheBook(t *testing.T) {
	t.Parallel()
	bare := book.Draft{ID: someID(), Title: "x", Authors: []string{"x"}}
	wordy := book.Draft{ID: someID(), Title: "x", Authors: []string{"x"}, Description: strings.Repeat(`"`, 32<<10-100)}
	for _, c := range []struct {
		name, patch string
		on          book.Draft
		kind        fault.Kind
		faults      []string
	}{
		{"decimals that its currency does not have", `{"price":{"amount":"1.5"}}`, stored(), fault.Invalid, []string{"/price/amount too_precise"}},
		{
			"a currency that does not have its decimals", `{"price":{"currency":"JPY"}}`,
			book.Draft{ID: someID(), Title: "x", Authors: []string{"x"}, Price: &book.Price{Amount: "1.5", Currency: "BRL"}},
			fault.Invalid,
			[]string{"/price/amount too_precise"},
		},
		{"an amount for a book without currency", `{"price":{"amount":"1"}}`, bare, fault.Invalid, []string{"/price/currency required"}},
		{"an empty price for a book without one", `{"price":{}}`, bare, fault.Invalid, []string{"/price/amount required", "/price/currency required"}},
		{"what makes it too large", `{"authors":` + array(quoted(strings.Repeat("x", 200)), 2) + `}`, wordy, fault.TooLarge, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			patch, err := book.ParsePatch([]byte(c.patch), someID(), july())
			if err != nil {
				t.Fatalf("it was refused at once: %v", err)
			}
			_, err = book.ApplyPatch(c.on, patch, july())
			wantFaults(t, err, c.kind, c.faults...)
		})
	}
}

func TestPatchIntoAnyOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from, to := drafts().Draw(t, "from"), drafts().Draw(t, "to")
		from.ID, to.ID = someID(), uuid.Nil
		encoded, err := json.Marshal(to)
		if err != nil {
			t.Fatal(err)
		}
		nulls := `{"isbn":null,"published":null,"language":null,"description":null,"rating":null,"price":null}`
		cleared, err := patched(from, nulls)
		if err != nil {
			t.Fatal(err)
		}
		got, err := patched(cleared, string(encoded))
		to.ID = someID()
		if err != nil || !got.Equal(to) {
			t.Errorf("got %+v, %v; want %+v", got, err, to)
		}
	})
}
