package sqlite_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"acervo/internal/book"
	"acervo/internal/book/booktest"
	"acervo/internal/drop/droptest"
	"acervo/internal/job/jobtest"
	"acervo/internal/key"
	"acervo/internal/key/keytest"
	"acervo/internal/queue"
	"acervo/internal/queue/queuetest"
	"acervo/internal/sqlite"
)

// place is where a database of a test is kept.
type place struct {
	name    string
	options func(t *testing.T) sqlite.Options
	walks   int
}

func places() []place {
	return []place{
		{"in memory", func(*testing.T) sqlite.Options { return sqlite.Options{} }, 100},
		{"in a directory", func(t *testing.T) sqlite.Options { return sqlite.Options{Dir: t.TempDir()} }, 10},
	}
}

func TestTheCatalogueKeepsTheContractOfBooks(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			booktest.Run(t, func(t *testing.T) booktest.Harness {
				db, c := p.open(t)
				return booktest.Harness{Store: db.Books(), Now: c.now, Advance: c.advance}
			})
		})
	}
}

func TestTheCatalogueTellsWhichCoversItShows(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			booktest.RunShelf(t, func(t *testing.T) (booktest.Harness, book.Shelf) {
				t.Helper()
				db, c := p.open(t)
				return booktest.Harness{Store: db.Books(), Now: c.now, Advance: c.advance}, db.Books()
			}, nil)
		})
	}
}

func TestTheCatalogueKeepsTheContractOfLists(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			open := func(t *testing.T) booktest.ListHarness {
				t.Helper()
				db, c := p.open(t)
				return booktest.ListHarness{
					Harness: booktest.Harness{Store: db.Books(), Now: c.now, Advance: c.advance}, Lister: db.Books(),
				}
			}
			booktest.RunLists(t, open, open)
		})
	}
}

func TestTheCatalogueKeepsTheContractOfBulk(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			booktest.RunBulk(t, func(t *testing.T) booktest.BulkHarness {
				db, c := p.open(t)
				return booktest.BulkHarness{
					Harness: booktest.Harness{Store: db.Books(), Now: c.now, Advance: c.advance}, Bulk: db.Books(),
				}
			})
		})
	}
}

func TestTheRecordsKeepTheContractOfJobs(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			jobtest.Run(t, func(t *testing.T) jobtest.Harness {
				db, c := p.open(t)
				return jobtest.Harness{Jobs: db.Jobs(), Claims: db.Jobs(), Books: db.Books(), Now: c.now, Advance: c.advance}
			})
		})
	}
}

func TestTheRecordsKeepTheContractOfDrops(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			droptest.Run(t, func(t *testing.T) droptest.Harness {
				db, c := p.open(t)
				return droptest.Harness{Store: db.Drops(), Now: c.now, Advance: c.advance}
			})
		})
	}
}

func TestTheKeysOfCallersKeepTheirContract(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			keytest.Run(t, func(t *testing.T) key.Store {
				db, _ := p.open(t)
				return db.CallerKeys()
			})
		})
	}
}

// open opens a database of this place on a clock of its own.
func (p place) open(t *testing.T) (*sqlite.DB, *clock) {
	t.Helper()
	c := newClock()
	opts := p.options(t)
	opts.Now = c.now
	return open(t, opts), c
}

func TestALaneKeepsTheContractOfQueues(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			const poll = 2 * time.Second
			queuetest.Run(t, queuetest.Harness{
				Poll:   poll,
				Bubble: synctest.Test,
				Walks:  p.walks,
				Open: func(t *testing.T) queuetest.Lane {
					db := open(t, p.options(t))
					return lane(t, db, "writes", sqlite.LaneOptions{Lease: 8 * poll, Poll: poll})
				},
			})
		})
	}
}

func TestAnUnorderedLaneKeepsTheContractOfQueues(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			const poll = 2 * time.Second
			queuetest.RunUnordered(t, queuetest.Harness{
				Poll:   poll,
				Bubble: synctest.Test,
				Open: func(t *testing.T) queuetest.Lane {
					db := open(t, p.options(t))
					return lane(t, db, "imports", sqlite.LaneOptions{Lease: 8 * poll, Poll: poll, Unordered: true})
				},
			})
		})
	}
}

func TestTheGroupsOfAnUnorderedLaneTakeTurns(t *testing.T) {
	t.Parallel()
	db := open(t, sqlite.Options{})
	l := lane(t, db, "imports", sqlite.LaneOptions{Unordered: true})
	for i, group := range strings.Split("aaaaaaaabbbc", "") {
		ok(t, l.Send(t.Context(), queue.Message{Group: group, DedupID: fmt.Sprint(i), Body: []byte(group)}))
	}
	got := ""
	for range 6 {
		batch, err := l.Receive(t.Context(), 2)
		ok(t, err)
		for _, d := range batch {
			got += d.Group
			ok(t, l.Delete(t.Context(), d.Handle))
		}
	}
	if want := "abcabab" + "aaaaa"; got != want {
		t.Errorf("the groups came as %s, want %s", got, want)
	}
}

func TestALaneKeepsTheContractOfControls(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			queuetest.RunControl(t, func(t *testing.T) queuetest.ControlHarness {
				c := newClock()
				opts := p.options(t)
				opts.Now = c.now
				db, err := sqlite.Open(opts)
				ok(t, err)
				t.Cleanup(func() { ok(t, db.Close()) })
				h := queuetest.ControlHarness{
					Control: func(name string) queue.Control { return lane(t, db, name, sqlite.LaneOptions{}) },
					Now:     c.now, Advance: c.advance,
				}
				if opts.Dir != "" { // memory does not outlive its connection
					h.Reopen = func() {
						ok(t, db.Close())
						db, err = sqlite.Open(opts)
						ok(t, err)
					}
				}
				return h
			})
		})
	}
}
