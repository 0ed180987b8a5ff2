package tabular

import (
	"strings"
)

// sampleBytes is the beginning of a file on which its delimiter is decided, since
// the ends of its records depend on that. The encoding is decided on all of it.
const sampleBytes = MaxRecord

func parseDelimiter(s string) (byte, bool) {
	switch s {
	case ",", ";", "|", "\t":
		return s[0], true
	case "tab", `\t`:
		return '\t', true
	default:
		return 0, false
	}
}

// parseSep reads the line "sep=;" with which spreadsheets are told a delimiter.
func parseSep(line []byte) (delim byte, ok bool) {
	s := strings.Trim(string(line[:min(len(line), 16)]), `" `)
	if len(s) < 5 || !strings.EqualFold(s[:4], "sep=") {
		return 0, false
	}
	return parseDelimiter(s[4:])
}

// shape is what a beginning looks like when it is cut with one delimiter.
type shape struct {
	delim   byte
	known   int     // names in its first record that are known
	columns int     // the cells that most records have
	alike   float64 // the share of the records that have as many
}

// better prefers names that are known, then records that are alike, then more
// columns.
func (a shape) better(b shape) bool {
	switch {
	case a.known != b.known:
		return a.known > b.known
	case a.columns == 1 || b.columns == 1:
		return a.columns > b.columns
	case a.alike != b.alike:
		return a.alike > b.alike
	default:
		return a.columns > b.columns
	}
}

// guessShape tries the delimiters on the beginning of a file.
func (o Options) guessShape(sample []byte, delims string) shape {
	var best shape
	for i := range len(delims) {
		if s := o.shapeOf(sample, delims[i]); i == 0 || s.better(best) {
			best = s
		}
	}
	return best
}

func (o Options) shapeOf(sample []byte, delim byte) shape {
	const most = 200 // records
	x := lexer{buf: sample, end: len(sample), eof: true, delim: delim, most: MaxRecord}
	s, counts, records := shape{delim: delim}, map[int]int{}, 0
	for records < most {
		rec, err := x.next()
		if err != nil {
			break
		}
		if blank(rec.raw, delim) || rec.fault != "" {
			continue
		}
		if records > 0 && x.start == x.end && len(sample) == sampleBytes {
			break // it may not be whole
		}
		cells := split(rec.raw, delim)
		records++
		if records == 1 {
			s.known = o.known(namesOf(cells[:min(len(cells), MaxColumns)]))
		}
		counts[len(cells)]++
	}
	for columns, n := range counts {
		if n > counts[s.columns] || n == counts[s.columns] && columns > s.columns {
			s.columns = columns
		}
	}
	s.alike = float64(counts[s.columns]) / float64(max(records, 1))
	return s
}

// blank reports whether a record has nothing but delimiters and spaces, as
// spreadsheets leave below their last row.
func blank(raw []byte, delim byte) bool {
	for _, b := range raw {
		if b != delim && b != ' ' && b != '\t' && b != '\r' {
			return false
		}
	}
	return true
}
