package tabular

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"acervo/internal/book"
)

// splitAuthors tells several authors in one cell apart where that is safe:
//
//   - a list as Python or JSON writes it is what it says;
//   - by ; and | and line breaks and a slash between spaces, always, and then by
//     nothing else, since who writes those means them;
//   - by every comma where the file is of a program that lists them so;
//   - by commas, into pairs where names stand as "Last, First": see pairs;
//   - by other commas, when every part has two words or more; from three parts on
//     also names of one word, unless the column writes names as "Last, First" or
//     every second part is one, as first names are, and at the beginning only if
//     the column writes names as "First Last"; and not after an institution, which
//     may be followed by its place or its departments;
//   - by "and", "e", "y", "&", in each part, when there are two words or more on
//     every side, and no word of institutions: "Cruz e Souza" and "Audrey e Don
//     Wood" stay as they are. Neto, Filho, Jr. and their like do not count.
//
// What is not safe stays one author, as it is written, with a warning where it may
// well be several: see several.
func splitAuthors(cell string, order NameOrder) ([]string, trouble) {
	if list, ok := quotedList(cell); ok {
		return list, trouble{}
	}
	if parts := strongParts(cell); len(parts) > 1 {
		return parts, trouble{}
	}
	if order == Listed {
		return listed(cell), trouble{}
	}
	if names, t := pairs(cell, order); names != nil {
		return names, t
	}
	parts := byCommas(cell, order)
	if last := len(parts) - 1; last > 0 {
		for _, word := range []string{"and ", "e ", "& ", "y "} { // after a comma: "A B, C D, and E F"
			if rest, ok := cutFold(parts[last], word); ok && len(strings.Fields(rest)) > 1 {
				parts[last] = rest
				break
			}
		}
	}
	var names []string
	for _, part := range parts {
		names = append(names, byConnectors(part)...)
	}
	if slices.ContainsFunc(names, func(name string) bool { return several(name, order) }) {
		return names, notSplit()
	}
	return names, trouble{}
}

func notSplit() trouble {
	return trouble{"authors_not_split", "may be several authors; put a semicolon between them"}
}

// several reports whether what was not split may be several names all the same: no
// name has "and" or "&" in it, a comma is in names as "Last, First" only, and that
// a name is one is shown by the column or by its words.
func several(name string, order NameOrder) bool {
	if !strings.Contains(name, ",") {
		return joined(name)
	}
	parts := slices.DeleteFunc(tidy(strings.Split(name, ",")), func(part string) bool { return nameWords(part) == 0 })
	switch {
	case len(parts) == 2:
		return order != LastFirst && !isPair(parts[0], parts[1], order)
	case len(parts) > 2:
		return true
	default:
		return joined(name)
	}
}

// joined reports whether a name has an "and" or "&" between its words, or a slash
// between two names, which no name of a person has.
func joined(name string) bool {
	if a, b, ok := strings.Cut(name, "/"); ok && nameWords(a) > 1 && nameWords(b) > 1 {
		return true
	}
	n := 0
	for word := range strings.FieldsSeq(name) {
		n++
		if n > 1 && (word == "&" || strings.EqualFold(word, "and")) {
			return !institution(name)
		}
	}
	return false
}

// isPair reports whether two parts show by themselves that they are a surname and
// what comes before it: "Rowling, J.", "Assis, Joaquim Maria", "Assis, Machado de",
// "ASSIS, Machado". "Platão, Aristóteles" shows nothing, nor does "Plato, Desmond
// Lee" where names stand as "First Last".
func isPair(last, first string, order NameOrder) bool {
	if initial.MatchString(last) || nameWords(last) == 0 || nameWords(first) == 0 || connector.MatchString(first) {
		return false
	}
	words := strings.Fields(first)
	upper := strings.ToUpper(last) == last && strings.ToLower(last) != last && strings.ToUpper(first) != first
	return upper || initial.MatchString(first) || utf8.RuneCountInString(first) == 1 || particle(words[len(words)-1]) ||
		nameWords(last) == 1 && nameWords(first) > 1 && order != FirstLast
}

// listed parts names at commas, but for what follows a name.
func listed(cell string) (names []string) {
	for _, part := range tidy(strings.Split(cell, ",")) {
		if last := len(names) - 1; last >= 0 && nameWords(part) == 0 {
			names[last] += ", " + part
		} else {
			names = append(names, part)
		}
	}
	return names
}

const quoted = `(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")`

var (
	pythonList = regexp.MustCompile(`^\[\s*(?:` + quoted + `(?:\s*,\s*` + quoted + `)*)?\s*,?\s*\]$`)
	pythonText = regexp.MustCompile(quoted)
	pythonSign = regexp.MustCompile(`\\(.)`)
)

// quotedList reads a list of texts as JSON or Python writes it.
func quotedList(cell string) ([]string, bool) {
	if cell = trim(cell); !strings.HasPrefix(cell, "[") || !pythonList.MatchString(cell) {
		return nil, false
	}
	if v := jsontext.Value(cell); v.IsValid() {
		list, ok := texts(v)
		return tidy(list), ok
	}
	var list []string
	for _, text := range pythonText.FindAllString(cell, -1) {
		list = append(list, pythonSign.ReplaceAllString(text[1:len(text)-1], "$1"))
	}
	return tidy(list), true
}

// initial is at the end of a given name, and of no whole one: Donald E.
var initial = regexp.MustCompile(`(?:^|[\s.-])\p{L}\.$`)

// pairs reads names that stand as "Last, First", several by commas and connectors;
// nil when the cell holds none. What comes before a comma is a surname when it is
// one word, or when the column writes names so (inverted); that more than one
// comma parts pairs, and no names of one word, is shown by the column, by an
// initial after a surname, or by a connector with a comma on both sides. Several of
// which nothing shows that stay whole.
func pairs(cell string, order NameOrder) (names []string, t trouble) {
	if !strings.Contains(cell, ",") {
		return nil, t
	}
	pieces := connector.Split(cell, -1)
	if len(pieces) > 1 && institution(cell) {
		return nil, t
	}
	inverted := order == LastFirst
	surnames, initials, whole := 0, 0, 0
	for _, piece := range pieces {
		parts := tidy(strings.Split(piece, ","))
		if len(parts) == 0 || len(parts)%2 != 0 {
			return nil, t
		}
		for pair := range slices.Chunk(parts, 2) {
			switch last, first := nameWords(pair[0]), nameWords(pair[1]); {
			case last == 1:
				surnames++
			case last > 1 && first > 1:
				whole++
			}
			if initial.MatchString(pair[1]) && !initial.MatchString(pair[0]) {
				initials++
			}
			names = append(names, pair[0]+", "+pair[1])
		}
	}
	all, joined := len(names), len(pieces) > 1
	switch {
	case all == 1 && (inverted || surnames+initials > 0):
		if several(cell, order) {
			t = notSplit()
		}
		return []string{cell}, t
	case initials == all, surnames == all && (inverted || initials > 0 || joined), inverted && (joined || whole < all):
		return names, t
	case surnames == all || inverted:
		return []string{cell}, notSplit()
	default:
		return nil, t
	}
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

func byCommas(cell string, order NameOrder) []string {
	parts := tidy(strings.Split(cell, ","))
	if len(parts) < 2 || institution(parts[0]) {
		return []string{cell}
	}
	words := make([]int, len(parts))
	for i, part := range parts {
		words[i] = nameWords(part)
		alone := len(parts) == 2 || i == 0 && order != FirstLast || order == LastFirst
		if words[i] == 0 || words[i] == 1 && alone {
			return []string{cell}
		}
	}
	firsts := len(parts)%2 == 0 // every second one may be a first name
	for i := 1; i < len(words); i += 2 {
		firsts = firsts && words[i] == 1
	}
	if firsts {
		return []string{cell}
	}
	return parts
}

var (
	connector = regexp.MustCompile(`(?i) (?:and|e|y|&) `)
	// The same one by one: a name that has one of them may stand beside another.
	ampersand, wordAnd = regexp.MustCompile(` & `), regexp.MustCompile(`(?i) and `)
	wordE, wordY       = regexp.MustCompile(`(?i) e `), regexp.MustCompile(`(?i) y `)
)

func byConnectors(part string) []string {
	names := []string{part}
	if !connector.MatchString(part) || institution(part) {
		return names
	}
	for _, by := range []*regexp.Regexp{ampersand, wordAnd, wordE, wordY} {
		var next []string
		for _, name := range names {
			next = append(next, byConnector(name, by)...)
		}
		names = next
	}
	return names
}

func byConnector(part string, by *regexp.Regexp) []string {
	names := by.Split(part, -1)
	for i, name := range names {
		names[i] = trim(strings.TrimSuffix(trim(name), ","))
		if len(names) > 1 && (nameWords(name) < 2 || i > 0 && particle(strings.Fields(name)[0])) {
			return []string{part}
		}
	}
	return names
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
