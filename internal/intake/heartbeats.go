package intake

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"acervo/internal/queue"
)

// Heartbeats is the gauge of a process beside the workers of a lane whose queue
// cannot tell how old its messages are: it tells what the workers wrote, so that no
// request waits for it. It is safe for concurrent use. Its fields are set once.
type Heartbeats struct {
	Control queue.Control
	Now     func() time.Time
	Log     *slog.Logger

	mu     sync.Mutex
	stats  queue.Stats // see queue.Latest
	toldAt time.Time   // when the newest heartbeat was written
	idle   time.Time   // since when nobody was seen at work; zero while somebody is
}

var _ queue.Gauge = (*Heartbeats)(nil)

// Watch follows the heartbeats until ctx ends.
func (h *Heartbeats) Watch(ctx context.Context) {
	tick := time.NewTicker(queue.HeartbeatEvery)
	defer tick.Stop()
	for {
		if err := h.Look(ctx); err != nil && ctx.Err() == nil {
			h.Log.WarnContext(ctx, "the heartbeats could not be read", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Look reads the heartbeats once. When it cannot, what was seen before stands, and
// ages.
func (h *Heartbeats) Look(ctx context.Context) error {
	beats, err := h.Control.Heartbeats(ctx)
	if err != nil {
		return err
	}
	paused, err := h.Control.Paused(ctx)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(beats) > 0 {
		h.stats, h.toldAt = queue.Latest(beats), beats[0].At
	}
	switch {
	case len(beats) > 0 && (!paused || h.stats.Depth() == 0):
		h.idle = time.Time{}
	case h.idle.IsZero():
		h.idle = h.Now()
	}
	return nil
}

// Stats is queue.Gauge's. The oldest message is taken to be at least as old as the
// time for which nobody has worked the lane: workers that are gone tell nothing,
// and those of a paused lane see none of its messages.
func (h *Heartbeats) Stats(context.Context) (queue.Stats, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, now := h.stats, h.Now()
	if s.OldestAge > 0 {
		s.OldestAge += now.Sub(h.toldAt)
	}
	if !h.idle.IsZero() {
		s.OldestAge = max(s.OldestAge, now.Sub(h.idle))
	}
	return s, nil
}
