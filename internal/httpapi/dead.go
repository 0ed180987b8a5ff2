package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
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
	query, err := parseQuery(r)
	var f job.Filter
	if err == nil {
		f, err = parseFilter(query, "cursor", "limit")
	}
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
	query, err := parseQuery(r)
	var f job.Filter
	if err == nil {
		f, err = parseFilter(query)
	}
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

// parseFilter reads lane, kind, error and book, and refuses whatever else there
// is but others. What is there says something: an empty one, which a script's
// empty variable makes, would else choose all.
func parseFilter(query url.Values, others ...string) (job.Filter, error) {
	f := job.Filter{Lane: query.Get("lane"), Kind: job.Kind(query.Get("kind")), Fingerprint: query.Get("error")}
	for name, values := range query {
		own := slices.Contains([]string{"lane", "kind", "error", "book"}, name)
		switch {
		case !own && !slices.Contains(others, name):
			return f, fault.New(fault.Syntax, "There is no parameter of this name here.")
		case len(values) > 1:
			return f, fault.New(fault.Syntax, "A parameter stands more than once.")
		case own && values[0] == "":
			return f, fault.New(fault.Syntax, "A part of the filter is empty: leave it out, or say what it is.")
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
