package arrive

import (
	"context"
	"log/slog"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"acervo/internal/blob"
	"acervo/internal/drop"
	"acervo/internal/fault"
)

const (
	// LookEvery is how often the drop is looked at on one machine.
	LookEvery = 500 * time.Millisecond
	// Quiet is how long a file that is copied into the drop has to stay as it is to be
	// taken for complete.
	Quiet = 2 * time.Second

	maxRest = time.Minute // between two tries
)

// Watch notices what lands in the drop of a store that tells of nothing itself, such
// as a folder, and has it imported. Files that are there when it starts may be
// those that an earlier process did not come to the end of.
type Watch struct {
	Drops *Drops
	// Slots is how many files are read at once.
	Slots int
	// Nameless lists the files of the drop whose names no object can have, so that
	// each is refused instead of passed over. Nil where there are none.
	Nameless func(ctx context.Context, folder string, limit int) ([]blob.Object, error)
	// Compose gives such a file the name that it has in normal form C, if that makes it
	// an object. Nil where there are none.
	Compose func(ctx context.Context, name string) error
	Log     *slog.Logger

	seen   map[string]*sighting
	pool   errgroup.Group
	tidied time.Time
}

// sighting is a file in the drop as it was last seen.
type sighting struct {
	size  int64
	at    time.Time // of its last change
	since time.Time // it has been like this
	rest  time.Duration
	fails int
	again time.Time  // when it is tried next
	busy  chan error // of the one who reads it; nil when nobody does
	done  bool
	here  bool // in the latest look
}

// Run watches until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	w.seen = map[string]*sighting{}
	w.pool.SetLimit(w.Slots)
	defer func() { _ = w.pool.Wait() }() // what they say is logged or heard by nobody any more
	w.resume(ctx)
	tick := time.NewTicker(LookEvery)
	defer tick.Stop()
	failing := false
	for {
		w.tidy(ctx) // first, so that no file outlives the record of its import
		err := w.look(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			w.Log.ErrorContext(ctx, "the drop cannot be looked at", "error", err)
		}
		failing = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// resume goes on with imports that an earlier process has left unfinished, also
// those whose files are gone.
func (w *Watch) resume(ctx context.Context) {
	cursor := ""
	for {
		page, next, err := w.Drops.Imports.Drops.List(ctx, cursor, blob.MaxPage/10)
		if err != nil && ctx.Err() == nil {
			w.Log.ErrorContext(ctx, "imports that are unfinished cannot be found", "error", err)
		}
		if err != nil {
			return
		}
		for _, i := range page {
			if i.State.Terminal() || i.State == drop.AwaitingUpload || i.State == drop.Planned {
				continue
			}
			if err := w.goOn(ctx, i); err != nil && ctx.Err() == nil {
				w.Log.ErrorContext(ctx, "an import does not go on", "import", i.ID, "error", err)
			}
		}
		if cursor = next; cursor == "" {
			return
		}
	}
}

// goOn goes on with an import that was begun, unless its file is in the drop still,
// where it will be seen.
func (w *Watch) goOn(ctx context.Context, i drop.Import) error {
	if i.State != drop.Reading {
		_, err := w.Drops.Imports.Send(ctx, i.ID)
		return err
	}
	if _, err := w.Drops.Imports.Objects.Stat(ctx, i.Key); !fault.Is(err, fault.NotFound) {
		return err
	}
	return w.Drops.Arrived(ctx, Object{Key: i.Key, Version: i.Version, At: i.ArrivedAt})
}

// look goes through the drop once.
func (w *Watch) look(ctx context.Context) error {
	for _, s := range w.seen {
		s.here = false
	}
	after := ""
	for {
		page, err := w.Drops.Imports.Objects.List(ctx, drop.Folder, after, blob.MaxPage)
		if err != nil {
			return err
		}
		for _, o := range page.Objects {
			w.see(ctx, o)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if w.Nameless != nil {
		strange, err := w.Nameless(ctx, drop.Folder, blob.MaxPage)
		if err != nil {
			return err
		}
		for _, o := range strange {
			w.see(ctx, o)
		}
	}
	for key, s := range w.seen {
		if !s.here && s.busy == nil {
			delete(w.seen, key)
		}
	}
	return nil
}

// see looks at one file, and has it read once it is complete.
func (w *Watch) see(ctx context.Context, o blob.Object) {
	if unfinished(o.Key) {
		return
	}
	now := w.Drops.Imports.Now()
	s := w.seen[o.Key]
	if s == nil {
		s = &sighting{}
		w.seen[o.Key] = s
	}
	s.here = true
	w.hear(s, now)
	if s.size != o.Size || !s.at.Equal(o.ModifiedAt) || s.since.IsZero() {
		*s = sighting{size: o.Size, at: o.ModifiedAt, since: now, busy: s.busy, here: true}
	}
	if s.done || s.busy != nil || now.Before(s.again) || now.Sub(s.since) < Quiet && !isUpload(o.Key) {
		return
	}
	busy := make(chan error, 1)
	if w.pool.TryGo(func() error {
		busy <- w.arrive(ctx, o, now, s.fails)
		return nil
	}) {
		s.busy = busy
	}
}

// hear asks whether a file has been read.
func (w *Watch) hear(s *sighting, now time.Time) {
	select {
	case err := <-s.busy:
		s.busy = nil
		if s.done = err == nil; !s.done {
			if !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Throttled) && !fault.Is(err, fault.Changed) {
				s.fails++
			}
			s.rest = min(maxRest, max(time.Second, 2*s.rest))
			s.again = now.Add(s.rest)
		}
	default: // also when nobody reads it
	}
}

// arrive has a file imported as it was seen, unless it has changed since, or gives it
// up when that has failed often.
func (w *Watch) arrive(ctx context.Context, seen blob.Object, now time.Time, fails int) error {
	if blob.CheckKey(seen.Key) != nil {
		if w.Compose != nil && w.Compose(ctx, seen.Key) == nil {
			return nil // it will be seen under its new name
		}
		return w.Drops.Arrived(ctx, Object{Key: seen.Key, Version: seen.Version, Size: seen.Size, At: now}) // which refuses it
	}
	o, err := w.Drops.Imports.Objects.Stat(ctx, seen.Key)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err == nil && (o.Size != seen.Size || !o.ModifiedAt.Equal(seen.ModifiedAt)) {
		return fault.New(fault.Changed, "The file is still being copied.")
	}
	if err == nil {
		err = w.Drops.Arrived(ctx, Object{Key: o.Key, Version: o.Version, Size: o.Size, At: now})
	}
	if err == nil || fault.Is(err, fault.Changed) || ctx.Err() != nil {
		return err
	}
	w.Log.ErrorContext(ctx, "a drop does not get on and is tried again", "failed", fails, "error", err)
	if fails+1 >= Attempts {
		return w.Drops.GiveUp(ctx, Object{Key: o.Key, Version: o.Version, Size: o.Size, At: now}, err)
	}
	return err
}

// unfinished reports whether a file has the name of one that a program is still busy
// with, however long it has been left alone: of a download that stands still, and what
// spreadsheets and editors put beside an open file. It will get another name.
func unfinished(key string) bool {
	name := strings.ToLower(path.Base(key))
	return !isUpload(key) && (strings.HasPrefix(name, "~$") || slices.ContainsFunc(
		[]string{".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp", "~"},
		func(end string) bool { return strings.HasSuffix(name, end) }))
}

// isUpload reports whether a key is one that Announce makes: what is uploaded
// there is complete when it is seen.
func isUpload(key string) bool {
	name, _, found := strings.Cut(strings.TrimPrefix(key, drop.Folder), "/")
	return found && len(name) == 36 && uuid.Validate(name) == nil
}
