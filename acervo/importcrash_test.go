package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/client"
	"acervo/internal/drop"
	"acervo/internal/e2etest"
	"acervo/internal/intake"
	"acervo/internal/sqlite"
)

// crashList is the nth list. It has fewer twins than rows to the next spoilt one.
func crashList(n int) e2etest.List {
	const books = 3000
	return e2etest.List{First: n * books, Books: books, Spoilt: 120, Twins: 100}
}

// aim is when to kill: once the latest import has come to a state, and if it runs
// another chunk to its outcome, and then within some time.
type aim struct {
	state  drop.State
	within time.Duration
}

var (
	reading  = aim{drop.Reading, 20 * time.Millisecond} // which takes some hundred
	sending  = aim{drop.Queued, 0}
	applying = aim{drop.Running, 50 * time.Millisecond}
)

// The server is killed while it reads a list, while it sends the chunks of one, and
// while it applies them: the chunks of one list beside the reading of the next one.
func TestACrashLosesAndDoublesNoRowOfAnImport(t *testing.T) {
	t.Parallel()
	lists, aims := 4, []aim{reading, {drop.Reading, 400 * time.Millisecond}, sending, applying, applying}
	if testing.Short() {
		lists, aims = 1, []aim{reading, sending, applying}
	}
	c := &importCrash{dir: dataDir(t), struck: map[string]int{}}
	for range lists {
		s := serveDir(t, c.dir, nil)
		c.upload(t, s)
		for i, a := range aims {
			if i > 0 {
				s = serveDir(t, c.dir, nil)
			}
			c.strike(t, s, a)
		}
	}
	t.Logf("of %d kills found the latest import: %v", lists*len(aims), c.struck)
	for _, state := range []drop.State{drop.Reading, drop.Running} {
		if c.struck[string(state)] == 0 {
			t.Errorf("no kill found the import %s", state)
		}
	}
	s := serveDir(t, c.dir, nil)
	for n := range c.ids {
		c.settle(t, s, n)
	}
	s.Terminate()
	c.onceEach(t)
}

// importCrash is imports into a directory whose server is killed again and again.
type importCrash struct {
	dir    string
	ids    []string       // of the imports
	struck map[string]int // kills by where they found the latest import
}

// upload announces and uploads the next list.
func (c *importCrash) upload(t *testing.T, s *server) {
	t.Helper()
	var text bytes.Buffer
	w, api := gzip.NewWriter(&text), c.client(t, s)
	_, err := crashList(len(c.ids)).WriteTo(w)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	i, upload, err := api.Announce(t.Context(), client.Announcement{Filename: "books.csv.gz", Bytes: int64(text.Len())})
	if err == nil {
		err = api.Upload(t.Context(), upload, &text)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.ids = append(c.ids, i.ID)
}

func (c *importCrash) client(t *testing.T, s *server) *client.Client {
	t.Helper()
	api, err := client.New(client.Options{URL: s.URL, Key: s.Key})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// strike kills the server.
func (c *importCrash) strike(t *testing.T, s *server, a aim) {
	t.Helper()
	api, before := c.client(t, s), int64(-1)
	err := e2etest.Poll(t.Context(), func() (bool, error) {
		i, err := api.Import(t.Context(), c.ids[len(c.ids)-1])
		if before < 0 {
			before = i.Rows.Done()
		}
		switch a.state {
		case drop.Reading:
			return i.State != drop.AwaitingUpload, err
		case drop.Queued:
			return i.State != drop.AwaitingUpload && i.State != drop.Reading, err
		default:
			return i.Rows.Done() > before || i.State.Terminal(), err
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Duration(rand.Float64() * float64(a.within)))
	s.Kill()
	c.struck[c.found(t)]++
}

// found is where the latest import stands after a kill.
func (c *importCrash) found(t *testing.T) string {
	t.Helper()
	db, err := sqlite.Open(sqlite.Options{Dir: c.dir})
	if err != nil {
		t.Fatal(err)
	}
	i, err := db.Drops().Get(t.Context(), uuid.MustParse(c.ids[len(c.ids)-1]))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if intake.Unsent(i) {
		return string(i.State) + " and not all sent"
	}
	return string(i.State)
}

// settle waits for the end of the nth import, and accounts for its rows.
func (c *importCrash) settle(t *testing.T, s *server, n int) {
	t.Helper()
	id, list := c.ids[n], crashList(n)
	var seen importSeen
	err := e2etest.Poll(t.Context(), func() (bool, error) {
		_, err := s.Get(t.Context(), "/v1/imports/"+id, &seen)
		return drop.State(seen.State).Terminal(), err
	})
	if err != nil {
		t.Fatalf("the import does not end: %+v (%v)", seen, err)
	}
	seen.accounted(t)
	r := seen.Rows
	if seen.State != "completed_with_errors" || r.Total != int64(list.Rows()) || r.OK != int64(list.Books-list.Failing()) ||
		r.Failed != int64(list.Failing()) || r.Superseded != int64(list.Twins) {
		t.Errorf("of %+v there is %+v", list, seen)
	}
	failed := 0
	for _, err := range c.client(t, s).ImportRows(t.Context(), id, drop.RowFailed) {
		if err != nil {
			t.Fatal(err)
		}
		failed++
	}
	if failed != list.Failing() {
		t.Errorf("%d rows are reported, want %d", failed, list.Failing())
	}
}

// onceEach checks that every book of the lists is there, written once, by the row
// that counts.
func (c *importCrash) onceEach(t *testing.T) {
	t.Helper()
	db, err := sqlite.Open(sqlite.Options{Dir: c.dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // it was only read
	for i := range c.ids {
		list := crashList(i)
		ids := make([]uuid.UUID, list.Books)
		for n := range ids {
			ids[n] = book.ID(book.Draft{ISBN: e2etest.ISBN(list.First + n)})
		}
		found, err := db.Books().GetMany(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		for n, f := range found {
			if err := errors.Join(f.Err, list.Once(n, f.Item.Version, f.Item.Draft.Title)); err != nil {
				t.Errorf("of list %d %v", i, err)
			}
		}
	}
}
