package tabular

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// faults gathers what is wrong with the options, to be told at once.
type faults []fault.Field

func (f *faults) add(pointer, code, format string, args ...any) {
	*f = append(*f, fault.Field{Pointer: pointer, Code: code, Detail: fmt.Sprintf(format, args...)})
}

func (f faults) err() error {
	return fault.Of(fault.Invalid, "The file cannot be read in this way.", f)
}

// Check holds the options to their rules, as far as they can be known without
// the file: fault.Invalid with every one that is broken, by its pointer.
func (o Options) Check() error {
	var f faults
	if _, ok := parseDelimiter(o.Delimiter); o.Delimiter != "" && !ok {
		f.add("/delimiter", "unknown_delimiter", "must be one of , ; | and tab")
	}
	if _, ok := parseEncoding(o.Encoding); o.Encoding != "" && !ok {
		f.add("/encoding", "unknown_encoding", "must be utf-8, utf-16le, utf-16be, windows-1252 or iso-8859-1")
	}
	if o.Currency != "" && !book.IsCurrency(o.Currency) {
		f.add("/currency", "not_a_currency", "must be a currency code of ISO 4217, such as BRL")
	}
	for _, column := range sortedKeys(o.Mapping) {
		if field := o.Mapping[column]; field != "" && !slices.Contains(fieldNames(), field) {
			f.add(at("mapping", column), "unknown_field", "there is no such field; the fields are %s", strings.Join(fieldNames(), ", "))
		}
	}
	return f.err()
}

// at is the RFC 6901 pointer to a member.
func at(parent, member string) string {
	return "/" + parent + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(member)
}

func sortedKeys(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// find returns the columns that a name or a number of the options means.
func find(columns []Column, name string) []int {
	var all []int
	for i, c := range columns {
		if c.Name != "" && key(c.Name) == key(name) && !ours(c.Name) {
			all = append(all, i)
		}
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(name, "#")); len(all) == 0 && err == nil && n >= 1 && n <= len(columns) {
		return []int{n - 1}
	}
	return all
}

// assign gives the columns their fields: first those that the mapping names,
// then, by their names, those of fields that it does not.
func (o Options) assign(columns []Column) (f faults) {
	named, given := map[int]bool{}, map[string]bool{}
	for _, name := range sortedKeys(o.Mapping) {
		found := find(columns, name)
		if len(found) == 0 {
			f.add(at("mapping", name), "unknown_column", "the file has no such column; it has %s", list(columns))
			continue
		}
		field := o.Mapping[name]
		given[field] = true
		for _, i := range found {
			named[i], columns[i].Field, columns[i].Rank = true, field, i
		}
	}
	for i := range columns {
		if field, rank := recognise(columns[i].Name); !named[i] && !given[field] {
			columns[i].Field, columns[i].Rank = field, rank
		}
	}
	return f
}

// keys are the columns that the options say identify rows, each once.
func (o Options) keys(columns []Column, f *faults) (keys []int) {
	for i, name := range o.Key {
		found := find(columns, name)
		if len(found) == 0 {
			f.add(fmt.Sprintf("/key/%d", i), "unknown_column", "the file has no such column; it has %s", list(columns))
		}
		for _, c := range found {
			if !slices.Contains(keys, c) {
				keys = append(keys, c)
			}
		}
	}
	return keys
}

// cutKeys are the columns whose names say that they identify rows, which is cut
// off the names.
func cutKeys(columns []Column) (keys []int) {
	places := map[int]int{}
	for i := range columns {
		name, place, by, ok := cutKey(columns[i].Name)
		if ok {
			columns[i].Name, columns[i].Key, places[i], keys = name, by, place, append(keys, i)
		}
	}
	slices.SortStableFunc(keys, func(a, b int) int { return places[a] - places[b] })
	return keys
}

// required says which fields no column fills without which no row is a book.
func required(columns []Column, f *faults) {
	for _, field := range []string{fieldTitle, fieldAuthors} {
		if !slices.ContainsFunc(columns, func(c Column) bool { return c.Field == field }) {
			f.add("/mapping", "no_"+field, "no column is recognised as the %s; map one of %s", field, list(columns))
		}
	}
}

// list names columns for people, the first few of them.
func list(columns []Column) string {
	const most = 30
	var names []string
	for i, c := range columns[:min(len(columns), most)] {
		if c.Name == "" {
			names = append(names, "#"+strconv.Itoa(i+1))
		} else {
			names = append(names, shorten(c.Name))
		}
	}
	if len(columns) > most {
		names = append(names, fmt.Sprintf("and %d more", len(columns)-most))
	}
	return strings.Join(names, ", ")
}

// sources lists the columns of each field in the order in which they are asked.
func sources(columns []Column) map[string][]int {
	of := map[string][]int{}
	for i, c := range columns {
		if c.Field != "" {
			of[c.Field] = append(of[c.Field], i)
		}
	}
	for _, all := range of {
		slices.SortStableFunc(all, func(a, b int) int { return columns[a].Rank - columns[b].Rank })
	}
	return of
}

// known counts the fields that names stand for, and whether a mapping names any.
func (o Options) known(names []string) int {
	seen := map[string]bool{}
	for _, name := range names {
		name, _, _, _ = cutKey(name)
		if field, _ := recognise(name); field != "" {
			seen[field] = true
		}
		for mapped := range o.Mapping {
			if key(mapped) == key(name) && key(name) != "" {
				seen["mapped "+mapped] = true
			}
		}
		if ours(name) {
			seen[name] = true
		}
	}
	return len(seen)
}

// isHeader decides whether a first record names the columns: two names that are
// known, or one and no number among the rest. Names that a mapping spells count.
func (o Options) isHeader(names []string) bool {
	switch o.known(names) {
	case 0:
		return false
	case 1:
		number := func(s string) bool { return s != "" && strings.Trim(s, "0123456789-., ") == "" }
		return !slices.ContainsFunc(names, number)
	default:
		return true
	}
}

// Brief cuts a text for people to at most 80 characters of UTF-8, and takes those
// of control out.
func Brief(s string) string { return shorten(s) }

// shorten cuts a value for a message, between two characters and without those of
// control.
func shorten(s string) string {
	const most = 80
	for i := range s {
		if i >= most {
			s = s[:i] + "…"
			break
		}
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
