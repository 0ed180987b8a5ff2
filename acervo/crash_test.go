package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

const (
	clients     = 12
	shelfSize   = 20
	mostWrites  = 500 // of one client in one round, should nobody stop the server
	mostBefore  = 120 // acknowledged writes before a stop
	fillerBytes = 3 << 10
)

// shelf is the books of one test, written by all clients.
type shelf []*shelved

// shelved is a book and its history. Whoever holds the lock may write the book,
// so that each write of it is sent when the one before has its answer.
type shelved struct {
	sync.Mutex
	history
}

func newShelf() shelf {
	s := make(shelf, shelfSize)
	for i := range s {
		s[i] = &shelved{history: history{book: uuid.NewString()}}
	}
	return s
}

func TestACrashLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	kills := 30
	switch {
	case os.Getenv("ACERVO_SOAK") == "1":
		kills = 100
	case testing.Short():
		kills = 3
	}
	dir, books := dataDir(t), newShelf()
	for range kills {
		stopUnderLoad(t, dir, books, func(s *server) { s.kill() })
		killStarting(t, dir)
	}
	books.settle(t, serveDir(t, dir, nil))
}

// killStarting kills a server anywhere between its start and its first work.
func killStarting(t *testing.T, dir string) {
	t.Helper()
	p := launch(t, nil, "serve", "--data", dir, "--addr", "127.0.0.1:0")
	select {
	case <-time.After(rand.N(50 * time.Millisecond)):
	case <-p.exited:
		t.Fatalf("the server ended by itself:\n%s", p.stderr.String())
	}
	p.kill()
}

// stopUnderLoad starts a server, has all clients write as fast as they can, and
// stops it after some acknowledged writes, while other writes are under way.
func stopUnderLoad(t *testing.T, dir string, books shelf, stop func(*server)) {
	t.Helper()
	s := serveDir(t, dir, nil)
	acks := make(chan struct{}, clients*mostWrites)
	writing, trouble := errgroup.WithContext(t.Context())
	for range clients {
		writing.Go(func() error { return books.scribble(t.Context(), s, acks) })
	}
	for range rand.IntN(mostBefore) {
		select {
		case <-acks:
		case <-trouble.Done():
		case <-s.exited:
			t.Fatalf("the server ended by itself:\n%s", s.stderr.String())
		case <-time.After(patience):
			t.Fatalf("no write was acknowledged within %s", patience)
		}
	}
	stop(s)
	if err := writing.Wait(); err != nil {
		t.Fatal(err)
	}
}

// scribble writes any books until the server is gone.
func (books shelf) scribble(ctx context.Context, s *server, acks chan<- struct{}) error {
	for range mostWrites {
		b := books[rand.IntN(len(books))]
		for !b.TryLock() { // there are more books than clients
			b = books[rand.IntN(len(books))]
		}
		acked, err := b.write(ctx, s, anyMethod())
		b.Unlock()
		if err != nil || !acked {
			return err
		}
		acks <- struct{}{}
	}
	return errors.New("the server outlived all writes")
}

func anyMethod() string {
	return []string{
		http.MethodPut, http.MethodPut, http.MethodPut, http.MethodPatch, http.MethodPatch, http.MethodPatch,
		http.MethodPost, http.MethodPost, http.MethodDelete,
	}[rand.IntN(9)]
}

// write sends the next write of the book and notes what the client knows of it.
// An answer other than 202 is an error; none at all is not.
func (b *shelved) write(ctx context.Context, s *server, method string) (acked bool, err error) {
	w := write{method: method, number: len(b.writes) + 1}
	defer func() { b.writes = append(b.writes, w) }()
	path, fields := "/v1/books/"+b.book, map[string]any{"description": describe(w.number)}
	switch method {
	case http.MethodPost:
		path, fields["id"] = "/v1/books", b.book
		fallthrough
	case http.MethodPut:
		fields["title"], fields["authors"] = fmt.Sprintf("write %d", w.number), []string{"a client"}
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return false, err
	}
	a, _ := s.call(ctx, method, path, string(body)) // an error with an answer is a body cut off
	switch {
	case a == nil:
		return false, nil
	case a.status != http.StatusAccepted:
		return false, fmt.Errorf("%s answers %v", method, a)
	}
	w.job = a.header.Get("Location")
	return true, nil
}

// describe is the description that a write gives, long enough that the server's
// log is folded into its file now and then.
func describe(number int) string {
	return fmt.Sprintf("write %d\n", number) + strings.Repeat("x", fillerBytes)
}

// settle closes the history of every book with a POST, which changes no book but
// makes the deleted ones readable. When its job has ended, so must have the jobs
// before it. Then settle reads jobs and books and lets the checker judge.
func (books shelf) settle(t *testing.T, s *server) {
	t.Helper()
	for _, b := range books {
		if acked, err := b.write(t.Context(), s, http.MethodPost); err != nil || !acked {
			t.Fatalf("the closing write of book %s has no answer: %v", b.book, err)
		}
	}
	unanswered, all := 0, 0
	for _, b := range books {
		if _, err := s.await(t.Context(), b.writes[len(b.writes)-1].job); err != nil {
			t.Fatalf("the closing write of book %s does not end: %v", b.book, err)
		}
		for i := range b.writes {
			b.writes[i].ask(t, s)
			if b.writes[i].job == "" {
				unanswered++
			}
			all++
		}
		b.read(t, s)
		for _, complaint := range check(b.history) {
			t.Error(complaint)
		}
	}
	t.Logf("%d writes, %d of them without an answer", all, unanswered)
}

// ask notes what the job of a write says now, if the write has one.
func (w *write) ask(t *testing.T, s *server) {
	t.Helper()
	if w.job == "" {
		return
	}
	if a, err := s.get(t.Context(), w.job, &w.end); err != nil || a.status != http.StatusOK {
		t.Errorf("write %d: its job is answered with %v, %v", w.number, a, err)
	}
}

// read notes the state of the book as readers see it.
func (b *shelved) read(t *testing.T, s *server) {
	t.Helper()
	var seen struct {
		Title, Description string
		Version            int64
	}
	a, err := s.get(t.Context(), "/v1/books/"+b.book, &seen)
	if err != nil {
		t.Fatal(err)
	}
	b.final = bookState{live: a.status == http.StatusOK, version: seen.Version}
	_, _ = fmt.Sscanf(seen.Title, "write %d", &b.final.title)
	_, _ = fmt.Sscanf(seen.Description, "write %d", &b.final.description)
	if b.final.live && seen.Description != describe(b.final.description) {
		t.Errorf("the description of book %s is not as it was sent", b.book)
	}
}
