package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/job"
)

// discardBody, retryBody and manyBody are what an operator may say with an order.
// Each member is optional, as is the body.
type discardBody struct {
	Reason string `json:"reason"`
}

type retryBody struct {
	Reason string         `json:"reason"`
	Draft  jsontext.Value `json:"draft"` // instead of the draft, or of the patch
}

type manyBody struct {
	Reason string     `json:"reason"`
	Filter filterBody `json:"filter"`
	Limit  *int       `json:"limit"`
}

type filterBody struct {
	Lane  *string `json:"lane"`
	Kind  *string `json:"kind"`
	Error *string `json:"error"`
	Book  *string `json:"book"`
}

// values is the filter as a query would say it.
func (f filterBody) values() url.Values {
	query := url.Values{}
	for name, value := range map[string]*string{"lane": f.Lane, "kind": f.Kind, "error": f.Error, "book": f.Book} {
		if value != nil {
			query.Set(name, *value)
		}
	}
	return query
}

func (a *API) retryOne(w http.ResponseWriter, r *http.Request) {
	var body retryBody
	err := readOrder(w, r, &body, &body.Reason)
	order := intake.Order{Who: callerOf(r).Name, Why: body.Reason}
	if body.Draft != nil {
		order.Edit = func(m *job.Message) error { return a.edit(m, body.Draft) }
	}
	if err == nil {
		err = a.Intake.Retry(r.Context(), chi.URLParam(r, "job"), order)
	}
	a.ordered(w, r, err)
}

func (a *API) discardOne(w http.ResponseWriter, r *http.Request) {
	var body discardBody
	err := readOrder(w, r, &body, &body.Reason)
	if err == nil {
		err = a.Intake.Discard(r.Context(), chi.URLParam(r, "job"), intake.Order{Who: callerOf(r).Name, Why: body.Reason})
	}
	a.ordered(w, r, err)
}

// ordered answers 202 with the dead job, unless the order for it was refused.
func (a *API) ordered(w http.ResponseWriter, r *http.Request, err error) {
	id := chi.URLParam(r, "job")
	var rec job.Record
	if err == nil {
		rec, _, err = a.Jobs.Get(r.Context(), id)
	}
	var view deadView
	if err == nil {
		view, err = viewDead(rec, false)
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	w.Header().Set("Location", jobPath(id))
	a.json(w, r, http.StatusAccepted, view)
}

// edit puts another draft, or patch, in the place of that of a message.
func (a *API) edit(m *job.Message, draft []byte) error {
	switch m.Kind {
	case job.Create, job.Replace:
		d, err := book.ParseDraft(draft, m.BookID, a.Now())
		m.Draft = &d
		return err
	case job.Update:
		patch, err := book.ParsePatch(draft, m.BookID, a.Now())
		m.Patch = patch
		return err
	default:
		return fault.New(fault.Invalid, "A job of this kind has no draft to edit.")
	}
}

func (a *API) retryMany(w http.ResponseWriter, r *http.Request) {
	a.orderMany(w, r, a.Intake.Retry)
}

func (a *API) discardMany(w http.ResponseWriter, r *http.Request) {
	a.orderMany(w, r, a.Intake.Discard)
}

// orderMany does something to the dead that a filter chooses.
func (a *API) orderMany(w http.ResponseWriter, r *http.Request, do func(context.Context, string, intake.Order) error) {
	var body manyBody
	limit := 100
	err := readOrder(w, r, &body, &body.Reason)
	if err == nil && body.Limit != nil {
		if limit = *body.Limit; limit < 1 || limit > 1000 {
			err = fault.New(fault.Syntax, "The limit must be a number from 1 to 1000.")
		}
	}
	var f job.Filter
	if err == nil {
		f, err = parseFilter(body.Filter.values())
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	order := intake.Order{Who: callerOf(r).Name, Why: body.Reason}
	matched, err := a.Intake.Each(r.Context(), f, limit, func(ctx context.Context, id string) error { return do(ctx, id, order) })
	if err != nil {
		a.problem(w, r, err)
		return
	}
	a.json(w, r, http.StatusAccepted, map[string]int{"matched": matched})
}

// maxReason is the most characters that an operator's reason may have.
const maxReason = 1000

// readOrder reads the optional body of an order, of which reason is a part.
func readOrder(w http.ResponseWriter, r *http.Request, body any, reason *string) error {
	if r.ContentLength == 0 {
		return nil
	}
	raw, err := readBody(w, r, "Accept-Post")
	if err != nil {
		return err
	}
	if jsontext.Value(raw).Kind() != '{' { // null would be an order without a filter
		return fault.New(fault.Syntax, "The body must be a JSON object.")
	}
	if err := json.Unmarshal(raw, body, json.RejectUnknownMembers(true)); err != nil {
		return fault.Wrap(fault.Syntax, err, "The body must be a JSON object with the members of this order.")
	}
	if utf8.RuneCountInString(*reason) > maxReason {
		return fault.New(fault.Invalid, "The reason must have at most %d characters.", maxReason)
	}
	return nil
}
