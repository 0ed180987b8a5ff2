package httpapi_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
	"acervo/internal/work"
)

// applier is what the worker applies with.
func (s *server) applier() *work.Applier {
	return work.NewApplier(s.db.Books(), s.db.Jobs(), "writes", s.clock.Now)
}

// working applies what comes on the lane, each delivery as the given one, until
// the test ends.
func (s *server) working(t *testing.T, receives int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			deliveries, err := s.lane.Receive(ctx, queue.MaxBatch)
			if err != nil {
				return
			}
			for _, d := range deliveries {
				s.deliver(t, d, receives)
			}
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
}

func (s *server) deliver(t *testing.T, d queue.Delivery, receives int) {
	t.Helper()
	m, err := job.DecodeMessage(d.Body)
	if err == nil {
		err = s.applier().Apply(context.Background(), m, d.Body, receives)
	}
	if err == nil {
		err = s.lane.Delete(context.Background(), d.Handle)
	}
	if err != nil {
		t.Error(err)
	}
}

const wait = "Prefer"

func TestACallerWhoWaitsHearsTheOutcome(t *testing.T) {
	t.Parallel()
	stored := book.Draft{Title: "Quincas Borba", Authors: []string{"Machado de Assis"}}
	cases := []struct {
		name     string
		exists   bool
		receives int // of the delivery
		request  request
		status   int
		kind     fault.Kind // of the problem
		title    string     // of the book in the answer
	}{
		{"a create answers 201 with the book", false, 1, request{method: http.MethodPost, path: "/v1/books", body: valid}, 201, "", "Dom Casmurro"},
		{"a replace of nothing answers 201", false, 1, request{method: http.MethodPut, path: bookPath(), body: valid}, 201, "", "Dom Casmurro"},
		{"a replace answers 200", true, 1, request{method: http.MethodPut, path: bookPath(), body: valid}, 200, "", "Dom Casmurro"},
		{"an update answers 200", true, 1, request{method: http.MethodPatch, path: bookPath(), body: `{"rating":5}`}, 200, "", "Quincas Borba"},
		{"a delete answers 204", true, 1, request{method: http.MethodDelete, path: bookPath()}, 204, "", ""},
		{"a refusal answers its problem", false, 1, request{method: http.MethodDelete, path: bookPath()}, 404, fault.NotFound, ""},
		{"a failed precondition answers 412", true, 1, request{method: http.MethodDelete, path: bookPath(), header: headers("If-Match", `"v9"`)}, 412, fault.Precondition, ""},
		{"a conflict answers 409", true, 1, request{method: http.MethodPost, path: "/v1/books", body: `{"id":"` + someID().String() + `",` + valid[1:]}, 409, fault.Conflict, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sqlite.LaneOptions{})
			if c.exists {
				s.store(t, stored, 7)
			}
			s.working(t, c.receives)
			r := c.request
			if r.header == nil {
				r.header = http.Header{}
			}
			r.header.Set(wait, "wait=20")
			got := s.do(t, r)
			if got.status != c.status {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			got.wantHeader(t, "Preference-Applied", "wait=20")
			if c.kind != "" {
				got.problem(t, c.kind)
			}
			if c.title != "" && !strings.Contains(got.body, c.title) || c.status == http.StatusNoContent && got.body != "" {
				t.Errorf("the body is %q", got.body)
			}
			if c.status == http.StatusCreated && !strings.HasPrefix(got.header.Get("Location"), "/v1/books/") {
				t.Errorf("the location is %q", got.header.Get("Location"))
			}
			if c.title != "" && got.header.Get("ETag") == "" {
				t.Error("the book has no ETag")
			}
		})
	}
}

func TestACallerWhoWaitsHearsAtOnceWhereTheRecordIsStoredHere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, sqlite.LaneOptions{})
		var heard time.Time
		var done sync.WaitGroup
		done.Go(func() {
			got := s.do(t, put(valid, wait, "wait=20"))
			if heard = time.Now(); got.status != http.StatusCreated {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
		time.Sleep(9*time.Second + time.Millisecond)
		began := time.Now()
		deliveries, err := s.lane.Receive(t.Context(), 1)
		if err != nil || len(deliveries) != 1 {
			t.Fatal(len(deliveries), err)
		}
		s.deliver(t, deliveries[0], 1)
		done.Wait()
		if took := heard.Sub(began); took != 0 {
			t.Errorf("it heard after %v", took)
		}
	})
}

func TestACallerWhoWaitsForADeadJobIsToldWhereItIs(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	s.working(t, work.MaxReceives+1)
	got := s.do(t, request{method: http.MethodPost, path: "/v1/books", body: valid, header: headers(wait, "wait=20")})
	if got.status != http.StatusInternalServerError || !strings.Contains(got.body, "/problems/dead") || !strings.Contains(got.body, "/v1/jobs/") {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestACallerWhoseTimeIsUpHearsThatTheJobIsQueued(t *testing.T) {
	t.Parallel()
	for _, prefer := range []string{"wait=1", "respond-async, wait=1", `foo; bar, wait="1"`} {
		s := newServer(t, sqlite.LaneOptions{})
		got := s.do(t, request{method: http.MethodPost, path: "/v1/books", body: valid, header: headers(wait, prefer)})
		if got.status != http.StatusAccepted || got.header.Get("Preference-Applied") != "" {
			t.Errorf("%s: got %d, applied %q", prefer, got.status, got.header.Get("Preference-Applied"))
		}
	}
}

func TestPreferencesThatMakeNoSenseAreIgnored(t *testing.T) {
	t.Parallel()
	for _, prefer := range []string{"wait", "wait=", "wait=x", "wait=-1", "wait=0", "waits=9", "handling=lenient"} {
		s := newServer(t, sqlite.LaneOptions{})
		got := s.do(t, request{method: http.MethodPost, path: "/v1/books", body: valid, header: headers(wait, prefer)})
		if got.status != http.StatusAccepted {
			t.Errorf("%s: got %d", prefer, got.status)
		}
	}
}

func TestMoreThan25SecondsAre25(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	s.working(t, 1)
	for _, prefer := range []string{"wait=26", "wait=3600", "wait=99999999999"} {
		got := s.do(t, request{method: http.MethodPost, path: "/v1/books", body: valid, header: headers(wait, prefer)})
		got.wantHeader(t, "Preference-Applied", "wait=25")
	}
}

func TestAJobCanBeWaitedFor(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	accepted := s.do(t, request{method: http.MethodPost, path: "/v1/books", body: valid})
	path := accepted.header.Get("Location")
	asked := make(chan answer, 1)
	go func() {
		asked <- s.do(t, request{method: http.MethodGet, path: path, header: headers(wait, "wait=20")})
	}()
	s.working(t, 1)
	if got := <-asked; got.status != http.StatusOK || !strings.Contains(got.body, `"state":"succeeded"`) || got.header.Get("Retry-After") != "" {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestACallerWhoGoesAwayIsNotHeld(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r, _ := http.NewRequestWithContext(ctx, http.MethodPost, "/v1/books", strings.NewReader(valid))
		r.Header.Set("Authorization", "Bearer "+writerKey)
		r.Header.Set("Content-Type", plain)
		r.Header.Set(wait, "wait=25")
		s.handler.ServeHTTP(discardResponse{http.Header{}}, r)
	}()
	for s.waiting(t) == 0 {
		runtime.Gosched()
	}
	cancel()
	<-done // or the test's time runs out
}

func TestFiftyRequestsWithOneIdempotencyKeyMakeOneJob(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	r := request{method: http.MethodPost, path: "/v1/books", body: valid, header: headers("Idempotency-Key", `"once"`)}
	answers := make([]answer, 50)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = s.do(t, r) })
	}
	all.Wait()
	replayed := 0
	for _, a := range answers {
		if a.status != http.StatusAccepted || a.header.Get("Location") != answers[0].header.Get("Location") {
			t.Fatalf("got %d %s, another got %s", a.status, a.body, answers[0].header.Get("Location"))
		}
		if a.header.Get("Idempotent-Replayed") == "true" {
			replayed++
		}
	}
	if replayed != 49 || s.waiting(t) != 1 {
		t.Errorf("%d were replayed, %d messages are on the lane; want 49 and 1", replayed, s.waiting(t))
	}
	s.working(t, 1)
	r.header.Set(wait, "wait=20")
	if got := s.do(t, r); got.status != http.StatusCreated || !strings.Contains(got.body, `"version":1`) {
		t.Errorf("in the end: %d %s", got.status, got.body)
	}
}

func TestAnIdempotencyKeyIsForOneRequestOfOneCaller(t *testing.T) {
	t.Parallel()
	first := request{method: http.MethodPut, path: bookPath(), body: valid}
	keyed := func(r request, pairs ...string) request {
		r.header = headers(append([]string{"Idempotency-Key", "k"}, pairs...)...)
		return r
	}
	other := "/v1/books/" + uuid.NewString()
	for name, c := range map[string]struct {
		second request
		status int
		same   bool
	}{
		"the same request is the same job":               {keyed(first), http.StatusAccepted, true},
		"with quotes or without it is the same key":      {request{method: first.method, path: first.path, body: first.body, header: headers("Idempotency-Key", `"k"`)}, http.StatusAccepted, true},
		"another body is refused":                        {keyed(request{method: http.MethodPut, path: bookPath(), body: strings.Replace(valid, "Dom", "Don", 1)}), http.StatusUnprocessableEntity, false},
		"another address is refused":                     {keyed(request{method: http.MethodPut, path: other, body: valid}), http.StatusUnprocessableEntity, false},
		"another method is refused":                      {keyed(request{method: http.MethodPatch, path: bookPath(), body: valid}), http.StatusUnprocessableEntity, false},
		"another precondition is refused":                {keyed(first, "If-Match", `"v1"`), http.StatusUnprocessableEntity, false},
		"another caller's key is another key":            {keyed(first, "Authorization", "Bearer "+operatorKey), http.StatusAccepted, false},
		"another key is another job":                     {request{method: first.method, path: first.path, body: first.body, header: headers("Idempotency-Key", "l")}, http.StatusAccepted, false},
		"without a key it is another job":                {first, http.StatusAccepted, false},
		"keys are compared as they stand, case included": {request{method: first.method, path: first.path, body: first.body, header: headers("Idempotency-Key", "K")}, http.StatusAccepted, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sqlite.LaneOptions{})
			before := s.do(t, keyed(first))
			after := s.do(t, c.second)
			same := before.header.Get("Location") == after.header.Get("Location")
			if before.status != http.StatusAccepted || after.status != c.status || same != c.same {
				t.Errorf("got %d %s, the same job: %v", after.status, after.body, same)
			}
			if want := map[bool]string{true: "true"}[c.same]; after.header.Get("Idempotent-Replayed") != want {
				t.Errorf("replayed is %q", after.header.Get("Idempotent-Replayed"))
			}
		})
	}
}

func TestIdempotencyKeysThatAreNone(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", `""`, `"open`, `"a"b`, `"a\b"`, "tab\there", "é", strings.Repeat("k", 256)} {
		s := newServer(t, sqlite.LaneOptions{})
		got := s.do(t, request{method: http.MethodPost, path: "/v1/books", body: valid, header: headers("Idempotency-Key", key)})
		got.problem(t, fault.Syntax)
		if s.waiting(t) != 0 {
			t.Errorf("%q: something was sent", key)
		}
	}
}

func TestAKeyOfAPutIsOfItsVersionToo(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	r := put(valid, "Idempotency-Key", "k", "Authorization", "Bearer "+operatorKey)
	r.path += "?version=7"
	first, again := s.do(t, r), s.do(t, r)
	if first.status != http.StatusAccepted || first.header.Get("Location") != again.header.Get("Location") {
		t.Errorf("the same request again is %d %s", again.status, again.body)
	}
	r.path = bookPath() + "?version=8"
	s.do(t, r).problem(t, fault.Invalid)
	r.path = bookPath()
	s.do(t, r).problem(t, fault.Invalid)
}

func TestAKeyIsForgottenAfterFourteenDaysAndARefusedRequestClaimsNone(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	r := request{method: http.MethodPost, path: "/v1/books", body: `{}`, header: headers("Idempotency-Key", "k")}
	s.do(t, r).problem(t, fault.Invalid)
	r.body = valid
	first := s.do(t, r)
	s.settle(t, 1)
	s.clock.advance(job.ClaimTTL)
	second := s.do(t, r)
	if first.status != http.StatusAccepted || second.status != http.StatusAccepted || first.header.Get("Location") == second.header.Get("Location") {
		t.Errorf("got %d and %d, the same job: %v", first.status, second.status, first.header.Get("Location") == second.header.Get("Location"))
	}
}

// crashing is a step of accepting that fails, as a crash there would.
type crashing struct {
	queue.Sender
	job.Claims
	sendFails, markFails int
	sent                 []string
}

func (c *crashing) Send(ctx context.Context, m queue.Message) error {
	c.sent = append(c.sent, m.DedupID)
	if c.sendFails > 0 {
		c.sendFails--
		return fault.New(fault.Internal, "crashed before the send")
	}
	return c.Sender.Send(ctx, m)
}

func (c *crashing) MarkSent(ctx context.Context, claim job.Claim) error {
	if c.markFails > 0 {
		c.markFails--
		return fault.New(fault.Internal, "crashed after the send")
	}
	return c.Claims.MarkSent(ctx, claim)
}

func TestACrashBetweenTheStepsOfAKeyedRequestSettlesOnTheNextAsk(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]crashing{
		"between claim and send": {sendFails: 1},
		"between send and mark":  {markFails: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sqlite.LaneOptions{})
			c.Sender, c.Claims = s.lane, s.db.Jobs()
			s.api.Intake.Lane, s.api.Intake.Claims = &c, &c
			r := request{method: http.MethodPost, path: "/v1/books", body: valid, header: headers("Idempotency-Key", "k")}
			s.do(t, r).problem(t, fault.Internal)
			got := s.do(t, r)
			if got.status != http.StatusAccepted || s.waiting(t) != 1 || len(c.sent) != 2 || c.sent[0] != c.sent[1] {
				t.Errorf("got %d, %d on the lane, sent %q", got.status, s.waiting(t), c.sent)
			}
			s.do(t, r)
			if len(c.sent) != 2 {
				t.Errorf("what was marked as sent was sent again: %q", c.sent)
			}
		})
	}
}

// discardResponse is a response that nobody reads.
type discardResponse struct{ header http.Header }

func (d discardResponse) Header() http.Header         { return d.header }
func (d discardResponse) Write(b []byte) (int, error) { return len(b), nil }
func (d discardResponse) WriteHeader(int)             {}
