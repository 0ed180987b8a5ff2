package httpapi_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/sqlite"
)

const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// accepted checks the whole answer to a write that was accepted, and returns the
// message of its job.
func accepted(t *testing.T, s *server, r request, kind job.Kind) job.Message {
	t.Helper()
	got := s.do(t, r)
	if got.status != http.StatusAccepted {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	m := s.sent(t)
	got.wantHeader(t, "Location", "/v1/jobs/"+m.Job)
	got.wantHeader(t, "Retry-After", "1")
	got.wantHeader(t, "Content-Type", plain)
	got.wantHeader(t, "X-Content-Type-Options", "nosniff")
	wantJSON(t, got.body, queued(m.Job, kind, m.BookID))
	if m.Kind != kind || m.Generation != 1 || !m.AcceptedAt.Equal(july()) {
		t.Errorf("sent %+v", m)
	}
	return m
}

func queued(id string, kind job.Kind, bookID uuid.UUID) string {
	return fmt.Sprintf(`{"id":%q,"kind":%q,"state":"queued","book_id":%q,"submitted_at":"2026-07-01T12:00:00.123Z",
		"finished_at":null,"attempts":0,"next_attempt_at":null,"book_version":null,"error":null,
		"links":{"self":"/v1/jobs/%s","book":"/v1/books/%s"}}`, id, kind, bookID, id, bookID)
}

func TestWritesAreAccepted(t *testing.T) {
	t.Parallel()
	t.Run("a draft is created under its id", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		m := accepted(t, s, post(`{"id":"01890A5D-AC96-774B-BCCE-B302099A8057","title":"x","authors":["x"]}`), job.Create)
		if m.BookID != someID() || m.Draft == nil || m.Draft.Title != "x" {
			t.Errorf("sent %+v", m)
		}
	})
	t.Run("a draft without id is created under its ISBN", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		m := accepted(t, s, post(`{"title":"x","authors":["x"],"isbn":"0-306-40615-2"}`), job.Create)
		if m.BookID != book.ID(book.Draft{ISBN: "9780306406157"}) {
			t.Errorf("sent %+v", m)
		}
	})
	t.Run("a draft without either is a book of its own", func(t *testing.T) {
		t.Parallel()
		a := accepted(t, newServer(t, sqlite.LaneOptions{}), post(valid), job.Create)
		b := accepted(t, newServer(t, sqlite.LaneOptions{}), post(valid), job.Create)
		if a.BookID == b.BookID || a.BookID == uuid.Nil {
			t.Errorf("sent %s and %s", a.BookID, b.BookID)
		}
	})
	t.Run("a replacement names the book in its address", func(t *testing.T) {
		t.Parallel()
		m := accepted(t, newServer(t, sqlite.LaneOptions{}), put(valid), job.Replace)
		if m.BookID != someID() || m.Draft == nil || m.Draft.Title != "Dom Casmurro" {
			t.Errorf("sent %+v", m)
		}
	})
	t.Run("an operator may say which version a book begins with", func(t *testing.T) {
		t.Parallel()
		r := put(valid, "Authorization", "Bearer "+operatorKey)
		if m := accepted(t, newServer(t, sqlite.LaneOptions{}), r, job.Replace); m.Version != 0 {
			t.Errorf("sent version %d without a word", m.Version)
		}
		for _, version := range []int64{1, 7, 1_000_000_000_000} {
			r.path = fmt.Sprintf("%s?version=%d", bookPath(), version)
			if m := accepted(t, newServer(t, sqlite.LaneOptions{}), r, job.Replace); m.Version != version {
				t.Errorf("sent version %d, want %d", m.Version, version)
			}
		}
	})
	t.Run("a patch travels as it is, without white space", func(t *testing.T) {
		t.Parallel()
		m := accepted(t, newServer(t, sqlite.LaneOptions{}), patch(` { "rating" : 4.50, "isbn": null } `), job.Update)
		if m.BookID != someID() || string(m.Patch) != `{"rating":4.50,"isbn":null}` {
			t.Errorf("sent %s for %s", m.Patch, m.BookID)
		}
	})
	t.Run("a patch may have its own media type", func(t *testing.T) {
		t.Parallel()
		accepted(t, newServer(t, sqlite.LaneOptions{}), patch(`{}`, "Content-Type", "application/merge-patch+json"), job.Update)
	})
	t.Run("a deletion needs no body and no type", func(t *testing.T) {
		t.Parallel()
		m := accepted(t, newServer(t, sqlite.LaneOptions{}), remove(), job.Delete)
		if m.BookID != someID() || m.Draft != nil || m.Patch != nil {
			t.Errorf("sent %+v", m)
		}
	})
	t.Run("UTF-8 may be said in any case", func(t *testing.T) {
		t.Parallel()
		accepted(t, newServer(t, sqlite.LaneOptions{}), post(valid, "Content-Type", "Application/JSON; charset=UTF-8"), job.Create)
	})
	t.Run("a body of 1 MiB is taken", func(t *testing.T) {
		t.Parallel()
		space := strings.Repeat(" ", 1<<20-len(valid))
		accepted(t, newServer(t, sqlite.LaneOptions{}), post(valid+space), job.Create)
	})
	t.Run("preferences that nobody knows are ignored", func(t *testing.T) {
		t.Parallel()
		accepted(t, newServer(t, sqlite.LaneOptions{}), post(valid, "Prefer", `handling=lenient, x="y"`), job.Create)
	})
}

func TestPreconditionsTravel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		header       http.Header
		match, never *book.Tags
	}{
		{"without any, none travel", headers(), nil, nil},
		{"If-Match travels", headers("If-Match", `"v7"`), &book.Tags{Versions: []int64{7}}, nil},
		{"If-None-Match travels", headers("If-None-Match", `*`), nil, &book.Tags{Any: true}},
		{"several fields are one list", headers("If-Match", `"v7"`, "If-Match", `"v8"`), &book.Tags{Versions: []int64{7, 8}}, nil},
		{
			"weak tags count in If-None-Match only", headers("If-Match", `W/"v7"`, "If-None-Match", `W/"v7"`),
			&book.Tags{Versions: []int64{-1}}, &book.Tags{Versions: []int64{7}},
		},
	} {
		for _, r := range []request{put(valid), patch("{}"), remove()} {
			t.Run(c.name+" with "+r.method, func(t *testing.T) {
				t.Parallel()
				s := newServer(t, sqlite.LaneOptions{})
				r.header = c.header
				if got := s.do(t, r); got.status != http.StatusAccepted {
					t.Fatalf("got %d %s", got.status, got.body)
				}
				m := s.sent(t)
				if !sameTags(m.IfMatch, c.match) || !sameTags(m.IfNoneMatch, c.never) {
					t.Errorf("sent %+v and %+v", m.IfMatch, m.IfNoneMatch)
				}
			})
		}
	}
}

func sameTags(a, b *book.Tags) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Any == b.Any && slices.Equal(a.Versions, b.Versions)
}

func TestTraces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ sent, want string }{
		"a trace travels with the job":  {trace, trace},
		"a malformed one is ignored":    {trace[:50], ""},
		"upper case is malformed":       {strings.ToUpper(trace), ""},
		"a trace of zeros is ignored":   {"00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01", ""},
		"a parent of zeros is ignored":  {"00-0af7651916cd43dd8448eb211c80319c-" + strings.Repeat("0", 16) + "-01", ""},
		"no trace is no trace":          {"", ""},
		"what follows one spoils it":    {trace + "-x", ""},
		"a version of none is ignored":  {"ff" + trace[2:], ""},
		"a line break does not pass it": {trace + "\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sqlite.LaneOptions{})
			s.do(t, remove("Traceparent", c.sent))
			if got := s.sent(t).Traceparent; got != c.want {
				t.Errorf("sent %q", got)
			}
		})
	}
}

func TestBooksAreShown(t *testing.T) {
	t.Parallel()
	t.Run("every field is there, absent ones as null", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		s.store(t, book.Draft{Title: "x", Authors: []string{"y"}}, 7)
		got := s.do(t, get(bookPath(), "Authorization", ""))
		wantJSON(t, got.body, `{"id":"01890a5d-ac96-774b-bcce-b302099a8057","title":"x","authors":["y"],"isbn":null,"published":null,
			"language":null,"description":null,"rating":null,"price":null,"cover":null,"version":7,
			"created_at":"2026-07-01T11:00:00.123Z","updated_at":"2026-07-01T12:00:00.123Z"}`)
		got.wantHeader(t, "ETag", `"v7"`)
		got.wantHeader(t, "Cache-Control", "no-cache")
		got.wantHeader(t, "Content-Type", plain)
	})
	t.Run("every field is there with its value", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		s.store(t, book.Draft{
			Title: "x", Authors: []string{"y", "z"}, ISBN: "9780306406157", Published: 1899, Language: "pt-BR",
			Description: "a\n<b>", Rating: 4.5, Price: &book.Price{Amount: "39.90", Currency: "BRL"},
		}, 1)
		got := s.do(t, get("/v1/books/"+strings.ToUpper(someID().String())))
		wantJSON(t, got.body, `{"id":"01890a5d-ac96-774b-bcce-b302099a8057","title":"x","authors":["y","z"],"isbn":"9780306406157",
			"published":1899,"language":"pt-BR","description":"a\n<b>","rating":4.5,"price":{"amount":"39.90","currency":"BRL"},
			"cover":null,"version":1,"created_at":"2026-07-01T11:00:00.123Z","updated_at":"2026-07-01T12:00:00.123Z"}`)
	})
}

func TestConditionalReads(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	s.store(t, book.Draft{Title: "x", Authors: []string{"y"}}, 7)
	for value, want := range map[string]int{
		`"v7"`: 304, `W/"v7"`: 304, `*`: 304, `"v6", "v7"`: 304, `"v6",W/"v7" , "x"`: 304, `"a,b", "v7"`: 304, `, "v7"`: 304,
		`"v6"`: 200, `"v8"`: 200, `"v70"`: 200, `"7"`: 200, `"V7"`: 200, `"abc"`: 200,
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			t.Run(fmt.Sprintf("%s with If-None-Match: %s is %d", method, value, want), func(t *testing.T) {
				t.Parallel()
				got := s.do(t, request{method: method, path: bookPath(), header: headers("If-None-Match", value)})
				if got.status != want {
					t.Errorf("got %d", got.status)
				}
				got.wantHeader(t, "ETag", `"v7"`)
				got.wantHeader(t, "Cache-Control", "no-cache")
				if want == http.StatusNotModified && (got.body != "" || got.header.Get("Content-Type") != "") {
					t.Errorf("it has the body %q of type %q", got.body, got.header.Get("Content-Type"))
				}
			})
		}
	}
}

func TestJobsAreShown(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) (*server, job.Receipt) {
		t.Helper()
		s := newServer(t, sqlite.LaneOptions{})
		receipt, err := s.api.Ring.Mint(job.Update, someID())
		if err != nil {
			t.Fatal(err)
		}
		return s, receipt
	}
	end := func(t *testing.T, s *server, rec job.Record) {
		t.Helper()
		if err := s.db.Jobs().Save(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("one without a record is queued, and a reader may ask again", func(t *testing.T) {
		t.Parallel()
		s, receipt := start(t)
		got := s.do(t, get("/v1/jobs/"+receipt.ID, "Authorization", "Bearer "+readerKey))
		wantJSON(t, got.body, queued(receipt.ID, job.Update, someID()))
		got.wantHeader(t, "Retry-After", "1")
		got.wantHeader(t, "Cache-Control", "no-store")
		got.wantHeader(t, "Content-Type", plain)
	})
	t.Run("one that succeeded tells the version it made, however old it is", func(t *testing.T) {
		t.Parallel()
		s, receipt := start(t)
		end(t, s, job.Record{
			ID: receipt.ID, Generation: 1, State: job.Succeeded, Attempts: 2,
			FinishedAt: july().Add(time.Second), BookVersion: 8,
		})
		s.clock.advance(20 * 24 * time.Hour)
		got := s.do(t, get("/v1/jobs/"+receipt.ID))
		wantJSON(t, got.body, fmt.Sprintf(`{"id":%q,"kind":"book.update","state":"succeeded","book_id":%q,
			"submitted_at":"2026-07-01T12:00:00.123Z","finished_at":"2026-07-01T12:00:01.123Z","attempts":2,"next_attempt_at":null,
			"book_version":8,"error":null,"links":{"self":"/v1/jobs/%s","book":"/v1/books/%s"}}`, receipt.ID, someID(), receipt.ID, someID()))
		got.wantHeader(t, "Retry-After", "")
	})
	t.Run("one that failed tells its problem", func(t *testing.T) {
		t.Parallel()
		s, receipt := start(t)
		problem := fault.ProblemOf(fault.Of(fault.Invalid, "rules", []fault.Field{{Pointer: "/title", Code: "blank", Detail: "blank"}}))
		end(t, s, job.Record{ID: receipt.ID, Generation: 1, State: job.Failed, Attempts: 1, FinishedAt: july(), Error: &problem})
		got := s.do(t, get("/v1/jobs/"+receipt.ID))
		if got.status != http.StatusOK {
			t.Errorf("got %d", got.status)
		}
		wantJSON(t, got.body, fmt.Sprintf(`{"id":%q,"kind":"book.update","state":"failed","book_id":%q,
			"submitted_at":"2026-07-01T12:00:00.123Z","finished_at":"2026-07-01T12:00:00.123Z","attempts":1,"next_attempt_at":null,
			"book_version":null,"error":{"type":"/problems/invalid","title":%q,"status":422,"detail":"rules",
			"errors":[{"pointer":"/title","code":"blank","detail":"blank"}]},
			"links":{"self":"/v1/jobs/%s","book":"/v1/books/%s"}}`, receipt.ID, someID(), problem.Title, receipt.ID, someID()))
		got.wantHeader(t, "Retry-After", "")
	})
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	for path, want := range map[string]string{
		"/healthz": `{"status":"ok"}`,
		"/readyz":  `{"status":"ready","checks":{}}`,
	} {
		got := s.do(t, get(path, "Authorization", ""))
		if got.status != http.StatusOK {
			t.Errorf("%s is %d", path, got.status)
		}
		wantJSON(t, got.body, want)
	}
	if got := s.do(t, get("/version")); got.status != http.StatusOK || !strings.Contains(got.body, `"go_version":"go1.`) {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

// TestHeadIsGetWithoutBody goes over a connection, since it is the server that
// drops the body.
func TestHeadIsGetWithoutBody(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	s.store(t, book.Draft{Title: "x", Authors: []string{"y"}}, 7)
	receipt, err := s.api.Ring.Mint(job.Update, someID())
	if err != nil {
		t.Fatal(err)
	}
	wire := httptest.NewServer(s.handler)
	defer wire.Close()
	ask := func(method, path string) (status int, size int64, header http.Header) {
		req, err := http.NewRequestWithContext(t.Context(), method, wire.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+readerKey)
		req.Header.Set("X-Request-Id", "same")
		res, err := wire.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
		res.Header.Del("Date")
		return res.StatusCode, res.ContentLength, res.Header
	}
	for _, path := range []string{"/healthz", "/readyz", "/version", bookPath(), "/v1/jobs/" + receipt.ID, "/v1/jobs/x", "/nothing"} {
		status, size, header := ask(http.MethodGet, path)
		headStatus, headSize, headHeader := ask(http.MethodHead, path)
		if headStatus != status || headSize != size || size < 1 {
			t.Errorf("%s: GET is %d of %d bytes, HEAD %d of %d", path, status, size, headStatus, headSize)
		}
		if !maps.EqualFunc(header, headHeader, slices.Equal) {
			t.Errorf("%s: GET has %v, HEAD %v", path, header, headHeader)
		}
	}
}
