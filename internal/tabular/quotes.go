package tabular

import (
	"bytes"
	"strings"
)

// quotes walks over the fields of one record.
type quotes struct {
	data  []byte
	delim byte
	ends  bool // the end of data is the end of a line
	cut   bool // the end of data is as far as a record may go
	line  int  // where the first line of data ends
	seen  int  // how far an unclosed quote was followed
}

// record returns where the line end of the first record starts.
func (q *quotes) record() (end int, state cutState) {
	for i := 0; ; i++ {
		end, state = q.field(i)
		if state != whole || end == len(q.data) {
			return end, state
		}
		if i = end; q.data[i] == q.delim {
			continue
		}
		if q.data[i] == '\r' && i+1 == len(q.data) && !q.ends && !q.cut {
			return 0, needMore
		}
		return i, whole
	}
}

// field returns where the field ends that starts at i: at a delimiter or a line
// end.
func (q *quotes) field(i int) (end int, state cutState) {
	if open := q.opening(i); open >= 0 {
		return q.closing(open + 1)
	}
	for i < len(q.data) && q.data[i] != q.delim && q.data[i] != '\n' && q.data[i] != '\r' {
		i++
	}
	if i == len(q.data) {
		return i, q.atEnd()
	}
	return i, whole
}

// opening returns the place of the quote that opens the field at i, or -1.
func (q *quotes) opening(i int) int {
	if i += spaces(q.data[i:]); i < len(q.data) && q.data[i] == '"' {
		return i
	}
	return -1
}

// closing returns where the quoted field ends whose value starts at i: after its
// quote and the spaces that follow it.
func (q *quotes) closing(i int) (end int, state cutState) {
	line := -1 // the start of the last line within the field, if there is one
	for {
		next := bytes.IndexByte(q.data[i:], '"')
		if next < 0 {
			return q.unclosed()
		}
		quote := i + next
		if quote > q.line {
			if n := lastLine(q.data[i:quote]); n >= 0 {
				line = i + n
			}
		}
		i = quote + 1
		if i < len(q.data) && q.data[i] == '"' {
			i++
			continue
		}
		end = i + spaces(q.data[i:])
		if end == len(q.data) {
			return end, q.atEnd()
		}
		switch q.data[end] {
		case q.delim, '\n', '\r':
			return end, whole
		}
		if line >= 0 && end == i && (quote == line || q.data[quote-1] == q.delim) {
			q.seen = line
			return 0, neverClosed
		}
	}
}

// unclosed says what it means that the data ends within quotes.
func (q *quotes) unclosed() (end int, state cutState) {
	if !q.ends && !q.cut {
		return 0, needMore
	}
	q.seen = len(q.data)
	return 0, neverClosed
}

// atEnd says what it means that the data ends with a field.
func (q *quotes) atEnd() cutState {
	switch {
	case q.ends:
		return whole
	case q.cut:
		q.seen = len(q.data)
		return neverClosed
	default:
		return needMore
	}
}

// lastLine returns the start of the last line of data, or -1 if it has but one.
func lastLine(data []byte) int {
	last := max(bytes.LastIndexByte(data, '\n'), bytes.LastIndexByte(data, '\r'))
	if last < 0 {
		return -1
	}
	return last + 1
}

func spaces(data []byte) int {
	n := 0
	for n < len(data) && data[n] == ' ' {
		n++
	}
	return n
}

// split returns the cells of a record without its line end. A quote that is
// never closed is a character like others.
func split(raw []byte, delim byte) []string {
	cells := make([]string, 0, bytes.Count(raw, []byte{delim})+1)
	text := string(raw)
	q := quotes{data: raw, delim: delim, ends: true, line: firstLine(raw)}
	for i := 0; i >= 0; {
		var start, end int
		var quoted bool
		start, end, i, quoted = q.cell(i)
		if quoted {
			cells = append(cells, unquote(text[start:end]))
		} else {
			cells = append(cells, text[start:end])
		}
	}
	return cells
}

// pick appends the cells of a record up to the last one that is wanted, of which
// there is one at least; those that are not wanted are empty.
func pick(cells []string, raw []byte, delim byte, wanted []bool) []string {
	q := quotes{data: raw, delim: delim, ends: true, line: firstLine(raw)}
	for i := 0; i >= 0 && len(cells) < len(wanted); {
		var start, end int
		var quoted bool
		start, end, i, quoted = q.cell(i)
		switch {
		case !wanted[len(cells)]:
			cells = append(cells, "")
		case quoted:
			cells = append(cells, unquote(string(raw[start:end])))
		default:
			cells = append(cells, string(raw[start:end]))
		}
	}
	return cells
}

// firstLine returns where the first line of a record ends.
func firstLine(raw []byte) int {
	if i := bytes.IndexByte(raw, '\r'); i >= 0 {
		raw = raw[:i]
	}
	if i := bytes.IndexByte(raw, '\n'); i >= 0 {
		return i
	}
	return len(raw)
}

// cell finds the cell of a record that starts at i, without its first quote, and
// where the next one starts: -1 after the last.
func (q *quotes) cell(i int) (start, end, next int, quoted bool) {
	raw := q.data
	start = i
	if open := q.opening(i); open >= 0 {
		var state cutState
		if end, state = q.closing(open + 1); state == whole {
			start, quoted = open+1, true
		}
	}
	if !quoted {
		end = len(raw)
		if n := bytes.IndexByte(raw[i:], q.delim); n >= 0 {
			end = i + n
		}
	}
	if end == len(raw) {
		return start, end, -1, quoted
	}
	return start, end, end + 1, quoted
}

// unquote returns the value of a quoted field from after its first quote, with
// its line ends as LF, as encoding/csv does.
func unquote(s string) string {
	s = strings.TrimSuffix(strings.TrimRight(s, " "), `"`)
	s = strings.ReplaceAll(s, `""`, `"`)
	return strings.ReplaceAll(s, "\r\n", "\n")
}
