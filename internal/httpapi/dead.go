package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/job"
)

// deadView is a dead job on the wire.
type deadView struct {
	ID          string         `json:"id"`
	Lane        string         `json:"lane"`
	Kind        job.Kind       `json:"kind"`
	State       job.State      `json:"state"`
	BookID      uuid.UUID      `json:"book_id"`
	Generation  int            `json:"generation"`
	Attempts    int            `json:"attempts"`
	BuriedAt    time.Time      `json:"buried_at"`
	RetryAsked  bool           `json:"retry_asked"`
	Cause       string         `json:"cause"`
	Fingerprint string         `json:"fingerprint"`
	Error       *fault.Problem `json:"error"`
	Payload     jsontext.Value `json:"payload,omitzero"` // the message, or its bytes in base64 if it is not JSON
	History     []job.Event    `json:"history,omitempty"`
	Links       deadLinks      `json:"links"`
}

type deadLinks struct {
	Self string `json:"self"`
	Job  string `json:"job"`
}

// viewDead shows a dead job, its payload and history only when it is looked at
// alone.
func viewDead(rec job.Record, whole bool) (deadView, error) {
	v := deadView{
		ID: rec.ID, Kind: rec.Kind, State: rec.State, BookID: rec.BookID, Generation: rec.Generation,
		Attempts: rec.Attempts, RetryAsked: rec.RetryAsked(), Error: rec.Error,
		Links: deadLinks{Self: "/v1/dead/" + rec.ID, Job: jobPath(rec.ID)},
	}
	if rec.Burial == nil { // damaged: only its columns are left
		v.Cause = "the record is damaged"
		return v, nil
	}
	v.Lane, v.BuriedAt, v.Cause, v.Fingerprint = rec.Burial.Lane, rec.Burial.At, rec.Burial.Cause, rec.Burial.Fingerprint
	if !whole {
		return v, nil
	}
	v.History = rec.History
	v.Payload = rec.Burial.Message
	if !v.Payload.IsValid() {
		var err error
		if v.Payload, err = json.Marshal(rec.Burial.Message); err != nil {
			return v, fault.Wrap(fault.Internal, err, "encode a payload")
		}
	}
	return v, nil
}

func (a *API) listDead(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	f, err := parseFilter(query, "cursor", "limit")
	limit := usualPage
	if err == nil && query.Has("limit") {
		if limit, err = strconv.Atoi(query.Get("limit")); err != nil || limit < 1 || limit > 100 {
			err = fault.New(fault.Syntax, "The limit must be a number from 1 to 100.")
		}
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	records, next, err := a.Jobs.Dead(r.Context(), f, query.Get("cursor"), limit)
	if err != nil {
		a.problem(w, r, err)
		return
	}
	items := make([]deadView, 0, len(records))
	for _, rec := range records {
		view, err := viewDead(rec, false)
		if err != nil {
			a.problem(w, r, err)
			return
		}
		items = append(items, view)
	}
	a.page(w, r, query, items, next)
}

// groupView is the dead of one fingerprint on the wire.
type groupView struct {
	Fingerprint string    `json:"fingerprint"`
	Lane        string    `json:"lane"`
	Count       int       `json:"count"`
	Cause       string    `json:"cause"`
	Oldest      time.Time `json:"oldest"`
	Latest      time.Time `json:"latest"`
	Sample      string    `json:"sample"`
}

func (a *API) listGroups(w http.ResponseWriter, r *http.Request) {
	f, err := parseFilter(r.URL.Query())
	if err != nil {
		a.problem(w, r, err)
		return
	}
	groups, err := a.Jobs.Groups(r.Context(), f)
	if err != nil {
		a.problem(w, r, err)
		return
	}
	items := make([]groupView, 0, len(groups))
	for _, g := range groups {
		v := groupView{Fingerprint: g.Fingerprint, Lane: g.Lane, Count: g.Count, Sample: "/v1/dead/" + g.Latest.ID}
		if g.Latest.Burial != nil && g.Oldest.Burial != nil {
			v.Cause, v.Oldest, v.Latest = g.Latest.Burial.Cause, g.Oldest.Burial.At, g.Latest.Burial.At
		}
		items = append(items, v)
	}
	a.json(w, r, http.StatusOK, map[string]any{"items": items, "next_cursor": nil})
}

func (a *API) getDead(w http.ResponseWriter, r *http.Request) {
	rec, recorded, err := a.Jobs.Get(r.Context(), chi.URLParam(r, "job"))
	if err == nil && (!recorded || rec.Burial == nil || !rec.Burial.Listed) {
		err = fault.New(fault.NotFound, "There is no such dead job.")
	}
	var view deadView
	if err == nil {
		view, err = viewDead(rec, true)
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	a.json(w, r, http.StatusOK, view)
}

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
	Lane  string `json:"lane"`
	Kind  string `json:"kind"`
	Error string `json:"error"`
	Book  string `json:"book"`
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
		f, err = parseFilter(url.Values{
			"lane": {body.Filter.Lane}, "kind": {body.Filter.Kind}, "error": {body.Filter.Error}, "book": {body.Filter.Book},
		})
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

// parseFilter reads lane, kind, error and book, and refuses whatever else there
// is but others.
func parseFilter(query url.Values, others ...string) (job.Filter, error) {
	f := job.Filter{Lane: query.Get("lane"), Kind: job.Kind(query.Get("kind")), Fingerprint: query.Get("error")}
	for name := range query {
		if !slices.Contains(append(others, "lane", "kind", "error", "book"), name) {
			return f, fault.New(fault.Syntax, "There is no parameter of this name here.")
		}
	}
	if id := query.Get("book"); id != "" {
		var ok bool
		if f.Book, ok = book.ParseID(id); !ok {
			return f, fault.New(fault.Syntax, "The book must be a UUID.")
		}
	}
	return f, nil
}
