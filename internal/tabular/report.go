package tabular

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Report writes the rows that failed, in the columns, delimiter and encoding of
// their file, so that it can be corrected and dropped again as it is. Columns that
// say why stand before those of the file, where a row with too many cells cannot
// shift them: _error, _error_code, _error_column and _error_line; what a report
// has of these when it is dropped is neither read nor written again. A column
// whose field or currency was said by the importer is called by what was said, so
// that it need not be said again, and one that was said to identify rows is marked:
// see cutKey. A line of NDJSON keeps its members, and says what was said in one more.
//
// No cell can become a formula when a spreadsheet opens the file: see escape.
// The escape is undone when the file is read again.
type Report struct {
	w    io.Writer
	p    Plan
	kept []int // the columns of the file that are written
	told []byte
	head bool // the header is written
}

// NewReport returns a report to w, which stays empty until a row is written. It
// is for one goroutine.
func NewReport(w io.Writer, p Plan) *Report {
	r := &Report{w: w, p: p, told: tell(p)}
	for i, c := range p.Columns {
		if !ours(c.Name) {
			r.kept = append(r.kept, i)
		}
	}
	return r
}

// Write adds a row and the reasons why it failed. Errors are those of w.
func (r *Report) Write(row Row, failures []Note) error {
	var codes, columns, reasons []string
	for _, f := range failures {
		codes, columns = append(codes, f.Code), append(columns, f.Column)
		reasons = append(reasons, strings.TrimSpace(f.Column+" "+f.Reason))
	}
	errs := []string{
		strings.Join(reasons, "; "), strings.Join(codes, " "), strings.Join(columns, "; "), strconv.FormatInt(row.Line, 10),
	}
	if r.p.Kind == NDJSON {
		return r.put(r.start() + line(row, errs, r.told))
	}
	cells := make([]string, 0, len(r.kept)+len(errs))
	cells = append(cells, errs...)
	for _, i := range r.kept {
		if i < len(row.Cells) {
			cells = append(cells, row.Cells[i])
		}
	}
	cells = append(cells, row.Cells[min(len(r.p.Columns), len(row.Cells)):]...)
	return r.put(r.start() + r.record(cells))
}

func errorNames() []string { return []string{"_error", "_error_code", "_error_column", "_error_line"} }

// start returns what stands before the first row.
func (r *Report) start() string {
	if r.head {
		return ""
	}
	r.head = true
	mark := ""
	if r.p.BOM || r.p.Encoding == UTF16LE || r.p.Encoding == UTF16BE {
		mark = "\uFEFF"
	}
	if r.p.Kind == NDJSON {
		return mark
	}
	names := errorNames()
	for _, i := range r.kept {
		names = append(names, r.name(i)+r.mark(i))
	}
	return mark + r.record(names)
}

// name is what a column is called, so that it is recognised again.
func (r *Report) name(i int) string {
	c := r.p.Columns[i]
	field, _ := recognise(c.Name)
	switch {
	case c.Field == field && field == fieldPrice && r.p.Currency != "" && nameCurrency(c.Name) == "":
		return c.Name + " (" + r.p.Currency + ")"
	case c.Field == field && c.Name != "":
		return c.Name
	case c.Field == fieldPrice && r.p.Currency != "":
		return c.Field + " (" + r.p.Currency + ")"
	case c.Field != "":
		return c.Field
	case c.Name != "":
		return c.Name + " (ignored)"
	default:
		return "column_" + strconv.Itoa(i+1)
	}
}

// mark is what cutKey reads: that a column identifies rows, the how manieth of
// several, and by which name when it is called by another.
func (r *Report) mark(i int) string {
	n := slices.Index(r.p.Key, i)
	if n < 0 {
		return ""
	}
	mark := " (key"
	if len(r.p.Key) > 1 {
		mark += " " + strconv.Itoa(n+1)
	}
	if k := r.p.keyName(i); k != key(r.name(i)) {
		mark += ": " + k
	}
	return mark + ")"
}

// record writes cells, each in quotes.
func (r *Report) record(cells []string) string {
	var b strings.Builder
	for i, c := range cells {
		if i > 0 {
			b.WriteString(r.p.Delimiter)
		}
		b.WriteByte('"')
		b.WriteString(strings.ReplaceAll(escape(c), `"`, `""`))
		b.WriteByte('"')
	}
	b.WriteString("\r\n")
	return b.String()
}

// put writes text in the encoding of the file. Bytes that it does not have are
// shown as lost, which a draft refuses, so that a report is text from end to end.
func (r *Report) put(s string) error {
	_, err := r.w.Write(r.p.Encoding.bytes(strings.ToValidUTF8(s, "\uFFFD")))
	return err
}

// line is a row of NDJSON: its own members after ours, or its text if it is no
// object.
func line(row Row, errs []string, told []byte) string {
	text := strings.Join(row.Cells, "")
	names, values, err := object([]byte(text))
	b := []byte{'{'}
	member := func(name string, v []byte) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b, _ = jsontext.AppendQuote(b, name)
		b = append(append(b, ':'), v...)
	}
	textual := func(name, s string) {
		v, _ := jsontext.AppendQuote(nil, strings.ToValidUTF8(s, "\uFFFD"))
		member(name, v)
	}
	for i, name := range errorNames() {
		textual(name, errs[i])
	}
	if told != nil {
		member(toldName, told)
	}
	if err != nil {
		textual("_error_text", text)
	}
	for _, name := range names {
		if err == nil && !ours(name) {
			member(name, values[name])
		}
	}
	return string(b) + "}\n"
}

// escape puts an apostrophe before what a spreadsheet takes for the beginning of
// a formula: = + - @, also of full width, at the start of a cell or after a
// delimiter, a quote or a line end, where a program with other settings starts
// one; and a tab or a line end at the start. Apostrophes that stand there already
// get one more, so that unescape is its inverse.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if starts(s, i) {
			b.WriteByte('\'')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// unescape undoes escape.
func unescape(s string) string {
	if !strings.Contains(s, "'") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if s[i] != '\'' || !starts(s, i) {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// starts reports whether a formula could start at i, after apostrophes.
func starts(s string, i int) bool {
	if i > 0 && strings.IndexByte(",;|\t\r\n\"", s[i-1]) < 0 {
		return false
	}
	rest := strings.TrimLeft(s[i:], "'")
	for _, trigger := range []string{"=", "+", "-", "@", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(rest, trigger) {
			return true
		}
	}
	return i == 0 && rest != "" && strings.IndexByte("\t\r\n", rest[0]) >= 0
}
