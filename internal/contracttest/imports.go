package contracttest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/blob"
	"acervo/internal/drop"
)

const importMembers = "id filename state mode format preview plan rows warnings rate eta duplicate_of submitted_at finished_at error links"

func importRows() []row {
	return []row{
		{request: "POST /v1/imports", sentences: []sentence{
			{says: "is 201 with an upload, pinned to its length, and the import that waits for it", check: announced},
			{says: "is 422 with every fault at once, and 400 for what it does not understand", check: announcedBadly},
		}, unseen: []string{"what becomes of the file (acervo/import_test.go, api/import_test.go)"}},
		{request: "an import that is planned", sentences: []sentence{
			{says: "tells its rows, hands back those that failed, and is applied once", check: planned},
		}},
		{request: "POST /v1/imports/{id}/cancel", sentences: []sentence{
			{says: "is 202, and 409 once it has ended", check: cancelled},
		}},
		{request: "GET /v1/imports", sentences: []sentence{
			{says: "is pages by cursors that are checked", check: importPages},
			{says: "has no import that there is not", check: absentImports},
		}},
	}
}

// announce announces a file of so many bytes.
func (s *site) announce(t *testing.T, body string) (upload, imported map[string]any) {
	t.Helper()
	a := s.ask(t, s.Writer, http.MethodPost, "/v1/imports", body).is(t, http.StatusCreated)
	v := a.object(t, "upload import")
	upload, _ = v["upload"].(map[string]any)
	imported, _ = v["import"].(map[string]any)
	wantMembers(t, "the upload", upload, "method url headers expires_at max_bytes")
	wantMembers(t, "the import", imported, importMembers)
	id, _ := imported["id"].(string)
	a.has(t, "Location", "/v1/imports/"+id)
	return upload, imported
}

func announced(t *testing.T, s *site) {
	const text = "title,author\nDom Casmurro,Machado de Assis\n"
	upload, imported := s.announce(t, `{"filename":"a.csv","bytes":43}`)
	if imported["state"] != "awaiting_upload" || imported["mode"] != "apply" || imported["filename"] != "a.csv" {
		t.Errorf("the import is %v", imported)
	}
	for _, body := range []string{text + "\n", text[1:], text} { // too long, too short, right
		status := s.upload(t, upload, body)
		if taken := status/100 == 2; taken != (body == text) {
			t.Errorf("an upload of %d bytes is answered %d", len(body), status)
		}
	}
	id, _ := imported["id"].(string)
	a := s.ask(t, s.Reader, http.MethodGet, "/v1/imports/"+id, "").is(t, http.StatusOK)
	wantMembers(t, "the rows", a.object(t, importMembers)["rows"].(map[string]any), "total ok failed superseded unchanged skipped warnings")
}

// upload sends bytes as an announcement says, and returns the status of the answer.
func (s *site) upload(t *testing.T, upload map[string]any, body string) int {
	t.Helper()
	url, _ := upload["url"].(string)
	if strings.HasPrefix(url, "/") {
		url = s.URL + url
	}
	method, _ := upload["method"].(string)
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	headers, _ := upload["headers"].(map[string]any)
	for name, value := range headers {
		text, _ := value.(string)
		req.Header.Set(name, text)
	}
	res, err := s.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func announcedBadly(t *testing.T, s *site) {
	s.ask(t, s.Writer, http.MethodPost, "/v1/imports", `{"filename":"../a","bytes":0,"mode":"x","currency":"y","mapping":{"a":"b"}}`).faulty(t,
		http.StatusUnprocessableEntity, "/bytes required", "/currency not_a_currency", "/filename not_a_name", "/mapping/a unknown_field", "/mode unknown_mode")
	s.ask(t, s.Writer, http.MethodPost, "/v1/imports", `{"filename":"a","bytes":1,"novel":1}`).problem(t, http.StatusBadRequest)
	s.ask(t, s.Writer, http.MethodPost, "/v1/imports", `{}`, "Content-Type", "text/csv").problem(t, http.StatusUnsupportedMediaType)
}

func planned(t *testing.T, s *site) {
	at := "/v1/imports/" + s.Planned
	i := s.ask(t, s.Reader, http.MethodGet, at, "").is(t, http.StatusOK).object(t, importMembers)
	if i["state"] != "planned" || i["plan"] == nil {
		t.Errorf("it is %v", i)
	}
	rows := s.ask(t, s.Reader, http.MethodGet, at+"/rows?outcome=failed", "").is(t, http.StatusOK).object(t, "items next_cursor")
	if items, _ := rows["items"].([]any); len(items) == 1 {
		failed, _ := items[0].(map[string]any)
		wantMembers(t, "the row", failed, "line offset outcome creates book_id title later_line notes")
	} else {
		t.Errorf("the rows that failed are %v", rows)
	}
	for _, outcome := range []string{"superseded", "warned"} {
		s.ask(t, s.Reader, http.MethodGet, at+"/rows?outcome="+outcome, "").is(t, http.StatusOK).object(t, "items next_cursor")
	}
	s.ask(t, s.Reader, http.MethodGet, at+"/rows?outcome=perhaps", "").faulty(t, http.StatusBadRequest, "/outcome unknown_outcome")
	file := s.ask(t, s.Reader, http.MethodGet, at+"/failed", "").is(t, http.StatusOK).has(t, "Content-Type", "text/csv").has(t, "Content-Disposition", "attachment")
	if text := string(file.body); !strings.HasPrefix(text, `"_error","_error_code","_error_column","_error_line","title","author"`) || !strings.Contains(text, `"Nobody"`) {
		t.Errorf("the file is %q", text)
	}
	a := s.ask(t, s.Writer, http.MethodPost, at+"/apply", "").is(t, http.StatusAccepted).has(t, "Location", at)
	a.object(t, importMembers)
	s.ask(t, s.Writer, http.MethodPost, at+"/apply", "").problem(t, http.StatusConflict)
}

func cancelled(t *testing.T, s *site) {
	_, imported := s.announce(t, `{"filename":"b.csv","bytes":1}`)
	id, _ := imported["id"].(string)
	i := s.ask(t, s.Writer, http.MethodPost, "/v1/imports/"+id+"/cancel", "").is(t, http.StatusAccepted).object(t, importMembers)
	if i["state"] != "cancelled" || i["finished_at"] == nil {
		t.Errorf("it is %v", i)
	}
	s.ask(t, s.Writer, http.MethodPost, "/v1/imports/"+id+"/cancel", "").problem(t, http.StatusConflict)
}

func importPages(t *testing.T, s *site) {
	for range 2 {
		s.announce(t, `{"filename":"c.csv","bytes":1}`)
	}
	page := s.ask(t, s.Reader, http.MethodGet, "/v1/imports?limit=1", "").is(t, http.StatusOK).has(t, "Link", "</v1/imports?").object(t, "items next_cursor")
	cursor, _ := page["next_cursor"].(string)
	s.ask(t, s.Reader, http.MethodGet, "/v1/imports?limit=1&cursor="+cursor, "").is(t, http.StatusOK)
	s.ask(t, s.Reader, http.MethodGet, "/v1/imports?cursor=nonsense", "").problem(t, http.StatusBadRequest)
	s.ask(t, s.Reader, http.MethodGet, "/v1/imports?limit=0&novel=1", "").faulty(t, http.StatusBadRequest, "/limit out_of_range", "/novel unknown_parameter")
}

func absentImports(t *testing.T, s *site) {
	for _, path := range []string{"", "/rows", "/failed"} {
		s.ask(t, s.Reader, http.MethodGet, "/v1/imports/"+uuid.NewString()+path, "").problem(t, http.StatusNotFound)
	}
	for _, order := range []string{"/apply", "/cancel"} {
		s.ask(t, s.Writer, http.MethodPost, "/v1/imports/"+uuid.NewString()+order, "").problem(t, http.StatusNotFound)
	}
}

// Plan stores an import that has been compared and waits to be applied, with one row
// that is good and one that fails, and returns its id. It is not done over HTTP, since
// not every server that is held to the contract has somebody who reads files.
func Plan(t *testing.T, drops drop.Store, objects blob.Store) string {
	t.Helper()
	const (
		text = "title,author\nA,B\n,Nobody\n"
		plan = `{"plan":{"kind":"csv","encoding":"utf-8","delimiter":",","columns":[{"name":"title","field":"title"},{"name":"author","field":"authors"}],` +
			`"header":"dGl0bGUsYXV0aG9y","rows":2,"bytes":25,"digest":"d1","chunks":[{"offset":13,"length":12,"line":2,"rows":2}],"preview":[],"warnings":[]}}`
		report = `{"line":3,"offset":17,"outcome":"failed","notes":[{"line":3,"offset":17,"column":"title","code":"blank","reason":"must not be blank"}]}` + "\n"
	)
	id := uuid.New()
	i := drop.Import{
		ID: id, Filename: "planned.csv", State: drop.Planned, Mode: drop.Plan, Key: drop.Folder + "planned.csv", Text: drop.TextKey(id),
		Digest: id.String(), Total: 2, Chunks: 1, SubmittedAt: time.Now().UTC(), ArrivedAt: time.Now().UTC(), PlannedAt: time.Now().UTC(),
		Format: &drop.Format{Kind: "csv", Encoding: "utf-8", Delimiter: ","},
	}
	for key, content := range map[string]string{
		drop.TextKey(id): text, drop.PlanKey(id): plan, drop.ReportKey(id, drop.Comparing, 0): report,
	} {
		o, err := objects.Put(t.Context(), key, "application/octet-stream", strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		if key == i.Text {
			i.TextVersion = o.Version
		}
	}
	if err := drops.Create(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	if _, err := drops.Finish(t.Context(), id, drop.Comparing, 0, drop.Counts{OK: 1, Creates: 1, Failed: 1}); err != nil {
		t.Fatal(err)
	}
	return id.String()
}
