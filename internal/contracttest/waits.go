package contracttest

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"
)

func waitRows() []row {
	return []row{
		{
			request: "the same with Prefer: wait=N",
			sentences: []sentence{
				{says: "what is done in time is answered with its outcome", check: outcomes},
				{says: "what has failed is answered with its problem", check: failures},
				{says: "what is not done in time is 202, and no preference was applied", check: notInTime, alone: true},
				{says: "what is no preference is ignored", check: noPreference},
			},
			unseen: []string{
				"superseded is 409 and dead is 500: only a job that was dead is ever superseded, and one dies after ten attempts " +
					"in a quarter of an hour (httpapi/waiting_test.go)",
			},
		},
		{
			request: "the same with Idempotency-Key",
			sentences: []sentence{
				{says: "the same key and body are the same job", check: replayed},
				{says: "another body is 422", check: otherBody},
				{says: "is of its caller only", check: otherCallers},
				{says: "is a string of RFC 8941", check: keysAreStrings},
			},
			unseen: []string{"is kept 14 days (httpapi/accepted_test.go, job/jobtest/claims.go)"},
		},
	}
}

func outcomes(t *testing.T, s *site) {
	path := somewhere()
	for _, c := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"create", http.MethodPost, "/v1/books", draft("a", fmt.Sprintf(`,"id":%q`, idOf(path))), http.StatusCreated},
		{"replace of a book", http.MethodPut, path, draft("b", ""), http.StatusOK},
		{"update", http.MethodPatch, path, `{"title":"c"}`, http.StatusOK},
		{"delete", http.MethodDelete, path, "", http.StatusNoContent},
		{"replace of nothing", http.MethodPut, path, draft("d", ""), http.StatusCreated},
	} {
		a := s.ask(t, s.Writer, c.method, c.path, c.body, "Prefer", "wait=25").is(t, c.status).has(t, "Preference-Applied", "wait=25")
		if c.status == http.StatusNoContent {
			continue
		}
		a.object(t, bookMembers)
		a.has(t, "ETag", fmt.Sprintf(`"v%d"`, a.book(t).Version))
		if c.status == http.StatusCreated && a.header.Get("Location") != path {
			t.Errorf("the %s is at %q", c.name, a.header.Get("Location"))
		}
	}
}

func failures(t *testing.T, s *site) {
	path := s.make(t, "x", "")
	for _, c := range []struct {
		method, path, body string
		status             int
		headers            []string
	}{
		{http.MethodPost, "/v1/books", draft("a", fmt.Sprintf(`,"id":%q`, idOf(path))), http.StatusConflict, nil},
		{http.MethodPut, path, draft("b", ""), http.StatusPreconditionFailed, []string{"If-Match", `"v9"`}},
		{http.MethodDelete, somewhere(), "", http.StatusNotFound, nil},
	} {
		s.ask(t, s.Writer, c.method, c.path, c.body, append(c.headers, "Prefer", "wait=25")...).
			has(t, "Preference-Applied", "wait=25").problem(t, c.status)
	}
}

func notInTime(t *testing.T, s *site) {
	defer s.resume(t) // for the sentences that follow, however this one ends
	s.pause(t)
	a := s.ask(t, s.Writer, http.MethodPut, somewhere(), draft("x", ""), "Prefer", "wait=1").is(t, http.StatusAccepted)
	a.lacks(t, "Preference-Applied").has(t, "Location", "/v1/jobs/").comesAgain(t)
	a.object(t, jobMembers)
	job := a.header.Get("Location")
	a = s.ask(t, s.Reader, http.MethodGet, job, "").is(t, http.StatusOK)
	a.comesAgain(t)
	if j := a.job(t); j.State != "queued" || j.FinishedAt != nil {
		t.Errorf("while the lane is paused its job is %+v", j)
	}
	s.resume(t)
	if j := s.ended(t, job); j.State != "succeeded" {
		t.Errorf("after that it ends as %+v", j)
	}
}

func noPreference(t *testing.T, s *site) {
	for _, value := range []string{"wait=soon", "wait=-1", "return=minimal", "wait"} {
		s.ask(t, s.Writer, http.MethodPut, somewhere(), draft("x", ""), "Prefer", value).is(t, http.StatusAccepted).lacks(t, "Preference-Applied")
	}
}

func replayed(t *testing.T, s *site) {
	path, key := somewhere(), uuid.NewString()
	first := s.ask(t, s.Writer, http.MethodPut, path, draft("x", ""), "Idempotency-Key", key).is(t, http.StatusAccepted).lacks(t, "Idempotent-Replayed")
	for _, same := range []string{key, `"` + key + `"`} {
		again := s.ask(t, s.Writer, http.MethodPut, path, draft("x", ""), "Idempotency-Key", same).is(t, http.StatusAccepted).has(t, "Idempotent-Replayed", "true")
		if again.header.Get("Location") != first.header.Get("Location") {
			t.Errorf("%s is another job, %s and not %s", same, again.header.Get("Location"), first.header.Get("Location"))
		}
	}
	s.ended(t, first.header.Get("Location"))
	a := s.ask(t, s.Writer, http.MethodPut, path, draft("x", ""), "Idempotency-Key", key, "Prefer", "wait=25").is(t, http.StatusCreated)
	a.has(t, "Idempotent-Replayed", "true")
	if b := a.book(t); b.Version != 1 {
		t.Errorf("it was applied more than once: %+v", b)
	}
}

func otherBody(t *testing.T, s *site) {
	path, key := somewhere(), uuid.NewString()
	s.ask(t, s.Writer, http.MethodPut, path, draft("x", ""), "Idempotency-Key", key).is(t, http.StatusAccepted)
	s.ask(t, s.Writer, http.MethodPut, path, draft("y", ""), "Idempotency-Key", key).problem(t, http.StatusUnprocessableEntity)
	s.ask(t, s.Writer, http.MethodDelete, path, "", "Idempotency-Key", key).problem(t, http.StatusUnprocessableEntity)
}

func otherCallers(t *testing.T, s *site) {
	path, key := somewhere(), uuid.NewString()
	first := s.ask(t, s.Writer, http.MethodPut, path, draft("x", ""), "Idempotency-Key", key).is(t, http.StatusAccepted)
	other := s.ask(t, s.Operator, http.MethodPut, path, draft("y", ""), "Idempotency-Key", key).is(t, http.StatusAccepted).lacks(t, "Idempotent-Replayed")
	if first.header.Get("Location") == other.header.Get("Location") {
		t.Error("two callers have one job")
	}
}

func keysAreStrings(t *testing.T, s *site) {
	for _, key := range []string{`"open`, `""`, "ü", fmt.Sprintf("%0256d", 1)} {
		s.ask(t, s.Writer, http.MethodPut, somewhere(), draft("x", ""), "Idempotency-Key", key).problem(t, http.StatusBadRequest)
	}
}
