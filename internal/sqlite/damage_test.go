package sqlite_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	file  []byte
	items [2]book.Item
	recs  [2]job.Record
	sent  [2]queue.Message
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
	}
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
