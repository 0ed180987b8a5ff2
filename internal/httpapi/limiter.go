package httpapi

import (
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxLimited is how many names a Limiter remembers before it forgets those that
// have not used anything up.
const maxLimited = 10_000

// Limiter bounds how often something named may happen. It is safe for concurrent
// use. A nil Limiter allows everything.
type Limiter struct {
	perSecond float64
	burst     int

	mu    sync.Mutex
	names map[string]*rate.Limiter
}

// window is the seconds whose worth of events may happen at once.
const window = 10

// NewLimiter allows each name so many events a second, and ten seconds' worth at
// once. It is nil, which allows everything, for zero.
func NewLimiter(perSecond int) *Limiter {
	if perSecond <= 0 {
		return nil
	}
	return &Limiter{perSecond: float64(perSecond), burst: window * perSecond, names: map[string]*rate.Limiter{}}
}

// admit is Take, and tells what is left in the fields of the IETF's "RateLimit
// header fields for HTTP": the quota q of a window of w seconds, the r that
// remain, and the t seconds until the whole quota is there again.
func (l *Limiter) admit(h http.Header, policy, name string, now time.Time) time.Duration {
	if l == nil {
		return 0
	}
	wait, left := l.Take(name, now)
	full := math.Ceil((float64(l.burst) - left) / l.perSecond)
	h.Add("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", policy, l.burst, window))
	h.Add("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", policy, max(0, int(left)), max(0, int(full))))
	return wait
}

// Take returns zero when the event may happen now, else how long to wait, and how
// many more may happen at once. A nil Limiter tells of none.
func (l *Limiter) Take(name string, now time.Time) (wait time.Duration, left float64) {
	if l == nil {
		return 0, 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter, ok := l.names[name]
	if !ok {
		if len(l.names) >= maxLimited {
			l.forget(now)
		}
		limiter = rate.NewLimiter(rate.Limit(l.perSecond), l.burst)
		l.names[name] = limiter
	}
	reservation := limiter.ReserveN(now, 1)
	if wait = reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
	}
	return wait, limiter.TokensAt(now)
}

// forget drops the names that are as good as new, or all of them: to forget is to
// be generous.
func (l *Limiter) forget(now time.Time) {
	for name, limiter := range l.names {
		if limiter.TokensAt(now) >= float64(l.burst) {
			delete(l.names, name)
		}
	}
	if len(l.names) >= maxLimited {
		clear(l.names)
	}
}
