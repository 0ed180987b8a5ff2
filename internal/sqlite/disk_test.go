package sqlite_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
)

// disk is the file system of the operating system for SQLite. It counts the
// syncs of the log, and can be full or broken for a while.
type disk struct {
	vfs.VFS
	name  string
	slow  bool // a sync takes a millisecond, of fake time
	syncs atomic.Int64
	full  atomic.Bool // no write succeeds
	worn  atomic.Bool // no sync succeeds
	deaf  atomic.Bool // no read succeeds
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	d := &disk{VFS: vfs.Find(""), name: "disk:" + t.Name()}
	vfs.Register(d.name, d)
	t.Cleanup(func() { vfs.Unregister(d.name) })
	return d
}

// open opens a database in a fresh directory of this disk.
func (d *disk) open(t *testing.T) *sqlite.DB {
	t.Helper()
	return open(t, sqlite.Options{Dir: t.TempDir(), VFS: d.name})
}

func (d *disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, out, err := vfsutil.WrapOpenFilename(d.VFS, name, flags)
	if err != nil {
		return nil, out, err
	}
	return &diskedFile{File: file, disk: d, log: flags&vfs.OPEN_WAL != 0}, out, nil
}

type diskedFile struct {
	vfs.File
	disk *disk
	log  bool
}

func (f *diskedFile) ReadAt(p []byte, off int64) (int, error) {
	if f.disk.deaf.Load() {
		return 0, sqlite3.IOERR_READ
	}
	return f.File.ReadAt(p, off)
}

func (f *diskedFile) WriteAt(p []byte, off int64) (int, error) {
	if f.disk.full.Load() {
		return 0, sqlite3.FULL
	}
	return f.File.WriteAt(p, off)
}

func (f *diskedFile) Sync(flags vfs.SyncFlag) error {
	if f.disk.worn.Load() {
		return sqlite3.IOERR_FSYNC
	}
	if f.disk.slow {
		<-time.After(time.Millisecond)
	}
	if f.log {
		f.disk.syncs.Add(1)
	}
	return f.File.Sync(flags)
}

func (f *diskedFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }

// syncsOf counts the syncs of the log that a call makes.
func (d *disk) syncsOf(t *testing.T, call func() error) int64 {
	t.Helper()
	before := d.syncs.Load()
	ok(t, call())
	return d.syncs.Load() - before
}

func message(group, id string) queue.Message {
	return queue.Message{Group: group, DedupID: id, Body: []byte("body of " + id)}
}

func TestWhatMustSurviveAPowerCutIsSyncedOnceAndNothingElseIs(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	db := d.open(t)
	l := lane(t, db, "writes", sqlite.LaneOptions{})
	item := book.Item{ID: uuid.New(), Existence: book.Live, Version: 1}
	_, _, err := db.ReceiptKeys(t.Context()) // the first write starts the log, which takes a sync of its own
	ok(t, err)
	var delivery queue.Delivery
	receive := func() error {
		batch, err := l.Receive(t.Context(), 1)
		if len(batch) == 1 {
			delivery = batch[0]
		}
		return err
	}
	for _, c := range []struct {
		what string
		call func() error
		want int64
	}{
		{"a send", func() error { return l.Send(t.Context(), message("a", "a1")) }, 1},
		{"a send", func() error { return l.Send(t.Context(), message("a", "a2")) }, 1},
		{"a receive", receive, 0},
		{"a release", func() error { return l.Release(t.Context(), delivery.Handle, 0) }, 0},
		{"a receive", receive, 0},
		{"a swap", func() error { return db.Books().Swap(t.Context(), book.Item{ID: item.ID}, item) }, 0},
		{"an end", func() error { return db.Jobs().Save(t.Context(), job.Record{ID: "1", State: job.Failed}) }, 1},
		{"a deletion", func() error { return l.Delete(t.Context(), delivery.Handle) }, 0},
		{"an end with its book", func() error {
			return db.Jobs().SaveIfUnchanged(t.Context(), job.Record{ID: "2", State: job.Failed}, item)
		}, 1},
		{"a read", func() error { _, err := db.Books().Get(t.Context(), item.ID); return err }, 0},
	} {
		if got := d.syncsOf(t, c.call); got != c.want {
			t.Errorf("%s made %d syncs, want %d", c.what, got, c.want)
		}
	}
}

func TestASharedCommitIsSyncedWhenAnyOfItsWritesMustBe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		db := d.open(t)
		l := lane(t, db, "writes", sqlite.LaneOptions{})
		ok(t, l.Send(t.Context(), message("a", "a1")))
		ok(t, l.Send(t.Context(), message("b", "b1")))
		first, second := one(t, l, "a1"), one(t, l, "b1")
		d.slow = true
		syncs := d.syncsOf(t, func() error {
			var wg sync.WaitGroup
			for _, write := range []func() error{
				func() error { return l.Send(t.Context(), message("c", "c1")) }, // under way
				func() error { return l.Delete(t.Context(), first.Handle) },
				func() error { return l.Send(t.Context(), message("d", "d1")) },
				func() error { return l.Delete(t.Context(), second.Handle) },
			} {
				wg.Go(func() {
					if err := write(); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait() // they queue in order
			}
			wg.Wait()
			return nil
		})
		if syncs != 2 {
			t.Errorf("two commits made %d syncs", syncs)
		}
	})
}

func TestManyWritersShareTheirSyncs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		db := d.open(t)
		l := lane(t, db, "writes", sqlite.LaneOptions{})
		d.slow = true // from here on
		const writers, each = 64, 8
		syncs := d.syncsOf(t, func() error {
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					for i := range each {
						if err := l.Send(t.Context(), message(fmt.Sprint(w), fmt.Sprint(w, ".", i))); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			return nil
		})
		if share := float64(syncs) / (writers * each); share > 0.25 {
			t.Errorf("%d writers made %.2f syncs a write, want 0.25 at most", writers, share)
		}
		if s, err := l.Stats(t.Context()); err != nil || s.Waiting != writers*each {
			t.Errorf("the lane has %+v (%v), want %d messages", s, err, writers*each)
		}
	})
}

func TestWritesOnADiskThat(t *testing.T) {
	t.Parallel()
	for _, trouble := range []struct {
		name string
		of   func(d *disk) *atomic.Bool
		kind func(fault.Kind) bool
		swap bool // it hinders a swap too, which needs no sync
	}{
		{
			"is full are not taken for now", func(d *disk) *atomic.Bool { return &d.full },
			func(k fault.Kind) bool { return k == fault.Unavailable }, true,
		},
		{
			// The log has them by then, so whoever opens it after a crash may find them.
			"cannot sync fail", func(d *disk) *atomic.Bool { return &d.worn },
			func(k fault.Kind) bool { return k != "" }, false,
		},
	} {
		t.Run(trouble.name+", change nothing, and succeed when the trouble is over", func(t *testing.T) {
			t.Parallel()
			d := newDisk(t)
			db := d.open(t)
			l := lane(t, db, "writes", sqlite.LaneOptions{Poll: time.Millisecond})
			ok(t, l.Send(t.Context(), message("a", "a1")))
			item := book.Item{ID: uuid.New(), Existence: book.Live, Version: 1}
			absent := book.Item{ID: item.ID}
			rec := job.Record{ID: "1", Generation: 1, State: job.Failed, FinishedAt: time.Now()}
			failing := trouble.of(d)
			writes := map[string]func() error{
				"Send":        func() error { return l.Send(t.Context(), message("b", "b1")) },
				"End":         func() error { return db.Jobs().Save(t.Context(), rec) },
				"ReceiptKeys": func() error { _, _, err := db.ReceiptKeys(t.Context()); return err },
			}
			if trouble.swap {
				writes["Swap"] = func() error { return db.Books().Swap(t.Context(), absent, item) }
			}
			for range 3 {
				failing.Store(true)
				for name, write := range writes {
					if err := write(); !trouble.kind(fault.KindOf(err)) {
						t.Errorf("%s: %v", name, err)
					}
				}
				failing.Store(false)
				got, err := db.Books().Get(t.Context(), item.ID)
				if _, found, err2 := db.Jobs().Get(t.Context(), rec.ID); found || err != nil || err2 != nil || got.Version != 0 {
					t.Errorf("a write that failed left something: %+v, %v (%v, %v)", got, found, err, err2)
				}
				if s, err := l.Stats(t.Context()); err != nil || s.Waiting != 1 {
					t.Errorf("the lane has %+v (%v), want one message", s, err)
				}
			}
			for name, write := range writes {
				if err := write(); err != nil {
					t.Errorf("%s when the trouble is over: %v", name, err)
				}
			}
		})
	}
}

func TestALaneOnAFullDiskHandsOutNothingAndLosesNothing(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	db := d.open(t)
	l := lane(t, db, "writes", sqlite.LaneOptions{Poll: time.Millisecond})
	ok(t, l.Send(t.Context(), message("a", "a1")))
	ok(t, l.Send(t.Context(), message("a", "a2")))

	d.full.Store(true)
	for range 3 {
		if batch, err := l.Receive(t.Context(), 1); !fault.Is(err, fault.Unavailable) || len(batch) > 0 {
			t.Fatalf("received %+v (%v) from a full disk", batch, err)
		}
	}
	d.full.Store(false)
	first := one(t, l, "a1")
	if first.Receives != 1 {
		t.Errorf("receives that failed count: this one is said to be number %d", first.Receives)
	}

	d.full.Store(true)
	if err := l.Delete(t.Context(), first.Handle); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a deletion on a full disk: %v", err)
	}
	if s, err := l.Stats(t.Context()); err != nil || s.InFlight != 1 || s.Waiting != 1 {
		t.Errorf("the lane has %+v (%v), want one in flight and one behind it", s, err)
	}
	d.full.Store(false)
	ok(t, l.Delete(t.Context(), first.Handle))

	second := one(t, l, "a2")
	d.full.Store(true)
	ok(t, l.Release(t.Context(), second.Handle, time.Hour))
	if s, err := l.Stats(t.Context()); err != nil || s.Delayed != 1 {
		t.Errorf("the lane has %+v (%v), want what was released delayed all the same", s, err)
	}
}

func TestAReadThatTheDiskRefusesFailsForNow(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	db := d.open(t)
	id := uuid.New()
	d.deaf.Store(true)
	_, err := db.Books().Get(t.Context(), id)
	_, _, err2 := db.Jobs().Get(t.Context(), "1")
	for _, err := range []error{err, err2, db.Ping(t.Context())} {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("got %v, want fault.Unavailable", err)
		}
	}
	if _, err := sqlite.Open(sqlite.Options{Dir: t.TempDir(), VFS: d.name}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("opening got %v, want fault.Unavailable", err)
	}
	d.deaf.Store(false)
	ok(t, db.Ping(t.Context()))
	_, err = db.Books().Get(t.Context(), id)
	ok(t, err)
}

// one receives a single message, which must be this one.
func one(t *testing.T, l *sqlite.Lane, id string) queue.Delivery {
	t.Helper()
	batch, err := l.Receive(t.Context(), 1)
	if err != nil || len(batch) != 1 || batch[0].DedupID != id {
		t.Fatalf("received %+v (%v), want %s", batch, err, id)
	}
	return batch[0]
}
