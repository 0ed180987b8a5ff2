package book

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold returns what two texts have in common that differ in case, accents, width,
// composition or spacing only, so that lists find and sort by it. In this order:
//
//  1. NFKD (Unicode Standard Annex 15): é is e and its accent, ﬁ is fi, Ⅷ is VIII;
//  2. nonspacing and enclosing marks (Mn, Me) and format characters (Cf) are
//     dropped: accents, dots of İ and ё, vowel points, soft hyphens;
//  3. full case folding (Unicode, section 3.13): ß and ẞ are ss, ς is σ;
//  4. letters that Unicode does not decompose, but whose readers look for them
//     without their stroke or ligature, become those: see plain;
//  5. white space and control characters become single spaces, none at the ends.
//
// It is no collation: texts sort by the code points that are left, leading
// articles included. The result is valid UTF-8 without control characters, and
// folding it again changes nothing.
func Fold(s string) string {
	s = strings.Map(unmarked, norm.NFKD.String(s))
	s = cases.Fold().String(s)
	var b strings.Builder
	for _, r := range s {
		b.WriteString(plain(r))
	}
	// Folding can make what decomposes again.
	s = strings.Map(unmarked, norm.NFKD.String(b.String()))
	return strings.Join(strings.Fields(s), " ")
}

// unmarked drops marks, and turns what separates into a space.
func unmarked(r rune) rune {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return -1
	case unicode.IsControl(r), unicode.IsSpace(r):
		return ' '
	default:
		return r
	}
}

// plain writes a folded letter as the Latin-ASCII transform of CLDR does, if it is
// one that NFKD leaves as it is.
func plain(r rune) string {
	switch r {
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	case 'ø':
		return "o"
	case 'ł':
		return "l"
	case 'đ', 'ð':
		return "d"
	case 'ħ':
		return "h"
	case 'ŧ':
		return "t"
	case 'þ':
		return "th"
	case 'ı':
		return "i"
	default:
		return string(r)
	}
}
