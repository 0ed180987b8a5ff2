package sqlite

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"acervo/internal/fault"
)

// durability says what a commit survives.
type durability int

const (
	// synced survives loss of power: the commit ends with an fsync.
	synced durability = iota
	// buffered survives the end of the process; the next synced commit makes it
	// durable. For what the lane can afford to forget: a count, a deletion.
	buffered
)

// maxCommit is the most writes that share one commit.
const maxCommit = 256

// tx is one caller's part of a commit.
type tx struct {
	*conn
	after []func()
}

// onCommit has fn run once the commit has succeeded, before any caller hears of
// it, in the order of the writes, so that what lives in memory follows the file.
func (t *tx) onCommit(fn func()) { t.after = append(t.after, fn) }

// write is one caller's place in the queue for the next commit.
type write struct {
	fn    func(*tx) error
	need  durability
	large bool      // it commits alone
	turn  chan bool // true: lead the next commit; false: settled
	after []func()
	err   error
}

// write runs fn in a transaction and returns when its commit is durable; fn may
// run again in another one. Writers
// that arrive while a commit is under way share the next one: the first of them
// leads it, so that a lone writer commits itself and waits for nobody. A fn that
// fails takes back its own changes only. A context that ends after the write has
// queued does not call it off.
func (db *DB) write(ctx context.Context, need durability, fn func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "The write was given up before it began.")
	}
	return db.enqueue(ctx, &write{fn: fn, need: need, turn: make(chan bool, 1)})
}

const (
	// lull is for how long nobody else must have written before a large write begins:
	// longer than between the steps of one job, so that it comes between jobs.
	lull = 4 * time.Millisecond
	// patient is the most that a large write waits for that.
	patient = 80 * time.Millisecond
)

// writeLarge is a buffered write that may hold the writing connection for long. It
// commits alone, one of them at a time, in a lull, and should end early when others
// are wanted: a writer then waits for little more than one commit of it.
func (db *DB) writeLarge(ctx context.Context, fn func(*tx) error) error {
	if err := db.large.Acquire(ctx, 1); err != nil {
		return fault.Wrap(fault.Unavailable, err, "The write was given up before it began.")
	}
	defer db.large.Release(1)
	for began := time.Now(); time.Since(began) < patient && ctx.Err() == nil; {
		quiet := time.Since(time.Unix(0, db.wrote.Load()))
		if quiet >= lull {
			break
		}
		timer := time.NewTimer(lull - max(0, quiet))
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return db.enqueue(ctx, &write{fn: fn, need: buffered, large: true, turn: make(chan bool, 1)})
}

// wanted reports whether somebody waits for the next commit.
func (db *DB) wanted() bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	return len(db.queue) > 0
}

// enqueue brings a write through.
func (db *DB) enqueue(ctx context.Context, w *write) error {
	db.mu.Lock()
	db.queue = append(db.queue, w)
	lead := !db.leading
	db.leading = true
	db.mu.Unlock()
	if !lead {
		lead = <-w.turn
	}
	if lead {
		db.lead(context.WithoutCancel(ctx)) // a commit is for all its writers, not for the one who leads it
	}
	return w.err
}

// lead commits the head of the queue, the caller's own write first, and passes
// the lead on.
func (db *DB) lead(ctx context.Context) {
	db.mu.Lock()
	n := min(len(db.queue), maxCommit)
	if first := slices.IndexFunc(db.queue[:n], func(w *write) bool { return w.large }); first >= 0 {
		n = max(first, 1)
	}
	batch := db.queue[:n:n]
	db.queue = db.queue[n:]
	db.mu.Unlock()

	db.commit(ctx, batch)
	if !batch[0].large {
		db.wrote.Store(time.Now().UnixNano())
	}
	for _, w := range batch[1:] {
		w.turn <- false
	}

	db.mu.Lock()
	defer db.mu.Unlock()
	if len(db.queue) > 0 {
		db.queue[0].turn <- true
		return
	}
	db.queue, db.leading = nil, false
}

// commit runs a batch in one transaction. When the transaction fails, so does
// every write in it, whatever its own outcome: what they saw of each other never
// happened. Only damage is kept to who meets it.
func (db *DB) commit(ctx context.Context, batch []*write) {
	c, err := db.take(ctx, db.writer)
	if err == nil {
		if err = safely(func() error { return c.transact(batch) }); err != nil {
			err = c.rollback(err) // a panic of the driver may have left it open
		}
		db.writer <- c
	}
	if err != nil {
		db.fail(ctx, batch, err)
		return
	}
	for _, w := range batch {
		if w.err != nil {
			continue
		}
		for _, fn := range w.after {
			fn()
		}
	}
}

// fail tells the writes of a transaction that it failed. In one that has met
// damage SQLite writes and commits nothing more, whoever met it, so those who
// shared it are done again, each by itself.
func (db *DB) fail(ctx context.Context, batch []*write, err error) {
	for _, w := range batch {
		switch {
		case malformed(err) && len(batch) > 1:
			db.commit(ctx, []*write{w})
		case malformed(w.err): // which says what is damaged
		default:
			w.err = err
		}
	}
}

// transact runs a batch in one transaction. Writes seldom fail, so that they first
// run without savepoints, which cost more than many a write does. When one of
// several fails after all, nothing stays, and all are done again, each in its own.
func (c *conn) transact(batch []*write) error {
	if err := c.setDurability(batch); err != nil {
		return err
	}
	err := c.together(batch, c.run)
	if err != nil && len(batch) > 1 && slices.ContainsFunc(batch, (*write).failed) {
		err = c.together(batch, c.part)
	}
	return err
}

func (w *write) failed() bool { return w.err != nil }

// together runs the writes of a batch and commits them, or leaves nothing of any.
func (c *conn) together(batch []*write, run func(*write) error) error {
	if _, err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	clear(c.sent)
	for _, w := range batch {
		err := run(w)
		if err == nil && c.GetAutocommit() { // what follows would commit by itself
			err = fault.New(fault.Internal, "a write ended the transaction that it shared")
		}
		if err != nil {
			return c.rollback(err)
		}
	}
	if _, err := c.exec("COMMIT"); err != nil {
		return c.rollback(err)
	}
	return nil
}

// part runs one write in a savepoint of its own. It returns an error only when
// the whole transaction is lost.
func (c *conn) part(w *write) error {
	if _, err := c.exec("SAVEPOINT part"); err != nil {
		return err
	}
	if c.run(w) != nil {
		if c.GetAutocommit() { // SQLite itself gave the transaction up
			return w.err
		}
		if _, err := c.exec("ROLLBACK TO part"); err != nil {
			return err
		}
	}
	_, err := c.exec("RELEASE part")
	return err
}

func (c *conn) run(w *write) error {
	t := &tx{conn: c}
	w.err = safely(func() error { return w.fn(t) })
	w.after = t.after
	return w.err
}

// safely turns a panic into an error, so that one caller's bug does not take the
// lead of all with it.
func safely(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Wrap(fault.Internal, fmt.Errorf("%v\n%s", p, debug.Stack()), "a write panicked")
		}
	}()
	return fn()
}

func (c *conn) rollback(cause error) error {
	if c.GetAutocommit() {
		return cause
	}
	if _, err := c.exec("ROLLBACK"); err != nil {
		return fault.Wrap(fault.KindOf(cause), fmt.Errorf("%w (and the rollback failed: %w)", cause, err), "The store failed.")
	}
	return cause
}

// setDurability syncs the commit when any write in it needs that. SQLite reads
// the pragma between transactions only.
func (c *conn) setDurability(batch []*write) error {
	need := buffered
	for _, w := range batch {
		need = min(need, w.need)
	}
	if need == c.sync {
		return nil
	}
	pragma := "PRAGMA synchronous = FULL"
	if need == buffered {
		pragma = "PRAGMA synchronous = NORMAL"
	}
	if err := c.Exec(pragma); err != nil {
		return storeError(err, "set the durability of a commit")
	}
	c.sync = need
	return nil
}
