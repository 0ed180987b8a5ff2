package tabular

import (
	"regexp"
	"strings"

	"acervo/internal/book"
)

// trouble says why a cell was not understood, or is to be looked at. The zero
// value is none.
type trouble struct{ code, reason string }

// The codes that others ask for.
const (
	codeRestored   = "isbn_zeros_restored" // understood, but to be looked at
	codeNoCurrency = "no_currency"
)

var (
	isbnNoise  = regexp.MustCompile(`(?i)\bisbn(-?1[03])?\b[:\s]*|\s*\([^()]*\)`)
	scientific = regexp.MustCompile(`^(\d)(?:[.,](\d+))?[eE]\+?(\d+)$`)
	identifier = regexp.MustCompile(`['"]identifier['"]\s*:\s*['"]([^'"]*)['"]`)
	floating   = regexp.MustCompile(`^(\d{8,13})[.,]0+$`)
)

// parseISBN reads an ISBN as spreadsheets and catalogues leave it: in brackets,
// after a label, with hyphens of any kind, as a number with decimals, without the
// zeros it began with. Zeros are put back only where nothing else can be meant:
// one or two, when the check digit is right then. Shops number their goods with
// fewer digits, so that no more are put back. Several spellings of one book are
// one; several books are none. Of the identifiers that Google Books lists, the
// ISBN-13 counts, or else the ISBN-10; the others are no ISBNs and no faults.
func parseISBN(cell string) (isbn string, t trouble) {
	if plain, ok := book.ParseISBN(cell); ok {
		return plain, t
	}
	if all := identifier.FindAllStringSubmatch(cell, -1); all != nil {
		return identified(all), t
	}
	for _, part := range isbnParts(cell) {
		one, found := oneISBN(part)
		if one == "" {
			if t.code == "" {
				t = found
			}
			continue
		}
		if isbn != "" && isbn != one {
			return "", trouble{"several_isbns", "holds the ISBNs of more than one book"}
		}
		isbn, t = one, found
	}
	return isbn, t
}

func identified(all [][]string) (isbn string) {
	for _, m := range all {
		plain, ok := book.ParseISBN(m[1])
		switch {
		case ok && strings.HasPrefix(plain, m[1][:3]): // its own digits
			return plain
		case ok && isbn == "":
			isbn = plain
		}
	}
	return isbn
}

func isbnParts(cell string) []string {
	cell = isbnNoise.ReplaceAllString(cell, " ")
	cell = strings.Trim(cell, "[](){}'\"=` \t")
	parts := strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune(";|/\n\t", r) })
	var all []string
	for _, part := range parts {
		if scientific.MatchString(strings.TrimSpace(part)) || floating.MatchString(strings.TrimSpace(part)) {
			all = append(all, part)
			continue
		}
		for piece := range strings.SplitSeq(part, ",") {
			// Calibre's identifiers are "isbn:978…,goodreads:123"; the label is gone.
			if piece = strings.TrimSpace(piece); piece != "" && !strings.Contains(piece, ":") {
				all = append(all, piece)
			}
		}
	}
	return all
}

func oneISBN(s string) (string, trouble) {
	s = strings.Trim(strings.TrimSpace(s), "[](){}'\"=`")
	if m := floating.FindStringSubmatch(s); m != nil {
		s = m[1]
	}
	if m := scientific.FindStringSubmatch(s); m != nil {
		if m[3] != "12" || len(m[2]) != 12 {
			return "", trouble{"isbn_rounded", "was rounded by a spreadsheet and cannot be known; format the column as text or as a number without decimals, and export again"}
		}
		s = m[1] + m[2]
	}
	digits := strings.Map(isbnDigit, s)
	if isbn, ok := book.ParseISBN(digits); ok {
		return isbn, trouble{}
	}
	if missing := 10 - len(digits); missing == 1 || missing == 2 {
		if isbn, ok := book.ParseISBN("00"[:missing] + digits); ok {
			return isbn, trouble{codeRestored, "had lost the zeros it began with"}
		}
	}
	return "", trouble{"not_an_isbn", "is no ISBN-10 or ISBN-13 whose check digit is right"}
}

// isbnDigit drops spaces and every kind of hyphen; what does not belong in an
// ISBN stays, so that it is refused.
func isbnDigit(r rune) rune {
	switch r {
	case ' ', '\u00A0', '-', '\u00AD', '\u2010', '\u2011', '\u2012', '\u2013', '\u2014', '\u2212', '\u200E', '\u202C', '\uFEFF', '\u200B':
		return -1
	case 'x':
		return 'X'
	default:
		return r
	}
}
