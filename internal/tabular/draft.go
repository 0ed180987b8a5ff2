package tabular

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// cell is what one column says of one field.
type cell struct {
	column string
	raw    string
	value  string   // without what spreadsheets put around it
	list   []string // the elements of an array of NDJSON
}

// draft is a row on its way to being a book.
type draft struct {
	r        *Reader
	row      Row
	of       map[string][]cell // of NDJSON, whose columns each line names itself
	d        book.Draft
	warnings []Note
	failures []Note
}

// Draft makes a book of a row. It fails, and the draft is of no use, for its
// title, its authors, an id that is no UUID, or because it cannot be told which
// cell is which; what else is not understood is left out with a warning. The
// draft keeps every rule of book.Check. It has an id only if the row has one: see
// ID.
func (r *Reader) Draft(row Row) (d book.Draft, warnings, failures []Note) {
	b := &draft{r: r, row: row}
	if t := b.shape(); t.code != "" {
		return book.Draft{}, nil, []Note{note(row, "", strings.Join(row.Cells, " "), t)}
	}
	b.identify()
	b.title()
	b.authors()
	b.isbn()
	b.first(fieldPublished, func(c cell) (t trouble) {
		b.d.Published, t = parseYear(c.value, r.now)
		return t
	})
	b.first(fieldLanguage, func(c cell) (t trouble) {
		b.d.Language, t = parseLanguage(c.value)
		return t
	})
	b.first(fieldDescription, func(c cell) trouble {
		b.d.Description = strings.ReplaceAll(plainText(c.value), "\r\n", "\n")
		return trouble{}
	})
	b.first(fieldRating, func(c cell) (t trouble) {
		b.d.Rating, t = parseRating(c.value)
		return t
	})
	b.price()
	b.check()
	if len(b.failures) > 0 {
		return book.Draft{}, b.warnings, b.failures
	}
	return b.d, b.warnings, nil
}

// shape tells why a row cannot be read as a whole.
func (b *draft) shape() trouble {
	row, columns := b.row, len(b.r.plan.Columns)
	switch {
	case row.Fault == faultQuote:
		return trouble{faultQuote, "has a quote that is never closed; close it, or double it if it belongs to the value"}
	case row.Fault == faultLength:
		return trouble{faultLength, fmt.Sprintf("has more than %d bytes", MaxRecord)}
	case b.r.plan.Kind == NDJSON:
		of, t := b.r.members(row)
		b.of = of
		return t
	case row.Plain && len(row.Cells) != columns,
		len(row.Cells) > columns && slices.ContainsFunc(row.Cells[columns:], func(s string) bool { return trim(s) != "" }):
		return trouble{"wrong_columns", fmt.Sprintf("has %d cells and the file %d columns; quote the cell that holds a delimiter", len(row.Cells), columns)}
	}
	if len(row.Cells) < columns {
		b.warn(cell{}, trouble{"short_row", fmt.Sprintf("has %d cells and the file %d columns", len(row.Cells), columns)})
	}
	return trouble{}
}

// cells are what the columns of a field say, those that say something first
// among them.
func (r *Reader) cells(row Row, field string) []cell {
	var all []cell
	for _, i := range r.sources[field] {
		if i < len(row.Cells) {
			all = append(all, cell{column: r.name(i), raw: row.Cells[i], value: value(row.Cells[i])})
		}
	}
	return all
}

func (b *draft) cells(field string) []cell {
	if b.r.plan.Kind == NDJSON {
		return b.of[field]
	}
	return b.r.cells(b.row, field)
}

// name is how people know a column.
func (r *Reader) name(i int) string {
	if name := r.plan.Columns[i].Name; name != "" {
		return name
	}
	return "#" + strconv.Itoa(i+1)
}

func (b *draft) warn(c cell, t trouble) {
	b.warnings = append(b.warnings, note(b.row, c.column, c.raw, t))
}

func (b *draft) fail(c cell, t trouble) {
	b.failures = append(b.failures, note(b.row, c.column, c.raw, t))
}

func (b *draft) badEncoding() trouble {
	return trouble{"bad_encoding", "has bytes that are not valid in " + string(b.r.plan.Encoding) + ", or a character that was lost before"}
}

// first takes the first cell of a field that is understood, and warns of those
// before it that are not.
func (b *draft) first(field string, parse func(cell) trouble) {
	for _, c := range b.cells(field) {
		if absent(c.value) || field == fieldRating && strings.Trim(c.value, "0.,") == "" {
			continue
		}
		var t trouble
		if utf8.ValidString(c.value) {
			t = parse(c)
		} else {
			t = b.badEncoding()
		}
		if t.code != "" {
			b.warn(c, t)
		}
		if t.code == "" || t.code == codeRestored {
			return
		}
	}
}

// readable reports whether every character of a name is there, and none stands for
// one that was lost in another program, or in a report.
func readable(v string) bool { return utf8.ValidString(v) && !strings.ContainsRune(v, utf8.RuneError) }

func (b *draft) identify() {
	for _, c := range b.cells(fieldID) {
		if c.value == "" {
			continue
		}
		id, ok := book.ParseID(c.value)
		if !ok {
			b.fail(c, trouble{"not_a_uuid", "is no UUID such as 01890a5d-ac96-774b-bcce-b302099a8057"})
		}
		b.d.ID = id
		return
	}
}

func (b *draft) isbn() {
	b.first(fieldISBN, func(c cell) (t trouble) {
		b.d.ISBN, t = parseISBN(c.value)
		return t
	})
}

func (b *draft) title() {
	for _, c := range b.cells(fieldTitle) {
		if !readable(c.value) {
			b.fail(c, b.badEncoding())
			b.d.Title = "unreadable" // is told once
			return
		}
		if b.d.Title = oneLine(plainText(c.value)); b.d.Title != "" {
			return
		}
	}
}

func (b *draft) authors() {
	for _, c := range b.cells(fieldAuthors) {
		if !readable(c.value) {
			b.fail(c, b.badEncoding())
			b.d.Authors = []string{"unreadable"}
			return
		}
		names := c.list
		if names == nil && c.value != "" {
			var t trouble
			if names, t = splitAuthors(plainText(c.value), b.r.plan.Order); t.code != "" {
				b.warn(c, t)
			}
		}
		for _, name := range names {
			if name = oneLine(plainText(name)); name != "" {
				b.d.Authors = append(b.d.Authors, name)
			}
		}
	}
	b.d.Authors = distinct(b.d.Authors)
}

func (b *draft) price() {
	given := ""
	for _, c := range b.cells(fieldCurrency) {
		if given = strings.ToUpper(c.value); given == "" {
			continue
		}
		if code, _, ok := currencySign(given); ok && code != "" {
			given = code
			break
		}
		b.warn(c, trouble{"not_a_currency", "is no currency code of ISO 4217, such as BRL"})
		return // the amount is in that, whatever it is
	}
	b.first(fieldPrice, func(c cell) (t trouble) {
		currency := given
		if currency == "" {
			currency = nameCurrency(c.column)
		}
		b.d.Price, t = parsePrice(c.value, currency)
		if t.code == codeNoCurrency && b.r.plan.Currency != "" {
			b.d.Price, t = parsePrice(c.value, b.r.plan.Currency)
		}
		return t
	})
}

// check holds the draft to the rules of the catalogue, and leaves out what is
// optional and breaks one.
func (b *draft) check() {
	for range 3 { // once, without the fields at fault, and without the description
		d, err := book.Check(b.d, b.r.now)
		if err == nil {
			b.d = d
			return
		}
		told, _ := errors.AsType[*fault.Error](err)
		if told == nil || len(told.Fields) == 0 { // too large altogether
			b.drop(fieldDescription, trouble{string(fault.KindOf(err)), err.Error()})
			continue
		}
		failed := len(b.failures)
		for _, f := range told.Fields {
			field, _, _ := strings.Cut(f.Pointer[1:], "/")
			t := trouble{f.Code, f.Detail}
			if field == fieldTitle || field == fieldAuthors {
				b.fail(b.said(field), t)
			} else {
				b.drop(field, t)
			}
		}
		if len(b.failures) > failed {
			return
		}
	}
}

// said is the cell that a field was read from.
func (b *draft) said(field string) cell {
	cells := b.cells(field)
	for _, c := range cells {
		if c.value != "" {
			return c
		}
	}
	if len(cells) > 0 {
		return cells[0]
	}
	return cell{column: field}
}

func (b *draft) drop(field string, t trouble) {
	b.warn(b.said(field), t)
	switch field {
	case fieldISBN:
		b.d.ISBN = ""
	case fieldPublished:
		b.d.Published = 0
	case fieldLanguage:
		b.d.Language = ""
	case fieldDescription:
		b.d.Description = ""
	case fieldRating:
		b.d.Rating = 0
	case fieldPrice:
		b.d.Price = nil
	}
}
