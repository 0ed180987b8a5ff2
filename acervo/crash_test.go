package main

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"acervo/internal/e2etest"
)

const (
	clients    = 12
	mostBefore = 120 // acknowledged writes before a stop
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
	t     *testing.T
	dir   string
	env   []string // of the servers
	books e2etest.Shelf
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
	return &crash{t: t, dir: dataDir(t), env: env, books: e2etest.NewShelf(), dice: rand.New(rand.NewPCG(seed, 0))}
}

// trouble ends a server, or worse. While it does, acked waits for some more
// acknowledged writes.
type trouble func(c *crash, s *server, acked func(int))

func (c *crash) killed(s *server, acked func(int)) {
	acked(c.dice.IntN(mostBefore))
	s.Kill()
}

func (c *crash) terminated(s *server, acked func(int)) {
	acked(c.dice.IntN(mostBefore))
	if code := s.Terminate(); code != 0 {
		c.t.Errorf("exit code %d\n%s", code, s.Stderr.String())
	}
}

// paused stops the server for longer than its leases last. All who were at work
// wake late, find their jobs in the hands of others, and soon are killed or told
// to end.
func (c *crash) paused(s *server, acked func(int)) {
	acked(c.dice.IntN(mostBefore))
	s.Pause(shortLease * 5 / 4)
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
	case <-p.Exited:
		t.Fatalf("the server ended by itself:\n%s", p.Stderr.String())
	}
	p.Kill()
}

// underLoad starts a server, has all clients write and read as fast as they can,
// and brings trouble about while they do.
func (c *crash) underLoad(t *testing.T, bring trouble) {
	t.Helper()
	s := serveDir(t, c.dir, c.env)
	acks := make(chan struct{}, clients*e2etest.MostWrites)
	writing, failed := errgroup.WithContext(t.Context())
	for range clients {
		client := &e2etest.Client{
			Server: s.Server, Books: c.books, Dice: rand.New(rand.NewPCG(c.dice.Uint64(), 0)), Acked: func() { acks <- struct{}{} },
		}
		writing.Go(func() error { return client.Work(t.Context()) })
	}
	bring(c, s, func(n int) {
		t.Helper()
		for range n {
			select {
			case <-acks:
			case <-failed.Done():
			case <-s.Exited:
				t.Fatalf("the server ended by itself:\n%s", s.Stderr.String())
			case <-time.After(patience):
				t.Fatalf("no write was acknowledged within %s", patience)
			}
		}
	})
	if err := writing.Wait(); err != nil {
		t.Fatal(err)
	}
	c.late += strings.Count(s.Stderr.String(), lateWrite)
}

// settle has both judges speak about the histories of all books.
func (c *crash) settle(t *testing.T) {
	t.Helper()
	closing := e2etest.Client{Server: serveDir(t, c.dir, c.env).Server, Books: c.books, Dice: c.dice}
	closing.Settle(t)
}
