package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/key"
	"acervo/internal/sqlite"
)

// makeKey makes a key and returns it.
func (s *server) makeKey(t *testing.T, body string) string {
	t.Helper()
	a := s.operator(t, http.MethodPost, "/v1/keys", body)
	var made struct{ Key string }
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != http.StatusCreated || made.Key == "" {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	return made.Key
}

func TestKeysOfOperators(t *testing.T) {
	t.Parallel()
	const ci = `{"name":"ci","role":"writer"}`
	t.Run("a new key is shown once, and works at once", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		a := s.operator(t, http.MethodPost, "/v1/keys", `{"name":"ci","role":"writer","expires_at":"2026-08-01T00:00:00+02:00"}`)
		a.wantHeader(t, "Location", "/v1/keys/ci")
		a.wantHeader(t, "Cache-Control", "no-store")
		var made struct{ Key string }
		if err := json.Unmarshal([]byte(a.body), &made); err != nil || len(made.Key) != len("acervo_")+43 {
			t.Fatalf("got %d %s", a.status, a.body)
		}
		if got := s.writes(t, made.Key); got.status != http.StatusAccepted {
			t.Errorf("got %d %s", got.status, got.body)
		}
		list := s.operator(t, http.MethodGet, "/v1/keys", "")
		list.wantHeader(t, "Cache-Control", "no-store")
		wantJSON(t, list.body, `{"items":[{"name":"ci","role":"writer","made_at":"2026-07-01T12:00:00.123Z","made_by":"olga",
			"expires_at":"2026-07-31T22:00:00Z"}],"next_cursor":null}`)
		if all := fmt.Sprint(s.log.all()); strings.Contains(all, made.Key) || !strings.Contains(all, "olga") {
			t.Errorf("the log says %s", all)
		}
	})
	t.Run("only its hash is kept", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		secret := s.makeKey(t, ci)
		if kept, ok, err := s.db.CallerKeys().Find(t.Context(), key.HashOf(secret)); err != nil || !ok || strings.Contains(fmt.Sprintf("%+v", kept), secret) {
			t.Errorf("kept %+v, %v, %v", kept, ok, err)
		}
	})
	t.Run("two keys are not alike", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		if s.makeKey(t, ci) == s.makeKey(t, `{"name":"ci2","role":"writer"}`) {
			t.Error("they are one key")
		}
	})
	t.Run("a revoked key opens nothing from then on", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		secret := s.makeKey(t, ci)
		if got := s.operator(t, http.MethodDelete, "/v1/keys/ci", ""); got.status != http.StatusNoContent || got.body != "" {
			t.Errorf("got %d %s", got.status, got.body)
		}
		s.writes(t, secret).problem(t, fault.Unauthorized)
		s.operator(t, http.MethodDelete, "/v1/keys/ci", "").problem(t, fault.NotFound)
	})
	t.Run("a key ends when its time is over", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		secret := s.makeKey(t, `{"name":"ci","role":"writer","expires_at":"2026-07-01T13:00:00Z"}`)
		s.clock.advance(time.Hour - time.Second)
		if got := s.writes(t, secret); got.status != http.StatusAccepted {
			t.Errorf("got %d %s", got.status, got.body)
		}
		s.clock.advance(time.Second)
		s.writes(t, secret).problem(t, fault.Unauthorized)
	})
	t.Run("roles are what they say", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		for role, want := range map[string][2]int{"reader": {403, 403}, "writer": {202, 403}, "operator": {202, 200}} {
			secret := s.makeKey(t, fmt.Sprintf(`{"name":%q,"role":%q}`, "a-"+role, role))
			writes, watches := s.writes(t, secret), s.do(t, request{method: http.MethodGet, path: "/v1/queues", header: bearer(secret)})
			if writes.status != want[0] || watches.status != want[1] {
				t.Errorf("a %s is answered with %d and %d", role, writes.status, watches.status)
			}
		}
	})
	t.Run("a name is given once", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		s.makeKey(t, ci)
		s.operator(t, http.MethodPost, "/v1/keys", ci).problem(t, fault.Conflict)
	})
	t.Run("every fault is told at once", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		p := s.operator(t, http.MethodPost, "/v1/keys", `{"name":"../x","role":"root","expires_at":"2026-07-01T12:00:00Z"}`).problem(t, fault.Invalid)
		var pointers []string
		for _, f := range p.Errors {
			pointers = append(pointers, f.Pointer)
		}
		if fmt.Sprint(pointers) != "[/name /role /expires_at]" {
			t.Errorf("got %v", p.Errors)
		}
		for _, name := range []string{"", "operator", "CI", "a b", "https://id.example/ alice", "-a", "a\n", "é", strings.Repeat("a", 65), "a%2fb", "a/b"} {
			body, err := json.Marshal(map[string]string{"name": name, "role": "reader"})
			if err != nil {
				t.Fatal(err)
			}
			s.operator(t, http.MethodPost, "/v1/keys", string(body)).problem(t, fault.Invalid)
		}
		for _, body := range []string{"", "{", `[]`, `{"name":"a","role":"reader","rolle":"x"}`, `{"name":"a","name":"b","role":"reader"}`, `{"name":"a","role":"reader","expires_at":"soon"}`} {
			s.do(t, request{
				method: http.MethodPost, path: "/v1/keys", body: body,
				header: headers("Authorization", "Bearer "+operatorKey, "Content-Type", plain),
			}).problem(t, fault.Syntax)
		}
	})
	t.Run("only operators see to keys", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		for _, r := range []request{
			{method: http.MethodGet, path: "/v1/keys"},
			{method: http.MethodPost, path: "/v1/keys", body: ci},
			{method: http.MethodDelete, path: "/v1/keys/ci"},
		} {
			s.do(t, r).problem(t, fault.Forbidden) // a writer's key
			r.header = headers("Authorization", "Basic b2xnYQ==")
			s.do(t, r).problem(t, fault.Unauthorized)
		}
	})
	t.Run("where none are kept there is nothing to see to", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		s.api.KeyStore = nil
		s.handler = s.api.Handler()
		s.operator(t, http.MethodGet, "/v1/keys", "").problem(t, fault.NotFound)
		s.writes(t, key.NewSecret()).problem(t, fault.Unauthorized)
	})
	t.Run("the one who retries a dead job is named in its history", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, sqlite.LaneOptions{})
		secret := s.makeKey(t, `{"name":"olga.laptop","role":"operator"}`)
		id := s.dead(t, create())
		retry := s.do(t, request{method: http.MethodPost, path: "/v1/dead/" + id + "/retry", header: bearer(secret)})
		if retry.status != http.StatusAccepted {
			t.Fatalf("got %d %s", retry.status, retry.body)
		}
		if got := s.operator(t, http.MethodGet, "/v1/dead/"+id, ""); !strings.Contains(got.body, `"who":"olga.laptop"`) {
			t.Errorf("got %s", got.body)
		}
	})
}

func TestPrivateReads(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	s.store(t, book.Draft{Title: "x", Authors: []string{"y"}}, 1)
	get := func(path, authorization string) answer {
		return s.do(t, request{method: http.MethodGet, path: path, header: headers("Authorization", authorization)})
	}
	paths := []string{bookPath(), "/v1/books"}
	for _, path := range paths {
		if got := get(path, ""); got.status != http.StatusOK {
			t.Errorf("%s is public and answered with %d", path, got.status)
		}
	}
	s.api.PrivateReads = true
	s.handler = s.api.Handler()
	for _, path := range paths {
		get(path, "").problem(t, fault.Unauthorized)
		if got := get(path, "Bearer "+readerKey); got.status != http.StatusOK {
			t.Errorf("%s is answered to a reader with %d", path, got.status)
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	const page = "https://books.example"
	s := newServer(t, sqlite.LaneOptions{})
	preflight := func(s *server, origin string) answer {
		return s.do(t, request{
			method: http.MethodOptions, path: bookPath(),
			header: headers("Origin", origin, "Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "authorization"),
		})
	}
	t.Run("are closed unless some are configured", func(t *testing.T) {
		t.Parallel()
		got := preflight(s, page)
		got.wantHeader(t, "Access-Control-Allow-Origin", "")
		got.wantHeader(t, "Vary", "")
		if got.status != http.StatusNoContent || got.header.Get("Allow") == "" {
			t.Errorf("OPTIONS answers %d %v", got.status, got.header)
		}
	})
	open := newServer(t, sqlite.LaneOptions{})
	open.api.Origins = []string{"https://other.example", page}
	open.handler = open.api.Handler()
	t.Run("that are configured may ask for everything", func(t *testing.T) {
		t.Parallel()
		got := preflight(open, page)
		got.wantHeader(t, "Access-Control-Allow-Origin", page)
		got.wantHeader(t, "Access-Control-Allow-Credentials", "")
		for name, want := range map[string]string{"Access-Control-Allow-Methods": "PATCH", "Access-Control-Allow-Headers": "Authorization"} {
			if !strings.Contains(got.header.Get(name), want) {
				t.Errorf("%s is %q", name, got.header.Get(name))
			}
		}
		if got.status != http.StatusNoContent {
			t.Errorf("got %d", got.status)
		}
	})
	t.Run("see the answers and the headers that matter, refusals too", func(t *testing.T) {
		t.Parallel()
		got := open.do(t, post(`{}`, "Origin", page))
		got.problem(t, fault.Invalid)
		got.wantHeader(t, "Access-Control-Allow-Origin", page)
		exposed := strings.Split(got.header.Get("Access-Control-Expose-Headers"), ", ")
		for _, name := range []string{"ETag", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After"} {
			if !slices.Contains(exposed, name) {
				t.Errorf("%s is not among %q", name, exposed)
			}
		}
	})
	for _, origin := range []string{
		"", "null", "*", "https://evil.example", "http://books.example", "https://books.example:8443", "https://books.example.evil.example",
		"https://BOOKS.example", "https://books.example, https://evil.example",
	} {
		t.Run(fmt.Sprintf("%q is none of them", origin), func(t *testing.T) {
			t.Parallel()
			got := preflight(open, origin)
			got.wantHeader(t, "Access-Control-Allow-Origin", "")
			got.wantHeader(t, "Vary", "Origin")
		})
	}
}
