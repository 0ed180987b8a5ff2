package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// commits is a database in memory whose commits are counted and can be refused:
// SQLite asks a hook before each of them.
type commits struct {
	*DB
	t       *testing.T
	count   int
	changes int64 // rows changed by the commit that changed most
	refuse  bool
}

// onCommits runs a test in a bubble over a fresh database.
func onCommits(t *testing.T, test func(c *commits)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		c := &commits{DB: db, t: t}
		changed := db.conns[0].TotalChanges()
		db.conns[0].CommitHook(func() bool {
			c.count++
			c.changes = max(c.changes, db.conns[0].TotalChanges()-changed)
			changed = db.conns[0].TotalChanges()
			return !c.refuse
		})
		test(c)
	})
}

// note is a write that leaves one row, so that it can be told what was kept.
func note(what string) func(*tx) error {
	return func(t *tx) error {
		_, err := t.exec(`INSERT INTO receipt_keys (secret, made_at, sum) VALUES (?, 0, 0)`, []byte(what))
		return err
	}
}

// noted returns the rows of notes in the order in which they were written.
func (c *commits) noted() (notes []string) {
	c.t.Helper()
	err := c.read(c.t.Context(), func(c *conn) error {
		return c.each(`SELECT secret FROM receipt_keys ORDER BY id`, func(s *sqlite3.Stmt) error {
			notes = append(notes, string(s.ColumnRawBlob(0)))
			return nil
		})
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return notes
}

// together has writes wait for a commit that is under way, so that they share
// the next ones, and returns what each of them was told.
func (c *commits) together(writes ...func(*tx) error) []error {
	c.t.Helper()
	busy := <-c.writer
	errs := make([]error, 1+len(writes))
	var wg sync.WaitGroup
	underWay := func(*tx) error { return nil }
	for i, fn := range append([]func(*tx) error{underWay}, writes...) {
		wg.Go(func() { errs[i] = c.write(c.t.Context(), synced, fn) })
		synctest.Wait() // they queue in order
	}
	c.writer <- busy
	wg.Wait()
	if errs[0] != nil {
		c.t.Error(errs[0])
	}
	c.count--
	return errs[1:]
}

func notes(n int) (writes []func(*tx) error) {
	for i := range n {
		writes = append(writes, note(fmt.Sprint(i)))
	}
	return writes
}

func TestALoneWriterCommitsEachWriteAndWaitsForNobody(t *testing.T) {
	onCommits(t, func(c *commits) {
		for i := range 5 {
			if err := c.write(c.t.Context(), synced, note("x")); err != nil {
				c.t.Fatal(err)
			}
			if c.count != i+1 {
				c.t.Errorf("%d writes made %d commits", i+1, c.count)
			}
		}
	})
}

func TestWritersThatArriveDuringACommitShareTheNextOne(t *testing.T) {
	onCommits(t, func(c *commits) {
		for _, err := range c.together(notes(64)...) {
			if err != nil {
				c.t.Error(err)
			}
		}
		if c.count != 1 || len(c.noted()) != 64 {
			c.t.Errorf("64 waiting writes made %d commits and left %d rows, want 1 and 64", c.count, len(c.noted()))
		}
	})
}

func TestACommitTakesNoMoreThanItsShareOfALongQueue(t *testing.T) {
	onCommits(t, func(c *commits) {
		c.together(notes(2*maxCommit + 1)...)
		if c.count != 3 || len(c.noted()) != 2*maxCommit+1 {
			c.t.Errorf("%d writes made %d commits and left %d rows", 2*maxCommit+1, c.count, len(c.noted()))
		}
	})
}

func TestAWriteThatFailsTakesBackItsOwnChangesOnly(t *testing.T) {
	onCommits(t, func(c *commits) {
		refusal := fault.New(fault.Changed, "no")
		failing := func(t *tx) error {
			if err := note("taken back")(t); err != nil {
				return err
			}
			t.onCommit(func() { c.t.Error("what hung on a failed write was done") })
			return refusal
		}
		broken := func(t *tx) error { // an error of SQLite itself
			if err := note("taken back too")(t); err != nil {
				return err
			}
			_, err := t.exec(`INSERT INTO receipt_keys (id, secret) VALUES (1, NULL)`)
			return err
		}
		errs := c.together(failing, note("a"), failing, broken, note("b"), failing)
		if got := c.noted(); !slices.Equal(got, []string{"a", "b"}) {
			c.t.Errorf("the rows are %v, want those of a and b", got)
		}
		for i, want := range []fault.Kind{fault.Changed, "", fault.Changed, fault.Internal, "", fault.Changed} {
			if got := fault.KindOf(errs[i]); got != want {
				c.t.Errorf("write %d was told %q, want %q", i, got, want)
			}
		}
		if c.count != 1 {
			c.t.Errorf("they made %d commits, want 1", c.count)
		}
	})
}

func TestWritesAreDoneAgainOnlyIfOneFails(t *testing.T) {
	onCommits(t, func(c *commits) {
		runs := 0
		counted := func(t *tx) error {
			runs++
			return note("x")(t)
		}
		c.together(counted, counted)
		if runs != 2 || c.count != 1 {
			c.t.Errorf("two writes ran %d times in %d commits, want 2 and 1", runs, c.count)
		}
		c.together(counted, func(*tx) error { return fault.New(fault.Changed, "lost") }, counted)
		if rows := len(c.noted()); runs != 5 || rows != 4 || c.count != 2 {
			c.t.Errorf("with one that fails they ran %d times, made %d rows in %d commits, want 5, 4 and 2", runs, rows, c.count)
		}
	})
}

func TestAWriteThatPanicsFailsAloneAndTheLeadPassesOn(t *testing.T) {
	onCommits(t, func(c *commits) {
		panics := func(t *tx) error {
			if err := note("taken back")(t); err != nil {
				return err
			}
			panic("a bug")
		}
		errs := c.together(panics, note("a"), panics, note("b"), panics) // the first of them leads
		for i, err := range errs {
			if panicked := i%2 == 0; panicked != fault.Is(err, fault.Internal) || panicked != (err != nil) {
				c.t.Errorf("write %d was told %v", i, err)
			}
		}
		if err := errs[0]; err == nil || !strings.Contains(err.Error(), "a bug") || !strings.Contains(err.Error(), "commit_test.go") {
			c.t.Errorf("the error names neither the panic nor its place: %v", err)
		}
		if err := c.write(c.t.Context(), synced, note("c")); err != nil {
			c.t.Error(err)
		}
		if got := c.noted(); !slices.Equal(got, []string{"a", "b", "c"}) {
			c.t.Errorf("the rows are %v, want those of a, b and c", got)
		}
	})
}

func TestACommitThatFailsFailsAllOfItsWrites(t *testing.T) {
	onCommits(t, func(c *commits) {
		hanging := func(t *tx) error {
			c.refuse = true
			t.onCommit(func() { c.t.Error("what hung on a failed commit was done") })
			return note("lost")(t)
		}
		failing := func(*tx) error { return fault.New(fault.Changed, "no") }
		for i, err := range c.together(hanging, failing, hanging) {
			if !fault.Is(err, fault.Internal) {
				c.t.Errorf("write %d was told %v", i, err)
			}
		}
		c.refuse = false
		if err := c.write(c.t.Context(), synced, note("kept")); err != nil {
			c.t.Error(err)
		}
		if got := c.noted(); !slices.Equal(got, []string{"kept"}) {
			c.t.Errorf("the rows are %v, want what came after the failure", got)
		}
	})
}

func TestACommitThatBreaksOffIsRolledBack(t *testing.T) {
	onCommits(t, func(c *commits) {
		for _, breaks := range []string{"RELEASE part", "ROLLBACK"} { // of SQLite's own accord, after some errors
			lost := func(t *tx) error {
				_, err := t.exec(breaks)
				return err
			}
			for i, err := range c.together(note("lost"), lost, note("lost")) {
				if err == nil {
					c.t.Errorf("write %d succeeded though %s ended its transaction", i, breaks)
				}
			}
		}
		if err := c.write(c.t.Context(), synced, note("kept")); err != nil {
			c.t.Error(err)
		}
		if got := c.noted(); !slices.Equal(got, []string{"kept"}) {
			c.t.Errorf("the rows are %v, want what came after the failures", got)
		}
	})
}

func TestWhatHangsOnACommitIsDoneInOrderBeforeAnybodyHearsOfIt(t *testing.T) {
	onCommits(t, func(c *commits) {
		var done []string
		hanging := func(what string) func(*tx) error {
			return func(t *tx) error {
				t.onCommit(func() { done = append(done, what) })
				if len(done) > 0 {
					c.t.Error("something was done before the commit")
				}
				return note(what)(t)
			}
		}
		heard := func(what string) {
			if len(done) != 3 {
				c.t.Errorf("%s heard of it when %v was done", what, done)
			}
		}
		busy := <-c.writer
		var wg sync.WaitGroup
		for _, what := range []string{"under way", "a", "b", "c"} {
			wg.Go(func() {
				if what == "under way" {
					_ = c.write(c.t.Context(), synced, note(what))
					return
				}
				_ = c.write(c.t.Context(), synced, hanging(what))
				heard(what)
			})
			synctest.Wait()
		}
		c.writer <- busy
		wg.Wait()
		if !slices.Equal(done, []string{"a", "b", "c"}) {
			c.t.Errorf("done in the order %v", done)
		}
	})
}

func TestAWriteIsCalledOffOnlyBeforeItQueues(t *testing.T) {
	onCommits(t, func(c *commits) {
		ctx, cancel := context.WithCancel(c.t.Context())
		busy := <-c.writer
		told := make(chan error)
		go func() { told <- c.write(ctx, synced, note("queued")) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		c.writer <- busy
		if err := <-told; err != nil {
			c.t.Errorf("a write that was queued was told %v", err)
		}
		if err := c.write(ctx, synced, note("late")); !fault.Is(err, fault.Unavailable) {
			c.t.Errorf("a write that was given up before it began was told %v", err)
		}
		if got := c.noted(); !slices.Equal(got, []string{"queued"}) {
			c.t.Errorf("the rows are %v", got)
		}
	})
}

func TestEveryConnectionWritesAheadAndSyncsInFull(t *testing.T) {
	db := onFile(t)
	if len(db.conns) < 4 {
		t.Errorf("%d connections, want the writer and three readers at least", len(db.conns))
	}
	const full = "2" // https://sqlite.org/pragma.html#pragma_synchronous
	for i, c := range db.conns {
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": full, "trusted_schema": "0", "busy_timeout": "5000",
		} {
			var got string
			err := c.each("PRAGMA "+pragma, func(s *sqlite3.Stmt) error {
				got = s.ColumnText(0)
				return nil
			})
			if err != nil || got != want {
				t.Errorf("connection %d has %s = %q (%v), want %q", i, pragma, got, err, want)
			}
		}
	}
}

func TestALargeWriteCommitsAloneInItsTurn(t *testing.T) {
	onCommits(t, func(c *commits) {
		busy := <-c.writer
		var wg sync.WaitGroup
		for i, write := range []func() error{
			func() error { return c.write(c.t.Context(), synced, note("under way")) },
			func() error { return c.write(c.t.Context(), synced, note("a")) },
			func() error { return c.writeLarge(c.t.Context(), note("large")) },
			func() error { return c.write(c.t.Context(), synced, note("b")) },
			func() error { return c.write(c.t.Context(), synced, note("c")) },
		} {
			wg.Go(func() {
				if err := write(); err != nil {
					c.t.Errorf("write %d: %v", i, err)
				}
			})
			synctest.Wait() // they queue in order
		}
		c.writer <- busy
		wg.Wait()
		if got := c.noted(); !slices.Equal(got, []string{"under way", "a", "large", "b", "c"}) || c.count != 4 {
			c.t.Errorf("the rows are %v in %d commits, want 4: the large one has its own", got, c.count)
		}
	})
}

func TestALargeWriteWaitsForALullButNotForEver(t *testing.T) {
	onCommits(t, func(c *commits) {
		waits := func() time.Duration {
			began := time.Now()
			if err := c.writeLarge(c.t.Context(), note("large")); err != nil {
				c.t.Error(err)
			}
			return time.Since(began)
		}
		small := func() {
			if err := c.write(c.t.Context(), synced, note("small")); err != nil {
				c.t.Error(err)
			}
		}
		if d := waits(); d != 0 {
			c.t.Errorf("where nobody writes it waits %v", d)
		}
		small()
		if d := waits(); d != lull {
			c.t.Errorf("after a write it waits %v, want %v", d, lull)
		}
		done := make(chan time.Duration)
		go func() { done <- waits() }()
		for {
			small()
			select {
			case d := <-done:
				if d < patient || d > patient+lull {
					c.t.Errorf("among writes without end it waits %v, want %v", d, patient)
				}
				return
			case <-time.After(lull / 2):
			}
		}
	})
}

func TestALargeWriteEndsEarlyWhenSomebodyWaits(t *testing.T) {
	onCommits(t, func(c *commits) {
		const books = 5 * yieldEvery
		changes := make([]book.Change, books)
		for i := range changes {
			id := uuid.New()
			changes[i] = book.Change{Read: book.Item{ID: id}, Next: book.Item{ID: id, Existence: book.Live, Version: 1}}
		}
		busy := <-c.writer
		var wg sync.WaitGroup
		wg.Go(func() {
			for i, err := range c.Books().SwapMany(c.t.Context(), changes) {
				if err != nil {
					c.t.Errorf("swap %d: %v", i, err)
				}
			}
		})
		synctest.Wait()
		stored := 0
		count := func(t *tx) error {
			return t.each(`SELECT count(*) FROM books`, func(s *sqlite3.Stmt) error {
				stored = s.ColumnInt(0)
				return nil
			})
		}
		wg.Go(func() {
			if err := c.write(c.t.Context(), synced, count); err != nil {
				c.t.Error(err)
			}
		})
		synctest.Wait()
		c.writer <- busy
		wg.Wait()
		if stored != yieldEvery {
			c.t.Errorf("who waited came after %d swaps of %d, want %d", stored, books, yieldEvery)
		}
	})
}
