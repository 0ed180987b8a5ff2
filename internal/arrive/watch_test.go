package arrive_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"acervo/internal/arrive"
	"acervo/internal/blob"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/intake"
)

// watched runs a sentence beside a watch, in a time of its own.
func watched(t *testing.T, prepare, test func(*testing.T, *shelf)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newShelf(t)
		d.Imports.Now = time.Now
		prepare(t, d)
		w := &arrive.Watch{Drops: d.Drops, Slots: 2, Nameless: d.objects.Nameless, Compose: d.objects.Compose, Log: slog.New(slog.DiscardHandler)}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); w.Run(ctx) }()
		test(t, d)
		stop()
		<-ended
	})
}

func nothing(*testing.T, *shelf) {}

// append adds to a file in the drop.
func (d *shelf) append(t *testing.T, name, content string) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(d.at, "drop", name), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(content); err != nil || file.Close() != nil {
		t.Fatal(err)
	}
}

func TestWatching(t *testing.T) {
	t.Parallel()
	t.Run("a file is imported once it has been left alone for a moment", func(t *testing.T) {
		t.Parallel()
		watched(t, nothing, func(t *testing.T, d *shelf) {
			copyInto(t, filepath.Join(d.at, "drop"), "a.csv", "title,author\n")
			for range 5 { // slowly
				time.Sleep(arrive.Quiet * 3 / 4)
				d.append(t, "a.csv", "A,B\n")
				if n := len(d.all(t)); n > 0 {
					t.Fatalf("%d imports of half a file", n)
				}
			}
			time.Sleep(arrive.Quiet + 3*arrive.LookEvery)
			if all := d.all(t); len(all) != 1 || all[0].Total != 5 || all[0].State != drop.Queued {
				t.Errorf("%+v", all)
			}
			time.Sleep(time.Hour)
			if n := len(d.all(t)); n != 1 {
				t.Errorf("%d imports an hour later", n)
			}
		})
	})
	t.Run("a file whose name no object can have is refused once, and says so", func(t *testing.T) {
		t.Parallel()
		watched(t, nothing, func(t *testing.T, d *shelf) {
			folder := filepath.Join(d.at, "drop")
			names := []string{"a\nb.csv", "what?.csv", "latin\xe1.csv", "end."}
			for _, name := range names {
				copyInto(t, folder, name, "title,author\nA,B\n")
			}
			copyInto(t, folder, ".a.csv.part", "title,author\nA,B\n")
			time.Sleep(time.Hour)
			all := d.all(t)
			if len(all) != len(names) {
				t.Errorf("%d imports, want %d", len(all), len(names))
			}
			for _, i := range all {
				if i.State != drop.Failed || i.Error == nil || i.Error.Detail == "" {
					t.Errorf("%+v", i)
				}
			}
		})
	})
	t.Run("a name as macOS writes it is composed, and replaces no other file", func(t *testing.T) {
		t.Parallel()
		watched(t, nothing, func(t *testing.T, d *shelf) {
			folder := filepath.Join(d.at, "drop")
			copyInto(t, folder, "Cata\u0301logo.csv", "title,author\nA,B\n")
			time.Sleep(time.Hour)
			if all := d.all(t); len(all) != 1 || all[0].State != drop.Queued || all[0].Filename != "Cat\u00e1logo.csv" {
				t.Fatalf("%+v", all)
			}
			copyInto(t, folder, "Cata\u0301logo.csv", "title,author\nC,D\n")
			time.Sleep(time.Hour)
			states := map[drop.State]int{}
			for _, i := range d.all(t) {
				states[i.State]++
			}
			if len(states) != 2 || states[drop.Failed] != 1 {
				t.Errorf("%v", states)
			}
			if raw, err := os.ReadFile(filepath.Join(folder, "Cat\u00e1logo.csv")); err != nil || string(raw) != "title,author\nA,B\n" {
				t.Errorf("%q, %v", raw, err)
			}
		})
	})
	t.Run("what a program is still busy with is left alone until it has its name", func(t *testing.T) {
		t.Parallel()
		watched(t, nothing, func(t *testing.T, d *shelf) {
			folder := filepath.Join(d.at, "drop")
			for _, name := range []string{"a.csv.part", "b.CSV.crdownload", "c.tmp", "d.csv~", "~$e.csv", "f\n.part"} {
				copyInto(t, folder, name, "title,author\nA,B\n")
			}
			time.Sleep(time.Hour)
			if all := d.all(t); len(all) > 0 {
				t.Errorf("%+v", all)
			}
			if err := os.Rename(filepath.Join(folder, "a.csv.part"), filepath.Join(folder, "a.csv")); err != nil {
				t.Fatal(err)
			}
			i, _, err := d.Imports.Announce(t.Context(), intake.Announcement{Filename: "g.csv.part", Bytes: 1, Mode: drop.Apply})
			if err != nil {
				t.Fatal(err)
			}
			d.put(t, i.Key, []byte(list)) // which is whole
			time.Sleep(2 * arrive.Quiet)
			if all := d.all(t); len(all) != 2 || all[0].State != drop.Queued || all[1].State != drop.Queued {
				t.Errorf("%+v", all)
			}
		})
	})
	t.Run("an upload is imported at once", func(t *testing.T) {
		t.Parallel()
		watched(t, nothing, func(t *testing.T, d *shelf) {
			i, _, err := d.Imports.Announce(t.Context(), intake.Announcement{Filename: "a.csv", Bytes: 1, Mode: drop.Apply})
			if err != nil {
				t.Fatal(err)
			}
			d.put(t, i.Key, []byte(list))
			time.Sleep(2 * arrive.LookEvery)
			if i = d.latest(t, i.Key); i.State != drop.Queued {
				t.Errorf("it is %s", i.State)
			}
		})
	})
	t.Run("a file that is written again is another import", func(t *testing.T) {
		t.Parallel()
		watched(t, nothing, func(t *testing.T, d *shelf) {
			for range 2 {
				d.put(t, "drop/a.csv", []byte(many(len(d.all(t))+1)))
				time.Sleep(2 * arrive.Quiet)
			}
			if all := d.all(t); len(all) != 2 {
				t.Errorf("%+v", all)
			}
		})
	})
	t.Run("a start goes on with what was left unfinished", func(t *testing.T) {
		t.Parallel()
		watched(t, func(t *testing.T, d *shelf) {
			d.put(t, "drop/a.csv", []byte(list))
			o := d.put(t, "drop/gone.csv", []byte(many(3)))
			for _, key := range []string{"drop/a.csv", "drop/gone.csv"} { // both were being read
				c := &crashes{left: 5}
				if err := d.over(crashingDrops{d.store, c}, d.objects, d.lane).Arrived(t.Context(), arrive.Object{Key: key}); err == nil {
					t.Fatal("it did not crash")
				}
			}
			if err := d.objects.Delete(t.Context(), o.Key); err != nil {
				t.Fatal(err)
			}
		}, func(t *testing.T, d *shelf) {
			for _, i := range d.all(t) {
				if i.State != drop.Reading {
					t.Fatalf("it is %s before", i.State)
				}
			}
			time.Sleep(2 * arrive.Quiet)
			if i := d.latest(t, "drop/a.csv"); i.State != drop.Queued || len(d.lane.sent) != 1 {
				t.Errorf("it is %s, %d messages", i.State, len(d.lane.sent))
			}
			if i := d.latest(t, "drop/gone.csv"); i.State != drop.Failed {
				t.Errorf("what is gone is %s", i.State)
			}
		})
	})
	t.Run("a store that is down is tried again, and what cannot be done is given up", func(t *testing.T) {
		t.Parallel()
		for _, kind := range []fault.Kind{fault.Unavailable, fault.Internal} {
			watched(t, func(t *testing.T, d *shelf) {
				d.put(t, "drop/a.csv", []byte(list))
				d.Drops.Imports = d.over(d.store, d.objects, d.lane).Imports
				d.Drops.Imports.Objects = putless{d.objects, kind}
				d.Drops.Imports.Now = time.Now
			}, func(t *testing.T, d *shelf) {
				time.Sleep(time.Hour)
				want := drop.Reading
				if kind == fault.Internal {
					want = drop.Failed
				}
				if i := d.latest(t, "drop/a.csv"); i.State != want {
					t.Errorf("%s: it is %s", kind, i.State)
				}
			})
		}
	})
}

func TestOldFilesAreRemoved(t *testing.T) {
	t.Parallel()
	d := newShelf(t)
	now := july()
	d.Imports.Now = func() time.Time { return now }
	ended := func(key string) drop.Import {
		i := d.drops(t, key, list+key+",B\n")
		next := i
		next.State, next.FinishedAt = drop.Succeeded, now
		if err := d.store.Update(t.Context(), i, next); err != nil {
			t.Fatal(err)
		}
		return i
	}
	old, other := ended("drop/old.csv"), ended("drop/other.csv")
	d.put(t, "drop/other.csv", []byte(list)) // which is not the one that was imported
	now = now.Add(arrive.Keep / 2)
	ended("drop/young.csv")
	open := d.drops(t, "drop/open.csv", many(3))
	for _, c := range []struct {
		passes time.Duration
		want   []string
	}{
		{0, []string{"drop/old.csv", "drop/open.csv", "drop/other.csv", "drop/young.csv"}},
		{arrive.Keep/2 + time.Hour, []string{"drop/open.csv", "drop/other.csv", "drop/young.csv"}},
	} {
		now = now.Add(c.passes)
		if err := d.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := d.keys(t, drop.Folder); !slices.Equal(got, c.want) {
			t.Errorf("there are %q, want %q", got, c.want)
		}
	}
	for i, want := range map[uuid.UUID]int{old.ID: 0, other.ID: 0, open.ID: 1} {
		if got := d.keys(t, drop.Beside+i.String()); len(got) != want {
			t.Errorf("beside it there are %q", got)
		}
	}
}

// keys are those of all objects that begin so.
func (d *shelf) keys(t *testing.T, prefix string) (all []string) {
	t.Helper()
	page, err := d.objects.List(t.Context(), prefix, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range page.Objects {
		all = append(all, o.Key)
	}
	return all
}

// putless is a store that keeps nothing more.
type putless struct {
	blob.Store
	kind fault.Kind
}

func (p putless) Put(context.Context, string, string, io.ReadSeeker) (blob.Object, error) {
	return blob.Object{}, fault.New(p.kind, "no room")
}
