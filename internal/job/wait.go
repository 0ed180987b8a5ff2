package job

import (
	"context"
	"time"
)

// The rhythm of Wait: soon at first, since most jobs end soon, then less often. Where
// a Watcher tells of the end it looks only for what no record tells.
const (
	waitFirst = 2 * time.Millisecond
	waitMost  = 250 * time.Millisecond
)

// Watcher tells of the records that its own process stores. It is safe for concurrent
// use.
type Watcher interface {
	// Watch returns a channel that is closed once another record of a job has been
	// stored. Whoever does not listen any more has to call forget.
	Watch(id string) (stored <-chan struct{}, forget func())
}

// Wait asks for the status of a job until it has ended or ctx is done, and
// returns the last answer. Any error but that of ctx ends it. It asks at once when
// the watcher tells of a record, and without one, which is nil, now and then.
func Wait(ctx context.Context, id string, watcher Watcher, status func(context.Context) (Job, error)) (Job, error) {
	every := waitFirst
	if watcher == nil {
		watcher = nobody{}
	} else {
		every = waitMost
	}
	for ; ; every = min(waitMost, every*3/2) {
		stored, forget := watcher.Watch(id) // before the look, so that nothing comes between
		j, err := status(context.WithoutCancel(ctx))
		if err != nil || j.State.Terminal() || !pause(ctx, every, stored) {
			forget()
			return j, err
		}
		forget()
	}
}

// pause waits until there is something to look for; false when ctx is done.
func pause(ctx context.Context, most time.Duration, stored <-chan struct{}) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-stored:
	case <-ctx.Done():
		return false
	}
	return true
}

// nobody is a Watcher that tells nothing.
type nobody struct{}

func (nobody) Watch(string) (stored <-chan struct{}, forget func()) { return nil, func() {} }
