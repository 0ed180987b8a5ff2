package httpapi_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/httpapi"
	"acervo/internal/job"
	"acervo/internal/key"
	"acervo/internal/sqlite"
)

// A refusal is a request that is refused: how, with which header, and for which
// faults of its fields.
type refusal struct {
	name string
	request
	kind   fault.Kind
	want   http.Header
	faults []string
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	s.store(t, book.Draft{Title: "x", Authors: []string{"x"}}, 7)
	for _, table := range [][]refusal{syntaxRefusals(), keyRefusals(), addressRefusals(), methodRefusals(), sizeRefusals(), typeRefusals(), fieldRefusals(), listRefusals(), versionRefusals()} {
		for _, c := range table {
			t.Run(fmt.Sprintf("%d when %s", fault.Describe(c.kind).Status, c.name), func(t *testing.T) {
				t.Parallel()
				got := s.do(t, c.request)
				p := got.problem(t, c.kind)
				if p.Detail == "" {
					t.Error("it has no detail")
				}
				for name := range c.want {
					got.wantHeader(t, name, c.want.Get(name))
				}
				var faults []string
				for _, f := range p.Errors {
					faults = append(faults, f.Pointer+" "+f.Code)
				}
				if !slices.Equal(faults, c.faults) {
					t.Errorf("got %q, want %q", faults, c.faults)
				}
				if n := s.waiting(t); n != 0 {
					t.Errorf("%d messages were put on the lane", n)
				}
			})
		}
	}
	t.Cleanup(func() {
		if lines := s.log.all(); len(lines) != 0 {
			t.Errorf("what clients do wrong was logged: %q", lines)
		}
	})
}

// post, put and patch are writes of the writer.
func post(body string, pairs ...string) request {
	return request{method: http.MethodPost, path: "/v1/books", body: body, header: headers(pairs...)}
}

func put(body string, pairs ...string) request {
	return request{method: http.MethodPut, path: bookPath(), body: body, header: headers(pairs...)}
}

func patch(body string, pairs ...string) request {
	return request{method: http.MethodPatch, path: bookPath(), body: body, header: headers(pairs...)}
}

func remove(pairs ...string) request {
	return request{method: http.MethodDelete, path: bookPath(), header: headers(pairs...)}
}

func get(path string, pairs ...string) request {
	return request{method: http.MethodGet, path: path, header: headers(pairs...)}
}

func syntaxRefusals() []refusal {
	all := []refusal{
		{"the JSON is malformed", post(`{"title":`), fault.Syntax, nil, []string{" malformed"}},
		{"there is no body", request{method: http.MethodPost, path: "/v1/books", header: headers("Content-Type", plain)}, fault.Syntax, nil, []string{" malformed"}},
		{"the body is a list", post("[" + valid + "]"), fault.Syntax, nil, []string{" type"}},
		{"something follows the object", post(valid + valid), fault.Syntax, nil, []string{" trailing_data"}},
		{"the text is not UTF-8", post("{\"title\":\"\xff\"}"), fault.Syntax, nil, []string{" invalid_utf8"}},
		{"a name stands twice", put(`{"title":"x","title":"x","authors":["x"]}`), fault.Syntax, nil, []string{"/title duplicate_field"}},
		{
			"names are unknown or in the wrong case", post(`{"Title":"x","pages":1,"isbn":"1"}`), fault.Syntax, nil,
			[]string{"/Title unknown_field", "/pages unknown_field", "/isbn not_an_isbn", "/title required", "/authors required"},
		},
		{"a patch is no object", patch(`[]`), fault.Syntax, nil, []string{" type"}},
		{"the body breaks off", request{method: http.MethodPost, path: "/v1/books", reader: iotest.ErrReader(io.ErrUnexpectedEOF)}, fault.Syntax, nil, nil},
	}
	for _, header := range []string{"If-Match", "If-None-Match"} {
		for _, value := range []string{"v7", `"v7`, "", `*, "v7"`, `"v7" "v8"`} {
			name := fmt.Sprintf("%s is %q", header, value)
			all = append(all,
				refusal{name + " on PUT", put(valid, header, value), fault.Syntax, nil, nil},
				refusal{name + " on PATCH", patch("{}", header, value), fault.Syntax, nil, nil},
				refusal{name + " on DELETE", remove(header, value), fault.Syntax, nil, nil},
				refusal{name + " on GET", get(bookPath(), header, value), fault.Syntax, nil, nil})
		}
	}
	return all
}

// versionRefusals are of the version that a book is to begin with.
func versionRefusals() []refusal {
	at := func(r request, query, key string) request {
		r.path += "?" + query
		r.header.Set("Authorization", "Bearer "+key)
		return r
	}
	all := []refusal{
		{"a writer says which version a book begins with", at(put(valid), "version=7", writerKey), fault.Forbidden, nil, nil},
		{"a writer says so with a draft that is wrong", at(put("{}"), "version=7", writerKey), fault.Forbidden, nil, nil},
		{"two versions are named", at(put(valid), "version=7&version=7", operatorKey), fault.Syntax, nil, nil},
		{"the query of a PUT is malformed", at(put(valid), "version=%zz", operatorKey), fault.Syntax, nil, nil},
	}
	for _, version := range []string{"", "0", "-1", "+7", "07", "7.0", "v7", "x", "1000000000001", "99999999999999999999"} {
		all = append(all, refusal{fmt.Sprintf("the version is %q", version), at(put(valid), "version="+url.QueryEscape(version), operatorKey), fault.Syntax, nil, nil})
	}
	for _, r := range []request{post(valid), patch("{}"), remove()} {
		all = append(all, refusal{"a version is named on " + r.method, at(r, "version=7", operatorKey), fault.Combination, nil, nil})
	}
	return all
}

func keyRefusals() []refusal {
	const challenge = `Bearer realm="acervo"`
	var all []refusal
	for _, r := range []request{post(valid), put(valid), patch("{}"), remove(), get("/v1/jobs/x")} {
		for _, c := range []struct{ name, authorization, challenge string }{
			{"no key is sent", "", challenge},
			{"the scheme is another", "Basic " + writerKey, challenge},
			{"the key is empty", "Bearer ", challenge},
			{"the key stands alone", writerKey, challenge},
			{"the key is unknown", "Bearer nobody's", challenge + `, error="invalid_token"`},
			{"the key is only the head of one", "Bearer " + writerKey[:10], challenge + `, error="invalid_token"`},
			{"the key is in another case", "Bearer " + strings.ToUpper(writerKey), challenge + `, error="invalid_token"`},
		} {
			r := r
			r.header = headers("Authorization", c.authorization)
			all = append(all, refusal{c.name + " on " + r.method, r, fault.Unauthorized, headers("WWW-Authenticate", c.challenge), nil})
		}
		if r.method != http.MethodGet {
			r.header = headers("Authorization", "Bearer "+readerKey)
			all = append(all, refusal{"a reader sends " + r.method, r, fault.Forbidden, nil, nil})
		}
	}
	return append(all, refusal{
		"the key is in the address",
		request{method: http.MethodPost, path: "/v1/books?access_token=x&key=x", body: valid, header: headers("Authorization", "")},
		fault.Unauthorized, headers("WWW-Authenticate", challenge), nil,
	})
}

func addressRefusals() []refusal {
	const other = "/v1/books/01890a5d-ac96-774b-bcce-b302099a8058"
	all := []refusal{
		{"the book was never seen", get(other), fault.NotFound, nil, nil},
		{"a job's id is forged", get("/v1/jobs/" + strings.Repeat("0", 80)), fault.NotFound, nil, nil},
		{"a job's id is no receipt", get("/v1/jobs/7"), fault.NotFound, nil, nil},
	}
	for _, path := range []string{"/", "/v1", "/v1/", "/v2/books", "/v1/books/", bookPath() + "/", bookPath() + "/pages", "/v1/Books", "/v1/jobs", "/%2e%2e/etc/passwd", "//v1/books"} {
		all = append(all, refusal{"nothing is at " + path, get(path), fault.NotFound, nil, nil})
	}
	for _, id := range []string{"7", someID().String() + "0", "%20", strings.ReplaceAll(someID().String(), "-", ""), "00000000-0000-0000-0000-000000000000"} {
		for _, r := range []request{get(""), put(valid), patch("{}"), remove()} {
			r.path = "/v1/books/" + id
			all = append(all, refusal{r.method + " has the id " + id, r, fault.NotFound, nil, nil})
		}
	}
	return all
}

func methodRefusals() []refusal {
	var all []refusal
	for path, allow := range allowed() {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "TRACE", "QUERY", "get"} {
			if !slices.Contains(strings.Split(allow, ", "), method) {
				all = append(all, refusal{
					method + " is sent to " + path,
					request{method: method, path: path},
					fault.MethodNotAllowed, headers("Allow", allow), nil,
				})
			}
		}
	}
	return all
}

// allowed are the methods of each address.
func allowed() map[string]string {
	return map[string]string{
		"/healthz":        "GET, HEAD, OPTIONS",
		"/readyz":         "GET, HEAD, OPTIONS",
		"/version":        "GET, HEAD, OPTIONS",
		"/v1/books":       "GET, HEAD, POST, OPTIONS",
		bookPath():        "GET, HEAD, PUT, PATCH, DELETE, OPTIONS",
		"/v1/books/a%2Fb": "GET, HEAD, PUT, PATCH, DELETE, OPTIONS",
		"/v1/jobs/x":      "GET, HEAD, OPTIONS",
	}
}

func sizeRefusals() []refusal {
	space := strings.Repeat(" ", 1<<20-len(valid)+1)
	quotes := strings.Repeat(`\"`, 32<<10)
	draft := `{"title":"x","authors":["x"],"description":"` + quotes + `"}`
	unsized := func(method, path, body string) request {
		return request{method: method, path: path, reader: io.MultiReader(strings.NewReader(body))}
	}
	return []refusal{
		{"a POST has more than 1 MiB", post(valid + space), fault.TooLarge, nil, nil},
		{"a PUT has more than 1 MiB", put(valid + space), fault.TooLarge, nil, nil},
		{"a PATCH has more than 1 MiB", patch("{}" + space + space), fault.TooLarge, nil, nil},
		{"more than 1 MiB comes without a length", unsized(http.MethodPost, "/v1/books", valid+space), fault.TooLarge, nil, nil},
		{"a draft has more than 64 KiB", post(draft), fault.TooLarge, nil, nil},
		{"a replacement has more than 64 KiB", put(draft), fault.TooLarge, nil, nil},
		{"a patch has more than 64 KiB", patch(`{"description":"` + quotes + `"}`), fault.TooLarge, nil, nil},
	}
}

func typeRefusals() []refusal {
	const either = "application/merge-patch+json, application/json"
	var all []refusal
	for _, mediaType := range []string{
		"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/ld+json", "json",
		"application/json; charset=latin1", "application/json; charset=utf-16", "application/json; charset", "*/*", "application/*",
	} {
		name := fmt.Sprintf("%q is sent by ", mediaType)
		all = append(all,
			refusal{name + "POST", post(valid, "Content-Type", mediaType), fault.MediaType, headers("Accept-Post", plain), nil},
			refusal{name + "PUT", put(valid, "Content-Type", mediaType), fault.MediaType, headers("Accept", plain), nil},
			refusal{name + "PATCH", patch("{}", "Content-Type", mediaType), fault.MediaType, headers("Accept-Patch", either), nil})
	}
	const merge, json6902 = "application/merge-patch+json", "application/json-patch+json"
	return append(all,
		refusal{"a patch is posted", post(valid, "Content-Type", merge), fault.MediaType, headers("Accept-Post", plain), nil},
		refusal{"a patch is put", put(valid, "Content-Type", merge), fault.MediaType, headers("Accept", plain), nil},
		refusal{"a patch is a JSON Patch", patch("[]", "Content-Type", json6902), fault.MediaType, headers("Accept-Patch", either), nil},
		refusal{"the body is compressed", post("\x1f\x8b", "Content-Encoding", "gzip"), fault.MediaType, headers("Accept-Encoding", "identity"), nil})
}

func fieldRefusals() []refusal {
	const other = `"01890a5d-ac96-774b-bcce-b302099a8058"`
	return []refusal{
		{"a draft has no fields", post(`{}`), fault.Invalid, nil, []string{"/title required", "/authors required"}},
		{
			"every field of a draft is wrong", post(`{"id":7,"title":"","authors":[""],"isbn":"1","published":2028,"language":"pt_BR",` +
				`"description":1,"rating":6,"price":{"amount":"1.5","currency":"JPY"}}`), fault.Invalid, nil,
			[]string{
				"/id type", "/title blank", "/authors/0 blank", "/isbn not_an_isbn", "/published out_of_range", "/language not_a_language",
				"/description type", "/rating out_of_range", "/price/amount too_precise",
			},
		},
		{"a replacement names another id", put(`{"id":` + other + `,"title":"x","authors":["x"]}`), fault.Invalid, nil, []string{"/id mismatch"}},
		{"a patch names another id", patch(`{"id":` + other + `}`), fault.Invalid, nil, []string{"/id mismatch"}},
		{"a patch removes what is required", patch(`{"title":null}`), fault.Invalid, nil, []string{"/title required"}},
		{"a patch has a number beyond all floats", patch(`{"rating":1e400}`), fault.Invalid, nil, []string{"/rating type"}},
	}
}

func TestDeletedBooksAreNotFound(t *testing.T) {
	t.Parallel()
	for name, item := range map[string]book.Item{
		"a tombstone":         {ID: someID(), Existence: book.Tombstone, Version: 8, UpdatedAt: july()},
		"a fence and no more": {ID: someID(), Fence: 1},
	} {
		t.Run(name+" is 404", func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sqlite.LaneOptions{})
			if err := s.db.Books().Swap(t.Context(), book.Item{ID: someID()}, item); err != nil {
				t.Fatal(err)
			}
			got := s.do(t, get(bookPath(), "If-None-Match", "*"))
			got.problem(t, fault.NotFound)
			got.wantHeader(t, "ETag", "")
		})
	}
}

func TestForgottenJobsAreGone(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	receipt, err := s.api.Ring.Mint(job.Create, someID())
	if err != nil {
		t.Fatal(err)
	}
	s.clock.advance(14 * 24 * time.Hour)
	if got := s.do(t, get("/v1/jobs/"+receipt.ID)); got.status != http.StatusOK {
		t.Errorf("after 14 days it is %d", got.status)
	}
	s.clock.advance(24 * time.Hour)
	s.do(t, get("/v1/jobs/"+receipt.ID)).problem(t, fault.Gone)
}

func TestPreconditionsOfReads(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	s.store(t, book.Draft{Title: "x", Authors: []string{"x"}}, 7)
	for value, want := range map[string]int{`"v7"`: 200, `"v6", "v7"`: 200, `*`: 200, `"v6"`: 412, `W/"v7"`: 412} {
		got := s.do(t, get(bookPath(), "If-Match", value))
		if got.status != want {
			t.Errorf("If-Match: %s is %d", value, got.status)
		}
		if want == http.StatusPreconditionFailed {
			got.problem(t, fault.Precondition)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	for path, allow := range allowed() {
		t.Run("of "+path+" are told to everyone", func(t *testing.T) {
			t.Parallel()
			got := s.do(t, request{method: http.MethodOptions, path: path, header: headers("Authorization", "")})
			got.wantHeader(t, "Allow", allow)
			patchable := ""
			if strings.Contains(allow, http.MethodPatch) {
				patchable = "application/merge-patch+json, application/json"
			}
			got.wantHeader(t, "Accept-Patch", patchable)
			if got.status != http.StatusNoContent || got.body != "" {
				t.Errorf("got %d %q", got.status, got.body)
			}
		})
	}
	t.Run("of nothing are 404", func(t *testing.T) {
		t.Parallel()
		s.do(t, request{method: http.MethodOptions, path: "/nothing"}).problem(t, fault.NotFound)
	})
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	for _, id := range []string{"a", "req-1.2_3", strings.Repeat("x", 128)} {
		s.do(t, get("/healthz", "X-Request-Id", id)).wantHeader(t, "X-Request-Id", id)
	}
	seen := map[string]bool{}
	for _, id := range []string{"", "a b", "<script>", "a\tb", "é", strings.Repeat("x", 129), "a\n"} {
		got := s.do(t, get("/nothing", "X-Request-Id", id)).header.Get("X-Request-Id")
		if got == id || seen[got] {
			t.Errorf("%q became %q", id, got)
		}
		seen[got] = true
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	for name, authorization := range map[string]string{
		"a writer writes":                 "Bearer " + writerKey,
		"an operator writes too":          "Bearer " + operatorKey,
		"the scheme is in any case":       "bEARER " + writerKey,
		"spaces around the key are spare": "Bearer   " + writerKey + " ",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := s.do(t, post(valid, "Authorization", authorization)); got.status != http.StatusAccepted {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
	t.Run("adding a key leaves the set it is added to as it was", func(t *testing.T) {
		t.Parallel()
		var base httpapi.Keys
		for _, secret := range []string{"one", "two", "three"} { // leaves room for a fourth
			base = base.With(secret, httpapi.Caller{Name: "x", Role: key.Reader})
		}
		first, second := base.With("first", httpapi.Caller{Name: "x", Role: key.Writer}), base.With("second", httpapi.Caller{Name: "x", Role: key.Writer})
		for secret, keys := range map[string]httpapi.Keys{"first": first, "second": second} {
			s := newServer(t, sqlite.LaneOptions{})
			s.api.Keys = keys
			if got := s.do(t, post(valid, "Authorization", "Bearer "+secret)); got.status != http.StatusAccepted {
				t.Errorf("the %s key is %d", secret, got.status)
			}
			s.api.Keys = base
			s.do(t, post(valid, "Authorization", "Bearer "+secret)).problem(t, fault.Unauthorized)
		}
	})
}

// errSecret is an error that no client may read.
var errSecret = errors.New("password=hunter2")
