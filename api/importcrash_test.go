package main

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/client"
	"acervo/internal/drop"
	"acervo/internal/e2etest"
)

// The function is killed ten times while it reads a list or sends its
// chunks, after which it is told of it again, and the worker ten times while it
// applies them.
func TestKillsOfTheSplitterAndOfAWorkerLoseAndDoubleNoRow(t *testing.T) {
	t.Parallel()
	const kills = 10
	l := newLibrary(t)
	list := e2etest.List{Books: 2500, Spoilt: 120, Twins: 100}
	var text bytes.Buffer
	if _, err := list.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	i, upload, err := l.Announce(t.Context(), client.Announcement{Filename: "books.csv", Bytes: int64(text.Len())})
	if err == nil {
		err = l.Upload(t.Context(), upload, &text)
	}
	if err != nil {
		t.Fatal(err)
	}
	key, struck := drop.Folder+i.ID+"/"+i.Filename, map[drop.State]int{}
	for n := range kills {
		l.killsReading(t, key, i.ID, time.Duration(n)*20*time.Millisecond)
		struck[l.state(t, i.ID)]++
	}
	l.arrives(t, key)
	for range kills {
		l.killsApplying(t, i.ID)
		struck[l.state(t, i.ID)]++
	}
	t.Logf("of %d kills found the import: %v", 2*kills, struck)
	if struck[drop.Reading] == 0 || struck[drop.Running] == 0 {
		t.Error("no kill came while the list was read, or while it was applied")
	}
	i = l.ended(t, i.ID)
	if r := i.Rows; i.State != drop.CompletedWithErrors || r.Done() != int64(list.Rows()) || r.OK != int64(list.Books-list.Failing()) ||
		r.Failed != int64(list.Failing()) || r.Superseded != int64(list.Twins) {
		t.Errorf("of %+v there is %+v", list, i)
	}
	l.onceEach(t, list)
}

// killsReading tells the function of an object, kills it within some time from when
// it reads, and starts another one.
func (l *library) killsReading(t *testing.T, key, id string, within time.Duration) {
	t.Helper()
	l.function.Begin(l.event(key))
	if err := e2etest.Poll(t.Context(), func() (bool, error) { return l.state(t, id) != drop.AwaitingUpload, nil }); err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Duration(rand.Float64() * float64(within)))
	l.function.Kill()
	l.newFunction(t)
}

// killsApplying kills the worker soon after another chunk has its outcome, and starts
// another one.
func (l *library) killsApplying(t *testing.T, id string) {
	t.Helper()
	before := int64(-1)
	err := e2etest.Poll(t.Context(), func() (bool, error) {
		i, err := l.Import(t.Context(), id)
		if before < 0 {
			before = i.Rows.Done()
		}
		return i.Rows.Done() > before || i.State.Terminal(), err
	})
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Duration(rand.Float64() * float64(50*time.Millisecond)))
	l.worker.Kill()
	l.newWorker(t)
}

func (l *library) state(t *testing.T, id string) drop.State {
	t.Helper()
	i, err := l.store.Drops().Get(t.Context(), uuid.MustParse(id))
	if err != nil {
		t.Fatal(err)
	}
	return i.State
}

// onceEach checks that every book of a list is there, written once, by the row that
// counts.
func (l *library) onceEach(t *testing.T, list e2etest.List) {
	t.Helper()
	ids := make([]uuid.UUID, list.Books)
	for n := range ids {
		ids[n] = book.ID(book.Draft{ISBN: e2etest.ISBN(list.First + n)})
	}
	found, err := l.store.Books().GetMany(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for n, f := range found {
		if err := errors.Join(f.Err, list.Once(n, f.Item.Version, f.Item.Draft.Title)); err != nil {
			t.Error(err)
		}
	}
}
