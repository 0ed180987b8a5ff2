package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/sqlite"
)

// books is the real store with another way of reading.
type books struct {
	book.Store
	get func() (book.Item, error)
}

func (b books) Get(context.Context, uuid.UUID) (book.Item, error) { return b.get() }

// wantLogged checks that trouble was logged once, in full, under the id of its
// request, and that the client was told nothing of it.
func wantLogged(t *testing.T, s *server, got answer, secret string) {
	t.Helper()
	lines := s.log.all()
	if len(lines) != 1 {
		t.Fatalf("logged %d times: %q", len(lines), lines)
	}
	if !strings.Contains(lines[0], secret) || !strings.Contains(lines[0], got.header.Get("X-Request-Id")) {
		t.Errorf("logged without its cause or its request: %s", lines[0])
	}
	if strings.Contains(got.body, secret) {
		t.Errorf("the client was told: %s", got.body)
	}
}

func TestTroubleOfTheServer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		get    func() (book.Item, error)
		kind   fault.Kind
		detail string
	}{
		{"an error of others is 500", func() (book.Item, error) { return book.Item{}, errSecret }, fault.Internal, ""},
		{"damage is 500", func() (book.Item, error) {
			return book.Item{}, fault.Wrap(fault.Internal, errSecret, "book 7 is damaged")
		}, fault.Internal, ""},
		{"a store that is down is 503", func() (book.Item, error) {
			return book.Item{}, fault.Wrap(fault.Unavailable, errSecret, "The store cannot read now.")
		}, fault.Unavailable, "The store cannot read now."},
		{"a lost condition that nobody caught is 500", func() (book.Item, error) {
			return book.Item{}, fault.Wrap(fault.Changed, errSecret, "changed")
		}, fault.Internal, ""},
		{"a panic is 500", func() (book.Item, error) { panic(errSecret.Error()) }, fault.Internal, ""},
		{"a panic with an error is 500", func() (book.Item, error) { panic(errSecret) }, fault.Internal, ""},
		{"a panic with what cannot be compared is 500", func() (book.Item, error) { panic([]string{errSecret.Error()}) }, fault.Internal, ""},
		{"a book that cannot be written as JSON is 500", func() (book.Item, error) {
			return book.Item{ID: someID(), Existence: book.Live, Draft: book.Draft{Title: "\xff"}}, nil
		}, fault.Internal, ""},
	} {
		t.Run(c.name+", logged once and told to nobody", func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sqlite.LaneOptions{})
			s.api.Books = books{s.db.Books(), c.get}
			got := s.do(t, get(bookPath()))
			if p := got.problem(t, c.kind); p.Detail != c.detail || p.Errors != nil {
				t.Errorf("got %+v", p)
			}
			secret := errSecret.Error()
			if strings.Contains(c.name, "JSON") {
				secret = "encode an answer"
			}
			wantLogged(t, s, got, secret)
			if after := got.header.Get("Retry-After"); (after == "1") != (c.kind == fault.Unavailable) {
				t.Errorf("Retry-After is %q", after)
			}
			if strings.Contains(got.body, "goroutine") || strings.Contains(got.body, ".go:") {
				t.Errorf("the client sees a stack: %s", got.body)
			}
		})
	}
	t.Run("a handler that aborts is left to the server", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		s.api.Books = books{s.db.Books(), func() (book.Item, error) { panic(http.ErrAbortHandler) }}
		defer func() {
			if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // what was thrown is what is caught
				t.Errorf("got %v", p)
			}
		}()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, bookPath(), http.NoBody)
		s.handler.ServeHTTP(httptest.NewRecorder(), req)
	})
}

func TestFullLane(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{MaxDepth: 1})
	if got := s.do(t, post(valid)); got.status != http.StatusAccepted {
		t.Fatalf("got %d", got.status)
	}
	for _, r := range []request{post(valid), put(valid), patch("{}"), remove()} {
		got := s.do(t, r)
		got.problem(t, fault.Unavailable)
		got.wantHeader(t, "Retry-After", "1")
		got.wantHeader(t, "Location", "")
	}
	if n := s.waiting(t); n != 1 {
		t.Errorf("%d messages are on the lane", n)
	}
	if lines := s.log.all(); len(lines) != 4 {
		t.Errorf("logged %d times: %q", len(lines), lines)
	}
	s.do(t, get(bookPath())).problem(t, fault.NotFound) // reads go on
}

func TestRequestsGivenUp(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req := httptest.NewRequestWithContext(ctx, http.MethodDelete, bookPath(), http.NoBody)
	req.Header.Set("Authorization", "Bearer "+writerKey)
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, req)
	if recorder.Code != http.StatusServiceUnavailable || s.waiting(t) != 0 {
		t.Errorf("got %d, %d messages on the lane", recorder.Code, s.waiting(t))
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	s.api.Checks = map[string]func(context.Context) error{
		"store": s.db.Ping,
		"lane":  func(context.Context) error { return errors.Join(errSecret) },
	}
	got := s.do(t, get("/readyz", "Authorization", ""))
	if got.status != http.StatusServiceUnavailable {
		t.Errorf("got %d", got.status)
	}
	wantJSON(t, got.body, fmt.Sprintf(`{"type":"/problems/unavailable","title":%q,"status":503,
		"detail":"Something that requests depend on does not answer.","checks":{"store":"ok","lane":"failing"}}`,
		fault.Describe(fault.Unavailable).Title))
	got.wantHeader(t, "Content-Type", "application/problem+json")
	got.wantHeader(t, "Retry-After", "1")
	if lines := s.log.all(); len(lines) != 1 || !strings.Contains(lines[0], errSecret.Error()) {
		t.Errorf("logged %q", lines)
	}
	if got := s.do(t, get("/healthz")); got.status != http.StatusOK {
		t.Errorf("a process whose store fails is still alive: got %d", got.status)
	}
}
