package httpapi_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"acervo/internal/blob"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/sqlite"
	"acervo/internal/tabular"
)

const (
	importID   = "0197a6b0-0c7e-7000-8000-00000000000a" // as the document shows it
	importedAt = "/v1/imports/" + importID
)

// spoilt is a list of which two rows fail, and one is not understood whole.
const spoilt = "title;author;isbn\r\nA;B;\r\n;C;=1+1\r\nD;E;12345\r\nF;;@SUM(A1)\r\n"

// imported stores an import in a state, with a file, what was understood of it, and
// the reports of a pass as workers write them.
func (s *server) imported(t *testing.T, state drop.State, text string) drop.Import {
	t.Helper()
	object, err := s.api.Imports.Objects.Put(t.Context(), "drop/list.csv", intake.UploadType, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := tabular.Scan(strings.NewReader(text), tabular.Options{})
	if err != nil {
		t.Fatal(err)
	}
	i := drop.Import{
		ID: uuid.MustParse(importID), Filename: "list.csv", State: state, Mode: drop.Apply, Key: object.Key, Version: object.Version,
		Bytes: object.Size, Text: object.Key, TextVersion: object.Version, Digest: plan.Digest, Total: plan.Rows, Chunks: len(plan.Chunks),
		SubmittedAt: july(), ArrivedAt: july(), Format: &drop.Format{Kind: "csv", Encoding: "utf-8", Delimiter: ";"},
		Preview: []drop.Preview{{Line: 2, Cells: []string{"A"}}},
	}
	pass := drop.Applying
	if state == drop.Planned {
		i.Mode, i.PlannedAt, pass = drop.Plan, july(), drop.Comparing
	}
	if err := s.api.Imports.KeepPlan(t.Context(), i.ID, plan); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Drops().Create(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	for n, c := range plan.Chunks {
		s.report(t, i.ID, pass, n, tabular.NewReader(plan, july()), c, text)
	}
	return i
}

// report writes the report of a chunk, and its outcome.
func (s *server) report(t *testing.T, id uuid.UUID, pass drop.Pass, n int, r *tabular.Reader, c tabular.Chunk, text string) {
	t.Helper()
	var lines bytes.Buffer
	var counts drop.Counts
	for row, err := range r.Rows(c, strings.NewReader(text[c.Offset:c.Offset+c.Length])) {
		if err != nil {
			t.Fatal(err)
		}
		d, warnings, failures := r.Draft(row)
		told := drop.RowReport{Line: row.Line, Offset: row.Offset, Outcome: drop.RowOK, Creates: true, Book: r.ID(row, d), Title: d.Title}
		counts.OK++
		if len(failures) > 0 {
			told = drop.RowReport{Line: row.Line, Offset: row.Offset, Outcome: drop.RowFailed}
			counts.OK, counts.Failed = counts.OK-1, counts.Failed+1
		} else {
			counts.Creates++
		}
		for _, note := range append(warnings, failures...) {
			told.Notes = append(told.Notes, drop.Note(note))
		}
		raw, err := json.Marshal(told)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(raw, '\n'))
	}
	if _, err := s.api.Imports.Objects.Put(t.Context(), drop.ReportKey(id, pass, n), "application/x-ndjson", bytes.NewReader(lines.Bytes())); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.Drops().Finish(t.Context(), id, pass, n, counts); err != nil {
		t.Fatal(err)
	}
}

// importDoc is an import as tests read it.
type importDoc struct {
	ID, Filename, State, Mode string
	Rows                      struct {
		Total                                                *int64
		OK, Failed, Superseded, Unchanged, Skipped, Warnings int64
	}
	Plan *struct {
		Creates, Changes, Unchanged, Rejects int64
		Samples                              []struct{ Outcome, Title string }
	}
	Rate        *float64
	ETA         *time.Time
	DuplicateOf *string `json:"duplicate_of"`
	Error       *fault.Problem
	Links       map[string]*string
}

func (a answer) imported(t *testing.T) (i importDoc) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &i, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return i
}

func announce(body string) request {
	return request{method: http.MethodPost, path: "/v1/imports", body: body}
}

func TestAnnouncingAFile(t *testing.T) {
	t.Parallel()
	t.Run("answers with an upload and the import that waits for it", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		a := s.do(t, announce(`{"filename":"Livros (2026) 100%.csv","bytes":12,"stop_after":"5%","mapping":{"Estante":""}}`))
		if a.status != http.StatusCreated {
			t.Fatalf("%d %s", a.status, a.body)
		}
		var got struct {
			Upload struct {
				Method, URL string
				Headers     map[string]string
			}
			Import importDoc
		}
		if err := json.Unmarshal([]byte(a.body), &got, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatal(err)
		}
		if i := got.Import; i.State != "awaiting_upload" || i.Mode != "apply" || i.Rows.Total != nil || a.header.Get("Location") != "/v1/imports/"+i.ID {
			t.Errorf("%+v", i)
		}
		if u := got.Upload; u.Method != http.MethodPut || !strings.HasPrefix(u.URL, "/v1/uploads/") || u.Headers["Content-Type"] != "application/octet-stream" {
			t.Errorf("%+v", u)
		}
		stored, err := s.db.Drops().Get(t.Context(), uuid.MustParse(got.Import.ID))
		if err != nil || blob.CheckKey(stored.Key) != nil || stored.By != "walter" || stored.Options.StopAfter.Percent != 5 {
			t.Errorf("%+v, %v", stored, err)
		}
	})
	t.Run("an upload that never comes has failed when its time is over", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		at := s.do(t, announce(`{"filename":"a.csv","bytes":12}`)).header.Get("Location")
		s.clock.advance(2 * intake.UploadExpiry)
		if i := s.do(t, get(at)).imported(t); i.State != "failed" || i.Error == nil || i.Error.Status != http.StatusGone || i.Links["cancel"] != nil {
			t.Errorf("%+v", i)
		}
	})
	t.Run("tells every fault at once", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		a := s.do(t, announce(`{"filename":"../a.csv","bytes":0,"mode":"perhaps","mapping":{"a":"titel"},"delimiter":"x","encoding":"ebcdic","currency":"REAL","stop_after":"0%"}`))
		var got []string
		for _, f := range a.problem(t, fault.Invalid).Errors {
			got = append(got, f.Pointer+" "+f.Code)
		}
		want := "/filename not_a_name, /bytes required, /mode unknown_mode, /stop_after not_a_limit, /delimiter unknown_delimiter, " +
			"/encoding unknown_encoding, /currency not_a_currency, /mapping/a unknown_field"
		if strings.Join(got, ", ") != want {
			t.Errorf("got %q", got)
		}
	})
	for name, body := range map[string]string{
		"an unknown member": `{"filename":"a","bytes":1,"novel":1}`, "no object": `null`, "text for a number": `{"filename":"a","bytes":"1"}`, "no JSON": `{`,
	} {
		t.Run(name+" is bad syntax", func(t *testing.T) {
			t.Parallel()
			newServer(t, sqlite.LaneOptions{}).do(t, announce(body)).problem(t, fault.Syntax)
		})
	}
	for _, body := range []string{
		`{"filename":"","bytes":1}`, `{"filename":"a\nb","bytes":1}`, `{"filename":"a\\b","bytes":1}`, `{"filename":"a","bytes":5000000000}`,
		`{"filename":"a","bytes":1,"stop_after":0}`, `{"filename":"a","bytes":1,"stop_after":"101%"}`, `{"filename":"a","bytes":1,"stop_after":"NaN%"}`,
		`{"filename":"a","bytes":1,"stop_after":1.5}`, `{"filename":"a","bytes":1,"stop_after":{}}`, `{"filename":"` + strings.Repeat("a", 256) + `","bytes":1}`,
		`{"filename":"a","bytes":1,"key":[null]}`, `{"filename":"a","bytes":1,"mode":null}`, `{"filename":"a","bytes":1,"key":["` + strings.Repeat("k", 501) + `"]}`,
	} {
		t.Run("refused is "+body[:min(60, len(body))], func(t *testing.T) {
			t.Parallel()
			newServer(t, sqlite.LaneOptions{}).do(t, announce(body)).problem(t, fault.Invalid)
		})
	}
}

func TestImports(t *testing.T) {
	t.Parallel()
	t.Run("are shown with what was understood, and how far they have come", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		stored := s.imported(t, drop.Running, spoilt)
		read, err := s.db.Drops().Get(t.Context(), stored.ID)
		if err != nil {
			t.Fatal(err)
		}
		begun := read
		begun.StartedAt = july()
		if err := s.db.Drops().Update(t.Context(), read, begun); err != nil {
			t.Fatal(err)
		}
		s.clock.advance(2 * time.Second)
		a := s.do(t, get(importedAt))
		i := a.imported(t)
		if r := i.Rows; *r.Total != 4 || r.OK != 2 || r.Failed != 2 || *i.Rate != 2 || i.ETA == nil || i.Plan != nil || i.Links["cancel"] == nil || i.Links["apply"] != nil {
			t.Errorf("%s", a.body)
		}
		if list := s.do(t, get("/v1/imports?limit=1")); !strings.Contains(list.body, importID) || !strings.Contains(list.body, `"next_cursor":null`) {
			t.Errorf("%s", list.body)
		}
	})
	t.Run("that are planned tell what applying would do, with samples", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		s.imported(t, drop.Planned, spoilt)
		i := s.do(t, get(importedAt)).imported(t)
		if p := i.Plan; p == nil || p.Creates != 2 || p.Changes != 0 || p.Rejects != 2 || len(p.Samples) != 4 || i.Links["apply"] == nil {
			t.Errorf("%+v", i)
		}
		if a := s.do(t, request{method: http.MethodPost, path: importedAt + "/apply"}); a.status != http.StatusAccepted || a.imported(t).State != "queued" {
			t.Errorf("%d %s", a.status, a.body)
		}
		s.do(t, request{method: http.MethodPost, path: importedAt + "/apply"}).problem(t, fault.Conflict)
	})
	t.Run("are cancelled, until they have ended", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		s.imported(t, drop.Running, spoilt)
		if a := s.do(t, request{method: http.MethodPost, path: importedAt + "/cancel"}); a.status != http.StatusAccepted || a.imported(t).State != "cancelling" {
			t.Errorf("%d %s", a.status, a.body)
		}
		planned := newServer(t, sqlite.LaneOptions{})
		planned.imported(t, drop.Planned, spoilt)
		if a := planned.do(t, request{method: http.MethodPost, path: importedAt + "/cancel"}); !strings.Contains(a.body, `"total":4,"ok":0,"failed":0,"superseded":0,"unchanged":0,"skipped":4`) {
			t.Errorf("the rows of one that was never applied are %s", a.body)
		}
		ended := newServer(t, sqlite.LaneOptions{})
		ended.imported(t, drop.Succeeded, spoilt)
		ended.do(t, request{method: http.MethodPost, path: importedAt + "/cancel"}).problem(t, fault.Conflict)
	})
	t.Run("that are not there are not found", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		for _, path := range []string{"", "/rows", "/failed"} {
			s.do(t, get(importedAt+path)).problem(t, fault.NotFound)
			s.do(t, get("/v1/imports/x"+path)).problem(t, fault.NotFound)
		}
		for _, order := range []string{"/apply", "/cancel"} {
			s.do(t, request{method: http.MethodPost, path: importedAt + order}).problem(t, fault.NotFound)
		}
	})
	t.Run("bad queries are told whole", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		s.imported(t, drop.Running, spoilt)
		for query, faults := range map[string]int{
			"/v1/imports?limit=0&novel=1": 2, "/v1/imports?cursor=x": -1, importedAt + "/rows?outcome=ok": 1, importedAt + "/rows?cursor=x": 1,
			importedAt + "/rows?cursor=MSBwbGFuIDAx": 1, importedAt + "/rows?limit=101": 1, importedAt + "/rows?limit=1&limit=1": 1,
		} {
			if p := s.do(t, get(query)).problem(t, fault.Syntax); faults >= 0 && len(p.Errors) != faults {
				t.Errorf("%s: %+v", query, p.Errors)
			}
		}
	})
}

func TestRowsThatFailed(t *testing.T) {
	t.Parallel()
	t.Run("are listed page by page with line, byte, column, value, code and reason", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		s.imported(t, drop.CompletedWithErrors, spoilt)
		first := s.do(t, get(importedAt+"/rows?outcome=failed&limit=1"))
		var page struct {
			Items []struct {
				Line, Offset int64
				Outcome      string
				Notes        []struct{ Column, Value, Code, Reason string }
			}
			Next *string `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(first.body), &page, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatal(err)
		}
		if len(page.Items) != 1 || page.Next == nil || page.Items[0].Line != 3 || page.Items[0].Offset != 25 || page.Items[0].Notes[1].Column != "title" || page.Items[0].Notes[1].Code != "blank" {
			t.Fatalf("%s", first.body)
		}
		second := s.do(t, get(importedAt+"/rows?outcome=failed&limit=1&cursor="+*page.Next))
		if !strings.Contains(second.body, `"line":5`) || !strings.Contains(second.body, `"next_cursor":null`) {
			t.Errorf("%s", second.body)
		}
		if warned := s.do(t, get(importedAt+"/rows?outcome=warned")); !strings.Contains(warned.body, `"line":4`) || !strings.Contains(warned.body, "12345") {
			t.Errorf("%s", warned.body)
		}
	})
	t.Run("are paged through across chunks, each once", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		s.imported(t, drop.CompletedWithErrors, "title;author\n"+strings.Repeat(";X\nY;Z\n", 700))
		seen, next := 0, ""
		for {
			a := s.do(t, get(importedAt+"/rows?limit=90"+next))
			var page struct {
				Items []struct{ Line int64 }
				Next  *string `json:"next_cursor"`
			}
			if err := json.Unmarshal([]byte(a.body), &page, json.MatchCaseInsensitiveNames(true)); err != nil {
				t.Fatal(err)
			}
			for _, row := range page.Items {
				if row.Line != int64(2+2*seen) {
					t.Fatalf("row %d is line %d", seen, row.Line)
				}
				seen++
			}
			if page.Next == nil {
				break
			}
			next = "&cursor=" + *page.Next
		}
		if seen != 700 {
			t.Errorf("%d of 700", seen)
		}
	})
	t.Run("are a file that can be corrected and dropped again, and no formula", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		s.imported(t, drop.CompletedWithErrors, spoilt)
		a := s.do(t, get(importedAt+"/failed"))
		a.wantHeader(t, "Content-Type", "text/csv; charset=utf-8")
		a.wantHeader(t, "Content-Disposition", `attachment; filename="failed.csv"`)
		in := csv.NewReader(strings.NewReader(a.body))
		in.Comma = ';'
		records, err := in.ReadAll()
		if err != nil || len(records) != 3 {
			t.Fatalf("%v in %q", err, a.body)
		}
		if got := fmt.Sprint(records[0]); got != "[_error _error_code _error_column _error_line title author isbn]" {
			t.Errorf("the header is %s", got)
		}
		if records[1][5] != "C" || records[1][6] != "'=1+1" || records[2][6] != "'@SUM(A1)" {
			t.Errorf("the rows are %q", records[1:])
		}
		plan, err := tabular.Scan(strings.NewReader(a.body), tabular.Options{})
		if err != nil || plan.Rows != 2 {
			t.Errorf("dropped again it is %+v, %v", plan, err)
		}
	})
	t.Run("are told apart from those that were superseded, and those from what was left out", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		i := s.imported(t, drop.CompletedWithErrors, spoilt)
		report := `{"line":2,"offset":19,"outcome":"superseded","book":"` + importID + `","title":"A","later_line":4,"notes":[{"line":2,"offset":19,"code":"odd","reason":"is odd"}]}
{"line":3,"offset":25,"outcome":"superseded","book":"` + importID + `","title":"A"}
{"line":5,"offset":45,"outcome":"failed","notes":[{"line":5,"offset":45,"code":"blank","reason":"must not be blank"}]}
`
		if _, err := s.api.Imports.Objects.Put(t.Context(), drop.ReportKey(i.ID, drop.Applying, 0), "application/x-ndjson", strings.NewReader(report)); err != nil {
			t.Fatal(err)
		}
		a := s.do(t, get(importedAt+"/rows?outcome=superseded"))
		first := `{"line":2,"offset":19,"outcome":"superseded","creates":false,"book_id":"` + importID + `","title":"A","later_line":4,"notes":[`
		if !strings.Contains(a.body, first) || !strings.Contains(a.body, `"line":3`) || !strings.Contains(a.body, `"later_line":null`) || strings.Contains(a.body, `"line":5`) {
			t.Errorf("%d %s", a.status, a.body)
		}
		if a := s.do(t, get(importedAt+"/rows?outcome=warned")); !strings.Contains(a.body, `"items":[]`) {
			t.Errorf("of what was superseded nothing was left out: %s", a.body)
		}
		if a := s.do(t, get(importedAt+"/rows")); strings.Contains(a.body, "superseded") || !strings.Contains(a.body, `"line":5`) {
			t.Errorf("%s", a.body)
		}
		if a := s.do(t, get(importedAt+"/failed")); strings.Count(a.body, "\n") != 2 {
			t.Errorf("the file of what failed is %q", a.body)
		}
	})
	t.Run("are no file when there are none", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		s.imported(t, drop.Succeeded, "title;author\nA;B\n")
		s.do(t, get(importedAt+"/failed")).problem(t, fault.Conflict)
		if rows := s.do(t, get(importedAt+"/rows")); !strings.Contains(rows.body, `"items":[]`) {
			t.Errorf("%s", rows.body)
		}
	})
	t.Run("are gone with a file that was changed", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		s.imported(t, drop.CompletedWithErrors, spoilt)
		s.clock.advance(time.Hour)
		if _, err := s.api.Imports.Objects.Put(t.Context(), "drop/list.csv", intake.UploadType, strings.NewReader("other")); err != nil {
			t.Fatal(err)
		}
		s.do(t, get(importedAt+"/failed")).problem(t, fault.Gone)
	})
}
