package work

import (
	"context"
	"sync"
	"time"

	"acervo/internal/fault"
	"acervo/internal/queue"
)

// leases are the deliveries of one group that are still held. Each is extended
// until it ends, never after.
type leases struct {
	lane queue.Receiver
	quit chan struct{}
	done sync.WaitGroup

	mu   sync.Mutex
	held map[string]bool // by handle
}

// keep extends the leases of deliveries until they end, and calls lost when one
// is gone.
func keep(ctx context.Context, lost context.CancelCauseFunc, lane queue.Receiver, deliveries []queue.Delivery) *leases {
	l := &leases{lane: lane, held: map[string]bool{}, quit: make(chan struct{})}
	for _, d := range deliveries {
		l.held[d.Handle] = true
	}
	l.done.Go(func() {
		tick := time.NewTicker(lane.Lease() / 3)
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
