package sqlite_test

import (
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"acervo/internal/sqlite"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(holderOf); dir != "" {
		os.Exit(hold(dir))
	}
	goleak.VerifyTestMain(m)
}

// open opens a database and closes it when the test is over.
func open(t *testing.T, opts sqlite.Options) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ok(t, db.Close()) })
	return db
}

func lane(t *testing.T, db *sqlite.DB, name string, opts sqlite.LaneOptions) *sqlite.Lane {
	t.Helper()
	l, err := db.Lane(t.Context(), name, opts)
	ok(t, err)
	return l
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// clock is a clock in the hand of a test.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }
