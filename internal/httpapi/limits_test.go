package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"acervo/internal/fault"
	"acervo/internal/httpapi"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
)

func TestWritesOfOneBookAreBounded(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	s.api.PerBook = httpapi.NewLimiter(1)
	s.handler = s.api.Handler()
	for range 10 {
		if got := s.do(t, putBook(valid)); got.status != http.StatusAccepted {
			t.Fatalf("within the limit: %d", got.status)
		}
	}
	got := s.do(t, putBook(valid))
	got.problem(t, fault.Throttled)
	if policy, left := got.header.Get("RateLimit-Policy"), got.header.Get("RateLimit"); policy != `"book";q=10;w=10` || left != `"book";r=0;t=10` {
		t.Errorf("it tells of %s and %s", policy, left)
	}
	if after, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || after < 1 || after > 2 {
		t.Errorf("Retry-After is %q", got.header.Get("Retry-After"))
	}
	if n := s.waiting(t); n != 10 {
		t.Errorf("%d messages are on the lane, want 10", n)
	}
	if other := s.do(t, request{method: http.MethodPut, path: "/v1/books/" + uuid.NewString(), body: valid}); other.status != http.StatusAccepted {
		t.Errorf("another book: %d", other.status)
	}
	s.clock.advance(2 * time.Second)
	if got := s.do(t, putBook(valid)); got.status != http.StatusAccepted {
		t.Errorf("after its time: %d", got.status)
	}
}

func TestWhatIsLeftOfALimitIsTold(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	s.api.PerKey, s.api.PerBook = httpapi.NewLimiter(2), httpapi.NewLimiter(1)
	s.handler = s.api.Handler()
	s.do(t, putBook(valid))
	got := s.do(t, putBook(valid)).header
	if policies := got.Values("RateLimit-Policy"); !slices.Equal(policies, []string{`"key";q=20;w=10`, `"book";q=10;w=10`}) {
		t.Errorf("the policies are %v", policies)
	}
	if left := got.Values("RateLimit"); !slices.Equal(left, []string{`"key";r=18;t=1`, `"book";r=8;t=2`}) {
		t.Errorf("what is left is %v", left)
	}
}

func TestRetryAfterFollowsTheBacklogAndTheRateOfTheLane(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		beats  []queue.Heartbeat
		paused bool
		want   string
	}{
		{name: "a lane of which nothing is known", want: "1"},
		{name: "an idle lane", beats: []queue.Heartbeat{{DonePerSecond: 3}}, want: "1"},
		{name: "a lane that two workers empty", beats: []queue.Heartbeat{
			{Worker: "a", DonePerSecond: 30, Stats: queue.Stats{Waiting: 900, InFlight: 60, Delayed: 40}}, {Worker: "b", DonePerSecond: 20},
		}, want: "20"},
		{name: "a lane that would need an hour", beats: []queue.Heartbeat{{DonePerSecond: 1, Stats: queue.Stats{Waiting: 3600}}}, want: "300"},
		{name: "a lane that stands still", beats: []queue.Heartbeat{{Stats: queue.Stats{Waiting: 5}}}, want: "15"},
		{name: "a paused lane", paused: true, want: "300"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, sqlite.LaneOptions{})
			for i, b := range c.beats {
				b.At = s.clock.Now().Add(-time.Duration(i) * time.Millisecond)
				if err := s.lane.Beat(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.lane.Pause(t.Context(), c.paused); err != nil {
				t.Fatal(err)
			}
			for range 2 { // asked of the lane, then from memory
				if got := s.do(t, create()).header.Get("Retry-After"); got != c.want {
					t.Errorf("Retry-After is %s, want %s", got, c.want)
				}
			}
		})
	}
}

func TestRetryAfterOfAJobThatIsRetryingIsItsNextAttempt(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	accepted := s.do(t, create())
	id := strings.TrimPrefix(accepted.header.Get("Location"), "/v1/jobs/")
	rec := job.Record{ID: id, Generation: 1, State: job.Retrying, Attempts: 1, NextAttemptAt: s.clock.Now().Add(7500 * time.Millisecond)}
	if err := s.db.Jobs().Save(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	if got := s.do(t, request{method: http.MethodGet, path: "/v1/jobs/" + id}).header.Get("Retry-After"); got != "8" {
		t.Errorf("Retry-After is %s, want 8", got)
	}
}

func TestWritesOfOneKeyAreBounded(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	s.api.PerKey = httpapi.NewLimiter(1)
	s.handler = s.api.Handler()
	for range 10 {
		s.do(t, create())
	}
	s.do(t, create()).problem(t, fault.Throttled)
	r := create()
	r.header = headers("Authorization", "Bearer "+operatorKey)
	if got := s.do(t, r); got.status != http.StatusAccepted {
		t.Errorf("another key: %d", got.status)
	}
	if got := s.do(t, request{method: http.MethodGet, path: "/v1/jobs/x"}); got.status != http.StatusNotFound {
		t.Errorf("reads are not bounded, but: %d", got.status)
	}
}

func TestALimiterNeverAllowsMoreThanItsRateAndForgetsNobodyWhoWaits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		perSecond := rapid.IntRange(1, 5).Draw(t, "per second")
		l, now := httpapi.NewLimiter(perSecond), july()
		allowed, start := 0, now
		for range rapid.IntRange(1, 200).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "milliseconds")) * time.Millisecond)
			if wait, _ := l.Take("x", now); wait == 0 {
				allowed++
			}
		}
		if most := float64(perSecond)*(now.Sub(start).Seconds()+10) + 1; float64(allowed) > most {
			t.Fatalf("%d were allowed in %v, at most %v may be", allowed, now.Sub(start), most)
		}
	})
}

func TestALimiterOfManyNamesStaysSmall(t *testing.T) {
	t.Parallel()
	l := httpapi.NewLimiter(1)
	for i := range 50_000 {
		l.Take(fmt.Sprint(i), july())
	}
	if n := l.Names(); n > 10_000 {
		t.Errorf("it remembers %d names", n)
	}
}

func TestWritesAreRefusedWhileTheLaneIsTooFarBehind(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	s.do(t, create())
	s.clock.advance(24*time.Hour + time.Second)
	got := s.do(t, create())
	got.problem(t, fault.Unavailable)
	if got.header.Get("Retry-After") == "" {
		t.Error("it does not say when to come again")
	}
	s.settle(t, 1)
	if got := s.do(t, create()); got.status != http.StatusAccepted {
		t.Errorf("once the lane has caught up: %d", got.status)
	}
}
