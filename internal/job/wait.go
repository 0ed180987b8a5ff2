package job

import (
	"context"
	"time"
)

// The rhythm of Wait: soon at first, since most jobs end soon, then less often.
const (
	waitFirst = 2 * time.Millisecond
	waitMost  = 250 * time.Millisecond
)

// Wait asks for the status of a job until it has ended or ctx is done, and
// returns the last answer. Any error but that of ctx ends it.
func Wait(ctx context.Context, status func(context.Context) (Job, error)) (Job, error) {
	for every := waitFirst; ; every = min(waitMost, every*3/2) {
		j, err := status(context.WithoutCancel(ctx))
		if err != nil || j.State.Terminal() {
			return j, err
		}
		timer := time.NewTimer(every)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return j, nil
		}
	}
}
