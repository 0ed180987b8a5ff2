package book_test

import (
	"math"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// anyDraft draws drafts that keep and break the rules of every field.
func anyDraft() *rapid.Generator[book.Draft] {
	text := func(long int) *rapid.Generator[string] {
		return rapid.OneOf(rapid.SampledFrom([]string{"", " ", "a\x00b", "a\nb", "Dom Casmurro", strings.Repeat("é", long), strings.Repeat("é", long+1)}),
			rapid.StringN(0, 20, -1))
	}
	return rapid.Custom(func(t *rapid.T) book.Draft {
		d := book.Draft{
			Title:       text(500).Draw(t, "title"),
			Authors:     rapid.SliceOfN(text(200), 0, 22).Draw(t, "authors"),
			ISBN:        rapid.SampledFrom([]string{"", "9788535711912", "9788535711913", "978"}).Draw(t, "isbn"),
			Published:   rapid.SampledFrom([]int{0, -1, 1, 2027, 2028}).Draw(t, "published"),
			Language:    rapid.SampledFrom([]string{"", "pt-br", "pt_BR", "English", "eng"}).Draw(t, "language"),
			Description: text(16<<10).Draw(t, "description"),
			Rating:      rapid.SampledFrom([]float64{0, 0.5, 1, 4.5, 5, 5.1}).Draw(t, "rating"),
		}
		if rapid.Bool().Draw(t, "priced") {
			d.Price = &book.Price{
				Amount:   rapid.SampledFrom([]string{"", "1", "39.90", "1.234", "-1", "1,5"}).Draw(t, "amount"),
				Currency: rapid.SampledFrom([]string{"", "BRL", "JPY", "brl", "KWD"}).Draw(t, "currency"),
			}
		}
		return d
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	t.Run("a draft that did not come as JSON is held to the same rules", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			d := anyDraft().Draw(t, "draft")
			raw, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			want, wantErr := book.ParseDraft(raw, uuid.Nil, july())
			got, err := book.Check(d, july())
			if a, b := fields(err), fields(wantErr); strings.Join(a, ",") != strings.Join(b, ",") || fault.KindOf(err) != fault.KindOf(wantErr) {
				t.Fatalf("got %v, want %v", err, wantErr)
			}
			if !got.Equal(want) {
				t.Fatalf("got %+v, want %+v", got, want)
			}
		})
	})
	t.Run("what JSON cannot carry is refused too", func(t *testing.T) {
		t.Parallel()
		d := book.Draft{Title: "a\xff", Authors: []string{"b\xff"}, Description: "c\xff", Rating: math.NaN()}
		_, err := book.Check(d, july())
		wantFaults(t, err, fault.Invalid, "/title invalid_utf8", "/authors/0 invalid_utf8", "/description invalid_utf8", "/rating out_of_range")
	})
	t.Run("a draft is at most 64 KiB when encoded", func(t *testing.T) {
		t.Parallel()
		d := book.Draft{Title: "t", Description: strings.Repeat("\n", 32<<10)}
		for range 20 {
			d.Authors = append(d.Authors, strings.Repeat("語", 200))
		}
		if _, err := book.Check(d, july()); !fault.Is(err, fault.TooLarge) {
			t.Errorf("got %v", err)
		}
	})
}
