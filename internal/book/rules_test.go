package book_test

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"acervo/internal/book"
)

// complainer is what *testing.T and *rapid.T have in common.
type complainer interface {
	Helper()
	Errorf(format string, args ...any)
}

// obeys checks a draft against the Book paragraph of the contract, said again in
// other words than the code's.
func obeys(t complainer, d book.Draft, now time.Time) {
	t.Helper()
	rule := func(holds bool, name string) {
		t.Helper()
		if !holds {
			t.Errorf("an accepted draft breaks the rule of %s: %+v", name, d)
		}
	}
	length := utf8.RuneCountInString
	rule(length(d.Title) >= 1 && length(d.Title) <= 500, "title")
	rule(len(d.Authors) >= 1 && len(d.Authors) <= 20, "authors")
	for _, a := range d.Authors {
		rule(length(a) >= 1 && length(a) <= 200, "each author")
	}
	rule(d.ISBN == "" || isISBN13(d.ISBN), "isbn")
	rule(d.Published >= 0 && d.Published <= now.Year()+1, "published")
	rule(len(d.Language) <= 35, "language")
	rule(len(d.Description) <= 32*1024, "description")
	rule(d.Rating == 0 || d.Rating >= 1 && d.Rating <= 5, "rating")
	if d.Price != nil {
		rule(regexp.MustCompile(`^\d{1,9}(\.\d{1,4})?$`).MatchString(d.Price.Amount), "amount")
		rule(regexp.MustCompile(`^[A-Z]{3}$`).MatchString(d.Price.Currency), "currency")
		_, decimals, _ := strings.Cut(d.Price.Amount, ".")
		noDecimals := []string{"JPY", "KRW", "ISK", "CLP", "VND"}
		rule(decimals == "" || !slices.Contains(noDecimals, d.Price.Currency), "minor units")
	}
}

// isISBN13 uses that the sum of all thirteen, weighted 1 and 3, ends in zero.
func isISBN13(s string) bool {
	sum := 0
	for i, c := range s {
		weight := 3
		if i%2 == 0 {
			weight = 1
		}
		sum += weight * int(c-'0')
	}
	return regexp.MustCompile(`^97[89]\d{10}$`).MatchString(s) && sum%10 == 0
}

// drafts makes valid drafts in their usual way of writing.
func drafts() *rapid.Generator[book.Draft] {
	control := regexp.MustCompile(`\pC`)
	line := func(most int) *rapid.Generator[string] {
		return rapid.StringN(1, most, -1).Filter(func(s string) bool {
			return strings.TrimSpace(s) != "" && !control.MatchString(s)
		})
	}
	price := rapid.Custom(func(t *rapid.T) *book.Price {
		return &book.Price{
			Amount:   rapid.StringMatching(`[0-9]{1,9}(\.[0-9]{1,2})?`).Draw(t, "amount"),
			Currency: rapid.SampledFrom([]string{"BRL", "EUR", "USD", "KWD", "CLF"}).Draw(t, "currency"),
		}
	})
	return rapid.Custom(func(t *rapid.T) book.Draft {
		return book.Draft{
			ID:          rapid.SampledFrom([]uuid.UUID{uuid.Nil, someID()}).Draw(t, "id"),
			Title:       line(500).Draw(t, "title"),
			Authors:     rapid.SliceOfN(line(200), 1, 20).Draw(t, "authors"),
			ISBN:        rapid.SampledFrom([]string{"", "9780306406157", "9791090636071"}).Draw(t, "isbn"),
			Published:   rapid.IntRange(0, 2027).Draw(t, "published"),
			Language:    rapid.SampledFrom([]string{"", "pt-BR", "en", "sr-Latn-RS-ekavsk", "x-own"}).Draw(t, "language"),
			Description: rapid.StringMatching("[^\\pC]{0,200}").Draw(t, "description"),
			Rating:      rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(1, 5)).Draw(t, "rating"),
			Price:       rapid.OneOf(rapid.Just[*book.Price](nil), price).Draw(t, "price"),
		}
	})
}
