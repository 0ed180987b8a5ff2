package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/config"
	"acervo/internal/drop"
	"acervo/internal/e2etest"
	"acervo/internal/intake"
	"acervo/internal/sqlite"
	"acervo/internal/tabular"
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
	var seen []drop.Import
	for begin := time.Now(); len(seen) == 0 && time.Since(begin) < e2etest.Patience; <-time.After(10 * time.Millisecond) {
		seen, _, err = p.api.Imports.Drops.List(ctx, "", 1)
		must(t, err)
	}
	id := unsentImport(t, p.api.Imports)
	i, err := p.api.Imports.Drops.Get(ctx, id)
	for begin := time.Now(); err == nil && !i.State.Terminal() && time.Since(begin) < e2etest.Patience; {
		<-time.After(10 * time.Millisecond)
		i, err = p.api.Imports.Drops.Get(ctx, id)
	}
	must(t, err)
	if i.State != drop.Succeeded || i.Applied.Counts.OK != 2 {
		t.Errorf("it is %s with %+v", i.State, i.Applied.Counts)
	}
	stop()
	must(t, all.Wait())
	must(t, p.objects.Close())
	must(t, db.Close())
}

// unsentImport is one that was read and whose sender died before it sent anything.
func unsentImport(t *testing.T, imports *intake.Imports) uuid.UUID {
	t.Helper()
	const text = "title,author\nIracema,José de Alencar\nLucíola,José de Alencar\n"
	id := uuid.New()
	object, err := imports.Objects.Put(t.Context(), drop.TextKey(id), intake.UploadType, strings.NewReader(text))
	must(t, err)
	plan, err := tabular.Scan(strings.NewReader(text), tabular.Options{})
	must(t, err)
	must(t, imports.KeepPlan(t.Context(), id, plan))
	now := imports.Now().UTC().Truncate(time.Millisecond)
	must(t, imports.Drops.Create(t.Context(), drop.Import{
		ID: id, Filename: "a.csv.gz", State: drop.Queued, Mode: drop.Apply, Key: "drop/a.csv.gz", Text: object.Key, TextVersion: object.Version,
		SubmittedAt: now, ArrivedAt: now, Total: plan.Rows, Chunks: len(plan.Chunks),
	}))
	return id
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
