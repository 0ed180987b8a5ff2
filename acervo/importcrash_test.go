package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/e2etest"
	"acervo/internal/sqlite"
)

// isbnOf is the nth ISBN of all.
func isbnOf(n int) string {
	digits, sum := fmt.Sprintf("978%09d", n), 0
	for i := range digits {
		sum += int(digits[i]-'0') * (1 + 2*(i%2))
	}
	return fmt.Sprintf("%s%d", digits, (10-sum%10)%10)
}

// The server is killed whenever another chunk has its outcome, and others are in hand.
func TestACrashLosesAndDoublesNoRowOfAnImport(t *testing.T) {
	t.Parallel()
	const rows, spoiled = 20_000, 50
	kills := 20
	if testing.Short() {
		kills = 3
	}
	dir := dataDir(t)
	serveDir(t, dir, nil).Terminate() // which makes the folder
	var text strings.Builder
	text.WriteString("isbn,title,author\n")
	for n := range rows {
		title := fmt.Sprint("Book ", n)
		if n%(rows/spoiled) == 7 {
			title = ""
		}
		fmt.Fprintf(&text, "%s,%s,Somebody\n", isbnOf(n), title)
	}
	path := filepath.Join(dir, "drop", "books.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var seen importSeen
	during := 0 // kills while rows were being applied
	for n := 0; n < kills; n++ {
		s := serveDir(t, dir, nil)
		before := seen.Rows.OK
		for deadline := time.Now().Add(10 * time.Second); seen.Rows.OK == before && time.Now().Before(deadline); seen = theImport(t, s) {
			<-time.After(5 * time.Millisecond)
		}
		<-time.After(time.Duration(rand.Int64N(int64(50 * time.Millisecond))))
		s.Kill()
		if done := seen.Rows.OK + seen.Rows.Failed; done > 0 && done < rows {
			during++
		}
	}
	s := serveDir(t, dir, nil)
	for deadline := time.Now().Add(2 * e2etest.Patience); seen.State != "completed_with_errors"; <-time.After(50 * time.Millisecond) {
		if seen = theImport(t, s); time.Now().After(deadline) {
			t.Fatalf("the import does not end: %+v", seen)
		}
	}
	seen.accounted(t)
	if r := seen.Rows; r.Total != rows || r.OK != rows-spoiled || r.Failed != spoiled {
		t.Errorf("of %d rows, of which %d cannot be imported, there are %+v", rows, spoiled, r)
	}
	s.Terminate()
	t.Logf("%d of %d kills came while rows were applied", during, kills)
	if during == 0 {
		t.Error("no kill came while rows were applied")
	}
	onceEach(t, dir, rows, rows-spoiled)
}

// theImport is the one import of a server, the zero one before it is known.
func theImport(t *testing.T, s *server) importSeen {
	t.Helper()
	var list struct{ Items []importSeen }
	if _, err := s.Get(t.Context(), "/v1/imports", &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) > 1 {
		t.Fatalf("one file is %d imports", len(list.Items))
	}
	if len(list.Items) == 0 {
		return importSeen{}
	}
	return list.Items[0]
}

// onceEach checks that so many books are there, each written once.
func onceEach(t *testing.T, dir string, rows, want int) {
	t.Helper()
	db, err := sqlite.Open(sqlite.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // it was only read
	ids := make([]uuid.UUID, rows)
	for n := range ids {
		ids[n] = book.ID(book.Draft{ISBN: isbnOf(n)})
	}
	found, err := db.Books().GetMany(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	live := 0
	for n, f := range found {
		switch {
		case f.Err != nil || f.Item.Version > 1:
			t.Errorf("book %d has version %d (%v)", n, f.Item.Version, f.Err)
		case f.Item.Exists():
			live++
		}
	}
	if live != want {
		t.Errorf("%d books are there, want %d", live, want)
	}
}
