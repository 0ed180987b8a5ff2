package sqlite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// rows counts the rows of a table, expired ones included.
func (c *commits) rows(table string) (n int) {
	c.t.Helper()
	err := c.read(c.t.Context(), func(c *conn) error {
		return c.each("SELECT count(*) FROM "+table, func(s *sqlite3.Stmt) error {
			n = s.ColumnInt(0)
			return nil
		})
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// remember stores n records of jobs that end now, n claims and n tombstones.
func (c *commits) remember(n int) {
	c.t.Helper()
	for range n {
		rec := job.Record{ID: uuid.NewString(), Generation: 1, State: job.Succeeded, FinishedAt: time.Now()}
		if err := c.Jobs().Save(c.t.Context(), rec); err != nil {
			c.t.Fatal(err)
		}
		claim := job.Claim{Caller: "caller", Key: uuid.NewString(), Job: rec.ID}
		if _, mine, err := c.Jobs().Claim(c.t.Context(), claim); !mine {
			c.t.Fatal(err)
		}
		gone := book.Item{ID: uuid.New(), Existence: book.Tombstone, Version: 1}
		if err := c.Books().Swap(c.t.Context(), book.Item{ID: gone.ID}, gone); err != nil {
			c.t.Fatal(err)
		}
	}
}

// sweep sweeps, and checks how many rows went.
func (c *commits) sweep(rows int) {
	c.t.Helper()
	if removed, err := c.Sweep(c.t.Context()); err != nil || removed != rows {
		c.t.Errorf("swept %d rows (%v), want %d", removed, err, rows)
	}
}

func TestASweepRemovesWhatHasExpiredAndNothingElse(t *testing.T) {
	onCommits(t, func(c *commits) {
		live := book.Item{ID: uuid.New(), Existence: book.Live, Version: 1}
		buried := job.Record{ID: uuid.NewString(), BookID: live.ID, Generation: 1, State: job.Dead, Burial: &job.Burial{Listed: true}}
		sent, err := c.Lane(c.t.Context(), "writes", LaneOptions{})
		if err != nil {
			c.t.Fatal(err)
		}
		_, _, err = c.ReceiptKeys(c.t.Context())
		for _, err := range []error{
			err,
			c.Books().Swap(c.t.Context(), book.Item{ID: live.ID}, live),
			c.Jobs().Bury(c.t.Context(), buried, live),
			sent.Send(c.t.Context(), message("a", "1")),
			sent.Pause(c.t.Context(), true),
		} {
			if err != nil {
				c.t.Fatal(err)
			}
		}
		has := func(jobs, claims, books int) {
			c.t.Helper()
			want := fmt.Sprint(jobs, claims, books, 1, 1, 1)
			var got []int
			for _, table := range []string{"jobs", "claims", "books", "messages", "receipt_keys", "lanes"} {
				got = append(got, c.rows(table))
			}
			if fmt.Sprint(got) != "["+want+"]" {
				c.t.Errorf("rows of jobs, claims, books, messages, keys, lanes: %v, want %s", got, want)
			}
		}
		c.remember(3)
		<-time.After(time.Hour)
		c.remember(2)
		c.sweep(0)
		has(6, 5, 6)
		<-time.After(job.ClaimTTL - time.Hour)
		c.sweep(3) // to the millisecond
		has(6, 2, 6)
		<-time.After(job.RecordTTL - job.ClaimTTL)
		c.sweep(2 + 3)
		has(3, 0, 6)
		<-time.After(book.TombstoneTTL - job.RecordTTL)
		c.sweep(2 + 3)
		has(1, 0, 3)
		<-time.After(book.TombstoneTTL)
		c.sweep(2)
		has(1, 0, 1)
		c.sweep(0)
	})
}

func TestAJobWhoseRecordHasExpiredCanEndAgainBeforeTheSweepComesBy(t *testing.T) {
	onCommits(t, func(c *commits) {
		first := job.Record{ID: "1", Generation: 1, State: job.Failed, FinishedAt: time.Now()}
		if err := c.Jobs().Save(c.t.Context(), first); err != nil {
			c.t.Fatal(err)
		}
		<-time.After(job.RecordTTL)
		for _, state := range []job.State{job.Queued, job.Succeeded} {
			again := job.Record{ID: "1", Generation: 2, State: state, FinishedAt: time.Now()}
			if err := c.Jobs().Save(c.t.Context(), again); err != nil {
				c.t.Fatal(err)
			}
			if got, found, err := c.Jobs().Get(c.t.Context(), "1"); err != nil || !found || got.State != state {
				c.t.Errorf("read %+v, %v (%v), want it %s", got, found, err, state)
			}
		}
		c.sweep(0)
	})
}

func TestASweepCommitsInBatches(t *testing.T) {
	onCommits(t, func(c *commits) {
		c.remember(2*sweepBatch + 1)
		<-time.After(book.TombstoneTTL)
		before := c.count
		c.sweep(6*sweepBatch + 3)
		if made := c.count - before; made != 12 || c.changes != sweepBatch {
			c.t.Errorf("the sweep made %d commits of up to %d rows, want 12 of %d", made, c.changes, sweepBatch)
		}
	})
}

func TestASweepThatIsGivenUpTellsHowFarItCame(t *testing.T) {
	onCommits(t, func(c *commits) {
		c.remember(sweepBatch + 1)
		<-time.After(book.TombstoneTTL)
		c.refuse = true
		if removed, err := c.Sweep(c.t.Context()); removed != 0 || err == nil {
			c.t.Errorf("removed %d rows: %v", removed, err)
		}
		c.refuse = false
		c.sweep(3*sweepBatch + 3)
	})
}

func TestASweepPassesOverRowsThatAreDamaged(t *testing.T) {
	for what, spoil := range map[string]string{
		"that are not where their index has them": `UPDATE spoilt SET id = zeroblob(16) WHERE rowid IN (3, 203)`,
		"whose expiry is not what its index has":  `UPDATE spoilt SET expires_at = expires_at + 1 WHERE rowid IN (3, 203)`,
	} {
		t.Run(what, func(t *testing.T) {
			onCommits(t, func(c *commits) {
				c.remember(sweepBatch + 5)
				<-time.After(book.TombstoneTTL)
				c.spoil(spoil)
				removed, err := c.Sweep(c.t.Context())
				if removed != 3*(sweepBatch+5)-2 || !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), "books") {
					c.t.Errorf("swept %d rows (%v), want all but the two that are damaged", removed, err)
				}
				if jobs, claims, books := c.rows("jobs"), c.rows("claims"), c.rows("books NOT INDEXED"); jobs+claims > 0 || books != 2 {
					c.t.Errorf("%d jobs, %d claims and %d books are left, want two books", jobs, claims, books)
				}
			})
		})
	}
}

// spoil changes rows of books by way of a table of the same pages without its
// indexes, called spoilt.
func (c *commits) spoil(query string) {
	c.t.Helper()
	w := <-c.writer
	defer func() { c.writer <- w }()
	err := w.Exec(`PRAGMA writable_schema = ON;
		INSERT INTO sqlite_schema SELECT 'table', 'spoilt', 'spoilt', rootpage, 'CREATE TABLE spoilt
			(id BLOB NOT NULL, version, fence, expires_at, doc, sum)' FROM sqlite_schema WHERE name = 'books';
		PRAGMA writable_schema = RESET;` + query + `;
		PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'spoilt'; PRAGMA writable_schema = RESET;`)
	if err != nil {
		c.t.Fatal(err)
	}
}
