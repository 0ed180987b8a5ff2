package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// recovery is how a disk comes to work again.
type recovery string

const (
	atOnce    recovery = "after one failure"
	inTime    recovery = "once there is an end to it"
	byRebirth recovery = "in a process that is killed meanwhile and started again"
)

// TestADiskThatFails fails operations in the life of a house, each in a life of
// its own: of opening, accepting, applying, burying, checkpoints and closing.
// ACERVO_SOAK=1 fails every one in each way, otherwise it is every third, and all
// of them over the ways of recovery. The index of the log fails as a whole only.
func TestADiskThatFails(t *testing.T) {
	t.Parallel()
	start := oneBook(t)
	step := 3
	switch {
	case os.Getenv("ACERVO_SOAK") != "":
		step = 1
	case testing.Short():
		step = 61
	}
	for how, trouble := range map[string]trouble{"for want of space": fullDisk(), "for being broken": failingDisk()} {
		for i, r := range []recovery{atOnce, inTime, byRebirth} {
			t.Run(how+" loses nothing accepted, does nothing twice, and all goes on "+string(r), func(t *testing.T) {
				t.Parallel()
				at := i % step
				for live(t, start, trouble, at, r) {
					at += step
				}
				if at < 150 {
					t.Errorf("a life had only %d operations", at)
				}
			})
		}
	}
}

// oneBook is a database with the book that the writes change.
func oneBook(t *testing.T) image {
	t.Helper()
	dir := t.TempDir()
	db, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Books().Swap(t.Context(), itemAt(patched, 0), itemAt(patched, 1))
	img, err2 := imageOf(dir)
	if err := errors.Join(err, db.Close(), err2); err != nil {
		t.Fatal(err)
	}
	return img
}

// imageOf is what a process leaves that is killed now.
func imageOf(dir string) (image, error) {
	img := image{}
	for _, name := range []string{"acervo.db", "acervo.db-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		switch {
		case err == nil:
			img[name] = data
		case !errors.Is(err, os.ErrNotExist):
			return nil, err
		}
	}
	return img, nil
}

// live goes through a life whose operation number at fails, and returns whether
// there was one.
func live(t *testing.T, start image, trouble trouble, at int, r recovery) (failed bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		fs := &faulty{VFS: vfs.Find(""), name: "faulty:" + dir, trouble: trouble, at: at, lasting: r != atOnce}
		vfs.Register(fs.name, fs)
		defer vfs.Unregister(fs.name)
		h := &house{t: t, fs: fs, dir: dir}
		h.ok(start.put(dir))
		h.open()
		for _, w := range firstWrites() {
			h.ask(&ask{Write: w})
		}
		_ = h.garble() // until it is settled
		h.pass(time.Minute)
		h.recover(r)
		h.settle()
		for _, w := range lastWrites() {
			if again := w; !h.ask(&ask{Write: w}) && !h.ask(&ask{Write: again}) {
				t.Error("a write was refused twice, with one failure")
			}
		}
		h.drain()
		h.audit()
		h.reopen()
		failed = fs.failures() > 0
		if t.Failed() {
			t.Errorf("when operation %d fails (%d did)", at, fs.failures())
		}
	})
	return failed && !t.Failed()
}

// reopen closes and opens the database, which must not change it.
func (h *house) reopen() {
	h.t.Helper()
	before, err := h.rows()
	h.ok(err)
	failures := h.fs.failures()
	if err := h.close(); err != nil && h.fs.failures() == failures {
		h.t.Error(err)
	}
	h.fs.mend()
	db, err := Open(Options{Dir: h.dir, VFS: h.fs.name})
	h.ok(err)
	h.db = db
	after, err := h.rows()
	if err != nil || !reflect.DeepEqual(before, after) {
		h.t.Errorf("closed with %q and opened with %q (%v)", before, after, err)
	}
	h.ok((&clerk{db: db}).sound(h.t.Context()))
	h.ok(db.Close())
}

// rows are those of all tables but the heartbeats.
func (h *house) rows() (all []string, err error) {
	err = h.db.read(h.t.Context(), func(c *conn) error {
		for _, query := range []string{
			`SELECT id, version || ' ' || fence, doc FROM books ORDER BY id`,
			`SELECT id, generation || ' ' || state, doc FROM jobs ORDER BY id`,
			`SELECT key, job || ' ' || sent, hash FROM claims ORDER BY key`,
			`SELECT dedup, seq, body FROM messages ORDER BY seq`,
			`SELECT secret, made_at, retired_at FROM receipt_keys ORDER BY id`,
		} {
			err := c.each(query, func(s *sqlite3.Stmt) error {
				all = append(all, fmt.Sprintf("%x %s %s", s.ColumnText(0), s.ColumnText(1), s.ColumnText(2)))
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}
