package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/work"
)

// house is the whole way of a write on one machine, from intake to applied, over
// a disk that fails.
type house struct {
	t    *testing.T
	fs   *faulty
	dir  string
	db   *DB
	lane *Lane
	in   *intake.Intake
	stop func() // the worker, and waits for it

	asked []*ask
	calls int
}

// ask is a write that was asked for, once or, with a key, until it was accepted.
type ask struct {
	intake.Write
	asked, told int    // the calls that asked first and that was told; zero when none was
	job         string // once told
}

// The books of a house. The absent one stays so.
const (
	patched = iota
	replaced
	created
	absent
)

func firstWrites() []intake.Write {
	draft := &book.Draft{Title: "replaced", Authors: []string{"Anon."}, Description: jobText(1, 7)}
	return []intake.Write{
		{Kind: job.Update, BookID: bookID(patched), Patch: book.Patch(`{"title":"one"}`)},
		{Kind: job.Replace, BookID: bookID(replaced), Draft: draft, Caller: "c", Key: "replace", Hash: "1"},
		{Kind: job.Update, BookID: bookID(patched), Patch: book.Patch(`{"title":"two"}`), Caller: "c", Key: "update", Hash: "2"},
		{Kind: job.Update, BookID: bookID(absent), Patch: book.Patch(`{}`)},
		{Kind: job.Create, BookID: bookID(created), Draft: draft},
		{Kind: job.Delete, BookID: bookID(replaced)},
	}
}

func lastWrites() []intake.Write {
	return []intake.Write{
		{Kind: job.Update, BookID: bookID(absent), Patch: book.Patch(`{}`)},
		{Kind: job.Update, BookID: bookID(patched), Patch: book.Patch(`{"title":"last"}`)},
	}
}

// start opens the database and sets a worker to work. The log is folded into the
// file every few pages.
func (h *house) start() error {
	ctx := h.t.Context()
	db, err := Open(Options{Dir: h.dir, VFS: h.fs.name})
	if err != nil {
		return err
	}
	w := <-db.writer
	err = w.Exec("PRAGMA wal_autocheckpoint = 12")
	db.writer <- w
	lane, err2 := db.Lane(ctx, "writes", LaneOptions{})
	current, retired, err3 := db.ReceiptKeys(ctx)
	if err := errors.Join(err, err2, err3); err != nil {
		return errors.Join(err, db.Close())
	}
	h.db, h.lane = db, lane
	h.in = &intake.Intake{
		Ring: job.NewKeyring(time.Now, current, retired...), Lane: lane, Gauge: lane,
		Jobs: db.Jobs(), Claims: db.Jobs(), Now: time.Now,
	}
	log := slog.New(slog.DiscardHandler)
	runner := &work.Runner{
		Lane: lane, Control: lane, Gauge: lane, Probe: db.Ping, Name: "worker", Slots: 1,
		MaxRun: time.Minute, Grace: time.Minute, Log: log,
		Handler: &work.Writes{Applier: work.NewApplier(db.Books(), db.Jobs(), "writes", time.Now), Log: log},
	}
	open, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runner.Run(open)
	}()
	h.stop = func() {
		cancel()
		<-ended
	}
	return nil
}

func (h *house) close() error {
	h.stop()
	return h.db.Close()
}

// open starts the house, a second time when the disk fails the first.
func (h *house) open() {
	h.t.Helper()
	if err := h.start(); err != nil {
		if !fault.Is(err, fault.Unavailable) || h.fs.failures() == 0 {
			h.t.Errorf("opening: %v", err)
		}
		h.fs.mend()
		h.ok(h.start())
	}
}

// recover ends what is wrong with the disk.
func (h *house) recover(r recovery) {
	h.t.Helper()
	if r == byRebirth {
		h.stop()
		left, err := imageOf(h.dir)
		h.ok(err)
		_ = h.db.Close() // on a disk that still fails
		h.fs.mend()
		h.dir = h.t.TempDir()
		h.ok(left.put(h.dir))
		h.ok(h.start())
	}
	if r != atOnce {
		h.fs.mend()
	}
}

// ask submits a write, which only a failure of the disk may refuse, and lets the
// worker do what it can at once.
func (h *house) ask(a *ask) (accepted bool) {
	h.t.Helper()
	h.calls++
	if a.asked == 0 {
		a.asked = h.calls
		h.asked = append(h.asked, a)
	}
	failures := h.fs.failures()
	j, _, err := h.in.Submit(h.t.Context(), a.Write)
	switch {
	case err == nil:
		a.told, a.job = h.calls, j.ID
	case h.fs.failures() == failures, !fault.Is(err, fault.Unavailable):
		h.t.Errorf("%s of %s: %v, after %d failures", a.Kind, a.BookID, err, h.fs.failures()-failures)
	}
	synctest.Wait()
	return err == nil
}

// settle asks again for what has a key and was not accepted, and sends again what
// cannot be read.
func (h *house) settle() {
	h.t.Helper()
	for _, a := range h.asked {
		if a.Key != "" && a.told == 0 && !h.ask(a) && !h.ask(a) {
			h.t.Errorf("the key %q settles nothing", a.Key)
		}
	}
	if h.garble() != nil {
		h.ok(h.garble())
	}
}

const garbage = "garbage"

// garble sends a message that nobody can read.
func (h *house) garble() error {
	m := queue.Message{Group: bookID(patched).String(), DedupID: garbage + ".1", Body: []byte(garbage)}
	err := h.lane.Send(h.t.Context(), m)
	synctest.Wait()
	return err
}

func (h *house) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// drain lets time pass until the lane is empty.
func (h *house) drain() {
	h.t.Helper()
	for range 30 {
		stats, err := h.lane.Stats(h.t.Context())
		h.ok(err)
		if stats.Depth() == 0 {
			return
		}
		h.pass(time.Minute)
	}
	h.t.Error("jobs have not ended after half an hour")
}

// audit holds the records and the books against what was asked and told.
func (h *house) audit() {
	h.t.Helper()
	h.ok((&clerk{db: h.db}).sound(h.t.Context()))
	records, err := h.records()
	h.ok(err)
	if _, found := records[garbage]; !found {
		h.t.Error("what cannot be read was not buried")
	}
	unknown := map[string]int{} // writes of nobody knows which job, by kind and book
	of := func(k job.Kind, b uuid.UUID) string { return string(k) + " of " + b.String() }
	for _, a := range h.asked {
		if a.told == 0 {
			unknown[of(a.Kind, a.BookID)]++
			continue
		}
		rec, found := records[a.job]
		if !found {
			h.t.Errorf("the %s was accepted and has no record", of(a.Kind, a.BookID))
		}
		h.ended(rec)
		delete(records, a.job)
		h.inOrder(a)
	}
	for _, rec := range records {
		unknown[of(rec.Kind, rec.BookID)]--
		if rec.ID != garbage && unknown[of(rec.Kind, rec.BookID)] < 0 {
			h.t.Errorf("nobody asked for %+v", rec)
		}
		h.ended(rec)
	}
	h.shelved()
}

// ended checks the end of a job.
func (h *house) ended(rec job.Record) {
	h.t.Helper()
	missing := rec.State == job.Failed && rec.Error != nil && rec.Error.Status == 404
	switch {
	case rec.ID == garbage && rec.State == job.Dead:
	case rec.ID == garbage:
		h.t.Errorf("what cannot be read ended %+v", rec)
	case rec.BookID == bookID(absent) && missing:
	case rec.Kind == job.Delete && missing: // the replacement came to nothing
	case rec.BookID != bookID(absent) && rec.State == job.Succeeded:
	default:
		h.t.Errorf("the %s ended %+v", rec.Kind, rec)
	}
}

// inOrder checks that a write stands behind those accepted before it was asked for.
func (h *house) inOrder(a *ask) {
	h.t.Helper()
	version := func(a *ask) int64 {
		rec, _, err := h.db.Jobs().Get(h.t.Context(), a.job)
		h.ok(err)
		return rec.BookVersion
	}
	for _, before := range h.asked {
		if before.told > 0 && before.told < a.asked && before.BookID == a.BookID && version(a) > 0 && version(before) >= version(a) {
			h.t.Errorf("%s was accepted before %s and made version %d, after %d", before.job, a.job, version(before), version(a))
		}
	}
}

// shelved checks that each version of a book was made by one job, and the last
// content by the last.
func (h *house) shelved() {
	h.t.Helper()
	records, err := h.records()
	h.ok(err)
	for b := patched; b <= absent; b++ {
		item, err := h.db.Books().Get(h.t.Context(), bookID(b))
		h.ok(err)
		made := map[int64]bool{}
		if b == patched {
			made[1] = true // before the house was opened
		}
		for _, rec := range records {
			if rec.BookID == bookID(b) && rec.State == job.Succeeded {
				if made[rec.BookVersion] || rec.BookVersion > item.Version {
					h.t.Errorf("book %d is at version %d, and %+v", b, item.Version, rec)
				}
				made[rec.BookVersion] = true
			}
		}
		if int64(len(made)) != item.Version {
			h.t.Errorf("book %d is at version %d, made by %d jobs", b, item.Version, len(made))
		}
		if b == patched && item.Draft.Title != "last" {
			h.t.Errorf("the book that was to be called last is called %q", item.Draft.Title)
		}
	}
}

// records are all of them by their jobs.
func (h *house) records() (map[string]job.Record, error) {
	all := map[string]job.Record{}
	err := h.db.read(h.t.Context(), func(c *conn) error {
		return c.each(`SELECT `+recordColumns+` FROM jobs`, func(s *sqlite3.Stmt) error {
			rec, err := readRecord(s)
			all[rec.ID] = rec
			return err
		})
	})
	return all, err
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}
