package httpapi

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"acervo/internal/blob"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/tabular"
)

const (
	// maxReport is the most bytes of a line of a report.
	maxReport = 1 << 20
	// maxSamples is how many rows of each outcome a plan shows.
	maxSamples = 5
	// sampledChunks is in how many reports samples are looked for.
	sampledChunks = 20
)

// rowView is a row on the wire, of which something is to be said.
type rowView struct {
	Line      int64      `json:"line"`
	Offset    int64      `json:"offset"`
	Outcome   string     `json:"outcome"`
	Creates   bool       `json:"creates"`
	BookID    *uuid.UUID `json:"book_id"`
	Title     *string    `json:"title"`
	LaterLine *int64     `json:"later_line"`
	Notes     []noteView `json:"notes"`
}

// noteView is what is wrong with one cell, or with the row.
type noteView struct {
	Column *string `json:"column"`
	Value  *string `json:"value"`
	Code   string  `json:"code"`
	Reason string  `json:"reason"`
}

func viewRow(r drop.RowReport) rowView {
	v := rowView{
		Line: r.Line, Offset: r.Offset, Outcome: r.Outcome, Creates: r.Creates, BookID: orNull(r.Book), Title: orNull(r.Title),
		LaterLine: orNull(r.LaterLine), Notes: []noteView{},
	}
	for _, n := range r.Notes {
		v.Notes = append(v.Notes, noteView{orNull(n.Column), orNull(n.Value), n.Code, n.Reason})
	}
	return v
}

// place is where a row stands among the reports of a pass.
type place struct{ chunk, row int }

// toldPass is the pass whose rows are told: what was compared, until something is
// applied.
func toldPass(i drop.Import) drop.Pass {
	if i.Mode == drop.Plan && i.Applied.Chunks == 0 {
		return drop.Comparing
	}
	return drop.Applying
}

// told is a row of a report, and where it stands.
type told struct {
	drop.RowReport
	at place
}

// walk hands the rows of the reports of a pass to visit, from a place on, until it
// has enough.
func (a *API) walk(ctx context.Context, id uuid.UUID, pass drop.Pass, from place, visit func(told) (more bool)) error {
	after := ""
	if from.chunk > 0 {
		after = drop.ReportKey(id, pass, from.chunk-1)
	}
	for {
		page, err := a.Imports.Objects.List(ctx, drop.ReportsKey(id, pass), after, maxPage)
		if err != nil {
			return err
		}
		for _, o := range page.Objects {
			chunk, err := strconv.Atoi(strings.TrimSuffix(path.Base(o.Key), ".ndjson"))
			if err != nil {
				continue // nothing of ours
			}
			more, err := a.walkOne(ctx, o.Key, func(t told) bool {
				t.at.chunk = chunk
				return t.at.chunk == from.chunk && t.at.row < from.row || visit(t)
			})
			if err != nil || !more {
				return err
			}
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

// walkOne does it with the report of one chunk.
func (a *API) walkOne(ctx context.Context, key string, visit func(told) bool) (more bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body, _, err := a.Imports.Objects.Get(ctx, key, "", blob.Range{})
	if err != nil {
		return false, err
	}
	defer func() { _ = body.Close() }() // it was only read
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxReport)
	for n := 0; lines.Scan(); n++ {
		t := told{at: place{row: n}}
		if err := json.Unmarshal(lines.Bytes(), &t.RowReport); err != nil {
			return false, fault.Wrap(fault.Damaged, err, "read a report of an import")
		}
		if !visit(t) {
			return false, nil
		}
	}
	return true, lines.Err()
}

// samples are a few rows of each outcome of a comparison.
func (a *API) samples(ctx context.Context, i drop.Import) ([]rowView, error) {
	var rows []rowView
	count, chunks, last := map[string]int{}, 0, -1
	err := a.walk(ctx, i.ID, drop.Comparing, place{}, func(t told) bool {
		if t.at.chunk != last {
			chunks, last = chunks+1, t.at.chunk
		}
		kind := fmt.Sprint(t.Outcome, t.Creates)
		if count[kind] < maxSamples {
			count[kind]++
			rows = append(rows, viewRow(t.RowReport))
		}
		return chunks <= sampledChunks
	})
	return rows, err
}

// wanted says which rows are asked for by outcome: those that failed, those that were
// superseded, or those of which something was left out, though they were taken.
func wanted(query url.Values) (func(told) bool, error) {
	outcome := drop.RowFailed
	if query.Has("outcome") {
		outcome = query.Get("outcome")
	}
	switch outcome {
	case drop.RowFailed, drop.RowSuperseded:
		return func(t told) bool { return t.Outcome == outcome }, nil
	case "warned":
		return func(t told) bool {
			return t.Outcome != drop.RowFailed && t.Outcome != drop.RowSuperseded && len(t.Notes) > 0
		}, nil
	default:
		return nil, fault.Of(fault.Syntax, "The query of this list is not one that it takes.",
			[]fault.Field{{Pointer: "/outcome", Code: "unknown_outcome", Detail: "must be failed, superseded or warned"}})
	}
}

func (a *API) listRows(w http.ResponseWriter, r *http.Request) {
	i, err := a.pathImport(r)
	if err != nil {
		a.problem(w, r, err)
		return
	}
	query, err := parseQuery(r)
	limit := usualPage
	if err == nil {
		limit, err = parsePage(query, "outcome")
	}
	var want func(told) bool
	if err == nil {
		want, err = wanted(query)
	}
	from, pass := place{}, toldPass(i)
	if err == nil && query.Has("cursor") {
		pass, from, err = parsePlace(query.Get("cursor"))
	}
	items, next := []rowView{}, ""
	if err == nil {
		err = a.walk(r.Context(), i.ID, pass, from, func(t told) bool {
			if !want(t) {
				return true
			}
			if len(items) == limit {
				next = cursorOf(pass, t.at)
				return false
			}
			items = append(items, viewRow(t.RowReport))
			return true
		})
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	a.page(w, r, query, items, next)
}

// cursorOf names a place among the rows of a pass.
func cursorOf(pass drop.Pass, p place) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "1 %s %d %d", pass, p.chunk, p.row))
}

func parsePlace(cursor string) (pass drop.Pass, p place, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		_, err = fmt.Sscanf(string(raw), "1 %s %d %d", &pass, &p.chunk, &p.row)
	}
	if err != nil || cursorOf(pass, p) != cursor || pass != drop.Comparing && pass != drop.Applying || p.chunk < 0 || p.row < 0 || p.chunk > 99_999_999 {
		return pass, p, fault.Of(fault.Syntax, "The query of this list is not one that it takes.",
			[]fault.Field{{Pointer: "/cursor", Code: "bad_cursor", Detail: "is not one that was given out for this list"}})
	}
	return pass, p, nil
}

// failedFile answers with the rows that failed, as a file that can be corrected and
// dropped again as it is.
func (a *API) failedFile(w http.ResponseWriter, r *http.Request) {
	i, err := a.pathImport(r)
	if err != nil {
		a.problem(w, r, err)
		return
	}
	plan, err := a.Imports.Plan(r.Context(), i.ID)
	f := &failures{a: a, i: i, w: w, plan: plan, control: http.NewResponseController(w)}
	if err == nil {
		err = f.all(r.Context())
	}
	switch {
	case f.begun && err != nil:
		a.Log.ErrorContext(r.Context(), "the rows that failed could not be sent whole", "import", i.ID, "error", err)
		panic(http.ErrAbortHandler) // so that nobody takes it for whole
	case !f.begun && (err == nil || fault.Is(err, fault.NotFound) && i.Digest == ""): // also before it was read
		a.problem(w, r, fault.New(fault.Conflict, "No row of this import has failed."))
	case fault.Is(err, fault.Changed):
		a.problem(w, r, fault.Wrap(fault.Gone, err, "The file of the import is not kept any more as it was."))
	case err != nil:
		a.problem(w, r, err)
	}
}

// failures writes the rows of an import that failed.
type failures struct {
	a       *API
	i       drop.Import
	w       http.ResponseWriter
	plan    tabular.Plan
	control *http.ResponseController
	report  *tabular.Report
	reader  *tabular.Reader
	begun   bool
}

func (f *failures) all(ctx context.Context) error {
	pass := toldPass(f.i)
	f.reader = tabular.NewReader(f.plan, f.i.ArrivedAt)
	chunk, notes := -1, map[int64][]tabular.Note{}
	var failed error
	err := f.a.walk(ctx, f.i.ID, pass, place{}, func(t told) bool {
		if t.Outcome != drop.RowFailed {
			return true
		}
		if t.at.chunk != chunk {
			failed = f.chunk(ctx, chunk, notes)
			chunk, notes = t.at.chunk, map[int64][]tabular.Note{}
		}
		for _, n := range t.Notes {
			notes[t.Offset] = append(notes[t.Offset], tabular.Note(n))
		}
		return failed == nil
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	return f.chunk(ctx, chunk, notes)
}

// chunk writes the rows of one chunk that failed, from the file itself.
func (f *failures) chunk(ctx context.Context, n int, notes map[int64][]tabular.Note) error {
	if len(notes) == 0 {
		return nil
	}
	if n >= len(f.plan.Chunks) {
		return fault.New(fault.Damaged, "there is a report of chunk %d of %d", n, len(f.plan.Chunks))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := f.plan.Chunks[n]
	body, _, err := f.a.Imports.Objects.Get(ctx, f.i.Text, f.i.TextVersion, blob.Range{Offset: c.Offset, Length: c.Length})
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // it was only read
	_ = f.control.SetWriteDeadline(time.Now().Add(uploadPause))
	for row, err := range f.reader.Rows(c, body) {
		if err != nil {
			return err
		}
		if why, ok := notes[row.Offset]; ok {
			f.begin()
			if err := f.report.Write(row, why); err != nil {
				return err
			}
		}
	}
	return nil
}

// begin sends the head of the answer.
func (f *failures) begin() {
	if f.begun {
		return
	}
	f.begun = true
	kind, extension := "text/csv", "csv"
	switch f.plan.Kind {
	case tabular.NDJSON:
		kind, extension = "application/x-ndjson", "ndjson"
	case tabular.TSV:
		kind, extension = "text/tab-separated-values", "tsv"
	case tabular.CSV:
	}
	charset := string(f.plan.Encoding)
	f.w.Header().Set("Content-Type", kind+"; charset="+charset)
	f.w.Header().Set("Content-Disposition", `attachment; filename="failed.`+extension+`"`)
	f.w.Header().Set("Cache-Control", "no-store")
	f.w.Header().Set("X-Content-Type-Options", "nosniff")
	f.w.WriteHeader(http.StatusOK)
	f.report = tabular.NewReport(f.w, f.plan)
}
