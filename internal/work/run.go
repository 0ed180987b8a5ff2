package work

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"acervo/internal/fault"
	"acervo/internal/queue"
)

// patience is how long after its context has ended a delivery may take to return.
const patience = 5 * time.Second

// run does one delivery in a goroutine of its own, within the maximum running
// time. A panic is an error. So is a handler that ignores its context: its
// goroutine is given up, which the conditions of every write make harmless, and
// shown as stuck until it returns.
func (r *Runner) run(ctx context.Context, d queue.Delivery) error {
	ctx, cancel := context.WithTimeout(ctx, r.MaxRun)
	defer cancel()
	result := make(chan error, 1)
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		result <- safely(func() error { return r.Handler.Do(ctx, d) })
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	last := time.NewTimer(patience)
	defer last.Stop()
	select {
	case err := <-result:
		return err
	case <-last.C:
	}
	r.stuck.Add(1)
	go func() {
		<-returned
		r.stuck.Add(-1)
	}()
	r.Log.ErrorContext(ctx, "a job ignores its context and is given up", "message", d.DedupID)
	return fault.New(fault.Internal, "the attempt did not return within %s", r.MaxRun+patience)
}

// safely turns a panic into an error.
func safely(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Wrap(fault.Internal, fmt.Errorf("%v\n%s", p, debug.Stack()), "the attempt panicked")
		}
	}()
	return fn()
}
