package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/httpapi"
	"acervo/internal/sqlite"
)

// attack is a request of somebody hostile, and how it may be answered.
type attack struct {
	name string
	request
	status []int
}

// TestHostileInput goes by the OWASP API Security Top 10 of 2023. Forged and foreign
// tokens (API2) are in TestHostileTokens, the rates of API4 and API6 in
// TestWritesOfOneKeyAreBounded, and who may do what (API5) in TestOperatorsPathsAreForOperators.
func TestHostileInput(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	s.store(t, book.Draft{Title: "x", Authors: []string{"x"}}, 7)
	for risk, attacks := range map[string][]attack{
		"API1 objects of others":                  othersObjects(),
		"API2 credentials":                        brokenCredentials(),
		"API3 properties that are the server's":   serversProperties(),
		"API4 more than the server wants to hold": tooMuch(),
		"API5 functions of another role":          othersFunctions(),
		"API8 addresses":                          hostileAddresses(),
		"API8 headers":                            hostileHeaders(),
		"API9 what is not meant to be there":      forgotten(),
	} {
		t.Run(risk, func(t *testing.T) {
			for _, c := range attacks {
				t.Run(c.name, func(t *testing.T) { s.withstands(t, c) })
			}
		})
	}
	if n := s.waiting(t); n != 0 {
		t.Errorf("%d messages are on the lane", n)
	}
	for _, line := range s.log.all() {
		t.Errorf("it was logged: %q", line)
	}
}

// withstands sends an attack, and sees that the answer is a plain refusal which
// repeats nothing of it.
func (s *server) withstands(t *testing.T, c attack) {
	t.Helper()
	got := s.do(t, c.request)
	ok := false
	for _, status := range c.status {
		ok = ok || got.status == status
	}
	if !ok {
		t.Fatalf("got %d %s, want one of %v", got.status, got.body, c.status)
	}
	for name := range got.header {
		if strings.Contains(strings.ToLower(name), "evil") {
			t.Errorf("the answer has a header of the attacker's: %v", got.header)
		}
	}
	for _, secret := range []string{writerKey, operatorKey, "evil", "sqlite", ".go:"} {
		if strings.Contains(got.body, secret) {
			t.Errorf("the answer repeats %q: %s", secret, got.body)
		}
	}
	if got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("browsers may sniff %v", got.header)
	}
}

// as sends a request with another credential.
func (r request) as(credential string) request {
	h := r.header.Clone()
	h.Set("Authorization", "Bearer "+credential)
	r.header = h
	return r
}

func send(method, path, body string, pairs ...string) request {
	return request{method: method, path: path, body: body, header: headers(pairs...)}
}

func refused(name string, r request, status ...int) attack { return attack{name, r, status} }

func othersObjects() []attack {
	forged := "/v1/jobs/" + strings.Repeat("A", 80)
	return []attack{
		refused("the job of another, whose id is guessed", get(forged), 404),
		refused("a job by the id of its book", get("/v1/jobs/"+someID().String()), 404),
		refused("the dead job of another", get("/v1/dead/"+strings.Repeat("A", 80)).as(readerKey), 403),
		refused("the dead of one book, by a writer", get("/v1/dead?book="+someID().String()), 403),
		refused("the keys of others", get("/v1/keys"), 403),
		refused("another's key, by its name", send(http.MethodDelete, "/v1/keys/olga", ""), 403),
		refused("a cursor of one's own making", get("/v1/books?cursor=eyJ0aXRsZSI6ImV2aWwifQ"), 400),
	}
}

func brokenCredentials() []attack {
	return []attack{
		refused("no credential", send(http.MethodPost, "/v1/books", valid, "Authorization", ""), 401),
		refused("a key in the query", send(http.MethodPost, "/v1/books?access_token="+strings.ReplaceAll(writerKey, " ", "+"), valid, "Authorization", ""), 401),
		refused("a key in the body", send(http.MethodPost, "/v1/books", `{"access_token":"x"}`, "Authorization", ""), 401),
		refused("a key as a cookie", send(http.MethodPost, "/v1/books", valid, "Authorization", "", "Cookie", "Authorization="+writerKey), 401),
		refused("Basic", send(http.MethodPost, "/v1/books", valid, "Authorization", "Basic d2FsdGVyOng="), 401),
		refused("a key followed by a NUL", send(http.MethodPost, "/v1/books", valid, "Authorization", "Bearer "+writerKey+"\x00"), 401),
		refused("two keys", send(http.MethodPost, "/v1/books", valid, "Authorization", "Bearer "+writerKey, "Authorization", "Bearer "+operatorKey), 401),
		refused("a key of 16 KiB", post(valid).as(strings.Repeat("evil", 4<<10)), 401),
		refused("SQL for a key", post(valid).as("' OR '1'='1"), 401),
		refused("a token of no algorithm where no issuer is configured", post(valid).as("eyJhbGciOiJub25lIn0.eyJyb2xlIjoib3BlcmF0b3IifQ."), 401),
	}
}

func serversProperties() []attack {
	var all []attack
	for _, member := range []string{
		`"version":99`, `"created_at":"2001-01-01T00:00:00Z"`, `"updated_at":"2001-01-01T00:00:00Z"`, `"cover":{"url":"https://evil.example/"}`,
		`"cover":null`, `"existence":"live"`, `"last_job":"x"`, `"accepted_at":"2001-01-01T00:00:00Z"`, `"__proto__":{}`, `"role":"operator"`, `"caller":"olga"`,
	} {
		all = append(all,
			refused("a draft with "+member, post(`{"title":"x","authors":["x"],`+member+`}`), 400),
			refused("a replacement with "+member, put(`{"title":"x","authors":["x"],`+member+`}`), 400),
			refused("a patch with "+member, patch(`{`+member+`}`), 400))
	}
	return append(all,
		refused("a price with a member more", post(`{"title":"x","authors":["x"],"price":{"amount":"1","currency":"BRL","more":1}}`), 400),
		refused("a key with a maker", send(http.MethodPost, "/v1/keys", `{"name":"n","role":"writer","made_by":"evil"}`).as(operatorKey), 400),
		refused("a key with a secret", send(http.MethodPost, "/v1/keys", `{"name":"n","role":"writer","key":"evil"}`).as(operatorKey), 400),
		refused("a retry with a name", send(http.MethodPost, "/v1/dead/x/retry", `{"who":"evil"}`).as(operatorKey), 400))
}

func tooMuch() []attack {
	deep := strings.Repeat(`{"evil":`, 100_000)
	return []attack{
		refused("a body beyond the limit", post(valid+strings.Repeat(" ", httpapi.MaxBody)), 413),
		refused("a body without a length beyond the limit", request{method: http.MethodPost, path: "/v1/books", reader: io.MultiReader(strings.NewReader(valid + strings.Repeat(" ", httpapi.MaxBody)))}, 413),
		refused("a compressed body", post(valid, "Content-Encoding", "gzip"), 415),
		refused("objects in objects", post(`{"title":`+deep), 400),
		refused("lists in lists", post(`{"authors":`+strings.Repeat("[", 100_000)), 400),
		refused("a hundred thousand authors", post(`{"title":"x","authors":["x"`+strings.Repeat(`,"x"`, 100_000)+`]}`), 413, 422),
		refused("a hundred thousand unknown names", post(manyNames(50_000)), 400, 413),
		refused("a number of a megabyte", post(`{"rating":1`+strings.Repeat("0", 1_000_000)+`}`), 400, 413, 422),
		refused("an amount of many digits", post(`{"title":"x","authors":["x"],"price":{"amount":"`+strings.Repeat("9", 10_000)+`","currency":"BRL"}}`), 422),
		refused("a page of all", get("/v1/books?limit=1000000"), 400),
		refused("a cursor of 20 KB", get("/v1/books?cursor="+strings.Repeat("A", 20_000)), 400),
		refused("a title of 20 KB to look for", get("/v1/books?title="+strings.Repeat("a", 20_000)), 400),
		refused("ten thousand parameters", get("/v1/books?"+strings.Repeat("evil&", 10_000)+"x"), 400),
		refused("ten thousand times one parameter", get("/v1/books?"+strings.Repeat("limit=1&", 10_000)), 400),
		refused("an id of 20 KB", get("/v1/books/"+strings.Repeat("a", 20_000)), 404),
		refused("a job's id of 20 KB", get("/v1/jobs/"+strings.Repeat("A", 20_000)), 404),
		refused("an Idempotency-Key of 20 KB", put(valid, "Idempotency-Key", strings.Repeat("a", 20_000)), 400),
		refused("ten thousand entity tags", put(valid, "If-Match", strings.Repeat(`"v1",`, 10_000)+`"x`), 400),
		refused("a dead job's reason of 20 KB", send(http.MethodPost, "/v1/dead/x/retry", `{"reason":"`+strings.Repeat("a", 20_000)+`"}`).as(operatorKey), 422),
		refused("orders for more than a thousand", send(http.MethodPost, "/v1/dead/retry", `{"limit":1000000}`).as(operatorKey), 400),
	}
}

// manyNames is an object of many members.
func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"e%d":1`, i)
	}
	return `{"title":"x"` + b.String() + `}`
}

func othersFunctions() []attack {
	var all []attack
	for _, path := range []string{
		"/v1/queues/writes/pause", "/v1/queues/writes/resume", "/v1/dead/retry", "/v1/dead/discard", "/v1/dead/x/retry", "/v1/dead/x/discard", "/v1/keys",
	} {
		all = append(all, refused("a writer: POST "+path, send(http.MethodPost, path, "{}"), 403),
			refused("nobody: POST "+path, send(http.MethodPost, path, "{}", "Authorization", ""), 401))
	}
	for _, header := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		r := get("/v1/dead/x", header, http.MethodDelete)
		all = append(all, refused("another method by "+header, r, 403))
	}
	return append(all,
		refused("a role by a header", send(http.MethodPost, "/v1/books", valid, "X-Role", "operator").as(readerKey), 403),
		refused("another address by a header", send(http.MethodPost, "/v1/queues/writes/pause", "", "X-Original-URL", "/healthz", "X-Rewrite-URL", "/healthz"), 403),
		refused("the operators' paths in capitals", send(http.MethodPost, "/V1/queues/writes/pause", ""), 404),
		refused("the operators' paths with a slash more", send(http.MethodPost, "//v1/queues/writes/pause", ""), 404),
		refused("the operators' paths by dot segments", send(http.MethodPost, "/healthz/../v1/queues/writes/pause", ""), 404))
}

func hostileAddresses() []attack {
	var all []attack
	for _, id := range []string{
		"%00", someID().String() + "%00", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%2fhealthz", "%0d%0aX-Evil:1", "%0aevil", "%ff", "%c0%af", "%e2%80%ae", "%F0%9F%93%9A",
		"'%20OR%20'1'='1", "%24%7Bjndi:ldap:%2f%2fevil%7D", "%3Cscript%3Eevil%3C%2fscript%3E", "{" + someID().String() + "}", "urn:uuid:" + someID().String(), "%2525",
	} {
		all = append(all, refused("a book "+id, get("/v1/books/"+id), 404),
			refused("a write of the book "+id, send(http.MethodPut, "/v1/books/"+id, valid), 404),
			refused("a job "+id, get("/v1/jobs/"+id), 404),
			refused("a dead job "+id, get("/v1/dead/"+id).as(operatorKey), 404),
			refused("a lane "+id, send(http.MethodPost, "/v1/queues/"+id+"/pause", "").as(operatorKey), 404),
			refused("a key "+id, send(http.MethodDelete, "/v1/keys/"+id, "").as(operatorKey), 404),
			refused("a problem "+id, get("/problems/"+id), 404))
	}
	for _, query := range []string{"title=%00", "title=%ff", "%00=1", "title=x%0d%0aX-Evil:1&more", "cursor=%00", "cursor=%0d%0a", "limit=%00", "limit=1e1", "limit=+1", "sort=title;drop", "a;b"} {
		all = append(all, refused("a query "+query, get("/v1/books?"+query), 400))
	}
	return all
}

func hostileHeaders() []attack {
	const cut = "a\r\nX-Evil: 1"
	var all []attack
	for _, name := range []string{"Idempotency-Key", "If-Match", "If-None-Match", "Content-Type"} {
		for _, value := range []string{cut, "a\x00", "\u202e", "<script>\nevil</script>"} {
			all = append(all, refused(fmt.Sprintf("%s %q", name, value), put(valid, name, value), 400, 415))
		}
	}
	for _, name := range []string{"X-Request-Id", "Prefer", "Traceparent", "Origin", "Host", "X-Forwarded-Host", "Forwarded", "Accept", "Range"} {
		all = append(all, refused(name+" that breaks the line", get("/v1/books/evil", name, cut), 404))
	}
	return all
}

func forgotten() []attack {
	var all []attack
	for _, path := range []string{
		"/", "/v0/books", "/v2/books", "/books", "/admin", "/metrics", "/debug/pprof/", "/debug/vars", "/.env", "/.git/config", "/operator.key",
		"/data/operator.key", "/swagger", "/graphql", "/actuator", "/docs/..%2f..%2foperator.key",
	} {
		all = append(all, refused("GET "+path, get(path), 404))
	}
	for _, method := range []string{http.MethodTrace, http.MethodConnect, "DEBUG", "PROPFIND", "evil"} {
		all = append(all, refused(method, send(method, "/v1/books", ""), 405))
	}
	return all
}

// TestOthersIdempotencyKeysTellNothing is API1 too: whoever knows another's key gets
// neither the job nor a hint that the key is in use.
func TestOthersIdempotencyKeysTellNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	mine := s.do(t, put(valid, "Idempotency-Key", "walter's"))
	others := s.do(t, put(valid, "Idempotency-Key", "walter's").as(operatorKey))
	if mine.status != http.StatusAccepted || others.status != http.StatusAccepted || others.header.Get("Idempotent-Replayed") != "" ||
		mine.header.Get("Location") == others.header.Get("Location") {
		t.Errorf("got %d %v and %d %v", mine.status, mine.header, others.status, others.header)
	}
}

// TestTheLogIsOfTheServersMaking sends what would write lines of its own into the
// log, to a store that fails so that everything is logged.
func TestTheLogIsOfTheServersMaking(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	var log bytes.Buffer
	s.api.Log = slog.New(slog.NewJSONHandler(&log, nil))
	closed, err := sqlite.Open(sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lane, err := closed.Lane(t.Context(), "writes", sqlite.LaneOptions{})
	if err = errors.Join(err, closed.Close()); err != nil {
		t.Fatal(err)
	}
	s.api.Books, s.api.Lists, s.api.Jobs, s.api.KeyStore = closed.Books(), closed.Books(), closed.Jobs(), closed.CallerKeys()
	s.api.Intake.Lane, s.api.Lanes = lane, []httpapi.Lane{{Name: "writes", Control: lane}}
	s.handler = s.api.Handler()
	const line = "%0a%7B%22level%22:%22INFO%22,%22msg%22:%22evil%22%7D"
	for _, r := range []request{
		get(bookPath(), "X-Request-Id", "a\n{\"msg\":\"evil\"}"),
		get("/v1/books?title=" + line), get("/v1/books?author=" + line + "%1b[31m"),
		get("/v1/dead/" + line).as(operatorKey), put(`{"title":"evil","authors":["evil"]}`, "Idempotency-Key", "evil"),
		get("/v1/queues").as(operatorKey), send(http.MethodPost, "/v1/keys", `{"name":"evil","role":"writer"}`).as(operatorKey),
	} {
		if got := s.do(t, r); got.status < http.StatusInternalServerError {
			t.Errorf("%s %s does not fail: %d", r.method, r.path, got.status)
		}
	}
	lines := 0
	for line := range strings.Lines(log.String()) {
		lines++
		var entry struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Msg == "evil" {
			t.Errorf("%v in %q", err, line)
		}
		for _, secret := range []string{writerKey, operatorKey, "evil", "\x1b"} {
			if strings.Contains(line, secret) {
				t.Errorf("the log holds %q: %s", secret, line)
			}
		}
	}
	if lines < 7 {
		t.Errorf("%d lines were logged:\n%s", lines, log.String())
	}
}

// TestTokensSendTheServerNowhere is API7: of all that a token may name, and a book,
// nothing is fetched. Only the configured address is.
func TestTokensSendTheServerNowhere(t *testing.T) {
	t.Parallel()
	visited := make(chan string, 100)
	trap := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { visited <- r.URL.Path }))
	t.Cleanup(trap.Close)
	i := newIssuer(t)
	s := i.trusted(t, "role")
	for _, name := range []string{"jku", "x5u", "kid", "iss"} {
		head := map[string]any{"alg": "RS256", "typ": "JWT", name: trap.URL + "/" + name}
		body := map[string]any{"iss": trap.URL + "/iss", "aud": audience, "sub": "x", "role": "operator", "exp": july().Add(time.Hour).Unix()}
		s.do(t, post(valid).as(sign(t, head, body, i.signRSA))).problem(t, fault.Unauthorized)
	}
	s.do(t, post(`{"title":"`+trap.URL+`/title","authors":["`+trap.URL+`"],"description":"`+trap.URL+`/d"}`))
	s.do(t, get("/v1/books", "Host", "evil", "X-Forwarded-Host", strings.TrimPrefix(trap.URL, "http://"), "Referer", trap.URL+"/referer"))
	select {
	case path := <-visited:
		t.Errorf("the server went to %s", path)
	default:
	}
}

// TestHeadersAreBounded is API4 on the wire: the server reads no more of a head than
// it wants to hold.
func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	url := newServer(t, sqlite.LaneOptions{}).serve(t)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	for _, c := range []struct {
		name, path, header string
		status             int
	}{
		{"a header of 64 KiB", "/healthz", strings.Repeat("a", 64<<10), http.StatusRequestHeaderFieldsTooLarge},
		{"an address of 64 KiB", "/healthz?" + strings.Repeat("a", 64<<10), "", http.StatusRequestHeaderFieldsTooLarge},
		{"what is ordinary", "/healthz", "a", http.StatusOK},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+c.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Filler", c.header)
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if _ = res.Body.Close(); res.StatusCode != c.status {
			t.Errorf("%s is answered with %d, want %d", c.name, res.StatusCode, c.status)
		}
	}
}

// serve has the server answer on loopback until the test is over.
func (s *server) serve(t *testing.T) (url string) {
	t.Helper()
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() {
		ended <- httpapi.Server{Handler: s.handler, Grace: time.Second, Log: slog.New(slog.DiscardHandler)}.Serve(ctx, listener)
	}()
	t.Cleanup(func() {
		stop()
		if <-ended != nil {
			t.Error("the server did not end well")
		}
	})
	return "http://" + listener.Addr().String()
}
