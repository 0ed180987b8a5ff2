package httpapi

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// usualPage is how many items a page has when nobody says.
const usualPage = 20

// usualBook is the bytes of a book, about, for which room is made at once.
const usualBook = 640

// maxQueryFaults is the most faults that one query is told of.
const maxQueryFaults = 100

func (a *API) listBooks(w http.ResponseWriter, r *http.Request) {
	query, err := parseQuery(r)
	var q book.Query
	if err == nil {
		q, err = parseBookQuery(query)
	}
	var page []book.Item
	var next string
	if err == nil {
		page, next, err = a.Lists.List(r.Context(), q)
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	items, err := a.appendBooks(make([]byte, 0, 1+usualBook*len(page)), page)
	a.encodedPage(w, r, query, items, err, next)
}

// parseQuery reads the parameters of a request.
func parseQuery(r *http.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	return query, fault.Wrap(fault.Syntax, err, "The query is not well-formed.")
}

// page answers with a page of a list, whose next one is found by the cursor next.
func (a *API) page(w http.ResponseWriter, r *http.Request, query url.Values, items any, next string) {
	doc, err := json.Marshal(items, json.Deterministic(true))
	a.encodedPage(w, r, query, doc, err, next)
}

// encodedPage is page of items that have been encoded, if they could be.
func (a *API) encodedPage(w http.ResponseWriter, r *http.Request, query url.Values, items []byte, err error, next string) {
	cursor := "null"
	if next != "" {
		query.Set("cursor", next)
		w.Header().Set("Link", "<"+r.URL.Path+"?"+query.Encode()+`>; rel="next"`)
		cursor = strconv.Quote(next) // of base64, which has nothing to escape
	}
	body := slices.Concat([]byte(`{"items":`), items, []byte(`,"next_cursor":`+cursor+"}\n")) // with room for what write appends
	a.encoded(w, r, http.StatusOK, body[:len(body)-1], err)
}

// queryFaults gathers what is wrong with a query, so that a client hears it at
// once.
type queryFaults []fault.Field

// add notes a fault of a parameter.
func (f *queryFaults) add(name, code, detail string) {
	if len(*f) < maxQueryFaults {
		*f = append(*f, fault.Field{Pointer: string(jsontext.Pointer("").AppendToken(name)), Code: code, Detail: detail})
	}
}

// parseBookQuery reads the parameters of a list of books, and tells every fault of
// them at once.
func parseBookQuery(query url.Values) (book.Query, error) {
	var f queryFaults
	q := book.Query{Limit: usualPage}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if len(query[name]) > 1 {
			f.add(name, "duplicate_parameter", "stands more than once")
		} else {
			f.parameter(&q, name, query.Get(name))
		}
	}
	if q.Order == "" {
		q.Order = book.ByTitle
		if q.Author != "" {
			q.Order = book.ByAuthor
		}
	}
	kind := fault.Syntax
	if err := q.Check(); err != nil {
		if len(f) == 0 {
			kind = fault.Combination
		}
		f = append(f, fault.Field{Code: string(fault.Combination), Detail: err.Error()})
	} else if _, err := q.Begin(); err != nil && !f.choosing() {
		f.add("cursor", "bad_cursor", "is not one that was given out for this filter and order")
	}
	return q, fault.Of(kind, "The query of this list is not one that it takes.", f)
}

// choosing reports whether a fault is of what a cursor belongs to, without which
// nothing can be said about the cursor.
func (f queryFaults) choosing() bool {
	return slices.ContainsFunc(f, func(field fault.Field) bool {
		return slices.Contains([]string{"/title", "/author", "/isbn", "/sort"}, field.Pointer)
	})
}

// parameter reads one parameter; what is wrong with it is left out of the query.
func (f *queryFaults) parameter(q *book.Query, name, value string) {
	switch name {
	case "title":
		q.Title = f.filter(name, value, book.MaxTitle)
	case "author":
		q.Author = f.filter(name, value, book.MaxAuthor)
	case "isbn":
		var ok bool
		if q.ISBN, ok = book.ParseISBN(value); !ok {
			q.ISBN = ""
			f.add(name, "not_an_isbn", "must be an ISBN-10 or ISBN-13 whose check digit is right")
		}
	case "sort":
		switch order := book.Order(value); order {
		case book.ByTitle, book.ByAuthor, book.Latest:
			q.Order = order
		default:
			f.add(name, "unknown_order", "must be title, author or -updated_at")
		}
	case "limit":
		if n, err := strconv.Atoi(value); err == nil && n >= 1 && n <= book.MaxPage {
			q.Limit = n
		} else {
			f.add(name, "out_of_range", fmt.Sprintf("must be a whole number from 1 to %d", book.MaxPage))
		}
	case "cursor":
		q.Cursor = value
	default:
		f.add(name, "unknown_parameter", "there is no parameter of this name here")
	}
}

// filter reads what a title or an author is to begin with.
func (f *queryFaults) filter(name, value string, most int) string {
	switch {
	case !utf8.ValidString(value):
		f.add(name, "invalid_utf8", "must be UTF-8")
	case utf8.RuneCountInString(value) > most:
		f.add(name, "too_long", fmt.Sprintf("must have at most %d characters", most))
	case book.Fold(value) == "":
		f.add(name, "blank", "must not be blank")
	default:
		return value
	}
	return ""
}
