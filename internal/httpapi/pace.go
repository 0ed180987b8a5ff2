package httpapi

import (
	"context"
	"math"
	"strconv"
	"sync"
	"time"

	"acervo/internal/job"
	"acervo/internal/queue"
)

// Bounds of a Retry-After, and how long what was learnt of a lane is believed.
const (
	soonest   = time.Second
	latest    = 5 * time.Minute
	paceEvery = 5 * time.Second
	paceWait  = 500 * time.Millisecond // for the store to tell; an accepted write waits no longer for its answer
)

// pace tells how long a lane needs for what is on it, by the heartbeats of its
// workers: the backlog over the rate. It is safe for concurrent use.
type pace struct {
	mu    sync.Mutex
	asked time.Time
	needs time.Duration
}

// needed is how long the lane needs. While one request asks, the others make do
// with what is known.
func (p *pace) needed(ctx context.Context, lane queue.Control, now time.Time) time.Duration {
	p.mu.Lock()
	age, needs := now.Sub(p.asked), p.needs
	if age >= 0 && age < paceEvery {
		p.mu.Unlock()
		return needs
	}
	p.asked = now
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, paceWait)
	defer cancel()
	asked, err := askPace(ctx, lane)
	if err != nil { // what was known will do
		return needs
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.needs = asked
	return asked
}

func askPace(ctx context.Context, lane queue.Control) (time.Duration, error) {
	paused, err := lane.Paused(ctx)
	if err != nil || paused {
		return latest, err
	}
	beats, err := lane.Heartbeats(ctx)
	if err != nil || len(beats) == 0 {
		return 0, err
	}
	backlog, rate := float64(queue.Latest(beats).Depth()), queue.Rate(beats)
	switch {
	case backlog == 0:
		return 0, nil
	case rate == 0: // it has just begun, or stands still: the next heartbeat tells
		return queue.HeartbeatEvery, nil
	default:
		return time.Duration(math.Min(backlog/rate, latest.Seconds()) * float64(time.Second)), nil
	}
}

// retryAfter is the seconds after which to come again (RFC 9110 section 10.2.3):
// when the next attempt at a job is due, or else when the lane will have done
// what is on it now.
func (a *API) retryAfter(ctx context.Context, j job.Job) string {
	var wait time.Duration
	switch {
	case j.State == job.Retrying:
		wait = j.Record.NextAttemptAt.Sub(a.Now())
	case len(a.Lanes) > 0: // writes are on the first
		wait = a.pace.needed(ctx, a.Lanes[0].Control, a.Now())
	}
	wait = min(max(wait, soonest), latest)
	return strconv.Itoa(int(math.Ceil(wait.Seconds())))
}
