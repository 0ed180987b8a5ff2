package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"strings"
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

// Of each list of the crashes.
const (
	crashBooks = 3_000
	crashSpoil = 25  // of its rows have no title
	crashTwins = 100 // of its books have another row at its end, which wins
)

// isbnOf is the nth ISBN of all.
func isbnOf(n int) string {
	digits, sum := fmt.Sprintf("978%09d", n), 0
	for i := range digits {
		sum += int(digits[i]-'0') * (1 + 2*(i%2))
	}
	return fmt.Sprintf("%s%d", digits, (10-sum%10)%10)
}

// crashList is the nth list, gzipped. Reading it takes a while for a column that
// nobody uses.
func crashList(t *testing.T, n int) string {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	row := func(book int, title string) {
		var shelf strings.Builder
		for range 120 {
			fmt.Fprintf(&shelf, "%016x", rand.Uint64())
		}
		fmt.Fprintf(w, "%s,%s,Somebody,%s\n", isbnOf(n*crashBooks+book), title, shelf.String())
	}
	fmt.Fprintln(w, "isbn,title,author,shelf")
	for book := range crashBooks {
		title := fmt.Sprint("Book ", book)
		if book%(crashBooks/crashSpoil) == 0 {
			title = ""
		}
		row(book, title)
	}
	for book := range crashTwins {
		row(book+1, "Twin")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
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
	for _, id := range c.ids {
		c.settle(t, s, id)
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
	text, api := crashList(t, len(c.ids)), c.client(t, s)
	i, upload, err := api.Announce(t.Context(), client.Announcement{Filename: "books.csv.gz", Bytes: int64(len(text))})
	if err == nil {
		err = api.Upload(t.Context(), upload, strings.NewReader(text))
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

// settle waits for the end of an import, and accounts for its rows.
func (c *importCrash) settle(t *testing.T, s *server, id string) {
	t.Helper()
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
	if seen.State != "completed_with_errors" || r.Total != crashBooks+crashTwins || r.OK != crashBooks-crashSpoil ||
		r.Failed != crashSpoil || r.Superseded != crashTwins {
		t.Errorf("of %d books, of which %d cannot be imported and %d stand there twice, there is %+v", crashBooks, crashSpoil, crashTwins, seen)
	}
	failed := 0
	for _, err := range c.client(t, s).ImportRows(t.Context(), id, drop.RowFailed) {
		if err != nil {
			t.Fatal(err)
		}
		failed++
	}
	if failed != crashSpoil {
		t.Errorf("%d rows are reported, want %d", failed, crashSpoil)
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
	ids := make([]uuid.UUID, len(c.ids)*crashBooks)
	for n := range ids {
		ids[n] = book.ID(book.Draft{ISBN: isbnOf(n)})
	}
	found, err := db.Books().GetMany(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for n, f := range found {
		n, want := n%crashBooks, int64(1)
		if n%(crashBooks/crashSpoil) == 0 {
			want = 0
		}
		title := fmt.Sprint("Book ", n)
		if n >= 1 && n <= crashTwins {
			title = "Twin"
		}
		if f.Err != nil || f.Item.Version != want || want > 0 && f.Item.Draft.Title != title {
			t.Errorf("book %d has version %d and the title %q (%v)", n, f.Item.Version, f.Item.Draft.Title, f.Err)
		}
	}
}
