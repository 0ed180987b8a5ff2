package book

import (
	"strconv"
	"time"
)

// Check holds a draft that did not come as JSON to the rules of ParseDraft, and
// gives its language the usual case. The zero value of an optional field is
// absent. Every fault is named at once, as ParseDraft names it.
func Check(d Draft, now time.Time) (Draft, error) {
	var f faults
	f.checkLine("/title", d.Title, MaxTitle)
	f.checkAuthors(d.Authors)
	if isbn, ok := ParseISBN(d.ISBN); d.ISBN != "" && (!ok || isbn != d.ISBN) {
		f.invalid("/isbn", "not_an_isbn", "must be an ISBN-13 of 13 digits whose check digit is right")
	}
	if d.Published != 0 {
		f.checkYear("/published", d.Published, now)
	}
	if d.Language != "" {
		d.Language = f.checkLanguage("/language", d.Language)
	}
	f.checkDescription("/description", d.Description)
	if d.Rating != 0 {
		f.checkRating("/rating", d.Rating)
	}
	if d.Price != nil {
		f.checkAmount("/price/amount", d.Price.Amount)
		f.checkCurrency("/price/currency", d.Price.Currency)
		f.checkDecimals("/price", *d.Price)
	}
	if err := f.err(); err != nil {
		return Draft{}, err
	}
	size := len(d.Title) + len(d.Description)
	for _, a := range d.Authors {
		size += len(a)
	}
	if size < MaxDraft/8 { // no text grows that much when it is encoded
		return d, nil
	}
	return d, checkSize(d)
}

func (f *faults) checkAuthors(names []string) {
	f.checkCount("/authors", len(names))
	for i, name := range names[:min(len(names), maxAuthors)] {
		f.checkLine("/authors/"+strconv.Itoa(i), name, MaxAuthor)
	}
}
