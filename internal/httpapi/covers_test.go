package httpapi_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/sqlite"
)

func coverPath() string { return bookPath() + "/cover" }

// offer is what asking for an upload is answered with.
type offer struct {
	Upload struct {
		Method, URL string
		Headers     map[string]string
		ExpiresAt   time.Time `json:"expires_at"`
		MaxBytes    int64     `json:"max_bytes"`
	}
	Job struct{ ID, Kind, State string }
}

func (s *server) offered(t *testing.T, body string, header ...string) offer {
	t.Helper()
	a := s.do(t, request{method: http.MethodPost, path: coverPath(), body: body, header: headers(header...)})
	var o offer
	if err := json.Unmarshal([]byte(a.body), &o, json.MatchCaseInsensitiveNames(true)); err != nil || a.status != http.StatusCreated {
		t.Fatalf("got %d %s (%v)", a.status, a.body, err)
	}
	a.wantHeader(t, "Location", "/v1/jobs/"+o.Job.ID)
	a.wantHeader(t, "Cache-Control", "no-store")
	return o
}

func TestAnUploadIsOfferedForACover(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	o := s.offered(t, `{"content_type":"image/png","bytes":9}`)
	if o.Job.Kind != "cover.set" || o.Job.State != "queued" || o.Upload.Method != http.MethodPut || o.Upload.MaxBytes != 9 ||
		fmt.Sprint(o.Upload.Headers) != "map[Content-Type:image/png]" || !o.Upload.ExpiresAt.Equal(july().Add(job.UploadTTL).Truncate(time.Second)) {
		t.Errorf("got %+v", o)
	}
	put := func(contentType, body string) int {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPut, o.Upload.URL, strings.NewReader(body))
		req.Header.Set("Content-Type", contentType)
		recorder := httptest.NewRecorder()
		s.handler.ServeHTTP(recorder, req)
		return recorder.Code
	}
	for _, c := range []struct {
		contentType, body string
		want              int
	}{
		{"image/jpeg", "a picture", http.StatusUnsupportedMediaType},
		{"image/png", "a picture!", http.StatusRequestEntityTooLarge},
		{"image/png", "a pic", http.StatusForbidden},
		{"image/png", "a picture", http.StatusNoContent},
		{"image/png", "a picture", http.StatusGone},
	} {
		if got := put(c.contentType, c.body); got != c.want {
			t.Errorf("%s of %q is %d, want %d", c.contentType, c.body, got, c.want)
		}
	}
	if _, err := s.api.Objects.Stat(t.Context(), job.OriginalKey(o.Job.ID)); err != nil {
		t.Error(err)
	}
	if s.waiting(t) != 0 {
		t.Error("a job was sent before its picture was looked at")
	}
}

func TestAnUploadThatIsNotAsAgreedIsToldWhatWasAgreed(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	var o struct {
		Upload struct {
			URL string `json:"url"`
		} `json:"upload"`
	}
	got := s.do(t, request{method: http.MethodPost, path: coverPath(), body: `{"content_type":"image/png","bytes":9}`})
	if err := json.Unmarshal([]byte(got.body), &o); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, body, detail string
		kind               fault.Kind
	}{
		{o.Upload.URL, "a pic", "This upload was to have 9 bytes, and 5 were sent.", fault.UploadRefused},
		{o.Upload.URL, "a picture!", "This upload was to have 9 bytes, and at least 10 were sent.", fault.TooLarge},
		{"/v1/uploads/AQ", "a picture", "This is not an address that was given out for an upload.", fault.UploadRefused},
	} {
		for name, r := range map[string]request{"declared": {body: c.body}, "undeclared": {reader: unknown(c.body)}} {
			r.method, r.path, r.header = http.MethodPut, c.path, headers("Content-Type", "image/png")
			if p := s.do(t, r).problem(t, c.kind); p.Detail != c.detail {
				t.Errorf("%q of %s length is told %q, want %q", c.body, name, p.Detail, c.detail)
			}
		}
	}
	if page := s.do(t, get("/problems/upload_refused")); page.status != http.StatusOK || !strings.Contains(page.body, "not what was agreed on") {
		t.Errorf("its page is %d", page.status)
	}
}

func TestWhatIsAnnouncedWrongIsRefusedWithEveryFault(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	for body, want := range map[string]string{
		`{}`:                                     "/content_type required /bytes required",
		`{"content_type":"image/png","bytes":0}`: "/bytes out_of_range",
		`{"content_type":"image/png","bytes":-1}`:  "/bytes out_of_range",
		`{"content_type":"text/html","bytes":1}`:   "/content_type not_a_picture",
		`{"content_type":"image/","bytes":1}`:      "/content_type not_a_picture",
		`{"content_type":"image/a\nb","bytes":1}`:  "/content_type not_a_picture",
		`{"content_type":"","bytes":33554433}`:     "/content_type not_a_picture /bytes out_of_range",
		`{"content_type":null,"bytes":9999999999}`: "/content_type required /bytes out_of_range",
	} {
		var got []string
		for _, f := range s.do(t, request{method: http.MethodPost, path: coverPath(), body: body}).problem(t, fault.Invalid).Errors {
			got = append(got, f.Pointer+" "+f.Code)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
	for _, body := range []string{``, `[]`, `{`, `{"content_type":"image/png","bytes":1.5}`, `{"content_type":"image/png","bytes":1,"key":"covers/x"}`, `{"bytes":1,"bytes":1}`} {
		s.do(t, request{method: http.MethodPost, path: coverPath(), body: body, header: headers("Content-Type", plain)}).problem(t, fault.Syntax)
	}
	good := `{"content_type":"image/png","bytes":1}`
	s.do(t, request{method: http.MethodPost, path: coverPath(), body: good, header: headers("If-Match", `"v1"`)}).problem(t, fault.Combination)
	s.do(t, request{method: http.MethodPost, path: "/v1/books/x/cover", body: good}).problem(t, fault.NotFound)
	s.do(t, request{method: http.MethodPost, path: coverPath(), body: good, header: headers("Content-Type", "image/png")}).problem(t, fault.MediaType)
}

func TestOneIdempotencyKeyIsOneCover(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	body := `{"content_type":"image/png","bytes":9}`
	first := s.offered(t, body, "Idempotency-Key", "k")
	again := s.offered(t, body, "Idempotency-Key", "k")
	if again.Job.ID != first.Job.ID {
		t.Errorf("got %s and %s", first.Job.ID, again.Job.ID)
	}
	s.do(t, request{method: http.MethodPost, path: coverPath(), body: `{"content_type":"image/png","bytes":8}`, header: headers("Idempotency-Key", "k")}).
		problem(t, fault.Invalid)
}

func TestACoverIsRemovedByAJob(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	a := s.do(t, request{method: http.MethodDelete, path: coverPath()})
	if m := s.sent(t); a.status != http.StatusAccepted || m.Kind != job.CoverRemove || m.BookID != someID() {
		t.Errorf("got %d and %+v", a.status, m)
	}
}

func TestABookShowsItsCoverAndNoDraftCanSetIt(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	hash := strings.Repeat("0a", 32)
	item := book.Item{
		ID: someID(), Existence: book.Live, Version: 1, Draft: book.Draft{Title: "A", Authors: []string{"B"}}, CreatedAt: july(), UpdatedAt: july(),
		Cover: &book.Cover{SHA256: hash, Renditions: []book.Rendition{{Width: 96, Height: 64}}, Blurhash: "LbJQ[?", Color: "#fd0000"},
	}
	if err := s.db.Books().Swap(t.Context(), book.Item{ID: someID()}, item); err != nil {
		t.Fatal(err)
	}
	shown := func() string {
		var b struct{ Cover any }
		if err := json.Unmarshal([]byte(s.do(t, get(bookPath())).body), &b, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatal(err)
		}
		return encode(t, b.Cover)
	}
	wantJSON(t, shown(), `{"renditions":[{"width":96,"height":64,"type":"image/jpeg","url":"/covers/`+hash+`/96.jpg"}],"blurhash":"LbJQ[?","color":"#fd0000"}`)
	s.api.CoverBase = "https://pictures.example"
	if got := shown(); !strings.Contains(got, `"https://pictures.example/covers/`+hash+`/96.jpg"`) {
		t.Errorf("from elsewhere it is %s", got)
	}
	s.do(t, request{method: http.MethodPut, path: bookPath(), body: `{"title":"A","authors":["B"],"cover":null}`}).problem(t, fault.Syntax)
	s.do(t, request{method: http.MethodPatch, path: bookPath(), body: `{"cover":null}`}).problem(t, fault.Syntax)
}

func TestARenditionIsServedForGoodAndAsNothingButAPicture(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	hash := strings.Repeat("0a", 32)
	path := "/covers/" + hash + "/320.jpg"
	s.do(t, get(path)).problem(t, fault.NotFound)
	if _, err := s.api.Objects.Put(t.Context(), path[1:], "image/jpeg", bytes.NewReader([]byte("a picture"))); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"", "Bearer " + readerKey} {
		a := s.do(t, get(path, "Authorization", who))
		if a.status != http.StatusOK || a.body != "a picture" {
			t.Errorf("got %d %q", a.status, a.body)
		}
		for name, want := range map[string]string{
			"Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox",
			"Cache-Control": "public, max-age=31536000, immutable", "ETag": `"` + hash + `-320"`, "Content-Length": "9",
		} {
			a.wantHeader(t, name, want)
		}
	}
	head := s.do(t, request{method: http.MethodHead, path: path})
	if head.status != http.StatusOK || head.body != "" || head.header.Get("Content-Length") != "9" {
		t.Errorf("HEAD is %d %v", head.status, head.header)
	}
	if a := s.do(t, get(path, "If-None-Match", `"x", "`+hash+`-320"`)); a.status != http.StatusNotModified || a.body != "" {
		t.Errorf("for who has it: %d", a.status)
	}
	if _, err := s.api.Objects.Put(t.Context(), "covers/"+hash+"/cover.json", "application/json", bytes.NewReader([]byte("{}"))); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{
		"/covers/" + hash + "/96.jpg", "/covers/" + hash + "/0320.jpg", "/covers/" + hash + "/.jpg", "/covers/" + hash + "/123456.jpg", "/covers/" + hash + "/-1.jpg",
		"/covers/" + strings.ToUpper(hash) + "/320.jpg", "/covers/x/320.jpg", "/covers/%2e%2e%2facervo.db/320.jpg", "/covers/" + hash + "/%2e%2e%2f320.jpg",
		"/covers/" + hash + "/cover.json", "/covers/" + hash + "/", "/covers/", "/originals/x",
	} {
		s.do(t, get(wrong)).problem(t, fault.NotFound)
	}
	s.api.PrivateReads = true
	s.handler = s.api.Handler()
	s.do(t, get(path, "Authorization", "")).problem(t, fault.Unauthorized)
	s.do(t, get(path, "Authorization", "Bearer "+readerKey)).wantHeader(t, "Cache-Control", "private, max-age=31536000, immutable")
}
