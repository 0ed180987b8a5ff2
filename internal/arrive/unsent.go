package arrive

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"acervo/internal/drop"
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
	// Every is what passes between two looks; zero for UnsentEvery.
	Every time.Duration
	Log   *slog.Logger

	seen map[uuid.UUID]bool // unsent at the last look, when their senders may have been at it
}

// Run looks now and then until ctx ends.
func (u *Unsent) Run(ctx context.Context) {
	every := u.Every
	if every == 0 {
		every = UnsentEvery
	}
	tick := time.NewTicker(every)
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
	if _, err = u.Imports.Send(ctx, id); u.lost(ctx, id, err) {
		return false, u.end(ctx, id)
	}
	if err != nil {
		return true, fault.Wrap(fault.KindOf(err), err, "send the chunks of the import %s", id)
	}
	u.Log.InfoContext(ctx, "the chunks of an import were sent, which its sender had left", "import", id)
	return false, nil
}

// lost reports whether an import could not be sent since its plan is not kept any more.
func (u *Unsent) lost(ctx context.Context, id uuid.UUID, why error) bool {
	if !fault.Is(why, fault.NotFound) {
		return false
	}
	_, err := u.Imports.Plan(ctx, id)
	return fault.Is(err, fault.NotFound)
}

// end ends an import whose chunks nobody can send any more. Those that were sent find
// it ended, and are skipped.
func (u *Unsent) end(ctx context.Context, id uuid.UUID) error {
	i, err := u.Imports.Drops.Get(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil
	case err != nil || !intake.Unsent(i):
		return err
	}
	next := i
	if i.State != drop.Cancelling {
		next = i.Fail(fault.New(fault.Gone,
			"What was understood of the file is not kept any more, before all of it was imported. What had been applied stays; drop the file again for the rest."))
	}
	u.Log.WarnContext(ctx, "an import was given up: its plan is gone, and chunks of it were not sent", "import", id)
	return u.Imports.Drops.Update(ctx, i, next.Stopped(u.Imports.Now()))
}
