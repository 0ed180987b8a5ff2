package arrive

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"acervo/internal/fault"
	"acervo/internal/intake"
)

const (
	// UnsentEvery is how often imports are looked for whose chunks were not all sent. A
	// sender takes seconds.
	UnsentEvery = 5 * time.Minute
	// maxUnfinished is the most imports that are looked at, the latest first.
	maxUnfinished = 1000
)

// Unsent sends the chunks of imports whose sender did not come to its end: whoever
// ordered them to be applied went away meanwhile, or the process died. It is for one
// goroutine; several processes may do it at once, since chunks that are sent twice do
// no harm.
type Unsent struct {
	Imports *intake.Imports
	Log     *slog.Logger

	seen map[uuid.UUID]bool // unsent at the last look, when their senders may have been at it
}

// Run looks now and then until ctx ends.
func (u *Unsent) Run(ctx context.Context) {
	tick := time.NewTicker(UnsentEvery)
	defer tick.Stop()
	for {
		if err := u.Once(ctx); err != nil && ctx.Err() == nil {
			u.Log.ErrorContext(ctx, "chunks that were not sent cannot be sent now", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Once sends the chunks of the imports that were unsent at the last look and still
// are. One that cannot be sent holds up no other.
func (u *Unsent) Once(ctx context.Context) error {
	ids, err := u.Imports.Drops.Unfinished(ctx, u.Imports.Now(), maxUnfinished)
	if err != nil {
		return err
	}
	var errs []error
	seen := map[uuid.UUID]bool{}
	for _, id := range ids {
		unsent, err := u.send(ctx, id)
		if unsent {
			seen[id] = true
		}
		errs = append(errs, err)
	}
	u.seen = seen
	return errors.Join(errs...)
}

// send sends the chunks of an import that has been unsent for long enough, and
// reports whether some are still to be sent.
func (u *Unsent) send(ctx context.Context, id uuid.UUID) (unsent bool, err error) {
	i, err := u.Imports.Drops.Get(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return false, nil
	case err != nil:
		return u.seen[id], err
	case !intake.Unsent(i):
		return false, nil
	case !u.seen[id]:
		return true, nil
	}
	if _, err = u.Imports.Send(ctx, id); err != nil {
		return true, fault.Wrap(fault.KindOf(err), err, "send the chunks of the import %s", id)
	}
	u.Log.InfoContext(ctx, "the chunks of an import were sent, which its sender had left", "import", id)
	return false, nil
}
