package tabular

import (
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

var (
	entity = regexp.MustCompile(`&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});`)
	breaks = regexp.MustCompile(`[ \t]*[\r\n\t\v\f\x{85}\x{2028}\x{2029}]+[ \t]*`)
)

// plainText turns HTML's entities into their characters, and the control
// characters U+0080 to U+009F, which no text has, into those of Windows-1252 that
// another program took them from. Entities end with a semicolon: "R&D" and "&copy
// that" are what they are.
func plainText(s string) string {
	if strings.Contains(s, "&") {
		s = entity.ReplaceAllStringFunc(s, html.UnescapeString)
	}
	if !strings.Contains(s, "\xC2") {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < 0x80 || r >= 0xA0 {
			return r
		}
		if meant := charmap.Windows1252.DecodeByte(byte(r)); meant != utf8.RuneError {
			return meant
		}
		return r
	}, s)
}

// oneLine makes one line of a cell that a spreadsheet broke into several.
func oneLine(s string) string {
	if strings.ContainsAny(s, "\r\n\t\v\f\u0085\u2028\u2029") {
		s = breaks.ReplaceAllString(s, " ")
	}
	return trim(s)
}

// trim drops white space and what is invisible around a value.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || r == '\uFEFF' || r == '\u200B'
	})
}

// value is a cell without what spreadsheets put around it: spaces, and ="…",
// which keeps them from taking a number for one.
func value(cell string) string {
	s := trim(cell)
	if inner, ok := strings.CutPrefix(s, `="`); ok {
		if inner, ok = strings.CutSuffix(inner, `"`); ok {
			return trim(strings.ReplaceAll(inner, `""`, `"`))
		}
	}
	return s
}

// absent reports whether the value of an optional field says that there is none.
func absent(v string) bool {
	switch strings.ToLower(v) {
	case "", "-", "—", "n/a", "#n/a", "#n/d", "nan", "null", "none", `\n`:
		return true
	default:
		return false
	}
}
