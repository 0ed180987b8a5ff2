package sqlite

import (
	"context"
	"os"

	"github.com/ncruces/go-sqlite3"

	"acervo/internal/fault"
)

const (
	// foldAt is from how many pages on the log is folded into the file: 16 MiB.
	foldAt = 4000
	// maxLog is how many times as many make the writer itself do it, after its commit.
	maxLog = 4
)

// folder is what Fold needs.
type folder struct {
	at   int           // foldAt, but in tests
	full chan struct{} // holds a token when the log is to be folded
	file *os.File      // the database, to be synced
}

// openFolder takes the place of SQLite's automatic checkpoint.
func (db *DB) openFolder(name string) (err error) {
	if db.folder.file, err = os.OpenFile(name, os.O_RDWR, 0); err != nil {
		return fault.Wrap(fault.Unavailable, err, "open the database to fold its log")
	}
	db.conns[0].WALHook(db.logged)
	return nil
}

// Fold folds the log into the file whenever it is long, so that it begins anew, while
// single writes go on, until ctx ends. It is for one goroutine: without it the log
// becomes four times as long, and then those who commit wait for a sync of all its
// pages. What fails is told, and left to the next time.
func (db *DB) Fold(ctx context.Context, failed func(error)) {
	for {
		select {
		case <-db.folder.full:
			if err := db.fold(ctx); err != nil && ctx.Err() == nil {
				failed(err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// logged hears after each commit how many pages the log has. An error would be told
// as one of the commit, which stands by then; so it returns none, as SQLite's own.
func (db *DB) logged(c *sqlite3.Conn, schema string, pages int) error {
	switch {
	case pages >= maxLog*db.folder.at:
		_, _, _ = c.WALCheckpoint(schema, sqlite3.CHECKPOINT_PASSIVE)
	case pages >= db.folder.at:
		select {
		case db.folder.full <- struct{}{}:
		default:
		}
	}
	return nil
}

// fold copies the log, and has the disk keep that, while single writes go on. Little
// is left then for a moment in which nobody writes, after which the log begins anew.
func (db *DB) fold(ctx context.Context) error {
	if err := db.large.Acquire(ctx, 1); err != nil {
		return fault.Wrap(fault.Unavailable, err, "The log was left as it is.")
	}
	defer db.large.Release(1)
	if err := db.read(ctx, (*conn).copyLog); err != nil {
		return err
	}
	if err := db.folder.file.Sync(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "sync the database")
	}
	c, err := db.take(ctx, db.writer)
	if err != nil {
		return err
	}
	defer func() { db.writer <- c }()
	return c.copyLog()
}

// copyLog waits for nobody. It syncs the file if it copies all.
func (c *conn) copyLog() error {
	_, _, err := c.WALCheckpoint("", sqlite3.CHECKPOINT_PASSIVE)
	return storeError(err, "fold the log")
}
