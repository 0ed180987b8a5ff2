package book

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bojanz/currency"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"golang.org/x/text/language"

	"acervo/internal/fault"
)

// FieldNames are the names that a draft may have, as they stand on the wire.
func FieldNames() []string {
	return []string{"id", "title", "authors", "isbn", "published", "language", "description", "rating", "price"}
}

// ParseDraft reads the JSON of a draft. It refuses malformed JSON, duplicate,
// unknown and wrong-case names, invalid UTF-8 and trailing data with
// fault.Syntax, fields that break a rule with fault.Invalid, more than MaxDraft
// bytes with fault.TooLarge, and names every fault at once. A body that names
// another id than want is refused, unless want is nil. The year of now bounds
// the year of publication.
func ParseDraft(raw []byte, want uuid.UUID, now time.Time) (Draft, error) {
	var f faults
	d := f.draft(raw, now)
	if want != uuid.Nil && d.ID != uuid.Nil && d.ID != want {
		f.invalid("/id", "mismatch", "must be the id of the address, or be left out")
	}
	if err := f.err(); err != nil {
		return Draft{}, err
	}
	if len(raw) < MaxDraft/8 { // no field grows that much when it is put into its one form
		return d, nil
	}
	return d, checkSize(d)
}

func checkSize(d Draft) error {
	encoded, err := json.Marshal(d)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encode a draft")
	}
	if len(encoded) > MaxDraft {
		return fault.New(fault.TooLarge, "The draft has %d bytes when encoded, more than %d.", len(encoded), MaxDraft)
	}
	return nil
}

// draft reads every field and notes every fault.
func (f *faults) draft(raw []byte, now time.Time) Draft {
	var d Draft
	members := f.members("", raw, FieldNames()...)
	if members == nil {
		return d
	}
	for _, m := range members {
		if m.null() {
			continue // the same as absent
		}
		f.field(&d, m, now)
	}
	for _, name := range []string{"title", "authors"} {
		present := func(m member) bool { return m.name == name && !m.null() }
		if !slices.ContainsFunc(members, present) {
			f.invalid("/"+name, "required", "is required")
		}
	}
	return d
}

func (f *faults) field(d *Draft, m member, now time.Time) {
	switch m.name {
	case "id":
		if s, ok := f.text(m); ok {
			if d.ID, ok = ParseID(s); !ok {
				f.invalid(m.pointer, "not_a_uuid", "must be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")
			}
		}
	case "title":
		d.Title = f.line(m.pointer, m, MaxTitle)
	case "authors":
		d.Authors = f.authors(m)
	case "isbn":
		if s, ok := f.text(m); ok {
			if d.ISBN, ok = ParseISBN(s); !ok {
				f.invalid(m.pointer, "not_an_isbn", "must be an ISBN-10 or ISBN-13 whose check digit is right")
			}
		}
	case "published":
		d.Published = f.year(m, now)
	case "language":
		d.Language = f.language(m)
	case "description":
		d.Description = f.description(m)
	case "rating":
		v, ok := into[float64](f, m, "a number")
		if ok {
			f.checkRating(m.pointer, v)
		}
		d.Rating = v
	case "price":
		d.Price = f.price(m)
	}
}

// line reads a string of one line that is not blank.
func (f *faults) line(pointer string, m member, most int) string {
	s, ok := f.text(m)
	if !ok {
		return ""
	}
	f.checkLine(pointer, s, most)
	return s
}

func (f *faults) checkRating(pointer string, v float64) {
	if !(v >= 1 && v <= 5) { // NaN neither
		f.invalid(pointer, "out_of_range", "must be from 1 to 5")
	}
}

func (f *faults) checkUTF8(pointer, s string) {
	if !utf8.ValidString(s) {
		f.invalid(pointer, "invalid_utf8", "must be UTF-8")
	}
}

func (f *faults) checkLine(pointer, s string, most int) {
	f.checkUTF8(pointer, s)
	switch {
	case strings.TrimSpace(s) == "":
		f.invalid(pointer, "blank", "must not be blank")
	case utf8.RuneCountInString(s) > most:
		f.invalid(pointer, "too_long", fmt.Sprintf("must have at most %d characters", most))
	case strings.ContainsFunc(s, unicode.IsControl):
		f.invalid(pointer, "control_character", "must be one line without control characters")
	}
}

func (f *faults) authors(m member) []string {
	authors, ok := into[[]*string](f, m, "an array of strings")
	if !ok {
		return nil
	}
	f.checkCount(m.pointer, len(authors))
	names := make([]string, 0, min(len(authors), maxAuthors))
	for i, a := range authors[:min(len(authors), maxAuthors)] {
		pointer := fmt.Sprintf("%s/%d", m.pointer, i)
		if a == nil {
			f.invalid(pointer, "type", "must be a string")
			continue
		}
		f.checkLine(pointer, *a, MaxAuthor)
		names = append(names, *a)
	}
	return names
}

func (f *faults) checkCount(pointer string, authors int) {
	if authors == 0 || authors > maxAuthors {
		f.invalid(pointer, "count", fmt.Sprintf("must be 1 to %d authors", maxAuthors))
	}
}

func (f *faults) year(m member, now time.Time) int {
	y, ok := into[int](f, m, "a year, written as a whole number")
	if ok {
		f.checkYear(m.pointer, y, now)
	}
	return y
}

func (f *faults) checkYear(pointer string, y int, now time.Time) {
	if next := now.UTC().Year() + 1; y < 1 || y > next {
		f.invalid(pointer, "out_of_range", fmt.Sprintf("must be a year from 1 to %d", next))
	}
}

func (f *faults) language(m member) string {
	s, ok := f.text(m)
	if !ok {
		return ""
	}
	return f.checkLanguage(m.pointer, s)
}

// checkLanguage checks a tag against the registry of BCP 47 (RFC 5646) and gives
// it the usual case.
func (f *faults) checkLanguage(pointer, s string) string {
	tag, err := language.Raw.Parse(s)
	if err != nil || s == "" || len(s) > maxLanguage || strings.Contains(s, "_") {
		f.invalid(pointer, "not_a_language", "must be a language tag of BCP 47, such as pt-BR")
		return ""
	}
	return tag.String()
}

func (f *faults) description(m member) string {
	s, ok := f.text(m)
	if ok {
		f.checkDescription(m.pointer, s)
	}
	return s
}

func (f *faults) checkDescription(pointer, s string) {
	f.checkUTF8(pointer, s)
	if len(s) > maxDescription {
		f.invalid(pointer, "too_long", fmt.Sprintf("must have at most %d bytes", maxDescription))
	}
	control := func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\n\r\t", r) }
	if strings.ContainsFunc(s, control) {
		f.invalid(pointer, "control_character", "must not contain control characters other than tab and newline")
	}
}

// amountPattern is the amount of CONTRACT: up to nine digits and four decimals.
var amountPattern = regexp.MustCompile(`^\d{1,9}(\.\d{1,4})?$`)

func (f *faults) price(m member) *Price {
	if m.value.Kind() != '{' {
		f.invalid(m.pointer, "type", "must be an object")
		return nil
	}
	var p Price
	present := map[string]bool{}
	for _, part := range f.members(m.pointer, m.value, "amount", "currency") {
		if part.null() {
			continue
		}
		present[part.name] = true
		s, ok := f.text(part)
		switch {
		case !ok:
		case part.name == "amount":
			p.Amount = s
			f.checkAmount(part.pointer, s)
		default:
			p.Currency = s
			f.checkCurrency(part.pointer, s)
		}
	}
	for _, name := range []string{"amount", "currency"} {
		if !present[name] {
			f.invalid(m.pointer+"/"+name, "required", "is required in a price")
		}
	}
	f.checkDecimals(m.pointer, p)
	return &p
}

func (f *faults) checkAmount(pointer, s string) {
	if !amountPattern.MatchString(s) {
		f.invalid(pointer, "not_an_amount", `must be a decimal in a string, such as "39.90"`)
	}
}

func (f *faults) checkCurrency(pointer, s string) {
	if !IsCurrency(s) {
		f.invalid(pointer, "not_a_currency", "must be a currency code of ISO 4217, such as BRL")
	}
}

// IsCurrency reports whether s is a currency code of ISO 4217, such as BRL.
func IsCurrency(s string) bool { return s != "" && currency.IsValid(s) }

func (f *faults) checkDecimals(pointer string, p Price) {
	_, decimals, _ := strings.Cut(p.Amount, ".")
	if units, ok := currency.GetDigits(p.Currency); ok && amountPattern.MatchString(p.Amount) && len(decimals) > int(units) {
		f.invalid(pointer+"/amount", "too_precise", fmt.Sprintf("must have at most %d decimals in its currency", units))
	}
}
