package tabular

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// object reads the members of one line of NDJSON. Their order is kept, and of a
// name that stands twice the last value counts, as in most programs.
func object(line []byte) (names []string, values map[string]jsontext.Value, err error) {
	values = map[string]jsontext.Value{}
	dec := jsontext.NewDecoder(bytes.NewReader(line), jsontext.AllowDuplicateNames(true))
	if dec.PeekKind() != '{' {
		return nil, nil, errors.New("is no object")
	}
	if _, err = dec.ReadToken(); err != nil {
		return nil, nil, err
	}
	for dec.PeekKind() == '"' && err == nil {
		var token jsontext.Token
		if token, err = dec.ReadToken(); err != nil {
			break
		}
		name := token.String()
		var v jsontext.Value
		if v, err = dec.ReadValue(); err == nil {
			if _, twice := values[name]; !twice {
				names = append(names, name)
			}
			values[name] = v.Clone()
		}
	}
	if err == nil {
		_, err = dec.ReadToken()
	}
	if err == nil && len(bytes.TrimSpace(line[dec.InputOffset():])) > 0 {
		err = errors.New("is more than an object")
	}
	return names, values, err
}

// flat reads an object as object does, with the members of volumeInfo and saleInfo,
// which Google Books' API puts around them, as volumeInfo.title and so on.
func flat(line []byte) (names []string, values map[string]jsontext.Value, err error) {
	top, values, err := object(line)
	for _, name := range top {
		if name != "volumeInfo" && name != "saleInfo" || values[name].Kind() != '{' {
			names = append(names, name)
			continue
		}
		inner, of, _ := object(values[name]) // which was read once
		for _, member := range inner {
			full := name + "." + member
			if _, twice := values[full]; !twice {
				names = append(names, full)
				values[full] = of[member]
			}
		}
	}
	return names, values, err
}

// members names the columns of NDJSON: what its first lines have, as far as they
// are objects.
func members(sample []record, e Encoding) []string {
	var all []string
	for _, rec := range sample {
		names, _, err := flat(e.text(trimMark(rec.raw)))
		if err != nil {
			continue
		}
		for _, name := range names {
			if len(all) < MaxColumns && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// members finds the cells of each field in a line of NDJSON. A name that stands
// below the first lines only is recognised as the others are.
func (r *Reader) members(row Row) (map[string][]cell, trouble) {
	line := strings.Join(row.Cells, "") // of a record that is too long there is none
	if !utf8.ValidString(line) {
		return nil, trouble{"bad_encoding", "has bytes that are not valid in " + string(r.plan.Encoding)}
	}
	names, values, err := flat([]byte(line))
	if err != nil {
		return nil, trouble{"not_an_object", "is no JSON object on one line"}
	}
	columns := make([]Column, len(names))
	for i, name := range names {
		columns[i] = r.column(name)
	}
	of := map[string][]cell{}
	for field, all := range sources(columns) {
		for _, i := range all {
			of[field] = append(of[field], cells(field, columns[i].Name, values[columns[i].Name])...)
		}
	}
	for _, c := range of[fieldPrice] {
		if c.list != nil { // amount and currency, as in a draft
			of[fieldCurrency] = []cell{{column: c.column, raw: c.raw, value: c.list[0]}}
		}
	}
	return of, trouble{}
}

func (r *Reader) column(name string) Column {
	for _, c := range r.plan.Columns {
		if c.Name == name {
			return c
		}
	}
	field, rank := recognise(name)
	for _, c := range r.plan.Columns {
		if c.Field == field { // which a mapping may have given away
			return Column{Name: name}
		}
	}
	return Column{Name: name, Field: field, Rank: rank}
}

// cells are what one member says. Of an array, authors take every element and
// other fields the first.
func cells(field, name string, v jsontext.Value) []cell {
	c := cell{column: name, raw: string(v)}
	if len(v) == 0 {
		return nil
	}
	switch v.Kind() {
	case 'n':
		return nil
	case '"':
		text, _ := jsontext.AppendUnquote(nil, v) // which was read once
		c.raw = string(text)
	case '[':
		list, ok := texts(v)
		if ok && field == fieldAuthors {
			c.list = list
		} else if ok && len(list) > 0 {
			c.raw = list[0]
		}
	case '{':
		if amount, currency, ok := priced(v); ok && field == fieldPrice {
			c.raw, c.list = amount, []string{currency}
		}
	default: // numbers, true and false are their own text
	}
	c.value = value(c.raw)
	return []cell{c}
}

// texts are the elements of an array of strings and numbers.
func texts(v jsontext.Value) ([]string, bool) {
	all := []string{}
	dec := jsontext.NewDecoder(bytes.NewReader(v))
	_, _ = dec.ReadToken()
	for dec.PeekKind() == '"' || dec.PeekKind() == '0' {
		token, err := dec.ReadToken()
		if err != nil {
			return nil, false
		}
		all = append(all, token.String())
	}
	return all, dec.PeekKind() == ']'
}

// priced reads a price as it stands in a draft.
func priced(v jsontext.Value) (amount, currency string, ok bool) {
	_, parts, err := object(v)
	if err != nil {
		return "", "", false
	}
	for _, c := range cells("", "amount", parts["amount"]) {
		amount = c.value
	}
	for _, name := range []string{"currencyCode", "currency"} { // Google Books', and ours
		for _, c := range cells("", name, parts[name]) {
			currency = c.value
		}
	}
	return amount, currency, amount != ""
}
