package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"acervo/internal/book"
)

// book answers with a book.
func (a *API) book(w http.ResponseWriter, r *http.Request, status int, v bookView) {
	body, err := appendBook(make([]byte, 0, usualBook), v)
	a.encoded(w, r, status, body, err)
}

// appendBooks appends the books of a page as an array.
func (a *API) appendBooks(b []byte, page []book.Item) ([]byte, error) {
	b = append(b, '[')
	for i, item := range page {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendBook(b, a.viewBook(item)); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// appendBook appends the JSON of a book as json.Marshal would write it, at a
// fraction of the price: a page has up to a hundred of them. Text that is not
// UTF-8 is an error.
func appendBook(b []byte, v bookView) ([]byte, error) {
	e := encoder{b: b}
	e.raw(`{"id":"`, v.ID.String(), `"`)
	e.text(`,"title":`, v.Title)
	e.raw(`,"authors":[`)
	for i, author := range v.Authors {
		if i > 0 {
			e.raw(`,`)
		}
		e.text(``, author)
	}
	e.raw(`]`)
	optional(&e, `,"isbn":`, v.ISBN, e.text)
	optional(&e, `,"published":`, v.Published, func(name string, year int) { e.whole(name, int64(year)) })
	optional(&e, `,"language":`, v.Language, e.text)
	optional(&e, `,"description":`, v.Description, e.text)
	optional(&e, `,"rating":`, v.Rating, func(name string, rating float64) {
		e.b = strconv.AppendFloat(append(e.b, name...), rating, 'f', -1, 64)
	})
	optional(&e, `,"price":`, v.Price, func(name string, p book.Price) {
		e.raw(name)
		e.text(`{"amount":`, p.Amount)
		e.text(`,"currency":`, p.Currency)
		e.raw(`}`)
	})
	e.any(`,"cover":`, v.Cover)
	e.whole(`,"version":`, v.Version)
	e.time(`,"created_at":`, v.CreatedAt)
	e.time(`,"updated_at":`, v.UpdatedAt)
	e.raw(`}`)
	return e.b, e.err
}

// encoder appends JSON and keeps the first error.
type encoder struct {
	b   []byte
	err error
}

func (e *encoder) failed(err error) {
	if e.err == nil {
		e.err = err
	}
}

func (e *encoder) raw(pieces ...string) {
	for _, piece := range pieces {
		e.b = append(e.b, piece...)
	}
}

// text appends a string after its name.
func (e *encoder) text(name, s string) {
	b, err := jsontext.AppendQuote(append(e.b, name...), s)
	e.failed(err)
	e.b = b
}

func (e *encoder) whole(name string, n int64) {
	e.b = strconv.AppendInt(append(e.b, name...), n, 10)
}

func (e *encoder) time(name string, at time.Time) {
	e.b = append(at.AppendFormat(append(append(e.b, name...), '"'), time.RFC3339Nano), '"')
}

// any appends what has no cheaper way.
func (e *encoder) any(name string, v any) {
	doc, err := json.Marshal(v, json.Deterministic(true))
	e.failed(err)
	e.b = append(append(e.b, name...), doc...)
}

// optional appends a value after its name, or null.
func optional[T any](e *encoder, name string, v *T, put func(string, T)) {
	if v == nil {
		e.raw(name, `null`)
		return
	}
	put(name, *v)
}
