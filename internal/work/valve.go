package work

import (
	"context"
	"sync"
	"time"

	"acervo/internal/queue"
)

// watchEvery is how soon a worker notices that its lane was paused or resumed.
const watchEvery = time.Second

// valve lets deliveries through while the lane is not paused and the store is
// not down.
type valve struct {
	mu           sync.Mutex
	paused, down bool
	open         context.Context //nolint:containedctx // of those who were let through, until the valve shuts
	shut         context.CancelFunc
	change       chan struct{} // closed at the next change, nil while nobody waits
}

// set changes the valve and tells whoever it concerns.
func (v *valve) set(change func(*valve)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(v)
	if (v.paused || v.down) && v.shut != nil {
		v.shut()
		v.open, v.shut = nil, nil
	}
	if v.change != nil {
		close(v.change)
		v.change = nil
	}
}

func (v *valve) isDown() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.down
}

func (v *valve) isPaused() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.paused
}

// wait returns once the valve is open, with a context that lasts while it is.
func (v *valve) wait(ctx context.Context) (context.Context, error) {
	for {
		open, change := v.tryOpen(ctx)
		if open != nil {
			return open, ctx.Err()
		}
		select {
		case <-change:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tryOpen returns the context of an open valve, or what to wait for.
func (v *valve) tryOpen(ctx context.Context) (open context.Context, change chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.paused || v.down {
		if v.change == nil {
			v.change = make(chan struct{})
		}
		return nil, v.change
	}
	if v.open == nil {
		v.open, v.shut = context.WithCancel(ctx)
	}
	return v.open, nil
}

// watch follows the durable pause of the lane.
func (r *Runner) watch(ctx context.Context) {
	for ctx.Err() == nil {
		pause(ctx, watchEvery)
		r.look(ctx)
	}
}

// look sets the valve as the store has it. A store that does not tell changes
// nothing.
func (r *Runner) look(ctx context.Context) {
	paused, err := r.Control.Paused(ctx)
	if err == nil && paused != r.valve.isPaused() {
		r.Log.InfoContext(ctx, "the lane was paused or resumed", "paused", paused)
		r.received.Store(time.Now().UnixNano()) // nothing was to be received until now
		r.valve.set(func(v *valve) { v.paused = paused })
	}
}

// beat writes the worker's heartbeat, the first one at once.
func (r *Runner) beat(ctx context.Context) {
	var last queue.Heartbeat
	var done int64
	for ctx.Err() == nil {
		stats, err := r.Gauge.Stats(ctx)
		if err == nil {
			beat := queue.Heartbeat{Worker: r.Name, At: time.Now(), Stats: stats, Stuck: int(r.stuck.Load())}
			total := r.done.Load()
			if !last.At.IsZero() {
				seconds := beat.At.Sub(last.At).Seconds()
				beat.DonePerSecond = float64(total-done) / seconds
				beat.GrowthPerSecond = float64(stats.Depth()-last.Stats.Depth()) / seconds
			}
			last, done = beat, total
			err = r.Control.Beat(ctx, beat)
		}
		if err != nil && ctx.Err() == nil {
			r.Log.WarnContext(ctx, "the heartbeat could not be written", "error", err)
		}
		pause(ctx, queue.HeartbeatEvery)
	}
}
