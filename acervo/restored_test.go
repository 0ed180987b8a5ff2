package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
	"acervo/internal/work"
)

// holdings are what a directory holds of some jobs and their books.
type holdings struct {
	records []job.Record
	items   []book.Item
}

func TestARestoredBackupIsTheSameRecordForRecordAndRedeliveryChangesNothing(t *testing.T) {
	t.Parallel()
	dir, file := dataDir(t), filepath.Join(t.TempDir(), "backup.tar")
	sh, other := shell{dir: dir}, shell{dir: dataDir(t)}
	s := serveDir(t, dir, nil)
	sh.must(t, "queue", "pause")
	s.Terminate()
	s = serveDir(t, dir, nil) // whose worker knows of the pause from the start
	paths := writesOfEveryKind(t, s)
	s.Terminate()
	sent := waiting(t, dir)

	s = serveDir(t, dir, nil)
	sh.must(t, "queue", "resume")
	for _, path := range paths {
		if _, err := s.Await(t.Context(), path); err != nil {
			t.Fatal(err)
		}
	}
	s.Terminate()
	want := held(t, dir, sent)
	if len(sent) != len(paths) || len(want.records) != len(paths) {
		t.Fatalf("%d writes, %d messages, %d records", len(paths), len(sent), len(want.records))
	}
	sh.must(t, "backup", file)
	other.must(t, "restore", file)
	if got := held(t, other.dir, sent); !reflect.DeepEqual(got, want) {
		t.Errorf("the restored directory holds\n%+v, want\n%+v", got, want)
	}
	deliverAgain(t, other.dir, sent)
	if got := held(t, other.dir, sent); !reflect.DeepEqual(got, want) {
		t.Errorf("after redelivery it holds\n%+v, want\n%+v", got, want)
	}
}

// writesOfEveryKind submits writes that succeed, fail and follow each other, and
// returns the paths of their jobs.
func writesOfEveryKind(t *testing.T, s *server) (paths []string) {
	t.Helper()
	for i := range 5 {
		id := uuid.NewString()
		for _, w := range []struct{ method, path, body string }{
			{http.MethodPost, "/v1/books", fmt.Sprintf(`{"id":%q,"title":"t%d","authors":["a","b"]}`, id, i)},
			{http.MethodPost, "/v1/books", fmt.Sprintf(`{"id":%q,"title":"again","authors":["a"]}`, id)},
			{http.MethodPatch, "/v1/books/" + id, `{"rating":4}`},
			{http.MethodDelete, "/v1/books/" + id, ""},
			{http.MethodPatch, "/v1/books/" + id, `{"rating":5}`},
			{http.MethodPut, "/v1/books/" + id, `{"title":"back","authors":["c"]}`},
		}[:2+i] {
			a, err := s.Call(t.Context(), w.method, w.path, w.body)
			if err != nil || a.Status != http.StatusAccepted {
				t.Fatalf("%s %s: %+v, %v", w.method, w.path, a, err)
			}
			paths = append(paths, a.Header.Get("Location"))
		}
	}
	return paths
}

// open opens the database of a directory that nobody serves.
func open(t *testing.T, dir string) (*sqlite.DB, *sqlite.Lane) {
	t.Helper()
	db, err := sqlite.Open(sqlite.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	lane, err := db.Lane(t.Context(), queue.Writes, sqlite.LaneOptions{Poll: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return db, lane
}

func closed(t *testing.T, db *sqlite.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// waiting returns what is on the lane, which it leaves there.
func waiting(t *testing.T, dir string) (sent []queue.Message) {
	t.Helper()
	db, lane := open(t, dir)
	defer closed(t, db)
	for {
		batch, err := lane.Receive(t.Context(), queue.MaxBatch)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range batch {
			sent = append(sent, d.Message)
			if err := lane.Delete(t.Context(), d.Handle); err != nil {
				t.Fatal(err)
			}
		}
		if len(batch) == 0 {
			break
		}
	}
	for _, m := range sent {
		if err := lane.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	return sent
}

// held is what a directory holds of the jobs of some messages.
func held(t *testing.T, dir string, sent []queue.Message) (h holdings) {
	t.Helper()
	db, _ := open(t, dir)
	defer closed(t, db)
	for _, m := range sent {
		id, _, _ := strings.Cut(m.DedupID, ".")
		rec, found, err := db.Jobs().Get(t.Context(), id)
		if err != nil || !found {
			t.Fatalf("the record of %s: %t, %v", id, found, err)
		}
		item, err := db.Books().Get(t.Context(), rec.BookID)
		if err != nil {
			t.Fatal(err)
		}
		h.records, h.items = append(h.records, rec), append(h.items, item)
	}
	return h
}

// deliverAgain puts messages on the lane once more and has them done.
func deliverAgain(t *testing.T, dir string, sent []queue.Message) {
	t.Helper()
	db, lane := open(t, dir)
	defer closed(t, db)
	for _, m := range sent {
		if err := lane.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	writes := &work.Writes{
		Applier: work.NewApplier(db.Books(), db.Jobs(), queue.Writes, time.Now), Log: slog.New(slog.DiscardHandler),
	}
	for done := 0; done < len(sent); {
		batch, err := lane.Receive(t.Context(), queue.MaxBatch)
		if err != nil || len(batch) == 0 {
			t.Fatalf("%d of %d messages came: %v", done, len(sent), err)
		}
		for _, d := range batch {
			if err := writes.Do(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if err := lane.Delete(t.Context(), d.Handle); err != nil {
				t.Fatal(err)
			}
			done++
		}
	}
}
