package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/intake"
)

// importView is an import on the wire. What is not known yet is null.
type importView struct {
	ID          uuid.UUID      `json:"id"`
	Filename    string         `json:"filename"`
	State       drop.State     `json:"state"`
	Mode        drop.Mode      `json:"mode"`
	Format      *formatView    `json:"format"`
	Preview     []drop.Preview `json:"preview"`
	Plan        *planView      `json:"plan"`
	Rows        rowsView       `json:"rows"`
	Warnings    []drop.Note    `json:"warnings"`
	Rate        *float64       `json:"rate"` // rows a second
	ETA         *time.Time     `json:"eta"`
	DuplicateOf *uuid.UUID     `json:"duplicate_of"`
	SubmittedAt time.Time      `json:"submitted_at"`
	FinishedAt  *time.Time     `json:"finished_at"`
	Error       *fault.Problem `json:"error"`
	Links       importLinks    `json:"links"`
}

type formatView struct {
	Kind      string       `json:"kind"`
	Encoding  string       `json:"encoding"`
	Delimiter *string      `json:"delimiter"`
	Columns   []columnView `json:"columns"`
}

type columnView struct {
	Name  string  `json:"name"`
	Field *string `json:"field"`
	Key   bool    `json:"key,omitzero"`
}

// planView is what applying would do, as far as it is known.
type planView struct {
	Creates    int64     `json:"creates"`
	Changes    int64     `json:"changes"`
	Unchanged  int64     `json:"unchanged"`
	Superseded int64     `json:"superseded"`
	Rejects    int64     `json:"rejects"`
	Samples    []rowView `json:"samples,omitempty"` // of one import only
}

type rowsView struct {
	Total      *int64 `json:"total"`
	OK         int64  `json:"ok"`
	Failed     int64  `json:"failed"`
	Superseded int64  `json:"superseded"`
	Unchanged  int64  `json:"unchanged"`
	Skipped    int64  `json:"skipped"`
	Warnings   int64  `json:"warnings"`
}

type importLinks struct {
	Self   string  `json:"self"`
	Rows   string  `json:"rows"`
	Failed string  `json:"failed"`
	Apply  *string `json:"apply"`
	Cancel *string `json:"cancel"`
}

func importPath(id uuid.UUID) string { return "/v1/imports/" + id.String() }

// viewImport shows an import. An upload that never came has failed.
func viewImport(i drop.Import, now time.Time) importView {
	v := importView{
		ID: i.ID, Filename: i.Filename, State: i.State, Mode: i.Mode, Preview: i.Preview, Warnings: i.Warnings,
		DuplicateOf: orNull(i.DuplicateOf), SubmittedAt: i.SubmittedAt.UTC(), FinishedAt: orNull(i.FinishedAt.UTC()), Error: i.Error,
	}
	if i.State == drop.AwaitingUpload && now.After(i.ExpiresAt) {
		problem := fault.ProblemOf(fault.New(fault.Gone, "Nothing was uploaded in time."))
		v.State, v.FinishedAt, v.Error = drop.Failed, orNull(i.ExpiresAt.UTC()), &problem
	}
	if v.Preview == nil {
		v.Preview = []drop.Preview{}
	}
	if v.Warnings == nil {
		v.Warnings = []drop.Note{}
	}
	if f := i.Format; f != nil {
		v.Format = &formatView{Kind: f.Kind, Encoding: f.Encoding, Delimiter: orNull(f.Delimiter), Columns: []columnView{}}
		for _, c := range f.Columns {
			v.Format.Columns = append(v.Format.Columns, columnView{c.Name, orNull(c.Field), c.Key})
		}
	}
	v.count(i)
	v.progress(i, now)
	v.link(i)
	return v
}

// count tells the rows by outcome.
func (v *importView) count(i drop.Import) {
	c := i.Applied.Counts
	v.Rows = rowsView{
		OK: c.OK, Failed: c.Failed, Superseded: c.Superseded, Unchanged: c.Unchanged, Skipped: c.Skipped, Warnings: c.Warnings,
	}
	if i.Digest != "" { // it was read
		v.Rows.Total = &i.Total
		if i.State.Terminal() && i.Applied.Chunks == 0 { // a copy of another import, or cancelled before it was applied
			v.Rows.Skipped = i.Total
		}
	}
	if p := i.Compared.Counts; i.Mode == drop.Plan && i.Compared.Chunks > 0 {
		v.Plan = &planView{
			Creates: p.Creates, Changes: p.OK - p.Creates, Unchanged: p.Unchanged, Superseded: p.Superseded, Rejects: p.Failed,
		}
	}
}

// progress tells how fast the chunks are done, and when they will be, from when
// all of them were sent.
func (v *importView) progress(i drop.Import, now time.Time) {
	if i.State != drop.Queued && i.State != drop.Running || i.StartedAt.IsZero() {
		return
	}
	done, passed := i.Progress(intake.CurrentPass(i)).Counts.Rows(), now.Sub(i.StartedAt).Seconds()
	if done == 0 || passed <= 0 {
		return
	}
	rate := float64(done) / passed
	eta := now.Add(time.Duration(float64(i.Total-done) / rate * float64(time.Second))).UTC().Truncate(time.Second)
	v.Rate, v.ETA = &rate, &eta
}

// link tells what can be asked of an import, and what can be ordered.
func (v *importView) link(i drop.Import) {
	self := importPath(i.ID)
	v.Links = importLinks{Self: self, Rows: self + "/rows", Failed: self + "/failed"}
	if i.State == drop.Planned {
		v.Links.Apply = orNull(self + "/apply")
	}
	if !v.State.Terminal() && i.State != drop.Cancelling {
		v.Links.Cancel = orNull(self + "/cancel")
	}
}

// uploadView is an upload on the wire.
type uploadView struct {
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	ExpiresAt time.Time         `json:"expires_at"`
	MaxBytes  int64             `json:"max_bytes"`
}

func (a *API) announceImport(w http.ResponseWriter, r *http.Request) {
	announced, err := a.readAnnouncement(w, r)
	if err == nil {
		err = a.limit(w, intake.Write{Caller: announced.By})
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	i, upload, err := a.Imports.Announce(r.Context(), announced)
	if err != nil {
		a.problem(w, r, err)
		return
	}
	w.Header().Set("Location", importPath(i.ID))
	w.Header().Set("Cache-Control", "no-store") // the upload is for one
	a.json(w, r, http.StatusCreated, map[string]any{
		"upload": uploadView{upload.Method, upload.URL, upload.Headers, upload.ExpiresAt.UTC(), announced.Bytes},
		"import": viewImport(i, a.Now()),
	})
}

func (a *API) listImports(w http.ResponseWriter, r *http.Request) {
	query, err := parseQuery(r)
	limit := usualPage
	if err == nil {
		limit, err = parsePage(query)
	}
	var imports []drop.Import
	var next string
	if err == nil {
		imports, next, err = a.Imports.Drops.List(r.Context(), query.Get("cursor"), limit)
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	items := make([]importView, len(imports))
	for n, i := range imports {
		items[n] = viewImport(i, a.Now())
	}
	w.Header().Set("Cache-Control", "no-store")
	a.page(w, r, query, items, next)
}

func (a *API) getImport(w http.ResponseWriter, r *http.Request) {
	i, err := a.pathImport(r)
	var samples []rowView
	if err == nil && i.Mode == drop.Plan && i.Compared.Chunks > 0 {
		samples, err = a.samples(r.Context(), i)
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	view := viewImport(i, a.Now())
	if view.Plan != nil {
		view.Plan.Samples = samples
	}
	if !view.State.Terminal() {
		w.Header().Set("Retry-After", strconv.Itoa(1))
	}
	w.Header().Set("Cache-Control", "no-store")
	a.json(w, r, http.StatusOK, view)
}

// pathImport reads the import of the address.
func (a *API) pathImport(r *http.Request) (drop.Import, error) {
	id, err := pathImportID(r)
	if err != nil {
		return drop.Import{}, err
	}
	return a.Imports.Drops.Get(r.Context(), id)
}

func pathImportID(r *http.Request) (uuid.UUID, error) {
	id, ok := book.ParseID(chi.URLParam(r, "import"))
	if !ok {
		return id, fault.New(fault.NotFound, "There is no such import: its id would be a UUID.")
	}
	return id, nil
}

func (a *API) applyImport(w http.ResponseWriter, r *http.Request) {
	id, err := pathImportID(r)
	var i drop.Import
	if err == nil {
		i, err = a.Imports.Apply(r.Context(), id)
	}
	a.importOrdered(w, r, i, err)
}

func (a *API) cancelImport(w http.ResponseWriter, r *http.Request) {
	id, err := pathImportID(r)
	var i drop.Import
	if err == nil {
		i, err = a.Imports.Cancel(r.Context(), id)
	}
	a.importOrdered(w, r, i, err)
}

// importOrdered answers 202 with the import, unless the order was refused.
func (a *API) importOrdered(w http.ResponseWriter, r *http.Request, i drop.Import, err error) {
	if err != nil {
		a.problem(w, r, err)
		return
	}
	a.Log.InfoContext(r.Context(), "an import was ordered on", "import", i.ID, "state", i.State, "caller", callerOf(r).Name)
	w.Header().Set("Location", importPath(i.ID))
	a.json(w, r, http.StatusAccepted, viewImport(i, a.Now()))
}
