// Package work does the jobs of a lane: it receives, keeps the leases, applies,
// and drains when told to stop.
package work

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"acervo/internal/fault"
	"acervo/internal/queue"
)

// gather is how long a receive waits for a full batch of free slots before it
// makes do with fewer.
const gather = 20 * time.Millisecond

// Outcome is what becomes of a delivery.
type Outcome struct {
	Done  bool          // delete the message
	Delay time.Duration // else: when to deliver it again
}

// Runner works one lane until it is told to stop.
type Runner struct {
	// Lane is where deliveries come from.
	Lane queue.Receiver
	// Handle does one delivery. Its context ends when the lease is lost or the
	// grace period is over. Deliveries of one group are handled one after the
	// other, groups in parallel.
	Handle func(ctx context.Context, d queue.Delivery) Outcome
	// Slots bounds the deliveries in hand.
	Slots int
	// Grace is how long deliveries that have begun may go on after the stop.
	Grace time.Duration
	Log   *slog.Logger
}

// Run receives and handles until ctx ends, then drains: it gives back what has
// not begun, waits for what has, at most for the grace period, and returns.
func (r *Runner) Run(ctx context.Context) {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() {
		grace := time.AfterFunc(r.Grace, func() { cancel(errors.New("the grace period is over")) })
		context.AfterFunc(work, func() { grace.Stop() })
	})
	defer stop()

	slots := semaphore.NewWeighted(int64(r.Slots))
	var groups sync.WaitGroup
	defer groups.Wait()
	for failures := 0; ; {
		free, err := r.free(ctx, slots)
		if err != nil {
			return
		}
		deliveries, err := r.Lane.Receive(ctx, int(free))
		slots.Release(free - int64(len(deliveries)))
		if err != nil && ctx.Err() == nil {
			r.Log.ErrorContext(ctx, "receive failed", "error", err)
			failures++
			pause(ctx, backoff(failures))
			continue
		}
		failures = 0
		for _, group := range byGroup(deliveries) {
			groups.Go(func() {
				defer slots.Release(int64(len(group)))
				r.group(ctx, work, group)
			})
		}
	}
}

// free takes a batch of free slots, or after a moment as many as there are.
func (r *Runner) free(ctx context.Context, slots *semaphore.Weighted) (int64, error) {
	want := int64(min(queue.MaxBatch, r.Slots))
	soon, cancel := context.WithTimeout(ctx, gather)
	defer cancel()
	if slots.Acquire(soon, want) == nil {
		return want, ctx.Err()
	}
	if err := slots.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	got := int64(1)
	for got < want && slots.TryAcquire(1) {
		got++
	}
	return got, nil
}

// byGroup splits a batch into its groups, each in order.
func byGroup(batch []queue.Delivery) [][]queue.Delivery {
	var groups [][]queue.Delivery
	at := map[string]int{}
	for _, d := range batch {
		i, ok := at[d.Group]
		if !ok {
			i = len(groups)
			at[d.Group] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], d)
	}
	return groups
}

// group handles deliveries of one group in order. When one of them does not end
// for good, it and the rest go back to the lane, the rest first, so that the
// group stands still meanwhile.
func (r *Runner) group(stop, work context.Context, deliveries []queue.Delivery) {
	ctx, lost := context.WithCancelCause(work)
	defer lost(nil)
	leases := r.keep(ctx, lost, deliveries)
	defer leases.stop()
	for i, d := range deliveries {
		if stop.Err() != nil || ctx.Err() != nil {
			r.release(work, leases, deliveries[i:], 0)
			return
		}
		outcome := r.Handle(ctx, d)
		if !outcome.Done {
			r.release(work, leases, deliveries[i:], outcome.Delay)
			return
		}
		leases.end(d.Handle)
		if err := r.Lane.Delete(context.WithoutCancel(work), d.Handle); err != nil {
			r.Log.WarnContext(ctx, "delete failed, the message will come again", "message", d.DedupID, "error", err)
		}
	}
}

// release gives deliveries back, the last first, and the first after delay.
func (r *Runner) release(work context.Context, leases *leases, deliveries []queue.Delivery, delay time.Duration) {
	for i := len(deliveries) - 1; i >= 0; i-- {
		d, wait := deliveries[i], time.Duration(0)
		if i == 0 {
			wait = delay
		}
		leases.end(d.Handle)
		if err := r.Lane.Release(context.WithoutCancel(work), d.Handle, wait); err != nil {
			r.Log.WarnContext(work, "release failed, the lease will run out", "message", d.DedupID, "error", err)
		}
	}
}

// pause waits, or returns early with the context.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// keep extends the leases of deliveries until they end, and cancels their work
// when a lease is lost.
func (r *Runner) keep(ctx context.Context, lost context.CancelCauseFunc, deliveries []queue.Delivery) *leases {
	l := &leases{lane: r.Lane, held: map[string]bool{}, quit: make(chan struct{})}
	for _, d := range deliveries {
		l.held[d.Handle] = true
	}
	l.done.Go(func() {
		tick := time.NewTicker(r.Lane.Lease() / 3)
		defer tick.Stop()
		for {
			select {
			case <-l.quit:
				return
			case <-tick.C:
			}
			if err := l.extend(context.WithoutCancel(ctx)); err != nil {
				lost(err)
				return
			}
		}
	})
	return l
}

// leases are the deliveries of one group that are still held. Each is extended
// until it ends, never after.
type leases struct {
	lane queue.Receiver
	quit chan struct{}
	done sync.WaitGroup

	mu   sync.Mutex
	held map[string]bool // by handle
}

// extend renews every lease. Only a lease that is gone is an error: any other
// trouble may pass before the lease runs out.
func (l *leases) extend(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for handle := range l.held {
		if err := l.lane.Extend(ctx, handle); fault.Is(err, fault.Stale) {
			return err
		}
	}
	return nil
}

// end lets go of a delivery. When it returns, no extension is under way.
func (l *leases) end(handle string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, handle)
}

func (l *leases) stop() {
	close(l.quit)
	l.done.Wait()
}
