package httpapi_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"acervo/internal/fault"
	"acervo/internal/httpapi"
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
			if l.Take("x", now) == 0 {
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
