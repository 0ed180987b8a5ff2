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
//  2. accents and points are dropped, and what is invisible: see unmarked;
//  3. full case folding (Unicode, section 3.13): ß and ẞ are ss, ς is σ;
//  4. letters that Unicode does not decompose, but whose readers look for them
//     without their stroke or ligature, become those: see plain;
//  5. white space and control characters become single spaces, none at the ends.
//
// It is no collation: texts sort by the code points that are left, leading
// articles included. The result is valid UTF-8 without control characters, and
// folding it again changes nothing.
func Fold(s string) string {
	if folded, ok := foldLatin(s); ok {
		return folded
	}
	return foldAny(s)
}

// foldAny is Fold by its definition.
func foldAny(s string) string {
	s = cases.Fold().String(strings.Map(unmarked, norm.NFKD.String(s)))
	var b strings.Builder
	for _, r := range s {
		b.WriteString(plain(r))
	}
	// What was between two marks may be gone, and folding makes new ones.
	s = strings.Map(unmarked, norm.NFKD.String(b.String()))
	return strings.Join(strings.Fields(s), " ")
}

// latin1 is what the letters from À to ÿ are folded to, a byte each. A space
// stands for those that become two letters, and for × and ÷.
const latin1 = "aaaaaa ceeeeiiiidnooooo ouuuuy  aaaaaa ceeeeiiiidnooooo ouuuuy y"

// foldLatin is Fold of a text of ASCII and of these letters, which most are, at a
// tenth of the price; false for any other.
func foldLatin(s string) (folded string, ok bool) {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		switch {
		case r <= ' ' || r == 0x7f: // white space and control characters
			r = ' '
			if len(b) == 0 || b[len(b)-1] == ' ' {
				continue
			}
		case r >= 'A' && r <= 'Z':
			r += 'a' - 'A'
		case r < 0x7f:
		case r < 'À' || r > 'ÿ' || latin1[r-'À'] == ' ':
			return "", false
		default:
			r = rune(latin1[r-'À'])
		}
		b = append(b, byte(r))
	}
	return strings.TrimSuffix(string(b), " "), true
}

// unmarked drops the marks that are accents, overlays and points of vowels, which
// their combining classes tell (Unicode Standard Annex 44, table 15): 1, 10 to 36,
// and 200 upwards. Marks that make another letter stay: of kana, of Indic vowels,
// of Thai tones. It also drops format characters and variation selectors.
func unmarked(r rune) rune {
	if r < 0x80 {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}
	class := norm.NFD.PropertiesString(string(r)).CCC()
	switch {
	case class == 1, class >= 10 && class <= 36, class >= 200,
		unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
		return -1
	case unicode.IsControl(r), unicode.IsSpace(r):
		return ' '
	case unicode.Is(unicode.Cherokee, r): // x/text folds each case of these to the other
		return unicode.ToUpper(r)
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
