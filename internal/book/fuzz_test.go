package book_test

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// seedBodies gives the fuzzer every body of the tables, and a few full ones.
func seedBodies(f *testing.F) {
	f.Helper()
	for _, c := range misspellings() {
		if len(c.body) < 1<<10 {
			f.Add([]byte(c.body))
		}
	}
	for _, of := range [][]rule{titleRules(), authorRules(), isbnRules(), yearRules(), languageRules(), ratingRules(), priceRules(), idRules()} {
		for _, r := range of {
			f.Add([]byte(draftWith(r.field, r.value)))
		}
	}
	for _, tag := range []string{"zh-min", "en-GB-oed", "cel-gaulish", "sgn-BE-FR", "i-klingon", "en-a-bbb-x-a-ccc", "en-u-co-phonebk", "root", "iw"} {
		f.Add([]byte(draftWith("language", quoted(tag))))
	}
	f.Add([]byte(`{"id":"01890A5D-AC96-774B-BCCE-B302099A8057","title":"Dom Casmurro","authors":["Machado de Assis","José"],` +
		`"isbn":"0-8044-2957-X","published":1899,"language":"PT-br","description":"a\tb\n","rating":4.5,` +
		`"price":{"amount":"39.90","currency":"BRL"}}`))
	f.Add([]byte(`{"":[],"":""}`))
	f.Add([]byte(`{"title":null,"price":{"amount":null,"currency":"JPY"},"language":null}`))
}

func FuzzParseDraft(f *testing.F) {
	seedBodies(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := book.ParseDraft(raw, uuid.Nil, july())
		if err != nil {
			refused(t, raw, err)
			return
		}
		obeys(t, d, july())
		if !jsontext.Value(raw).IsValid() { // which duplicate names and invalid UTF-8 are not
			t.Errorf("accepted: %q", raw)
		}
		encoded, err := json.Marshal(d)
		if err != nil || len(encoded) > 64<<10 {
			t.Fatalf("%d bytes, %v", len(encoded), err)
		}
		again, err := book.ParseDraft(encoded, d.ID, july())
		if err != nil || !again.Equal(d) {
			t.Errorf("%s came back as %+v, %v", encoded, again, err)
		}
	})
}

func FuzzParsePatch(f *testing.F) {
	seedBodies(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		patch, err := book.ParsePatch(raw, someID(), july())
		if err != nil {
			refused(t, raw, err)
			return
		}
		if !patch.IsValid() || patch.Kind() != '{' || len(patch) > 64<<10 {
			t.Errorf("accepted: %q", raw)
		}
		// Only the size depends on the title and the authors, which the patch need not have.
		d, err := book.ApplyPatch(witness(), patch, july())
		if err != nil {
			if !fault.Is(err, fault.TooLarge) {
				t.Errorf("%s cannot be applied: %v", patch, err)
			}
			return
		}
		obeys(t, d, july())
		if again, err := book.ApplyPatch(d, patch, july()); err != nil || !again.Equal(d) {
			t.Errorf("%s applied twice is %+v, %v; once it is %+v", patch, again, err, d)
		}
	})
}

// refused checks that a refusal tells the client what to do about it.
func refused(t *testing.T, raw []byte, err error) {
	t.Helper()
	switch kind := fault.KindOf(err); kind {
	case fault.TooLarge:
	case fault.Syntax, fault.Invalid:
		if n := len(fields(err)); n == 0 || n > 100 {
			t.Errorf("%d faults: %v", n, err)
		}
		if kind == fault.Invalid && !jsontext.Value(raw).IsValid() {
			t.Errorf("only the fields of %q are refused: %v", raw, err)
		}
	default:
		t.Errorf("%s: %v", kind, err)
	}
}

func FuzzParseTags(f *testing.F) {
	for _, seed := range []string{`*`, `"v7"`, `W/"v7", "v8"`, `"a,b" , ,"v1"`, `"`, `W/*`, "\"\xe9\"", `"v-1"`, `"v99999999999999999999"`} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, value string, weak bool) {
		tags, ok := book.ParseTags(value, weak)
		if !ok {
			return
		}
		if tags.Any == (len(tags.Versions) > 0) {
			t.Errorf("%q names %+v", value, tags)
		}
		strong, _ := book.ParseTags(value, false)
		for i, version := range tags.Versions {
			if version > 0 && !bytes.Contains([]byte(value), []byte(book.Tag(version))) {
				t.Errorf("%q does not name version %d", value, version)
			}
			if strong.Versions[i] != version && (!weak || strong.Versions[i] != -1) {
				t.Errorf("%q names more when only strong tags count", value)
			}
		}
	})
}
