package arrive

import (
	"context"
	"fmt"
	"time"

	"acervo/internal/blob"
	"acervo/internal/drop"
	"acervo/internal/fault"
)

const (
	// Keep is how long a drop and what is beside it are kept after the import has
	// ended, where no bucket has a rule for that: not as long as the record of the
	// import, without which the file would be taken for a new one.
	Keep = drop.TTL - 24*time.Hour

	tidyEvery = time.Hour
)

// Tidy removes the files of imports that ended long ago.
func (d *Drops) Tidy(ctx context.Context) error {
	for cursor := ""; ; {
		page, next, err := d.Imports.Drops.List(ctx, cursor, blob.MaxPage/10)
		if err != nil {
			return err
		}
		for _, i := range page {
			if i.State.Terminal() && d.now().Sub(i.FinishedAt) > Keep {
				if err := d.remove(ctx, i); err != nil {
					return err
				}
			}
		}
		if cursor = next; cursor == "" {
			return nil
		}
	}
}

// remove removes the file of an import, unless it is another one by now, and what is
// beside it.
func (d *Drops) remove(ctx context.Context, i drop.Import) error {
	o, err := d.Imports.Objects.Stat(ctx, i.Key)
	if err == nil && o.Version == i.Version {
		err = d.Imports.Objects.Delete(ctx, i.Key)
	}
	if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Invalid) { // a name that was no key
		return err
	}
	for after := ""; ; {
		page, err := d.Imports.Objects.List(ctx, fmt.Sprintf("%s%s/", drop.Beside, i.ID), after, blob.MaxPage)
		if err != nil {
			return err
		}
		for _, o := range page.Objects {
			if err := d.Imports.Objects.Delete(ctx, o.Key); err != nil {
				return err
			}
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

// tidy does it now and then.
func (w *Watch) tidy(ctx context.Context) {
	now := w.Drops.Imports.Now()
	if now.Sub(w.tidied) < tidyEvery {
		return
	}
	w.tidied = now
	if err := w.Drops.Tidy(ctx); err != nil && ctx.Err() == nil {
		w.Log.ErrorContext(ctx, "the files of old imports could not be removed", "error", err)
	}
}
