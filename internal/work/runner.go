// Package work does the jobs of a lane: it receives, keeps the leases, applies,
// buries what cannot be done, stands still while the lane is paused or the store
// is down, and drains when told to stop.
package work

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"acervo/internal/fault"
	"acervo/internal/queue"
)

// gather is how long a receive waits for a full batch of free slots before it
// makes do with fewer.
const gather = 20 * time.Millisecond

// Handler does deliveries.
type Handler interface {
	// Do does one delivery; nil means that its message can be deleted. Its
	// context ends with the lease, the maximum running time or the grace period.
	Do(ctx context.Context, d queue.Delivery) error
	// Failed settles a delivery whose Do failed, panicked or did not return. An
	// interrupted one is not brought here: it simply comes again.
	Failed(ctx context.Context, d queue.Delivery, why error) Outcome
}

// Outcome is what becomes of a delivery that is not done.
type Outcome struct {
	Delay time.Duration // when to deliver it again
	Down  bool          // the store is down: stop receiving until it answers
}

// Runner works one lane until it is told to stop. Deliveries of one group are
// done one after the other, groups in parallel.
type Runner struct {
	Lane    queue.Receiver
	Control queue.Control
	Gauge   queue.Gauge
	Handler Handler
	// Probe reports whether the store answers again.
	Probe func(context.Context) error
	// Name tells this worker from others of its lane.
	Name string
	// Unordered has deliveries of one group done in parallel too.
	Unordered bool
	// Slots bounds the deliveries in hand.
	Slots int
	// MaxRun bounds a delivery. One that does not return soon after loses its slot
	// to others and is counted as stuck.
	MaxRun time.Duration
	// Grace is how long deliveries that have begun may go on after the stop.
	Grace time.Duration
	Log   *slog.Logger

	valve    valve
	slots    *semaphore.Weighted
	done     atomic.Int64
	stuck    atomic.Int64
	received atomic.Int64 // Unix nanoseconds of the last receive that succeeded
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
	r.received.Store(time.Now().UnixNano())
	r.slots = semaphore.NewWeighted(int64(r.Slots))

	r.look(ctx)
	var others, groups sync.WaitGroup
	others.Go(func() { r.watch(ctx) })
	others.Go(func() { r.beat(ctx) })
	for failures := 0; ; {
		open, err := r.open(ctx)
		if err != nil {
			break
		}
		err = r.receive(open, work, &groups)
		if err != nil && open.Err() == nil {
			failures++
			r.Log.ErrorContext(ctx, "receive failed", "error", err)
			pause(ctx, backoff(failures))
			continue
		}
		failures = 0
	}
	groups.Wait()
	others.Wait()
}

// Once receives one batch and returns when all of it has ended or gone back: one
// turn of Run, for whoever has to know where a turn ends. Nothing more begins
// when open ends, and what has begun is interrupted when work does.
func (r *Runner) Once(open, work context.Context) error {
	r.slots = semaphore.NewWeighted(int64(r.Slots))
	var groups sync.WaitGroup
	defer groups.Wait()
	return r.receive(open, work, &groups)
}

// open waits until the lane is not paused and the store answers. The context
// that it returns ends when either changes.
func (r *Runner) open(ctx context.Context) (context.Context, error) {
	for failures := 1; r.valve.isDown() && ctx.Err() == nil; failures++ {
		pause(ctx, backoff(failures))
		if r.Probe(ctx) == nil {
			r.Log.InfoContext(ctx, "the store answers again")
			r.valve.set(func(v *valve) { v.down = false })
		}
	}
	return r.valve.wait(ctx)
}

// receive takes one batch and sets its groups to work.
func (r *Runner) receive(open, work context.Context, groups *sync.WaitGroup) error {
	free, err := r.free(open)
	if err != nil {
		return err
	}
	deliveries, err := r.Lane.Receive(open, int(free))
	r.slots.Release(free - int64(len(deliveries)))
	if err != nil {
		return err
	}
	r.received.Store(time.Now().UnixNano())
	for _, group := range r.split(deliveries) {
		groups.Go(func() { r.group(open, work, group) })
	}
	return nil
}

// free takes a batch of free slots, or after a moment as many as there are.
func (r *Runner) free(ctx context.Context) (int64, error) {
	want := int64(min(queue.MaxBatch, r.Slots))
	soon, cancel := context.WithTimeout(ctx, gather)
	defer cancel()
	if r.slots.Acquire(soon, want) == nil {
		return want, nil
	}
	if err := r.slots.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	got := int64(1)
	for got < want && r.slots.TryAcquire(1) {
		got++
	}
	return got, nil
}

// split parts a batch into what is done in order.
func (r *Runner) split(batch []queue.Delivery) [][]queue.Delivery {
	if r.Unordered {
		return slices.Collect(slices.Chunk(batch, 1))
	}
	return byGroup(batch)
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

// group does deliveries of one group in order. When one of them does not end for
// good, it and the rest go back to the lane, the rest first, so that the group
// stands still meanwhile.
func (r *Runner) group(open, work context.Context, deliveries []queue.Delivery) {
	defer r.slots.Release(int64(len(deliveries)))
	ctx, lost := context.WithCancelCause(work)
	defer lost(nil)
	leases := keep(ctx, lost, r.Lane, deliveries)
	defer leases.stop()
	for i, d := range deliveries {
		if open.Err() != nil || ctx.Err() != nil {
			r.release(work, leases, deliveries[i:], 0)
			return
		}
		if outcome, ok := r.do(ctx, d); !ok {
			r.release(work, leases, deliveries[i:], outcome.Delay)
			if outcome.Down {
				r.valve.set(func(v *valve) { v.down = true })
			}
			return
		}
		leases.end(d.Handle)
		r.done.Add(1)
		if err := r.Lane.Delete(context.WithoutCancel(work), d.Handle); err != nil {
			r.Log.WarnContext(ctx, "delete failed, the message will come again", "message", d.DedupID, "error", err)
		}
	}
}

// do runs one delivery; false means that it has to come again.
func (r *Runner) do(ctx context.Context, d queue.Delivery) (Outcome, bool) {
	err := r.run(ctx, d)
	switch {
	case err == nil:
		return Outcome{}, true
	case ctx.Err() != nil: // interrupted is not failed
		return Outcome{}, false
	default:
		return r.Handler.Failed(ctx, d, err), false
	}
}

// release gives deliveries back, the last first, and the first after delay.
func (r *Runner) release(work context.Context, leases *leases, deliveries []queue.Delivery, delay time.Duration) {
	for i, d := range slices.Backward(deliveries) {
		wait := time.Duration(0)
		if i == 0 {
			wait = delay
		}
		leases.end(d.Handle)
		if err := r.Lane.Release(context.WithoutCancel(work), d.Handle, wait); err != nil {
			r.Log.WarnContext(work, "release failed, the lease will run out", "message", d.DedupID, "error", err)
		}
	}
}

// Ready reports whether the worker does its work: it has received lately, or its
// lane is paused, and it is not full of jobs that do not return.
func (r *Runner) Ready(context.Context) error {
	if stuck := r.stuck.Load(); stuck >= int64(r.Slots) {
		return fault.New(fault.Unavailable, "%d jobs do not return", stuck)
	}
	last := time.Unix(0, r.received.Load())
	if r.valve.isPaused() || time.Since(last) < time.Minute {
		return nil
	}
	return fault.New(fault.Unavailable, "nothing was received since %s", last.UTC().Format(time.RFC3339))
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
