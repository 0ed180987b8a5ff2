package sqlite

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

	"acervo/internal/e2etest"
)

// onFile opens a database in a file.
func onFile(t *testing.T) *DB {
	t.Helper()
	t.Parallel()
	db, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// fill makes the log longer by some pages.
func (db *DB) fill(t *testing.T, pages int) {
	t.Helper()
	if err := db.write(t.Context(), synced, note(string(bytes.Repeat([]byte("x"), pages*4096)))); err != nil {
		t.Fatal(err)
	}
}

func TestALongLogIsFoldedIntoTheFileByNobodysCommit(t *testing.T) {
	db := onFile(t)
	w := <-db.writer
	db.folder.at = 50
	db.writer <- w
	db.fill(t, 60)
	ctx, stop := context.WithCancel(t.Context())
	var folds sync.WaitGroup
	folds.Go(func() { db.Fold(ctx, func(err error) { t.Error(err) }) })
	err := e2etest.Poll(ctx, func() (bool, error) {
		info, err := db.folder.file.Stat()
		return err == nil && info.Size() >= 60*4096, err
	})
	stop()
	folds.Wait()
	if err != nil {
		t.Errorf("the file has not got the pages of the log: %v", err)
	}
}

func TestALogThatIsFoldedBeginsAnew(t *testing.T) {
	db := onFile(t)
	grown := 0
	w := <-db.writer
	w.WALHook(func(c *sqlite3.Conn, schema string, pages int) error {
		grown = pages
		return db.logged(c, schema, pages)
	})
	db.writer <- w
	db.fill(t, 100)
	if err := db.fold(t.Context()); err != nil {
		t.Fatal(err)
	}
	db.fill(t, 1)
	if grown > 20 {
		t.Errorf("after it was folded the log has %d pages", grown)
	}
}

func TestALogThatNobodyFoldsIsFoldedByItsWriter(t *testing.T) {
	db := onFile(t)
	if err := db.large.Acquire(t.Context(), 1); err != nil { // so that nobody else can
		t.Fatal(err)
	}
	defer db.large.Release(1)
	most := 0
	w := <-db.writer
	db.folder.at = 50
	w.WALHook(func(c *sqlite3.Conn, schema string, pages int) error {
		most = max(most, pages)
		return db.logged(c, schema, pages)
	})
	db.writer <- w
	for range 100 {
		db.fill(t, 10)
	}
	if limit := maxLog*50 + 20; most > limit {
		t.Errorf("the log grew to %d pages, want %d at most", most, limit)
	}
}

func TestReadsOfManyBooksLeaveConnectionsToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		db, err := Open(Options{Dir: t.TempDir(), Now: func() time.Time {
			<-hold
			return time.Now()
		}})
		if err != nil {
			t.Fatal(err)
		}
		var reads sync.WaitGroup
		for range cap(db.readers) {
			reads.Go(func() {
				if _, err := db.Books().GetMany(context.WithoutCancel(t.Context()), []uuid.UUID{uuid.New()}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := db.Ping(ctx); err != nil {
			t.Errorf("while as many are asked for as there are connections, another read is %v", err)
		}
		close(hold)
		reads.Wait()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}
