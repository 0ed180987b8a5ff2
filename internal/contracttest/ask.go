package contracttest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	plain = "application/json"
	merge = "application/merge-patch+json"
)

// answer is a response that has been read, of a request.
type answer struct {
	request string
	status  int
	header  http.Header
	body    []byte
}

// ask sends a request with a credential, empty for none, and headers: name, value,
// and so on. Every answer is held to what the contract says of all of them.
func (s *site) ask(t *testing.T, who, method, path, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+who)
	}
	if body != "" {
		req.Header.Set("Content-Type", plain)
	}
	for pair := range slices.Chunk(headers, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	res, err := s.http.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	a := answer{request: method + " " + path, status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(res.Body); err != nil {
		t.Fatalf("%s: %v", a.request, err)
	}
	_ = res.Body.Close()
	if a.status < http.StatusBadRequest {
		s.note(method, req.URL.Path)
	}
	a.like(t, method)
	return a
}

// like checks what is true of every answer.
func (a answer) like(t *testing.T, method string) {
	t.Helper()
	if a.header.Get("X-Request-Id") == "" {
		t.Errorf("%s is answered without X-Request-Id", a.request)
	}
	switch a.status {
	case http.StatusUnauthorized:
		a.has(t, "WWW-Authenticate", "Bearer ")
	case http.StatusMethodNotAllowed:
		if !strings.HasSuffix(a.header.Get("Allow"), http.MethodOptions) {
			t.Errorf("%s is answered 405 with Allow %q", a.request, a.header.Get("Allow"))
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		a.comesAgain(t)
	}
	if a.status >= 400 && method != http.MethodHead {
		a.problem(t, a.status)
	}
	if method == http.MethodHead && len(a.body) > 0 {
		t.Errorf("%s has a body", a.request)
	}
}

func (a answer) String() string { return fmt.Sprintf("%s: %d %s", a.request, a.status, a.body) }

// is checks the status, and ends the sentence if it is another.
func (a answer) is(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("want %d, got %v", status, a)
	}
	return a
}

// has checks how a header begins.
func (a answer) has(t *testing.T, name, prefix string) answer {
	t.Helper()
	if got := a.header.Get(name); got == "" || !strings.HasPrefix(got, prefix) {
		t.Errorf("%s is answered %d with %s %q, want %q", a.request, a.status, name, got, prefix)
	}
	return a
}

// comesAgain checks that the answer says when to come again.
func (a answer) comesAgain(t *testing.T) {
	t.Helper()
	if n, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || n < 1 {
		t.Errorf("%s is answered %d with Retry-After %q", a.request, a.status, a.header.Get("Retry-After"))
	}
}

// lacks checks that a header is not there.
func (a answer) lacks(t *testing.T, name string) answer {
	t.Helper()
	if got := a.header.Get(name); got != "" {
		t.Errorf("%s is answered %d with %s %q", a.request, a.status, name, got)
	}
	return a
}

func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v: %v", a, err)
	}
}

// object reads a document and checks that its members are these, in any order.
func (a answer) object(t *testing.T, members string) map[string]any {
	t.Helper()
	var v map[string]any
	a.has(t, "Content-Type", plain).into(t, &v)
	wantMembers(t, a.request, v, members)
	return v
}

func wantMembers(t *testing.T, of string, v map[string]any, members string) {
	t.Helper()
	want := strings.Fields(members)
	for _, name := range want {
		if _, ok := v[name]; !ok {
			t.Errorf("%s has no %s: %v", of, name, v)
		}
	}
	for name := range v {
		if !slices.Contains(want, name) {
			t.Errorf("%s has %s, of which the contract says nothing", of, name)
		}
	}
}

// seenProblem is a problem object (RFC 9457).
type seenProblem struct {
	Type, Title, Detail string
	Status              int
	Errors              []struct{ Pointer, Code, Detail string }
}

// problem checks that the answer is a problem of a status, and reads it.
func (a answer) problem(t *testing.T, status int) (p seenProblem) {
	t.Helper()
	a.is(t, status).has(t, "Content-Type", "application/problem+json").into(t, &p)
	if p.Status != status || !strings.HasPrefix(p.Type, "/problems/") || p.Title == "" {
		t.Errorf("%v is no problem of the contract", a)
	}
	return p
}

// faulty checks that a problem names these faults, pointer and code of each.
func (a answer) faulty(t *testing.T, status int, want ...string) {
	t.Helper()
	var got []string
	for _, f := range a.problem(t, status).Errors {
		got = append(got, f.Pointer+" "+f.Code)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s names the faults %q, want %q", a.request, got, want)
	}
}

// seenBook and seenJob are what the sentences look at.
type seenBook struct {
	ID, Title string
	Authors   []string
	ISBN      *string
	Rating    *float64
	Version   int64
}

type seenJob struct {
	ID, Kind, State string
	BookID          string  `json:"book_id"`
	FinishedAt      *string `json:"finished_at"`
	BookVersion     *int64  `json:"book_version"`
	Error           *seenProblem
}

func (a answer) job(t *testing.T) (j seenJob) {
	t.Helper()
	a.into(t, &j)
	return j
}

func (a answer) book(t *testing.T) (b seenBook) {
	t.Helper()
	a.into(t, &b)
	return b
}

// ended waits for the job at an address.
func (s *site) ended(t *testing.T, path string) seenJob {
	t.Helper()
	if path == "" {
		t.Fatal("there is no address of a job")
	}
	for begin := time.Now(); time.Since(begin) < Patience; {
		j := s.ask(t, s.Reader, http.MethodGet, path, "", "Prefer", "wait=5").is(t, http.StatusOK).job(t)
		if j.State != "queued" && j.State != "retrying" {
			return j
		}
	}
	t.Fatalf("%s has not ended within %s", path, Patience)
	return seenJob{}
}

// write sends a write of the writer, which is accepted, and returns how it ended.
func (s *site) write(t *testing.T, method, path, body string, headers ...string) seenJob {
	t.Helper()
	return s.ended(t, s.ask(t, s.Writer, method, path, body, headers...).is(t, http.StatusAccepted).header.Get("Location"))
}

// make makes a book and returns its address.
func (s *site) make(t *testing.T, title, more string) string {
	t.Helper()
	path := somewhere()
	if j := s.write(t, http.MethodPut, path, draft(title, more)); j.State != "succeeded" {
		t.Fatalf("%s ended as %+v", path, j)
	}
	return path
}

// until asks for a list until it is as wanted: lists are eventually consistent.
func (s *site) until(t *testing.T, query url.Values, wanted func(page) bool) page {
	t.Helper()
	var p page
	for begin := time.Now(); time.Since(begin) < Patience; {
		p = s.list(t, query)
		if wanted(p) {
			return p
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
	t.Fatalf("the list of %v stays as %+v", query, p)
	return p
}

// page is a page of a list of books.
type page struct {
	Items []seenBook
	Next  *string `json:"next_cursor"`
}

func (s *site) list(t *testing.T, query url.Values) (p page) {
	t.Helper()
	a := s.ask(t, "", http.MethodGet, "/v1/books?"+query.Encode(), "").is(t, http.StatusOK)
	a.object(t, "items next_cursor")
	a.into(t, &p)
	switch {
	case p.Next == nil:
		a.lacks(t, "Link")
	case !strings.Contains(a.header.Get("Link"), `rel="next"`) || !strings.Contains(a.header.Get("Link"), url.QueryEscape(*p.Next)):
		t.Errorf("%s has the cursor %q and Link %q", a.request, *p.Next, a.header.Get("Link"))
	}
	return p
}
