package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"acervo/internal/config"
	"acervo/internal/drop"
	"acervo/internal/e2etest"
	"acervo/internal/intake"
	"acervo/internal/intake/intaketest"
	"acervo/internal/sqlite"
)

// It comes after the first look at the drop, since a start sends what an earlier process
// has left; and its own drop is gone, so that nobody notices a file.
func TestAnImportThatNobodyHasSentIsSentByTheServer(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	c, log := config.Serve{Data: dataDir(t), Slots: 1, ImportSlots: 1, Grace: time.Minute, MaxAge: time.Hour}, slog.New(slog.DiscardHandler)
	db, err := sqlite.Open(sqlite.Options{Dir: c.Data})
	must(t, err)
	p, err := tuning{workers: 1, unsent: 10 * time.Millisecond}.parts(ctx, c, db, log)
	must(t, err)
	_, err = p.objects.Put(ctx, drop.Folder+"seen.csv", intake.UploadType, strings.NewReader("title,author\nSeen,A\n"))
	must(t, err)
	all := p.work(ctx, db, log)
	must(t, e2etest.Poll(ctx, func() (noticed bool, err error) {
		seen, _, err := p.api.Imports.Drops.List(ctx, "", 1)
		return len(seen) > 0, err
	}))
	id := intaketest.Unsent(t, p.api.Imports)
	var i drop.Import
	must(t, e2etest.Poll(ctx, func() (ended bool, err error) {
		i, err = p.api.Imports.Drops.Get(ctx, id)
		return i.State.Terminal(), err
	}))
	if i.State != drop.Succeeded || i.Applied.Counts.OK != 2 {
		t.Errorf("it is %s with %+v", i.State, i.Applied.Counts)
	}
	stop()
	must(t, all.Wait())
	must(t, p.objects.Close())
	must(t, db.Close())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
