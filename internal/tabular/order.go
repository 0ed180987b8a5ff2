package tabular

import "strings"

// orderOf tells "Machado, Joaquim Maria" from "Joaquim Machado", if that can be told.
func orderOf(cell string) NameOrder {
	parts := strings.Split(cell, ",")
	switch {
	case len(parts) == 1 && nameWords(cell) >= 2:
		return FirstLast
	case len(parts) == 2 && isPair(trim(parts[0]), trim(parts[1]), ""):
		return LastFirst
	default:
		return ""
	}
}

// orderOfExport is the order of a program that is known by its columns: Goodreads,
// StoryGraph, Calibre, LibraryThing.
func orderOfExport(columns []Column) NameOrder {
	for _, c := range columns {
		switch key(c.Name) {
		case "authorlf", "isbnuid":
			return Listed
		case "authorsort":
			return FirstLast
		case "sortcharacter":
			return LastFirst
		}
	}
	return ""
}

// prevailing is the order in which a column writes names of which so many stand in
// each. A few names prove nothing of the others, but that no comma parts them.
func prevailing(names map[NameOrder]int) NameOrder {
	const proof = 10
	first, last := names[FirstLast], names[LastFirst]
	switch {
	case last > first:
		return LastFirst
	case first >= proof*max(last, 1):
		return FirstLast
	default:
		return ""
	}
}
