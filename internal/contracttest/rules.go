package contracttest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func otherRows() []row {
	return []row{
		{request: "GET /healthz · /readyz · /version", sentences: []sentence{
			{says: "tell how the process does, to everybody", check: health},
		}},
		{request: "the rules of every answer", sentences: []sentence{
			{says: "X-Request-Id is there, and is the caller's own if that is harmless", check: requestIDs},
			{says: "HEAD is wherever GET is", check: heads},
			{says: "OPTIONS is 204 with Allow, and another method 405 with it", check: methods},
			{says: "the document and its page are there, and every problem has a page", check: documents},
		}, unseen: []string{"429 and 503 (httpapi/limits_test.go, api/outage_test.go)", "traceparent (httpapi/accepted_test.go)"}},
		{request: "roles", sentences: []sentence{
			{says: "nobody without a role gets through to anything but books", check: strangers},
			{says: "a role gets through to what is its own and no further", check: roles},
		}},
		{request: "keys", sentences: []sentence{{says: "are made, used and revoked", check: keys}}},
	}
}

func health(t *testing.T, s *site) {
	for _, path := range []string{"/healthz", "/readyz", "/version"} {
		s.ask(t, "", http.MethodGet, path, "").is(t, http.StatusOK).has(t, "Content-Type", plain)
	}
}

func requestIDs(t *testing.T, s *site) {
	s.ask(t, "", http.MethodGet, "/healthz", "", "X-Request-Id", "my-own.1").has(t, "X-Request-Id", "my-own.1")
	if got := s.ask(t, "", http.MethodGet, "/healthz", "", "X-Request-Id", "a b").header.Get("X-Request-Id"); got == "a b" {
		t.Errorf("the id is %q", got)
	}
}

func heads(t *testing.T, s *site) {
	for _, op := range s.operations {
		if op.method != http.MethodGet || op.path == "/readyz" {
			continue
		}
		path := sample(op.path)
		got, head := s.ask(t, s.Operator, http.MethodGet, path, ""), s.ask(t, s.Operator, http.MethodHead, path, "")
		if got.status != head.status || got.header.Get("Content-Type") != head.header.Get("Content-Type") {
			t.Errorf("GET %s is %d of %s, HEAD %d of %s", path, got.status, got.header.Get("Content-Type"), head.status, head.header.Get("Content-Type"))
		}
	}
}

// allowed are the methods of an address by the document, as Allow has them. What
// has a name of its own may be that of a job as well: /v1/dead/retry.
func (s *site) allowed(path string) []string {
	all := []string{http.MethodOptions}
	for _, op := range s.operations {
		if !op.pattern.MatchString(path) {
			continue
		}
		all = append(all, op.method)
		if op.method == http.MethodGet {
			all = append(all, http.MethodHead)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func methods(t *testing.T, s *site) {
	for _, op := range s.operations {
		path := sample(op.path)
		got := strings.Split(s.ask(t, "", http.MethodOptions, path, "").is(t, http.StatusNoContent).header.Get("Allow"), ", ")
		slices.Sort(got)
		if !slices.Equal(got, s.allowed(path)) {
			t.Errorf("%s allows %v, the document says %v", path, got, s.allowed(path))
		}
		s.ask(t, s.Operator, http.MethodTrace, path, "").problem(t, http.StatusMethodNotAllowed)
	}
	s.ask(t, "", http.MethodOptions, "/nowhere", "").problem(t, http.StatusNotFound)
}

func documents(t *testing.T, s *site) {
	s.ask(t, "", http.MethodGet, "/docs", "").is(t, http.StatusOK).has(t, "Content-Type", "text/html")
	for _, code := range []string{
		"bad_request", "unauthorized", "forbidden", "not_found", "method_not_allowed", "conflict", "gone", "precondition_failed", "too_large",
		"unsupported_media_type", "invalid", "unsupported_combination", "too_many_requests", "unavailable", "internal",
	} {
		s.ask(t, "", http.MethodGet, "/problems/"+code, "").is(t, http.StatusOK)
	}
	s.ask(t, "", http.MethodGet, "/problems/nothing", "").problem(t, http.StatusNotFound)
}

// needs is the least role that an operation is for, empty for everybody.
func needs(op operation) string {
	switch {
	case !strings.HasPrefix(op.path, "/v1/"), bearing(op), strings.HasPrefix(op.path, "/v1/books") && op.method == http.MethodGet:
		return ""
	case strings.HasPrefix(op.path, "/v1/books"), strings.HasPrefix(op.path, "/v1/imports") && op.method == http.MethodPost:
		return "writer"
	case strings.HasPrefix(op.path, "/v1/jobs"), strings.HasPrefix(op.path, "/v1/imports"):
		return "reader"
	default:
		return "operator"
	}
}

// bearing reports whether the address itself is the authority, whoever brings it.
func bearing(op operation) bool { return strings.HasPrefix(op.path, "/v1/uploads/") }

func strangers(t *testing.T, s *site) {
	for _, op := range s.operations {
		if bearing(op) {
			continue
		}
		for _, who := range []string{"", "nobody's"} {
			a := s.ask(t, who, op.method, sample(op.path), "")
			if closed := needs(op) != ""; closed != (a.status == http.StatusUnauthorized) {
				t.Errorf("%q: %v", who, a)
			}
		}
	}
}

func roles(t *testing.T, s *site) {
	ranks := []string{"", "reader", "writer", "operator"}
	for rank, who := range []string{"", s.Reader, s.Writer, s.Operator} {
		for _, op := range s.operations {
			if who == "" || bearing(op) || who == s.Operator && harmful(op) {
				continue
			}
			a := s.ask(t, who, op.method, sample(op.path), "")
			if closed := slices.Index(ranks, needs(op)) > rank; closed != (a.status == http.StatusForbidden) || a.status == http.StatusUnauthorized {
				t.Errorf("to a %s %v", ranks[rank], a)
			}
		}
	}
}

// harmful are orders that need no body and would disturb other sentences.
func harmful(op operation) bool { return op.path == "/v1/dead/retry" || op.path == "/v1/dead/discard" }

func keys(t *testing.T, s *site) {
	name := "c-" + uuid.NewString()
	a := s.ask(t, s.Operator, http.MethodPost, "/v1/keys", `{"name":"`+name+`","role":"writer"}`).is(t, http.StatusCreated)
	a.has(t, "Location", "/v1/keys/"+name)
	secret, _ := a.object(t, "name role made_at made_by expires_at key")["key"].(string)
	s.ask(t, secret, http.MethodPut, somewhere(), draft("x", "")).is(t, http.StatusAccepted)
	if listed := string(s.ask(t, s.Operator, http.MethodGet, "/v1/keys", "").is(t, http.StatusOK).body); !strings.Contains(listed, name) || strings.Contains(listed, secret) {
		t.Errorf("the keys are %s", listed)
	}
	s.ask(t, s.Operator, http.MethodDelete, "/v1/keys/"+name, "").is(t, http.StatusNoContent)
	s.ask(t, secret, http.MethodPut, somewhere(), draft("x", "")).problem(t, http.StatusUnauthorized)
}
