package httpapi

import (
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

// NewLimiter allows each name so many events a second, and ten seconds' worth at
// once. It is nil, which allows everything, for zero.
func NewLimiter(perSecond int) *Limiter {
	if perSecond <= 0 {
		return nil
	}
	return &Limiter{perSecond: float64(perSecond), burst: 10 * perSecond, names: map[string]*rate.Limiter{}}
}

// Take returns zero when the event may happen now, else how long to wait.
func (l *Limiter) Take(name string, now time.Time) time.Duration {
	if l == nil {
		return 0
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
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
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
