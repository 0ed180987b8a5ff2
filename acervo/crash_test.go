package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	clients    = 12
	mostWrites = 2000 // of one client in one round, should nobody stop the server
	mostBefore = 120  // acknowledged writes before a stop
)

func TestACrashLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	rounds := 18
	switch {
	case os.Getenv("ACERVO_SOAK") == "1":
		rounds = 100
	case testing.Short():
		rounds = 3
	}
	c := newCrash(t, inTrouble, unlimited)
	var troubles []trouble
	for range rounds {
		if len(troubles) == 0 {
			troubles = []trouble{(*crash).killed, (*crash).terminated, (*crash).paused}
			c.dice.Shuffle(len(troubles), func(i, j int) { troubles[i], troubles[j] = troubles[j], troubles[i] })
		}
		c.underLoad(t, troubles[0])
		troubles = troubles[1:]
		c.killStarting(t)
	}
	c.settle(t)
	t.Logf("%d writes of late workers were refused", c.late)
	if c.late == 0 && !testing.Short() {
		t.Error("no worker was late, so nothing was seen of the late")
	}
}

// crash is a directory and the books in it, on which servers come and go.
type crash struct {
	dir   string
	env   []string // of the servers
	books shelf
	dice  *rand.Rand
	late  int // writes that came too late
}

// newCrash throws its dice by a seed, which it prints. ACERVO_SEED is one to use
// again: it repeats the trouble and what each client does, not who comes first.
func newCrash(t *testing.T, env ...string) *crash {
	t.Helper()
	seed := rand.Uint64()
	if given := os.Getenv("ACERVO_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ACERVO_SEED=%d", seed)
	return &crash{dir: dataDir(t), env: env, books: newShelf(), dice: rand.New(rand.NewPCG(seed, 0))}
}

// trouble ends a server, or worse. While it does, acked waits for some more
// acknowledged writes.
type trouble func(c *crash, s *server, acked func(int))

func (c *crash) killed(s *server, acked func(int)) {
	acked(c.dice.IntN(mostBefore))
	s.kill()
}

func (c *crash) terminated(s *server, acked func(int)) {
	acked(c.dice.IntN(mostBefore))
	if code := s.terminate(); code != 0 {
		s.t.Errorf("exit code %d\n%s", code, s.stderr.String())
	}
}

// paused stops the server for longer than its leases last. All who were at work
// wake late, find their jobs in the hands of others, and soon are killed or told
// to end.
func (c *crash) paused(s *server, acked func(int)) {
	acked(c.dice.IntN(mostBefore))
	s.pause()
	end := (*crash).killed
	if c.dice.IntN(2) == 0 {
		end = (*crash).terminated
	}
	end(c, s, acked)
}

// killStarting kills a server anywhere between its start and its first work.
func (c *crash) killStarting(t *testing.T) {
	t.Helper()
	p := launch(t, c.env, "serve", "--data", c.dir, "--addr", "127.0.0.1:0")
	select {
	case <-time.After(time.Duration(c.dice.Int64N(int64(50 * time.Millisecond)))):
	case <-p.exited:
		t.Fatalf("the server ended by itself:\n%s", p.stderr.String())
	}
	p.kill()
}

// underLoad starts a server, has all clients write and read as fast as they can,
// and brings trouble about while they do.
func (c *crash) underLoad(t *testing.T, bring trouble) {
	t.Helper()
	s := serveDir(t, c.dir, c.env)
	acks := make(chan struct{}, clients*mostWrites)
	writing, failed := errgroup.WithContext(t.Context())
	for range clients {
		client := &client{server: s, books: c.books, dice: rand.New(rand.NewPCG(c.dice.Uint64(), 0)), acks: acks}
		writing.Go(func() error { return client.work(t.Context()) })
	}
	bring(c, s, func(n int) {
		t.Helper()
		for range n {
			select {
			case <-acks:
			case <-failed.Done():
			case <-s.exited:
				t.Fatalf("the server ended by itself:\n%s", s.stderr.String())
			case <-time.After(patience):
				t.Fatalf("no write was acknowledged within %s", patience)
			}
		}
	})
	if err := writing.Wait(); err != nil {
		t.Fatal(err)
	}
	c.late += strings.Count(s.stderr.String(), lateWrite)
}

// settle closes the history of every book with a POST, which changes no book but
// makes the deleted ones readable. When its job has ended, so must have the jobs
// before it. Then settle reads jobs and books and lets both judges speak.
func (c *crash) settle(t *testing.T) {
	t.Helper()
	closing := &client{server: serveDir(t, c.dir, c.env), books: c.books, dice: c.dice}
	for _, b := range c.books {
		if err := closing.closes(t.Context(), b); err != nil {
			t.Fatalf("the closing write of book %s: %v", b.book, err)
		}
	}
	all, unanswered, again, reads := 0, 0, 0, 0
	for _, b := range c.books {
		if _, err := closing.await(t.Context(), b.writes[len(b.writes)-1].job); err != nil {
			t.Fatalf("the closing write of book %s does not end: %v", b.book, err)
		}
		for i, w := range b.writes {
			switch {
			case w.job == "":
				unanswered++
			case w.key != "":
				again++
			}
			if err := closing.settles(t.Context(), b, i); err != nil {
				t.Errorf("%s %v", b.writes[i].name(b.book), err)
			}
		}
		if answered, err := closing.read(t.Context(), b); err != nil || !answered {
			t.Fatalf("book %s cannot be read: %v", b.book, err)
		}
		b.final = b.reads[len(b.reads)-1].seen
		for _, complaint := range check(b.history) {
			t.Error(complaint)
		}
		if err := linear(b.history); err != nil {
			t.Fatal(err)
		}
		all, reads = all+len(b.writes), reads+len(b.reads)
	}
	t.Logf("%d reads and %d writes, %d of them without an answer; %d keys asked again", reads, all, unanswered, again)
}

var errOutlived = errors.New("the server outlived all writes")

// work writes and reads any books until the server is gone.
func (c *client) work(ctx context.Context) error {
	for range mostWrites {
		answered, err := c.turn(ctx)
		if err != nil || !answered {
			return err
		}
	}
	return errOutlived
}

// turn is a read, or a write, whose end one client in four awaits before it looks
// whether the book shows it.
func (c *client) turn(ctx context.Context) (answered bool, err error) {
	b := c.books[c.dice.IntN(len(c.books))]
	if c.dice.IntN(4) == 0 {
		return c.read(ctx, b)
	}
	for !b.turn.TryLock() { // there are more books than clients
		b = c.books[c.dice.IntN(len(c.books))]
	}
	i := b.next(c.anyMethod(), c.anyKey())
	answered, err = c.write(ctx, b, i)
	b.turn.Unlock()
	if err != nil || !answered {
		return false, err
	}
	c.acks <- struct{}{}
	if c.dice.IntN(4) > 0 {
		return true, nil
	}
	if answered, err = c.follow(ctx, b, i); err != nil || !answered {
		return false, err
	}
	return c.read(ctx, b)
}

// anyKey is an Idempotency-Key for one write in three.
func (c *client) anyKey() string {
	if c.dice.IntN(3) > 0 {
		return ""
	}
	return fmt.Sprintf("%016x", c.dice.Uint64())
}
