package tabular

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"acervo/internal/book"
)

// ID is the identity of a row's book: the id of its draft, else UUIDv5 of the
// columns that the importer named, if one of them says something, else of its
// ISBN, else of the digest of the file and the line. All are in the namespace of
// URLs (RFC 9562): urn:acervo:key:{column}={value}… with each value quoted as in
// Go, urn:isbn:{isbn} and urn:acervo:row:{digest}:{line}.
func (r *Reader) ID(row Row, d book.Draft) uuid.UUID {
	if id := r.shared(row, d); id != uuid.Nil {
		return id
	}
	return named(fmt.Sprintf("urn:acervo:row:%s:%d", r.plan.Digest, row.Line))
}

// shared is the identity that rows of several lines and files can have; nil when
// the row says nothing of the kind.
func (r *Reader) shared(row Row, d book.Draft) uuid.UUID {
	if d.ID != uuid.Nil {
		return d.ID
	}
	name, said := "urn:acervo:key", false
	for _, i := range r.plan.Key {
		v := r.keyed(row, i)
		name += ":" + r.plan.keyName(i) + "=" + strconv.Quote(v)
		said = said || v != ""
	}
	switch {
	case said:
		return named(name)
	case d.ISBN != "":
		return book.ID(d)
	default:
		return uuid.Nil
	}
}

// keyName is how identities call a column.
func (p *Plan) keyName(i int) string {
	c := p.Columns[i]
	return cmp.Or(c.Key, key(cmp.Or(c.Name, strconv.Itoa(i+1))))
}

func named(name string) uuid.UUID { return uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)) }

// identify returns the identity that rows of several lines can have, of a row
// whose other cells need not be there; nil when it has none, or fails for it.
func (r *Reader) identify(row Row) uuid.UUID {
	b := &draft{r: r, row: row}
	if r.plan.Kind == NDJSON {
		of, t := r.members(row)
		if t.code != "" {
			return uuid.Nil
		}
		b.of = of
	}
	b.identify()
	if len(b.failures) > 0 {
		return uuid.Nil
	}
	b.isbn()
	return r.shared(row, b.d)
}

// keyed is what a row says in a column that identifies it.
func (r *Reader) keyed(row Row, i int) string {
	if r.plan.Kind == NDJSON {
		for _, line := range row.Cells {
			if _, values, err := flat([]byte(line)); err == nil {
				name := r.plan.Columns[i].Name
				for _, c := range cells("", name, values[name]) {
					return c.value
				}
			}
		}
		return ""
	}
	if i < len(row.Cells) {
		return value(row.Cells[i])
	}
	return ""
}
