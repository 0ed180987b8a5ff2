package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"acervo/internal/arrive"
	"acervo/internal/config"
	"acervo/internal/cover"
	"acervo/internal/dir"
	"acervo/internal/httpapi"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/sqlite"
)

// dropFolder is where people copy files of books into.
const dropFolder = "drop"

// openObjects opens the objects, which are files below the data directory.
func openObjects(ctx context.Context, c config.Serve, db *sqlite.DB) (*dir.Dir, error) {
	current, retired, err := db.UploadKeys(ctx)
	if err != nil {
		return nil, err
	}
	keys := make([]dir.Key, len(retired))
	for i, key := range retired {
		keys[i] = dir.Key(key)
	}
	return dir.Open(dir.Options{
		Path: c.Data, Folders: []string{dropFolder}, Uploads: "/v1/uploads/",
		Ring: dir.NewKeyring(time.Now, dir.Key(current), keys...), Now: time.Now,
	})
}

// newPorter takes uploads, and hands what landed to who deals with it.
func newPorter(objects *dir.Dir, covers *arrive.Covers, log *slog.Logger) *arrive.Porter {
	router := &arrive.Router{Log: log, Routes: []arrive.Route{
		{Prefix: job.Originals, Handler: covers, Leftovers: true},
	}}
	return &arrive.Porter{Store: objects, Inbox: objects, Router: router, Log: log}
}

// newUnused removes pictures that no book shows any more.
func newUnused(objects *dir.Dir, db *sqlite.DB, log *slog.Logger) *arrive.Unused {
	return &arrive.Unused{Objects: objects, Shelf: db.Books(), Now: time.Now, Log: log}
}

// readers is how many dropped files are read at once, beside the workers.
const readers = 2

// newWatch notices what is copied into the drop, and what was uploaded to it.
func newWatch(c config.Serve, objects *dir.Dir, imports *intake.Imports, log *slog.Logger) *arrive.Watch {
	return &arrive.Watch{
		Drops: &arrive.Drops{Imports: imports, Spool: filepath.Join(c.Data, spoolFolder), Log: log}, Slots: readers,
		Nameless: objects.Nameless, Compose: objects.Compose, Log: log,
	}
}

// spoolFolder is where the objects are written before they get their names. What is
// left there is removed at the start.
const spoolFolder = ".incoming"

// takeCovers has the API take covers, and returns who carries them.
func takeCovers(api *httpapi.API, objects *dir.Dir, log *slog.Logger) *arrive.Porter {
	in := api.Intake
	covers := &arrive.Covers{
		Ring: in.Ring, Jobs: in.Jobs, Books: api.Books, Lane: in.Lane, Objects: objects,
		Renderer: cover.New(), Now: time.Now, Log: log,
	}
	porter := newPorter(objects, covers, log)
	api.Objects, api.Inbox, in.Originals = objects, porter, objects
	in.Again = func(ctx context.Context, id string) error {
		landed, err := covers.Again(ctx, id)
		if err == nil {
			porter.Land(landed)
		}
		return err
	}
	return porter
}
