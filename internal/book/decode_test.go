package book_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// A misspelling is a body that is unacceptable as JSON for a book, and its faults.
type misspelling struct{ name, body, faults string }

func misspellings() []misspelling {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	return []misspelling{
		{"nothing is malformed", ``, " malformed"},
		{"white space is malformed", " \n", " malformed"},
		{"a brace that is not closed is malformed", `{"title":"x"`, " malformed"},
		{"a member cut in half is malformed", `{"title":`, " malformed"},
		{"a comma at the end is malformed", `{"title":"x",}`, " malformed"},
		{"single quotes are malformed", `{'title':'x'}`, " malformed"},
		{"a comment is malformed", `{"title":"x" /* y */}`, " malformed"},
		{"a number as a name is malformed", `{1:"x"}`, " malformed"},
		{"NaN is malformed", draftWith("rating", `NaN`), " malformed"},
		{"infinity is malformed", draftWith("rating", `-Infinity`), " malformed"},
		{"a number with a leading zero is malformed", draftWith("published", `01999`), " malformed"},
		{"a raw line break in a string is malformed", draftWith("isbn", "\"a\nb\""), " malformed"},
		{"a lone surrogate is malformed", draftWith("isbn", `"\ud83d"`), " malformed"},
		{"surrogates in the wrong order are malformed", draftWith("isbn", `"\ude00\ud83d"`), " malformed"},
		{"a lone surrogate in a name is malformed", draftWith(`\udc00`, `1`), " malformed"},
		{"nesting without end is malformed", draftWith("isbn", deep(100_000)), " malformed"},
		{"a byte order mark is malformed", "\ufeff{}", " malformed"},
		{"bytes that are not UTF-8 are told", "{\"title\":\"a\xff\"}", " invalid_utf8"},
		{"a surrogate in UTF-8 is not UTF-8", "{\"title\":\"\xed\xa0\x80\"}", " invalid_utf8"},
		{"a second object is trailing data", `{} {}`, " trailing_data"},
		{"another brace is trailing data", `{}}`, " trailing_data"},
		{"null is no object", `null`, " type"},
		{"a list of drafts is no object", `[{}]`, " type"},
		{"a string is no object", `"{}"`, " type"},
		{"a number is no object", `1`, " type"},
		{"a boolean is no object", `true`, " type"},
		{"a name twice is told", draftWith("title", `"x","title":"y"`), "/title duplicate_field"},
		{"a name written in two ways is a name twice", draftWith("title", `"x","\u0074itle":"y"`), "/title duplicate_field"},
		{"an unknown name is told", draftWith("publisher", `1`), "/publisher unknown_field"},
		{"an unknown name is told even when null", draftWith("publisher", `null`), "/publisher unknown_field"},
		{"what the service adds is unknown", draftWith("version", `1`), "/version unknown_field"},
		{"case counts in names", draftWith("ISBN", `null`), "/ISBN unknown_field"},
		{"an empty name is unknown", draftWith("", `1`), "/ unknown_field"},
		{"a pointer escapes slash and tilde", draftWith("a/b~c", `1`), "/a~1b~0c unknown_field"},
		{
			"a name twice in what should be a string is told", draftWith("isbn", `{"a":1,"a":2}`),
			"/isbn/a duplicate_field, /isbn type",
		},
		{
			"a name twice in what should be a list is told", draftWith("authors", `{"a/b":1,"a/b":2}`),
			"/authors/a~1b duplicate_field, /authors type",
		},
		{
			"a name twice deep in a list is told", draftWith("authors", `["x",[{"b":{"c":1,"c":2}}]]`),
			"/authors/1/0/b/c duplicate_field, /authors type",
		},
		{
			"a name twice within a price is told", draftWith("price", `{"amount":{"a":1,"a":2},"currency":"BRL"}`),
			"/price/amount/a duplicate_field, /price/amount type",
		},
		{
			"a name twice in what nobody knows is told", draftWith("publisher", `[{"a":1,"a":2}]`),
			"/publisher/0/a duplicate_field, /publisher unknown_field",
		},
		{
			"names in a price are told too", draftWith("price", `{"amount":"1","currency":"BRL","Amount":"1","currency":"EUR"}`),
			"/price/currency duplicate_field, /price/Amount unknown_field",
		},
	}
}

func TestSyntaxOfDrafts(t *testing.T) {
	t.Parallel()
	for _, c := range misspellings() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := book.ParseDraft([]byte(c.body), uuid.Nil, july())
			wantFaults(t, err, fault.Syntax, strings.Split(c.faults, ", ")...)
		})
	}
	t.Run("faults of syntax and of fields are listed together, and syntax decides", func(t *testing.T) {
		t.Parallel()
		_, err := book.ParseDraft([]byte(`{"Title":"x","rating":9,"rating":1}`), uuid.Nil, july())
		wantFaults(t, err, fault.Syntax, "/Title unknown_field", "/rating duplicate_field", "/rating out_of_range",
			"/title required", "/authors required")
	})
	t.Run("what is required is told beside unknown names alone", func(t *testing.T) {
		t.Parallel()
		_, err := book.ParseDraft([]byte(`{"Title":"x"}`), uuid.Nil, july())
		wantFaults(t, err, fault.Syntax, "/Title unknown_field", "/title required", "/authors required")
	})
	t.Run("a name three times is one fault", func(t *testing.T) {
		t.Parallel()
		_, err := book.ParseDraft([]byte(draftWith("isbn", `null,"isbn":1,"isbn":2`)), uuid.Nil, july())
		wantFaults(t, err, fault.Syntax, "/isbn duplicate_field")
	})
	t.Run("a body that is nothing but faults is told a hundred", func(t *testing.T) {
		t.Parallel()
		var members []string
		for i := range 5_000 {
			members = append(members, fmt.Sprintf(`"x%d":1`, i))
		}
		body := []byte("{" + strings.Join(members, ",") + "}")
		_, err := book.ParseDraft(body, uuid.Nil, july())
		_, patchErr := book.ParsePatch(body, someID(), july())
		if !fault.Is(err, fault.Syntax) || len(fields(err)) != 100 || !fault.Is(patchErr, fault.Syntax) || len(fields(patchErr)) != 100 {
			t.Errorf("got %d and %d faults", len(fields(err)), len(fields(patchErr)))
		}
	})
}

func TestDetailsNeverRepeatTheValue(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for name, value := range map[string]string{
		"id":          quoted(secret),
		"title":       quoted(secret + strings.Repeat("x", 500)),
		"authors":     array(quoted(secret+`\n`), 21),
		"isbn":        quoted(secret),
		"published":   quoted(secret),
		"language":    quoted(secret),
		"description": quoted(secret + strings.Repeat("x", 32<<10) + `\u0000`),
		"rating":      quoted(secret),
		"price":       fmt.Sprintf(`{"amount":%q,"currency":%q,"other":%q}`, secret, secret, secret),
		"other":       quoted(secret),
		secret:        "1",
		"trailing":    `1} "` + secret + `"`,
		"malformed":   `"` + secret + "\n",
		"not UTF-8":   quoted(secret + "\xff"),
	} {
		t.Run("not of "+name, func(t *testing.T) {
			t.Parallel()
			body := []byte(draftWith(name, value))
			_, draftErr := book.ParseDraft(body, uuid.Nil, july())
			_, patchErr := book.ParsePatch(body, someID(), july())
			for _, err := range []error{draftErr, patchErr} {
				var e *fault.Error
				if !errors.As(err, &e) || len(e.Fields) == 0 {
					t.Fatalf("got %v", err)
				}
				for _, f := range e.Fields {
					if strings.Contains(f.Detail, secret) || strings.Contains(f.Code, secret) {
						t.Errorf("%+v repeats it", f)
					}
				}
				if strings.Contains(e.Detail, secret) {
					t.Errorf("%q repeats it", e.Detail)
				}
			}
		})
	}
}
