package tabular

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"acervo/internal/book"
)

// splitAuthors tells several authors in one cell apart where that is safe:
//
//   - by ; and | and line breaks and a slash between spaces, always, and then by
//     nothing else, since who writes those means them;
//   - by commas, unless the column writes names as "Last, First" (inverted), when
//     every part has two words or more; from three parts on also names of one
//     word, since no name has two commas but before what follows a name: Jr., PhD;
//   - by "and", "e", "y", "&", in the last part, when there are two words or more
//     on each side, and no word of institutions: "Cruz e Souza" and "Audrey e Don
//     Wood" stay as they are. Neto, Filho, Jr. and their like do not count.
//
// What is not safe stays one author.
func splitAuthors(cell string, inverted bool) []string {
	if parts := strongParts(cell); len(parts) > 1 {
		return parts
	}
	parts := []string{cell}
	if !inverted {
		parts = byCommas(cell)
	}
	last := len(parts) - 1
	if len(parts) > 1 {
		for _, word := range []string{"and ", "e ", "& ", "y "} { // after a comma: "A B, C D, and E F"
			if rest, ok := cutFold(parts[last], word); ok && len(strings.Fields(rest)) > 1 {
				parts[last] = rest
				return parts
			}
		}
	}
	return append(parts[:last:last], byConnector(parts[last])...)
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return strings.TrimSpace(s[len(prefix):]), true
	}
	return s, false
}

func strongParts(cell string) []string {
	cell = strings.ReplaceAll(cell, " / ", ";")
	parts := strings.FieldsFunc(cell, func(r rune) bool { return r == ';' || r == '|' || r == '\n' || r == '\r' })
	return tidy(parts)
}

func tidy(parts []string) []string {
	var all []string
	for _, part := range parts {
		if part = trim(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

func byCommas(cell string) []string {
	if !strings.Contains(cell, ",") {
		return []string{cell}
	}
	parts := tidy(strings.Split(cell, ","))
	least := 2 // words
	if len(parts) >= 3 {
		least = 1
	}
	for i, part := range parts {
		if names := nameWords(part); i > 0 && names == 0 || names < least {
			return []string{cell}
		}
	}
	if len(parts) == 0 {
		return []string{cell}
	}
	return parts
}

var connector = regexp.MustCompile(`(?i) (?:and|e|y|&) `)

func byConnector(part string) []string {
	at := connector.FindAllStringIndex(part, -1)
	if len(at) != 1 || institution(part) {
		return []string{part}
	}
	left, right := trim(part[:at[0][0]]), trim(part[at[0][1]:])
	if nameWords(left) < 2 || nameWords(right) < 2 || particle(strings.Fields(right)[0]) {
		return []string{part}
	}
	return []string{left, right}
}

// nameWords counts the words of a name, without what follows names and what
// joins their words.
func nameWords(s string) int {
	n := 0
	for word := range strings.FieldsSeq(s) {
		if !follows(word) && !particle(word) && strings.ContainsFunc(word, unicode.IsLetter) {
			n++
		}
	}
	return n
}

// follows reports whether a word follows names and is none: Jr., Filho, Ph.D.
func follows(word string) bool {
	switch strings.ReplaceAll(book.Fold(word), ".", "") {
	case "jr", "sr", "junior", "filho", "neto", "sobrinho", "ii", "iii", "iv", "phd", "md", "md/phd", "dr", "esq", "msc", "mba", "rn", "dds",
		"outros", "outras", "others", "al", "ed", "eds", "org", "orgs", "ltd", "inc", "llc", "co", "ltda", "sa", "s/a":
		return true
	default:
		return false
	}
}

func particle(word string) bool {
	switch book.Fold(word) {
	case "de", "da", "do", "das", "dos", "of", "the", "von", "van", "der", "del", "la", "le", "du", "di":
		return true
	default:
		return false
	}
}

// institution reports whether a name is of no person, so that an "and" may well
// belong to it.
func institution(s string) bool {
	return slices.ContainsFunc(strings.Fields(book.Fold(s)), func(word string) bool {
		switch strings.Trim(word, ".,") {
		case "instituto", "institute", "ministerio", "ministry", "museu", "museum", "universidade", "university", "editora", "press",
			"conselho", "council", "sociedade", "society", "fundacao", "foundation", "associacao", "association", "department", "departamento",
			"committee", "comite", "secretaria", "centro", "center", "centre", "college", "academia", "academy", "company", "inc", "ltd", "ltda",
			"group", "grupo", "biblioteca", "library", "studio", "studios", "books", "publishing", "school", "escola", "national", "nacional":
			return true
		default:
			return false
		}
	})
}

// looksInverted tells "Machado, Joaquim" from "Joaquim Machado": 1 and -1; what
// is neither is 0.
func looksInverted(cell string) int {
	parts := strings.Split(cell, ",")
	switch words := nameWords(parts[0]); {
	case len(parts) == 1 && words >= 2:
		return -1
	case len(parts) == 2 && words == 1 && nameWords(parts[1]) >= 1:
		return 1
	default:
		return 0
	}
}

// distinct drops authors that stand there already, whatever their case.
func distinct(authors []string) []string {
	var all []string
	for _, a := range authors {
		if !slices.ContainsFunc(all, func(o string) bool { return strings.EqualFold(o, a) }) {
			all = append(all, a)
		}
	}
	return all
}

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
