// Package sqlite keeps the books, the jobs and the lanes of one machine in one
// SQLite file, behind the ports of book, job and queue.
//
// All writes go through one connection and share commits (commit.go); reads use
// a few connections of their own and see every write that has returned.
package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/sync/semaphore"

	"acervo/internal/fault"
)

// Options say where and how a database is opened.
type Options struct {
	// Dir is the data directory; it is made, with mode 0700, when absent. An empty
	// one keeps the database in memory, for tests.
	Dir string
	// VFS names a registered file system of SQLite other than the default.
	VFS string
	// Now is the clock, time.Now when nil.
	Now func() time.Time
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	now  func() time.Time
	lock *dirLock

	conns   []*conn    // all of them, the writing one first
	writer  chan *conn // the writing connection while it is idle
	readers chan *conn // the idle reading connections
	closed  chan struct{}

	mu      sync.Mutex
	queue   []*write
	leading bool

	large  *semaphore.Weighted // of those who write much at once
	many   *semaphore.Weighted // of those who read much at once
	wrote  atomic.Int64        // when anybody else than they wrote last, in Unix nanoseconds
	folder folder

	watched watched

	seq int64 // of the last message sent; belongs to the writing connection
}

// Open opens the database in a directory, brings its schema up to date, and
// refuses a directory that another process holds, by name, and a database that a
// newer release has written.
func Open(opts Options) (*DB, error) {
	db := &DB{
		now: opts.Now, closed: make(chan struct{}), watched: watched{of: map[string]*watch{}},
		large: semaphore.NewWeighted(1), many: semaphore.NewWeighted(1),
		folder: folder{at: foldAt, full: make(chan struct{}, 1)},
	}
	if db.now == nil {
		db.now = time.Now
	}
	name := ":memory:"
	if opts.Dir != "" {
		if err := makeDir(opts.Dir); err != nil {
			return nil, err
		}
		lock, err := lockDir(opts.Dir)
		if err != nil {
			return nil, err
		}
		db.lock = lock
		if name, err = fileName(opts); err != nil {
			return nil, errors.Join(err, lock.release())
		}
	}
	if err := db.connect(name, opts.Dir); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// fileName is the database of a directory as SQLite wants it named.
func fileName(opts Options) (string, error) {
	path, err := filepath.Abs(filepath.Join(opts.Dir, databaseName))
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "find the database")
	}
	// SQLite would make both readable by all. It makes the log itself, as it finds
	// the database (modeof); a reader of the index could lock the writer out.
	for _, file := range []string{path, path + "-shm"} {
		if err := closeToOthers(file); err != nil {
			return "", err
		}
	}
	query := url.Values{"modeof": {path}}
	if opts.VFS != "" {
		query.Set("vfs", opts.VFS)
	}
	u := url.URL{Scheme: "file", Path: path, OmitHost: true, RawQuery: query.Encode()}
	return u.String(), nil
}

// closeToOthers makes a file, when absent, that only its owner can open.
func closeToOthers(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "make the database")
	}
	err = errors.Join(file.Chmod(0o600), file.Close())
	return fault.Wrap(fault.Unavailable, err, "close the database to others")
}

// connect opens the connections and fills the pools.
func (db *DB) connect(name, dir string) error {
	c, err := openConn(name)
	if err != nil {
		return err
	}
	db.conns = append(db.conns, c)
	if err := c.Exec(`PRAGMA cache_size = -32000`); err != nil { // the pages that a large write touches, in KiB
		return storeError(err, "set up the database")
	}
	if err := migrate(c); err != nil {
		return err
	}
	if err := db.loadSeq(c); err != nil {
		return err
	}
	readers := []*conn{}
	if dir != "" { // memory belongs to its one connection
		if readers, err = db.connectReaders(name, dir); err != nil {
			return err
		}
	}
	db.writer = make(chan *conn, 1)
	db.writer <- c
	db.readers = db.writer
	if len(readers) > 0 {
		db.readers = make(chan *conn, len(readers))
		for _, r := range readers {
			db.readers <- r
		}
		return db.openFolder(filepath.Join(dir, databaseName))
	}
	return nil
}

func (db *DB) connectReaders(name, dir string) (readers []*conn, err error) {
	for range 1 + max(2, runtime.GOMAXPROCS(0)) { // one for imports, or for who folds the log
		r, err := openConn(name)
		if err != nil {
			return nil, err
		}
		db.conns = append(db.conns, r)
		readers = append(readers, r)
	}
	return readers, syncDir(dir)
}

func openConn(name string) (*conn, error) {
	raw, err := sqlite3.Open(name)
	if err != nil {
		return nil, storeError(err, "open the database")
	}
	c := &conn{Conn: raw, stmts: map[string]*sqlite3.Stmt{}, sync: synced, sent: map[string]int{}}
	err = raw.Exec(`
		PRAGMA busy_timeout = 5000;
		PRAGMA journal_mode = WAL;
		PRAGMA synchronous = FULL;
		PRAGMA trusted_schema = OFF;`)
	if err != nil {
		return nil, errors.Join(storeError(err, "set up the database"), raw.Close())
	}
	return c, nil
}

// makeDir makes a directory, and its parents where they are absent, and makes
// their names durable: a directory that vanished would take every write with it.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fault.Wrap(fault.Unavailable, err, "make the data directory")
	}
	return syncDir(parent)
}

// syncDir makes the names of new files durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "open the data directory")
	}
	return fault.Wrap(fault.Unavailable, errors.Join(d.Sync(), d.Close()), "sync the data directory")
}

// read runs fn on a connection that sees every write that has returned.
func (db *DB) read(ctx context.Context, fn func(*conn) error) error {
	c, err := db.take(ctx, db.readers)
	if err != nil {
		return err
	}
	defer func() { db.readers <- c }()
	return fn(c)
}

// take waits for an idle connection of a pool, which the caller gives back. What
// was over before it began gets none.
func (db *DB) take(ctx context.Context, pool chan *conn) (*conn, error) {
	select {
	case <-db.closed:
		return nil, fault.New(fault.Unavailable, "The database is closed.")
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "The call was given up before it began.")
	default:
	}
	select {
	case c := <-pool:
		return c, nil
	case <-db.closed:
		return nil, fault.New(fault.Unavailable, "The database is closed.")
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "The store is busy.")
	}
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	return db.read(ctx, func(c *conn) error {
		return c.each(`SELECT 1 FROM books LIMIT 1`, func(*sqlite3.Stmt) error { return nil })
	})
}

// Close waits for the reads and the commit under way, closes the database and
// gives the directory back. Whatever is asked later is fault.Unavailable.
func (db *DB) Close() error {
	close(db.closed)
	for range cap(db.writer) {
		<-db.writer
	}
	if db.readers != db.writer {
		for range cap(db.readers) {
			<-db.readers
		}
	}
	var errs []error
	if db.folder.file != nil {
		errs = append(errs, db.folder.file.Close())
	}
	for _, c := range slices.Backward(db.conns) { // the writer last, it folds the log into the file
		errs = append(errs, c.close())
	}
	if db.lock != nil {
		errs = append(errs, db.lock.release())
	}
	return errors.Join(errs...)
}
