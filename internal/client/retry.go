package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"acervo/internal/fault"
)

const (
	// minPause and maxPause bound the time between two tries, whatever the server asks for.
	minPause = 100 * time.Millisecond
	maxPause = 30 * time.Second
)

// retriable reports whether the same request may fare better a little later.
func retriable(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

// passing reports whether no answer now may be an answer a little later. Where
// nobody listens, somebody has to start the server first.
func passing(err error) bool {
	return !errors.Is(err, syscall.ECONNREFUSED) && !fault.Is(err, fault.TooLarge)
}

// waitFor is how long to wait after a try: what Retry-After asks for in seconds or
// as a date, within bounds, else twice as long each time; with jitter, so that
// clients that were refused together do not come back together.
func waitFor(a answer, try int) time.Duration {
	wait := minPause << try
	if after := a.header.Get("Retry-After"); after != "" {
		if seconds, err := strconv.Atoi(after); err == nil {
			wait = time.Duration(min(seconds, int(maxPause/time.Second))) * time.Second
		} else if at, err := http.ParseTime(after); err == nil {
			wait = time.Until(at)
		}
	}
	wait = max(minPause, wait)
	return min(maxPause, wait+rand.N(wait/4+1))
}

// pause reports whether the time passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
