package arrive

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"acervo/internal/blob"
	"acervo/internal/book"
	"acervo/internal/fault"
)

const (
	// KeepUnused is for how long renditions stay that no book shows. They may be relied on
	// until their note is 30 days old (see reuse), by a job that may wait for 14 days, be
	// dead for 30 and wait for 14 more: 88 days. Whoever relies on them after that makes
	// them anew, and what is made anew is another version.
	KeepUnused = 120 * 24 * time.Hour
	// sha256Text is the size of a hash in hexadecimal.
	sha256Text = 64
	// unusedEvery is how often they are looked for.
	unusedEvery = 6 * time.Hour
)

// Unused removes renditions that no book shows any more, late and safely. It is for one
// goroutine; several processes may do it at once.
type Unused struct {
	Objects blob.Store
	Shelf   book.Shelf
	Now     func() time.Time
	Log     *slog.Logger
}

// Run looks for unused renditions now and then, until ctx ends.
func (u *Unused) Run(ctx context.Context) {
	tick := time.NewTicker(unusedEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n, err := u.Remove(ctx); err != nil && ctx.Err() == nil {
			u.Log.ErrorContext(ctx, "unused pictures could not be removed", "error", err)
		} else if n > 0 {
			u.Log.InfoContext(ctx, "removed pictures that no book shows", "objects", n)
		}
	}
}

// Remove removes what is unused, and returns how many objects that were.
func (u *Unused) Remove(ctx context.Context) (removed int, err error) {
	var hash string // of which is known whether it is shown: keys come in order
	var shown bool
	for after, more := "", true; more; {
		page, err := u.Objects.List(ctx, book.Renditions, after, blob.MaxPage)
		if err != nil {
			return removed, err
		}
		for _, o := range page.Objects {
			if !u.old(o) || len(hashOf(o.Key)) != sha256Text {
				continue // what others put there is theirs
			}
			if of := hashOf(o.Key); of != hash {
				if shown, err = u.Shelf.Shows(ctx, of); err != nil {
					return removed, err
				}
				hash = of
			}
			if shown {
				continue
			}
			gone, err := u.remove(ctx, o.Key)
			if err != nil {
				return removed, err
			}
			removed += gone
		}
		after, more = page.Next, page.Next != ""
	}
	return removed, nil
}

func (u *Unused) old(o blob.Object) bool { return u.Now().Sub(o.ModifiedAt) > KeepUnused }

// remove removes one object in the version in which it was found old. One that is put
// anew meanwhile stays.
func (u *Unused) remove(ctx context.Context, key string) (int, error) {
	o, err := u.Objects.Stat(ctx, key)
	switch {
	case fault.Is(err, fault.NotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case !u.old(o):
		return 0, nil
	}
	return 1, u.Objects.DeleteVersion(ctx, key, o.Version)
}

// hashOf is the hash in the key of a rendition or of a note.
func hashOf(key string) string {
	hash, _, _ := strings.Cut(strings.TrimPrefix(key, book.Renditions), "/")
	return hash
}
