package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"
	"golang.org/x/sync/errgroup"

	"acervo/internal/book"
	"acervo/internal/job"
	"acervo/internal/queue"
)

// TestPowerLoss cuts the trace of a run at every sync and between, and has each
// state checked that a loss of power could leave there. ACERVO_SOAK=1 does many
// runs, ACERVO_SEED=n another one. A seed settles where the power goes and what
// is lost, but not how the goroutines of the run take turns: go test -artifacts
// keeps the state in which something was missing.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	t.Run("takes nothing acknowledged from a run with many checkpoints", func(t *testing.T) {
		t.Parallel()
		eachSeed(t, func(l *losses) {
			l.each(l.run(inCommit(30), 8, 8), ledger{}, 0.6, l.check)
		})
	})
	t.Run("takes nothing acknowledged from a run whose log is folded beside the writers", func(t *testing.T) {
		t.Parallel()
		eachSeed(t, func(l *losses) {
			l.each(l.run(beside(30), 24, 8), ledger{}, 0.05, l.check)
		})
	})
	t.Run("takes nothing acknowledged from a run with a long log", func(t *testing.T) {
		t.Parallel()
		if testing.Short() {
			t.Skip("it is the run before with a longer log")
		}
		eachSeed(t, func(l *losses) {
			l.each(l.run(beside(1000), 100, 4), ledger{}, 0.01, l.check)
		})
	})
	t.Run("takes nothing acknowledged when it comes again while the first is made good", func(t *testing.T) {
		t.Parallel()
		eachSeed(t, func(l *losses) {
			l.each(l.run(inCommit(30), 8, 8), ledger{}, 0.01, func(_ int, left image, told ledger) {
				l.each(l.lives(left, func(c *clerk) error {
					return c.live(l.t.Context(), inCommit(10), []int{newcomer}, 1, 4)
				}), told, 0.05, l.check)
			})
		})
	})
}

// The run sends the jobs of a few books. The newcomer is none of them.
const (
	runBooks = 4
	newcomer = runBooks
)

// losses are the losses of power of one seed.
type losses struct {
	t    *testing.T
	seed uint64
	rng  *rand.Rand
	dir  string
}

func eachSeed(t *testing.T, test func(l *losses)) {
	t.Helper()
	first, err := strconv.ParseUint(os.Getenv("ACERVO_SEED"), 10, 64)
	if err != nil {
		first = 1
	}
	seeds := uint64(1)
	if os.Getenv("ACERVO_SOAK") != "" {
		seeds = 20
	}
	for seed := first; seed < first+seeds; seed++ {
		test(&losses{t, seed, rand.New(rand.NewPCG(seed, 0)), t.TempDir()})
	}
}

// run lives twice in a new directory, so that the log is deleted and made again,
// and returns the trace.
func (l *losses) run(how folding, jobs int64, checkpoints int) []event {
	l.t.Helper()
	half := func(from, to int64) func(c *clerk) error {
		return func(c *clerk) error { return c.live(l.t.Context(), how, []int{0, 1, 2, 3}, from, to) }
	}
	trace := l.lives(nil, half(1, jobs/2), half(jobs/2+1, jobs))
	if n := beginnings(trace); n < checkpoints {
		l.t.Fatalf("the run began the log anew %d times, too few to tell of checkpoints", n)
	}
	return trace
}

// lives opens and closes the database of an image for each life and returns the
// trace.
func (l *losses) lives(start image, lives ...func(c *clerk) error) []event {
	l.t.Helper()
	var trace []event
	err := l.recorded(start, func(rec *recorder) error {
		for _, live := range lives {
			if err := withClerk(l.t.Context(), rec, live); err != nil {
				return err
			}
		}
		trace = rec.trace
		return nil
	})
	if err != nil {
		l.t.Fatalf("seed %d: %v", l.seed, err)
	}
	return trace
}

// recorded does something in a recorded directory that holds an image.
func (l *losses) recorded(start image, do func(rec *recorder) error) error {
	rec, err := newRecorder(filepath.Join(l.dir, strconv.FormatUint(l.rng.Uint64(), 36)), start)
	if err != nil {
		return err
	}
	return errors.Join(do(rec), rec.close())
}

// each visits cuts of a trace, a share of those beside a sync, more beside the
// writing of a header, which every checkpoint and every new log begins with, and
// less elsewhere. A visit gets what the loss has left and what the application
// had been told by then: what it knew before, and what the trace adds.
func (l *losses) each(trace []event, told ledger, share float64, visit func(at int, left image, told ledger)) {
	if testing.Short() {
		share /= 20
	}
	d := newDisk()
	for i, e := range trace {
		if i > 0 && l.rng.Float64() < share*max(weight(e), weight(trace[i-1])) {
			visit(i, d.lose(l.rng), told)
		}
		d.step(e)
		if e.op == opAck {
			e.ack(&told)
		}
	}
	visit(len(trace), d.lose(l.rng), told)
}

func weight(e event) float64 {
	switch {
	case e.op == opWrite && e.off == 0:
		return 10
	case e.op == opSync:
		return 1
	default:
		return 1. / 20
	}
}

// check opens what a loss left and fails when something is missing.
func (l *losses) check(at int, left image, told ledger) {
	l.t.Helper()
	err := l.recorded(left, func(rec *recorder) error {
		return withClerk(l.t.Context(), rec, func(c *clerk) error { return c.audit(l.t.Context(), told) })
	})
	if err != nil {
		kept := l.t.ArtifactDir()
		if err := left.put(kept); err != nil {
			l.t.Error(err)
		}
		l.t.Fatalf("seed %d, cut before step %d: %v\nwhat was left is in %s", l.seed, at, err, kept)
	}
}

// ledger is what the application was told and relies on from then on.
type ledger struct {
	books [runBooks + 1]facts
	key   []byte // that signs receipts
}

// facts are the last jobs of a book of which the application was told that they
// are sent and recorded, and the last one whose message it wanted deleted.
type facts struct {
	sent, ended, deleting int64
	deeds                 deeds
}

// clerk is the application in small. Its n-th job of a book makes version n.
type clerk struct {
	db   *DB
	lane *Lane
	told func(func(*ledger))
}

// withClerk opens a recorded directory, lets a clerk do something, and closes it.
func withClerk(ctx context.Context, rec *recorder, do func(c *clerk) error) error {
	db, err := Open(Options{Dir: rec.dir, VFS: rec.name, Now: noon})
	if err != nil {
		return err
	}
	lane, err := db.Lane(ctx, "writes", LaneOptions{Poll: time.Second})
	if err == nil {
		err = do(&clerk{db, lane, rec.told})
	}
	return errors.Join(err, db.Close())
}

// noon is a clock that stands still, so that no lease runs out.
func noon() time.Time { return time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC) }

func bookID(b int) uuid.UUID { return uuid.UUID{0: 0x40, 15: byte(b)} }

func jobID(b int, n int64) string { return fmt.Sprintf("job %d of book %d", n, b) }

// jobText is as long as this job's, up to 6 KiB, so that some fit a page and some do not.
func jobText(b int, n int64) string { return strings.Repeat(jobID(b, n)+". ", 1+(b*131+int(n)*37)%300) }

func jobMessage(b int, n int64) queue.Message {
	return queue.Message{Group: bookID(b).String(), DedupID: jobID(b, n), Body: []byte(jobText(b, n))}
}

func itemAt(b int, n int64) book.Item {
	if n == 0 {
		return book.Item{ID: bookID(b)}
	}
	return book.Item{
		ID: bookID(b), Existence: book.Live, Version: n, LastJob: jobID(b, n), LastJobVersion: n,
		Draft: book.Draft{Title: jobID(b, n), Authors: []string{"Anon."}, Description: jobText(b, n)},
	}
}

func jobRecord(b int, n int64) job.Record {
	return job.Record{ID: jobID(b, n), Generation: 1, State: job.Succeeded, FinishedAt: noon(), BookVersion: n}
}

func raise(to *int64, n int64) { *to = max(*to, n) }

// folding sets when and by whom the log is folded into the file.
type folding func(db *DB, w *conn) error

// inCommit has the writer do it every so many pages, as the product only does when
// nobody else gets to it.
func inCommit(pages int) folding {
	return func(_ *DB, w *conn) error { return w.Exec(fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", pages)) }
}

// beside does it as the product does, but every so many pages.
func beside(pages int) folding {
	return func(db *DB, _ *conn) error {
		db.folder.at = pages
		return nil
	}
}

// live sends jobs of all books at once and meanwhile applies what arrives. At the
// end some are left on the lane.
func (c *clerk) live(ctx context.Context, how folding, books []int, from, to int64) error {
	w := <-c.db.writer
	err := how(c.db, w)
	c.db.writer <- w
	if err != nil {
		return err
	}
	if err := c.learnKey(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	all, ctx := errgroup.WithContext(ctx)
	receiving, stop := context.WithCancel(ctx)
	all.Go(func() (err error) {
		c.db.Fold(receiving, func(e error) { err = errors.Join(err, e) })
		return err
	})
	ahead := make(chan struct{}, 8) // how far the senders may be
	var senders sync.WaitGroup
	for _, b := range books {
		senders.Add(1)
		all.Go(func() error {
			defer senders.Done()
			return c.sendAll(ctx, b, from, to, ahead)
		})
	}
	for range 4 {
		all.Go(func() error { return c.applyAll(ctx, receiving, ahead) })
	}
	all.Go(func() error {
		senders.Wait()
		stop()
		return nil
	})
	return all.Wait()
}

func (c *clerk) learnKey(ctx context.Context) error {
	key, _, err := c.db.ReceiptKeys(ctx)
	if err == nil {
		c.told(func(l *ledger) { l.key = key.Secret })
	}
	return err
}

// sendAll sends jobs of one book, each after the one before is acknowledged, and
// some of them twice at once, and does the deeds between.
func (c *clerk) sendAll(ctx context.Context, b int, from, to int64, ahead chan<- struct{}) error {
	for n := from; n <= to; n++ {
		select {
		case ahead <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		var copies errgroup.Group
		for range 1 + n%2 {
			copies.Go(func() error {
				err := c.lane.Send(ctx, jobMessage(b, n))
				if err == nil {
					c.told(func(l *ledger) { raise(&l.books[b].sent, n) })
				}
				return err
			})
		}
		if err := errors.Join(copies.Wait(), c.deed(ctx, b, n)); err != nil {
			return err
		}
	}
	return nil
}

// applyAll applies what arrives until receiving ends.
func (c *clerk) applyAll(ctx, receiving context.Context, ahead <-chan struct{}) error {
	for {
		deliveries, err := c.lane.Receive(receiving, 3)
		if receiving.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		for _, d := range deliveries {
			if _, _, err := c.apply(ctx, d); err != nil {
				return err
			}
			select {
			case <-ahead:
			default: // of an earlier life, or a copy
			}
		}
	}
}

// apply does the job of a delivery, once in effect, and deletes the message.
func (c *clerk) apply(ctx context.Context, d queue.Delivery) (b int, n int64, err error) {
	if _, err := fmt.Sscanf(d.DedupID, "job %d of book %d", &n, &b); err != nil {
		return b, n, err
	}
	if d.Damaged || d.Group != jobMessage(b, n).Group || !bytes.Equal(d.Body, jobMessage(b, n).Body) {
		return b, n, fmt.Errorf("the message of %s is not as it was sent", d.DedupID)
	}
	item, err := c.db.Books().Get(ctx, bookID(b))
	if err != nil {
		return b, n, err
	}
	_, ended, err := c.db.Jobs().Get(ctx, d.DedupID)
	if err != nil {
		return b, n, err
	}
	if !ended {
		if err := c.end(ctx, b, n, item); err != nil {
			return b, n, err
		}
	}
	c.told(func(l *ledger) { raise(&l.books[b].deleting, n) })
	return b, n, c.lane.Delete(ctx, d.Handle)
}

func (c *clerk) end(ctx context.Context, b int, n int64, item book.Item) error {
	switch item.Version {
	case n - 1:
		if err := c.db.Books().Swap(ctx, item, itemAt(b, n)); err != nil {
			return err
		}
	case n: // applied, its record lost
	default:
		return fmt.Errorf("%s has no record and comes when the book is at version %d", jobID(b, n), item.Version)
	}
	if err := c.db.Jobs().Save(ctx, jobRecord(b, n)); err != nil {
		return err
	}
	c.told(func(l *ledger) { raise(&l.books[b].ended, n) })
	return nil
}

// audit holds the database against what the application was told, before and
// after it has done what is left on the lane.
func (c *clerk) audit(ctx context.Context, told ledger) error {
	if err := c.sound(ctx); err != nil {
		return err
	}
	key, _, err := c.db.ReceiptKeys(ctx)
	if err != nil {
		return err
	}
	if told.key != nil && !bytes.Equal(key.Secret, told.key) {
		return errors.New("the key that signs receipts is another one")
	}
	before, err := c.shelves(ctx)
	if err != nil {
		return err
	}
	for b, want := range told.books {
		if err := c.review(ctx, b, want.deeds); err != nil {
			return fmt.Errorf("book %d: %w", b, err)
		}
	}
	came, err := c.drain(ctx)
	if err != nil {
		return err
	}
	after, err := c.shelves(ctx)
	if err != nil {
		return err
	}
	for b, want := range told.books {
		if err := want.hold(before[b], came[b], after[b]); err != nil {
			return fmt.Errorf("book %d: %w; told were %+v", b, err, want)
		}
	}
	return nil
}

// hold complains of what was told and is not so.
func (told facts) hold(before shelf, came []int64, after shelf) error {
	last := max(told.sent, told.deleting)
	gone := last
	if len(came) > 0 {
		gone, last = came[0]-1, came[len(came)-1]
	}
	switch {
	case before.version < told.ended:
		return fmt.Errorf("it is at version %d", before.version)
	case before.ended < told.ended:
		return fmt.Errorf("records end at job %d", before.ended)
	case before.ended != before.version && before.ended != before.version-1:
		return fmt.Errorf("records end at job %d, but it is at version %d", before.ended, before.version)
	case gone > min(told.deleting, before.ended), last < told.sent:
		return fmt.Errorf("the lane had %v of it, and records end at job %d", came, before.ended)
	case last-gone != int64(len(came)) || !slices.IsSorted(came):
		return fmt.Errorf("the lane had %v of it, out of order", came)
	case after.version != last || after.ended != last:
		return fmt.Errorf("it stays at version %d with records up to job %d", after.version, after.ended)
	}
	return nil
}

func (c *clerk) sound(ctx context.Context) error {
	return c.db.read(ctx, func(r *conn) error {
		return r.each(`PRAGMA integrity_check`, func(s *sqlite3.Stmt) error {
			if s.ColumnText(0) != "ok" {
				return fmt.Errorf("integrity check: %s", s.ColumnText(0))
			}
			return nil
		})
	})
}

// shelf is what the stores have of a book.
type shelf struct {
	version int64
	ended   int64 // the last job with a record, those before it have one too
}

func (c *clerk) shelves(ctx context.Context) (all [runBooks + 1]shelf, err error) {
	for b := range all {
		item, err := c.db.Books().Get(ctx, bookID(b))
		if err != nil {
			return all, err
		}
		if !reflect.DeepEqual(item, itemAt(b, item.Version)) {
			return all, fmt.Errorf("book %d is not what its job %d made of it", b, item.Version)
		}
		all[b].version = item.Version
		for n, ended := int64(1), true; ended; n++ {
			if _, ended, err = c.db.Jobs().Get(ctx, jobID(b, n)); err != nil {
				return all, err
			}
			if ended {
				all[b].ended = n
			}
		}
	}
	return all, nil
}

// drain applies what is on the lane and returns which jobs came, of each book in
// their order.
func (c *clerk) drain(ctx context.Context) (came [runBooks + 1][]int64, err error) {
	for {
		stats, err := c.lane.Stats(ctx)
		if err != nil || stats.Waiting == 0 {
			return came, err
		}
		deliveries, err := c.lane.Receive(ctx, queue.MaxBatch)
		if err != nil {
			return came, err
		}
		if len(deliveries) == 0 {
			return came, fmt.Errorf("the lane gives out none of %d messages", stats.Waiting)
		}
		for _, d := range deliveries {
			b, n, err := c.apply(ctx, d)
			if err != nil {
				return came, err
			}
			came[b] = append(came[b], n)
		}
	}
}
