package contracttest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"acervo/internal/e2etest"
)

const jobMembers = "id kind state book_id submitted_at finished_at attempts next_attempt_at book_version error links"

const bookMembers = "id title authors isbn published language description rating price cover version created_at updated_at"

// somewhere is the address of a book that nobody else knows of.
func somewhere() string { return "/v1/books/" + uuid.NewString() }

func idOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// draft is a valid draft with more members.
func draft(title, more string) string {
	return fmt.Sprintf(`{"title":%q,"authors":["A. Checker"]%s}`, title, more)
}

// newISBN is one that no other sentence uses.
func newISBN() string { return e2etest.ISBN(rand.IntN(1e9)) }

func bookRows() []row {
	return []row{
		{request: "POST, PUT, PATCH and DELETE of books", sentences: []sentence{
			{says: "each is answered 202 with its job, where that is and when to ask for it", check: acceptedWrites},
			{says: "a book reads as it was sent", check: whatWasSent},
			{says: "a patch of either type changes what it names and removes what it nulls", check: patches},
			{says: "If-Match and If-None-Match are judged when the write is applied", check: preconditions},
			{says: "an operator may say which version a book begins with, and nothing goes back", check: beginnings},
			{says: "a create of what exists ends 409, of the same ISBN too", check: conflicts},
			{says: "an update or a delete of what is not there ends 404", check: changesOfNothing},
			{says: "every fault of a draft is told at once", check: faults},
			{says: "what is too large is 413", check: tooLarge},
			{says: "another type is 415 and told which are taken", check: otherTypes},
		}},
		{request: "GET /v1/books/{id}", sentences: []sentence{
			{says: "has a strong ETag of the version, and 304 for whoever has it", check: tags},
			{says: "is 404 for what is not there, what was removed and what is no id", check: absentBooks},
			{says: "is a strong read: what has succeeded shows at once", check: strongReads},
		}},
	}
}

func acceptedWrites(t *testing.T, s *site) {
	path := somewhere()
	for _, w := range []struct{ method, path, body, kind string }{
		{http.MethodPost, "/v1/books", draft("a", fmt.Sprintf(`,"id":%q`, idOf(path))), "book.create"},
		{http.MethodPut, path, draft("b", ""), "book.replace"},
		{http.MethodPatch, path, `{"title":"c"}`, "book.update"},
		{http.MethodDelete, path, "", "book.delete"},
	} {
		a := s.ask(t, s.Writer, w.method, w.path, w.body).is(t, http.StatusAccepted).has(t, "Location", "/v1/jobs/")
		a.comesAgain(t)
		a.object(t, jobMembers)
		if j := a.job(t); j.Kind != w.kind || j.BookID != idOf(path) || a.header.Get("Location") != "/v1/jobs/"+j.ID {
			t.Errorf("%s is answered with %+v at %s", w.method, j, a.header.Get("Location"))
		}
		if end := s.ended(t, a.header.Get("Location")); end.State != "succeeded" || end.FinishedAt == nil || end.Error != nil {
			t.Errorf("%s ends as %+v", w.method, end)
		}
	}
}

func whatWasSent(t *testing.T, s *site) {
	isbn := newISBN()
	path := s.make(t, "Água Viva", fmt.Sprintf(
		`,"isbn":%q,"published":1973,"language":"pt-BR","description":"d","rating":4.5,"price":{"amount":"39.90","currency":"BRL"}`, isbn))
	v := s.ask(t, "", http.MethodGet, path, "").is(t, http.StatusOK).object(t, bookMembers)
	want := map[string]any{
		"id": idOf(path), "title": "Água Viva", "authors": []any{"A. Checker"}, "isbn": isbn, "published": 1973.0, "language": "pt-BR",
		"description": "d", "rating": 4.5, "price": map[string]any{"amount": "39.90", "currency": "BRL"}, "cover": nil, "version": 1.0,
	}
	for name, value := range want {
		if fmt.Sprint(v[name]) != fmt.Sprint(value) {
			t.Errorf("%s is %v, want %v", name, v[name], value)
		}
	}
	for _, name := range []string{"created_at", "updated_at"} {
		if at, _ := v[name].(string); !strings.HasSuffix(at, "Z") {
			t.Errorf("%s is not UTC: %v", name, v[name])
		}
	}
}

func patches(t *testing.T, s *site) {
	path := s.make(t, "x", `,"rating":3,"description":"d"`)
	for _, c := range []struct{ mediaType, body string }{{merge, `{"rating":null}`}, {plain, `{"title":"y"}`}} {
		if j := s.write(t, http.MethodPatch, path, c.body, "Content-Type", c.mediaType); j.State != "succeeded" {
			t.Errorf("a patch of %s ended as %+v", c.mediaType, j)
		}
	}
	v := s.ask(t, "", http.MethodGet, path, "").object(t, bookMembers)
	if v["rating"] != nil || v["title"] != "y" || v["description"] != "d" || v["version"] != 3.0 {
		t.Errorf("got %v", v)
	}
}

func preconditions(t *testing.T, s *site) {
	path := s.make(t, "x", "")
	for _, c := range []struct{ header, value, state string }{
		{"If-Match", `"v7"`, "failed"},
		{"If-None-Match", "*", "failed"},
		{"If-Match", `"v1"`, "succeeded"},
		{"If-None-Match", `"v1"`, "succeeded"},
	} {
		j := s.write(t, http.MethodPut, path, draft("y", ""), c.header, c.value)
		if j.State != c.state || j.State == "failed" && (j.Error == nil || j.Error.Status != http.StatusPreconditionFailed) {
			t.Errorf("with %s: %s the job ends as %+v", c.header, c.value, j)
		}
	}
	s.ask(t, s.Writer, http.MethodPut, path, draft("y", ""), "If-Match", "v7").problem(t, http.StatusBadRequest)
}

func beginnings(t *testing.T, s *site) {
	path := somewhere()
	for _, w := range []struct {
		method, version string
		want            int64
	}{
		{http.MethodPut, "?version=7", 7},
		{http.MethodPut, "?version=7", 8}, // it exists, and counts on
		{http.MethodDelete, "", 9},
		{http.MethodPut, "?version=3", 10}, // and does not go back
	} {
		body := map[string]string{http.MethodPut: draft("x", "")}[w.method]
		a := s.ask(t, s.Operator, w.method, path+w.version, body).is(t, http.StatusAccepted)
		if j := s.ended(t, a.header.Get("Location")); j.State != "succeeded" || j.BookVersion == nil || *j.BookVersion != w.want {
			t.Errorf("%s %s ends as %+v, want version %v", w.method, w.version, j, w.want)
		}
	}
	s.ask(t, s.Writer, http.MethodPut, path+"?version=7", draft("x", "")).problem(t, http.StatusForbidden)
	s.ask(t, s.Operator, http.MethodPut, path+"?version=0", draft("x", "")).problem(t, http.StatusBadRequest)
	s.ask(t, s.Operator, http.MethodPatch, path+"?version=7", `{"title":"y"}`).problem(t, http.StatusBadRequest)
}

func conflicts(t *testing.T, s *site) {
	path, isbn := s.make(t, "x", ""), newISBN()
	if j := s.write(t, http.MethodPost, "/v1/books", draft("x", fmt.Sprintf(`,"isbn":%q`, isbn))); j.State != "succeeded" {
		t.Errorf("the first of an ISBN ends as %+v", j)
	}
	hyphens := isbn[:3] + "-" + isbn[3:12] + "-" + isbn[12:]
	for _, body := range []string{draft("x", fmt.Sprintf(`,"id":%q`, idOf(path))), draft("z", fmt.Sprintf(`,"isbn":%q`, hyphens))} {
		if j := s.write(t, http.MethodPost, "/v1/books", body); j.State != "failed" || j.Error == nil || j.Error.Status != http.StatusConflict {
			t.Errorf("%s ends as %+v", body, j)
		}
	}
}

func changesOfNothing(t *testing.T, s *site) {
	for method, body := range map[string]string{http.MethodPatch: `{"title":"x"}`, http.MethodDelete: ""} {
		if j := s.write(t, method, somewhere(), body); j.State != "failed" || j.Error == nil || j.Error.Status != http.StatusNotFound {
			t.Errorf("%s ends as %+v", method, j)
		}
	}
}

func faults(t *testing.T, s *site) {
	post := func(body string) answer { return s.ask(t, s.Writer, http.MethodPost, "/v1/books", body) }
	post(`{"isbn":"123","rating":9,"language":"pt_","published":0,"price":{"amount":"1.234","currency":"BRL"}}`).faulty(t,
		http.StatusUnprocessableEntity, "/title required", "/authors required", "/isbn not_an_isbn", "/rating out_of_range",
		"/language not_a_language", "/published out_of_range", "/price/amount too_precise")
	post(`{"title":"x","authors":["x"],"pages":1,"Title":"y"}`).faulty(t, http.StatusBadRequest, "/pages unknown_field", "/Title unknown_field")
	post(`{"title":"x","title":"x","authors":["x"]}`).faulty(t, http.StatusBadRequest, "/title duplicate_field")
	post(`{"title":`).faulty(t, http.StatusBadRequest, " malformed")
	post("{\"title\":\"\xff\",\"authors\":[\"x\"]}").problem(t, http.StatusBadRequest)
	s.ask(t, s.Writer, http.MethodPatch, somewhere(), `{"title":null,"authors":[]}`).problem(t, http.StatusUnprocessableEntity)
}

func tooLarge(t *testing.T, s *site) {
	post := func(body string) answer { return s.ask(t, s.Writer, http.MethodPost, "/v1/books", body) }
	post(draft("x", "")+strings.Repeat(" ", 1<<20)).problem(t, http.StatusRequestEntityTooLarge)
	post(draft("x", `,"description":"`+strings.Repeat(`\"`, 32<<10)+`"`)).problem(t, http.StatusRequestEntityTooLarge)
	post(draft("x", fmt.Sprintf(`,"description":%q`, strings.Repeat("d", 32<<10+1)))).problem(t, http.StatusUnprocessableEntity)
	post(draft("x", fmt.Sprintf(`,"description":%q`, strings.Repeat("d", 32<<10)))).is(t, http.StatusAccepted)
}

func otherTypes(t *testing.T, s *site) {
	path := somewhere()
	s.ask(t, s.Writer, http.MethodPost, "/v1/books", draft("x", ""), "Content-Type", "text/plain").
		has(t, "Accept-Post", plain).problem(t, http.StatusUnsupportedMediaType)
	s.ask(t, s.Writer, http.MethodPatch, path, "{}", "Content-Type", "application/json-patch+json").
		has(t, "Accept-Patch", merge).problem(t, http.StatusUnsupportedMediaType)
	s.ask(t, s.Writer, http.MethodPut, path, draft("x", ""), "Content-Type", "text/plain").problem(t, http.StatusUnsupportedMediaType)
}

func tags(t *testing.T, s *site) {
	path := s.make(t, "x", "")
	a := s.ask(t, "", http.MethodGet, path, "").is(t, http.StatusOK)
	if tag := a.header.Get("ETag"); tag != `"v1"` {
		t.Errorf("its ETag is %s", tag)
	}
	s.ask(t, "", http.MethodGet, path, "", "If-None-Match", `"v1"`).is(t, http.StatusNotModified).has(t, "ETag", `"v1"`)
	s.write(t, http.MethodPatch, path, `{"rating":2}`)
	s.ask(t, "", http.MethodGet, path, "", "If-None-Match", `"v1"`).is(t, http.StatusOK).has(t, "ETag", `"v2"`)
	s.ask(t, "", http.MethodHead, path, "").is(t, http.StatusOK).has(t, "ETag", `"v2"`)
}

func absentBooks(t *testing.T, s *site) {
	removed := s.make(t, "x", "")
	s.write(t, http.MethodDelete, removed, "")
	for _, path := range []string{removed, somewhere(), "/v1/books/7"} {
		s.ask(t, "", http.MethodGet, path, "").problem(t, http.StatusNotFound)
	}
}

func strongReads(t *testing.T, s *site) {
	path := s.make(t, "0", "")
	for i := range 5 {
		title := fmt.Sprint(i + 1)
		s.write(t, http.MethodPatch, path, fmt.Sprintf(`{"title":%q}`, title))
		if b := s.ask(t, "", http.MethodGet, path, "").book(t); b.Title != title || b.Version != int64(i+2) {
			t.Errorf("after %s it reads %+v", title, b)
		}
	}
}
