package sqlite_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
)

// shelf is the file of a database with two of everything, of which the first is
// to be damaged.
type shelf struct {
	file   []byte
	items  [2]book.Item
	recs   [2]job.Record
	sent   [2]queue.Message
	claims [2]job.Claim
	key    job.Key
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{}
	dir := t.TempDir()
	db, err := sqlite.Open(sqlite.Options{Dir: dir})
	ok(t, err)
	l := lane(t, db, "writes", sqlite.LaneOptions{})
	for i, name := range []string{"first", "other"} {
		s.items[i] = book.Item{
			ID: uuid.New(), Existence: book.Live, Version: 1,
			Draft: book.Draft{Title: "Title of " + name, Authors: []string{"A"}},
		}
		ok(t, db.Books().Swap(t.Context(), book.Item{ID: s.items[i].ID}, s.items[i]))
		s.recs[i] = job.Record{
			ID: uuid.NewString(), Generation: 1, State: job.Failed, FinishedAt: time.Now(),
			Error: &fault.Problem{Title: "problem of " + name},
		}
		ok(t, db.Jobs().Save(t.Context(), s.recs[i]))
		s.sent[i] = queue.Message{Group: "group of " + name, DedupID: "id of " + name, Body: []byte("body of " + name)}
		ok(t, l.Send(t.Context(), s.sent[i]))
		s.claims[i] = job.Claim{Caller: "caller of " + name, Key: "key of " + name, Hash: "hash of " + name, Job: "claimed by " + name}
		_, _, err := db.Jobs().Claim(t.Context(), s.claims[i])
		ok(t, err)
	}
	ok(t, l.Pause(t.Context(), true))
	s.key, _, err = db.ReceiptKeys(t.Context())
	ok(t, err)
	ok(t, db.Close())
	s.file, err = os.ReadFile(filepath.Join(dir, "acervo.db"))
	ok(t, err)
	return s
}

// flip writes the file to a directory with one bit flipped, at an offset in the
// only place where it says what.
func (s *shelf) flip(dir, what string, offset, bit int) error {
	if n := bytes.Count(s.file, []byte(what)); n != 1 {
		return fmt.Errorf("the file says %q %d times, want it once", what, n)
	}
	spoilt := bytes.Clone(s.file)
	spoilt[bytes.Index(spoilt, []byte(what))+offset] ^= 1 << bit
	return os.WriteFile(filepath.Join(dir, "acervo.db"), spoilt, 0o600)
}

// flipped opens the file with one bit flipped.
func (s *shelf) flipped(t *testing.T, what string, offset int) *sqlite.DB {
	t.Helper()
	dir := t.TempDir()
	ok(t, s.flip(dir, what, offset, 3))
	return open(t, sqlite.Options{Dir: dir})
}

// soundBook checks that a book is as it was stored, soundJob and soundMessage likewise.
func (s *shelf) soundBook(t *testing.T, db *sqlite.DB, i int) {
	t.Helper()
	if got, err := db.Books().Get(t.Context(), s.items[i].ID); err != nil || got.Draft.Title != s.items[i].Draft.Title {
		t.Errorf("book %d is %+v (%v)", i, got, err)
	}
}

func (s *shelf) soundJob(t *testing.T, db *sqlite.DB, i int) {
	t.Helper()
	if got, found, err := db.Jobs().Get(t.Context(), s.recs[i].ID); err != nil || !found || got.Error == nil || got.Error.Title != s.recs[i].Error.Title {
		t.Errorf("job %d is %+v (%v)", i, got, err)
	}
}

func (s *shelf) soundClaim(t *testing.T, db *sqlite.DB, i int) {
	t.Helper()
	again := job.Claim{Caller: s.claims[i].Caller, Key: s.claims[i].Key, Job: "another"}
	if got, mine, err := db.Jobs().Claim(t.Context(), again); err != nil || mine || got != s.claims[i] {
		t.Errorf("claim %d is %+v, %t (%v)", i, got, mine, err)
	}
}

// messages receives both messages. A damaged one can be put away as well.
func (s *shelf) messages(t *testing.T, db *sqlite.DB) [2]queue.Delivery {
	t.Helper()
	l := lane(t, db, "writes", sqlite.LaneOptions{})
	batch, err := l.Receive(t.Context(), 2)
	if err != nil || len(batch) != 2 {
		t.Fatalf("received %+v (%v)", batch, err)
	}
	for _, d := range batch {
		ok(t, l.Delete(t.Context(), d.Handle))
	}
	if s, err := l.Stats(t.Context()); err != nil || s != (queue.Stats{}) {
		t.Errorf("the lane still has %+v (%v)", s, err)
	}
	return [2]queue.Delivery(batch)
}

func (s *shelf) soundMessage(t *testing.T, d queue.Delivery, i int) {
	t.Helper()
	if d.Damaged || d.DedupID != s.sent[i].DedupID || !bytes.Equal(d.Body, s.sent[i].Body) {
		t.Errorf("message %d is %+v", i, d)
	}
}

func TestAFlippedBitInABookIsNoticedAndNamedAndHarmsNothingElse(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	db := s.flipped(t, "Title of first", 10)
	_, err := db.Books().Get(t.Context(), s.items[0].ID)
	if !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), s.items[0].ID.String()) {
		t.Errorf("got %v, want damage of book %s", err, s.items[0].ID)
	}
	s.soundBook(t, db, 1)
	s.soundJob(t, db, 0)
	s.soundJob(t, db, 1)
	for i, d := range s.messages(t, db) {
		s.soundMessage(t, d, i)
	}
}

func TestAFlippedBitInAJobIsNoticedAndNamedAndHarmsNothingElse(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	db := s.flipped(t, "problem of first", 10)
	_, _, err := db.Jobs().Get(t.Context(), s.recs[0].ID)
	if !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), s.recs[0].ID) {
		t.Errorf("got %v, want damage of job %s", err, s.recs[0].ID)
	}
	s.soundJob(t, db, 1)
	s.soundBook(t, db, 0)
	s.soundBook(t, db, 1)
	for i, d := range s.messages(t, db) {
		s.soundMessage(t, d, i)
	}
}

func TestAFlippedBitInAMessageIsToldWithItAndHarmsNothingElse(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	const start = "group of firstid of first" // of a row; an index has the id again
	for part, flip := range map[string]struct {
		what   string
		offset int
	}{
		"in its group":            {start, 6},
		"in its deduplication id": {start, 20},
		"in its body":             {"body of first", 6},
	} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			db := s.flipped(t, flip.what, flip.offset)
			both := s.messages(t, db)
			if !both[0].Damaged {
				t.Errorf("received %+v, which is not told to be damaged", both[0])
			}
			s.soundMessage(t, both[1], 1)
			for i := range 2 {
				s.soundBook(t, db, i)
				s.soundJob(t, db, i)
			}
		})
	}
}

func TestAFlippedBitInAClaimIsNoticedAndNamedAndHarmsNothingElse(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	// A row of a claim begins with the types of its columns, then come the caller
	// and the key, which an index has again, and the rest.
	const row = "key of firsthash of firstclaimed by first"
	for part, flip := range map[string]struct{ offset, bit int }{
		"in its hash":             {len("key of firsthash"), 3},
		"in its job":              {len("key of firsthash of firstclaim"), 3},
		"in its mark as sent":     {-len("caller of first") - 3, 0},
		"in the end of its time":  {len(row) + 2, 3},
		"in its checksum":         {len(row) + 8, 3},
		"in the size of its hash": {-len("caller of first") - 5, 1},
	} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			ok(t, s.flip(dir, row, flip.offset, flip.bit))
			db := open(t, sqlite.Options{Dir: dir})
			_, mine, err := db.Jobs().Claim(t.Context(), s.claims[0])
			if !fault.Is(err, fault.Damaged) || mine || !strings.Contains(err.Error(), `caller of first on the key "key of first"`) {
				t.Errorf("claiming: got %t, %v", mine, err)
			}
			if err := db.Jobs().MarkSent(t.Context(), s.claims[0]); !fault.Is(err, fault.Damaged) {
				t.Errorf("marking as sent: got %v", err)
			}
			s.soundClaim(t, db, 1)
			for i := range 2 {
				s.soundBook(t, db, i)
				s.soundJob(t, db, i)
			}
			for i, d := range s.messages(t, db) {
				s.soundMessage(t, d, i)
			}
		})
	}
}

func TestDamageThatOneWriteMeetsFailsNoOtherWriteOfItsCommit(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		// One less in the size of the hash, so that SQLite cannot read the row.
		ok(t, s.flip(dir, "key of firsthash of first", -len("caller of first")-5, 1))
		d := newDisk(t)
		db := open(t, sqlite.Options{Dir: dir, VFS: d.name})
		l := lane(t, db, "writes", sqlite.LaneOptions{})
		d.slow = true
		var wg sync.WaitGroup
		for _, write := range []func() error{
			func() error { return l.Send(t.Context(), message("a", "under way")) },
			func() error { return l.Send(t.Context(), message("a", "before")) },
			func() error {
				batch, err := l.Receive(t.Context(), 2)
				if err == nil && len(batch) != 2 {
					t.Errorf("received %+v", batch)
				}
				return err
			},
			func() error {
				_, _, err := db.Jobs().Claim(t.Context(), s.claims[0])
				if !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), "key of first") {
					t.Errorf("claiming: %v", err)
				}
				return nil
			},
			func() error { return l.Send(t.Context(), message("a", "after")) },
		} {
			wg.Go(func() {
				if err := write(); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // they queue in order
		}
		wg.Wait()
		if stats, err := l.Stats(t.Context()); err != nil || stats.Depth() != 5 {
			t.Errorf("the lane has %+v (%v), want five messages", stats, err)
		}
	})
}

func TestAJobOfABookThatCannotBeReadCanBeBuried(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	dir := t.TempDir()
	// A row of a book begins with the types of its columns, that of its id first.
	// One bit makes the id longer than the row.
	id := s.items[0].ID
	ok(t, s.flip(dir, string(id[:])+"{", -7, 6))
	db := open(t, sqlite.Options{Dir: dir})
	item, err := db.Books().Get(t.Context(), id)
	if !fault.Is(err, fault.Damaged) {
		t.Fatalf("got %+v, %v", item, err)
	}
	rec := job.Record{ID: "dead", Generation: 1, State: job.Dead, BookID: id, Burial: &job.Burial{Listed: true, Lane: "writes"}}
	ok(t, db.Jobs().Bury(t.Context(), rec, item))
	if got, found, err := db.Jobs().Get(t.Context(), rec.ID); err != nil || !found || got.State != job.Dead {
		t.Errorf("the record is %+v, %t (%v)", got, found, err)
	}
	s.soundBook(t, db, 1)
}

func TestAFlippedBitInAKeyThatSignsReceiptsIsNoticedAndNamed(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for part, flip := range map[string]struct{ offset, bit int }{
		"in its secret":   {5, 3},
		"in its checksum": {len(s.key.Secret) + 8, 3},
		"in its size":     {-4, 1},
	} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			ok(t, s.flip(dir, string(s.key.Secret), flip.offset, flip.bit))
			db := open(t, sqlite.Options{Dir: dir})
			if _, _, err := db.ReceiptKeys(t.Context()); !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), "receipts") {
				t.Errorf("got %v", err)
			}
			for i := range 2 {
				s.soundBook(t, db, i)
				s.soundJob(t, db, i)
				s.soundClaim(t, db, i)
			}
		})
	}
}

// A lane's row has no checksum: it only says whether the lane is paused, which
// operators see and set.
func TestAFlippedBitInTheRowOfALaneIsToldOrGoesWhenItIsPausedAgain(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	const row = "\x09\x03\x19\x09writes" // its size, the types of its columns, and the name of a paused lane
	for at := range len(row) {
		t.Run(fmt.Sprintf("in byte %d", at), func(t *testing.T) {
			t.Parallel()
			for bit := range 8 {
				dir := t.TempDir()
				ok(t, s.flip(dir, row, at, bit))
				db := open(t, sqlite.Options{Dir: dir})
				l := lane(t, db, "writes", sqlite.LaneOptions{})
				paused, err := false, l.Pause(t.Context(), true)
				if err == nil {
					paused, err = l.Paused(t.Context())
				}
				if !paused && (!fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "damaged")) {
					t.Errorf("bit %d: paused %t, %v", bit, paused, err)
				}
				s.soundMessage(t, s.messages(t, db)[1], 1)
			}
		})
	}
}
