package aws

import (
	"context"
	"sync"
	"time"

	"acervo/internal/fault"
)

const (
	// maxEntries and maxBytes are what one batch call of SQS takes.
	maxEntries = 10
	maxBytes   = 1 << 20
	// linger is the most that an entry waits for company when company is near.
	linger = 5 * time.Millisecond
	// batchTimeout bounds one call, with all its attempts.
	batchTimeout = 12 * time.Second
)

// combiner groups concurrent calls into batches. A lone caller goes at once and
// waits for nobody; while a batch is in flight the next callers gather, and a full
// batch does not wait for the one before. A batch that is not full waits a moment
// for those who were here when the last call ended: under load they come again, and
// without that moment two callers out of ten would take turns with the other eight.
// The first caller of a batch makes the call for all, so there is no goroutine but
// the callers' own.
type combiner[T any] struct {
	// call makes one call and returns the fate of each entry.
	call func(ctx context.Context, batch []T) []error
	// size is the bytes of an entry, nil where they do not count.
	size func(T) int
	// company tells how many entries are near, nil for those that were here when
	// the last call ended.
	company func() int

	mu       sync.Mutex
	queue    []*seat[T]
	inFlight int           // entries
	calls    int           // in flight
	led      bool          // the head of the queue was told to lead
	enough   chan struct{} // closed when a leader that waits for company has it
	want     int           // how many that is
	near     int           // entries that were here when the last call ended
	until    time.Time     // how long their company is worth waiting for
}

// seat is one caller's place in the queue.
type seat[T any] struct {
	entry T
	turn  chan bool // true: lead the next batch; false: settled
	err   error
}

// do brings one entry through and returns its own fate. A context that ends after
// the entry has queued does not call it off.
func (c *combiner[T]) do(ctx context.Context, entry T) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "The call was given up before it began.")
	}
	p := &seat[T]{entry: entry, turn: make(chan bool, 1), err: fault.New(fault.Internal, "a batch call did not return")}
	c.mu.Lock()
	c.queue = append(c.queue, p)
	c.next()
	c.mu.Unlock()
	if <-p.turn {
		c.lead(ctx)
	}
	return p.err
}

// next has the head of the queue lead when there is a reason to: nothing is in
// flight, or a full batch has gathered. The caller holds the lock.
func (c *combiner[T]) next() {
	switch {
	case c.led:
		if c.enough != nil && (len(c.queue) >= c.want || c.full()) {
			close(c.enough)
			c.enough = nil
		}
	case len(c.queue) > 0 && (c.calls == 0 || c.full()):
		c.led = true
		c.queue[0].turn <- true
	}
}

// lead makes the call for the head of the queue, the caller's own entry first.
func (c *combiner[T]) lead(ctx context.Context) {
	batch := c.take()
	defer c.settle(batch)
	entries := make([]T, len(batch))
	for i, p := range batch {
		entries[i] = p.entry
	}
	// The call is for everyone in the batch, not for the one who leads it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchTimeout)
	defer cancel()
	for i, err := range c.call(ctx, entries) {
		batch[i].err = err
	}
}

// take waits for company if it is near, and takes a batch off the queue.
func (c *combiner[T]) take() []*seat[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if wait := c.patience(); wait > 0 && !c.full() && len(c.queue) < c.want {
		enough := make(chan struct{})
		c.enough = enough
		c.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-enough:
		case <-timer.C:
		}
		timer.Stop()
		c.mu.Lock()
		c.enough = nil
	}
	n := c.fitting()
	batch := c.queue[:n:n]
	c.queue = c.queue[n:]
	if len(c.queue) == 0 {
		c.queue = nil
	}
	c.calls++
	c.inFlight += n
	c.led = false
	c.next()
	return batch
}

// patience tells how many entries are worth waiting for, and how long.
func (c *combiner[T]) patience() time.Duration {
	if c.company == nil {
		c.want = min(c.near, maxEntries)
		return time.Until(c.until)
	}
	c.want = min(c.company(), maxEntries)
	return linger
}

// settle wakes everyone in the batch and has the next one led.
func (c *combiner[T]) settle(batch []*seat[T]) {
	c.mu.Lock()
	c.near = c.inFlight + len(c.queue)
	c.until = time.Now().Add(linger)
	c.calls--
	c.inFlight -= len(batch)
	c.next()
	c.mu.Unlock()
	for _, p := range batch[1:] {
		p.turn <- false
	}
}

// fitting is how many entries at the head of the queue go into one batch.
func (c *combiner[T]) fitting() int {
	bytes := 0
	for n, p := range c.queue {
		if c.size != nil {
			bytes += c.size(p.entry)
		}
		if n == maxEntries || n > 0 && bytes > maxBytes {
			return n
		}
	}
	return len(c.queue)
}

// full reports whether the next batch has no room for another entry.
func (c *combiner[T]) full() bool {
	n := c.fitting()
	return n == maxEntries || n < len(c.queue)
}
