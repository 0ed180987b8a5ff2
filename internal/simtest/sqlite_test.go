package simtest_test

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"acervo/internal/simtest"
	"acervo/internal/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cabinet is a database in which each history has a lane of its own. Its clock is
// that of the history which is told.
type cabinet struct {
	dir   string // empty for one in memory
	db    *sqlite.DB
	now   atomic.Pointer[func() time.Time]
	lanes int // opened in this database
}

// newCabinet returns an empty cabinet that t closes.
func newCabinet(t *testing.T, dir string) *cabinet {
	t.Helper()
	c := &cabinet{dir: dir}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// maxLanes is how many histories share a database in memory, which gets slow as
// it fills.
const maxLanes = 500

// open is simtest.Open.
func (c *cabinet) open(now func() time.Time) (simtest.Stores, error) {
	c.now.Store(&now)
	c.lanes++
	if c.dir == "" && c.lanes%maxLanes == 0 {
		if err := c.close(); err != nil {
			return simtest.Stores{}, err
		}
	}
	return c.stores("writes " + strconv.Itoa(c.lanes))
}

// stores opens the database if it is not open, and a lane in it.
func (c *cabinet) stores(lane string) (s simtest.Stores, err error) {
	if c.db == nil {
		if c.db, err = sqlite.Open(sqlite.Options{Dir: c.dir, Now: func() time.Time { return (*c.now.Load())() }}); err != nil {
			return s, err
		}
	}
	s = simtest.Stores{Books: c.db.Books(), Bulk: c.db.Books(), Jobs: c.db.Jobs(), Claims: c.db.Jobs()}
	if c.dir != "" {
		s.Restart = func() (simtest.Stores, error) {
			if err := c.close(); err != nil {
				return simtest.Stores{}, err
			}
			return c.stores(lane)
		}
	}
	s.Lane, err = c.db.Lane(context.Background(), lane, sqlite.LaneOptions{Poll: time.Nanosecond})
	return s, err
}

func (c *cabinet) close() (err error) {
	if c.db != nil {
		err = c.db.Close()
	}
	c.db = nil
	return err
}

// histories is how many are told in memory: a million in make soak, a few where
// the race detector makes them slow.
func histories() int {
	switch {
	case os.Getenv("ACERVO_SOAK") != "":
		return 1_000_000
	case testing.Short():
		return 300
	default:
		return 10_000
	}
}

func TestHistoriesInMemory(t *testing.T) {
	opens := make([]simtest.Open, runtime.GOMAXPROCS(0))
	for i := range opens {
		opens[i] = newCabinet(t, "").open
	}
	simtest.Histories(t, histories()/len(opens), opens...)
}

func TestHistoriesOnAFile(t *testing.T) {
	simtest.Histories(t, 200, newCabinet(t, t.TempDir()).open)
}

func TestTracesInMemory(t *testing.T) { simtest.Traces(t, newCabinet(t, "").open) }

func TestTracesOnAFile(t *testing.T) { simtest.Traces(t, newCabinet(t, t.TempDir()).open) }
