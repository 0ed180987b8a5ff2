package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"acervo/internal/e2etest"
)

const (
	clients    = 8
	lease      = 2 * time.Second // of a delivery, which a stopped worker outlasts
	outage     = time.Second
	mostBefore = 60 // acknowledged writes before the next trouble
	operator   = "an operator's key"
)

// TestTroubleLosesAndDoublesNothing has clients write and read over two processes
// of the API while those, two workers and the wires to the engines are in all kinds
// of trouble, and has the judges of the one-machine edition look at what they saw.
func TestTroubleLosesAndDoublesNothing(t *testing.T) {
	f := newFleet(t)
	rounds := 2
	if os.Getenv("ACERVO_SOAK") == "1" {
		rounds = 40
	}
	writing, stop := context.WithCancel(t.Context())
	defer stop()
	busy, failed := errgroup.WithContext(t.Context())
	var acked atomic.Int64
	for range clients {
		c := &e2etest.Client{Books: f.books, Dice: f.newDice(), Acked: func() { acked.Add(1) }}
		busy.Go(func() error { return c.Insist(writing, f.servers) })
	}
	for range rounds {
		troubles := f.troubles()
		f.dice.Shuffle(len(troubles), func(i, j int) { troubles[i], troubles[j] = troubles[j], troubles[i] })
		for _, bring := range troubles {
			enough := acked.Load() + f.dice.Int64N(mostBefore)
			err := e2etest.Poll(t.Context(), func() (bool, error) {
				return acked.Load() >= enough || failed.Err() != nil, nil
			})
			if err != nil {
				t.Fatalf("writes are not acknowledged: %v", err)
			}
			bring(t)
		}
	}
	stop()
	if err := busy.Wait(); err != nil {
		t.Fatal(err)
	}
	calm := *f.servers()[0]
	calm.Troubled = false
	closing := e2etest.Client{Server: &calm, Books: f.books, Dice: f.dice}
	closing.Settle(t)
}

// fleet is two processes of the API and two workers, and the wires to their
// engines. All its processes come and go.
type fleet struct {
	dir   string   // of the programs
	env   []string // of the processes
	books e2etest.Shelf
	dice  *mathrand.Rand
	wires []*engineWire

	mu      sync.Mutex
	apis    []*api
	workers []*e2etest.Process
}

type api struct {
	*e2etest.Process
	*e2etest.Server
}

// newFleet throws its dice by a seed, which it prints; ACERVO_SEED is one to use
// again.
func newFleet(t *testing.T) *fleet {
	t.Helper()
	if os.Getenv("ACERVO_TEST_DYNAMODB") == "" || os.Getenv("ACERVO_TEST_SQS") == "" {
		t.Skip("make test-aws runs this")
	}
	seed := mathrand.Uint64()
	if given := os.Getenv("ACERVO_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ACERVO_SEED=%d", seed)
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	f := &fleet{
		dir: t.TempDir(), books: e2etest.NewShelf(), dice: mathrand.New(mathrand.NewPCG(seed, 0)),
		wires: []*engineWire{newWire(t, os.Getenv("ACERVO_TEST_DYNAMODB")), newWire(t, os.Getenv("ACERVO_TEST_SQS"))},
	}
	f.env = []string{
		"ACERVO_DYNAMODB_ENDPOINT=" + f.wires[0].url, "ACERVO_SQS_ENDPOINT=" + f.wires[1].url, "ACERVO_S3_ENDPOINT=" + os.Getenv("ACERVO_TEST_S3"),
		"ACERVO_PREFIX=e2e-" + strings.ToLower(rand.Text()) + "-", "ACERVO_ADDR=127.0.0.1:0",
		"ACERVO_KEY=" + operator, "ACERVO_RECEIPT_KEYS=" + base64.StdEncoding.EncodeToString(key), "ACERVO_RATE_BOOK=0",
		"ACERVO_LEASE=" + lease.String(),
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", f.dir, ".", "../worker")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	f.apis = []*api{f.newAPI(t, "--create")}
	f.apis = append(f.apis, f.newAPI(t))
	f.workers = []*e2etest.Process{f.newWorker(t), f.newWorker(t)}
	return f
}

func (f *fleet) newAPI(t *testing.T, args ...string) *api {
	t.Helper()
	p := e2etest.Launch(t, filepath.Join(f.dir, "api"), f.env, args...)
	p.Troubled = true
	s := e2etest.NewServer(t, p.Greeting("The API serves"), operator, clients)
	s.Troubled = true
	return &api{p, s}
}

func (f *fleet) newWorker(t *testing.T) *e2etest.Process {
	t.Helper()
	p := e2etest.Launch(t, filepath.Join(f.dir, "worker"), f.env)
	p.Troubled = true
	p.Greeting("The worker's health")
	return p
}

func (f *fleet) newDice() *mathrand.Rand { return mathrand.New(mathrand.NewPCG(f.dice.Uint64(), 0)) }

// servers are the processes of the API that there are now.
func (f *fleet) servers() (all []*e2etest.Server) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.apis {
		all = append(all, a.Server)
	}
	return all
}

// troubles are all kinds of trouble, each over when it returns.
func (f *fleet) troubles() []func(*testing.T) {
	return []func(*testing.T){
		f.workerKilled, f.workerTerminated, f.workerStopped, f.workerStopped, f.apiKilled, f.apiTerminated,
		f.wireBreaks(0), f.wireBreaks(1), f.engineGone(0), f.engineGone(1),
	}
}

func (f *fleet) workerKilled(t *testing.T) {
	i := f.dice.IntN(len(f.workers))
	f.workers[i].Kill()
	f.workers[i] = f.newWorker(t)
}

func (f *fleet) workerTerminated(t *testing.T) {
	i := f.dice.IntN(len(f.workers))
	if code := f.workers[i].Terminate(); code != 0 {
		t.Errorf("exit code %d\n%s", code, f.workers[i].Stderr.String())
	}
	f.workers[i] = f.newWorker(t)
}

// workerStopped stops a worker for longer than its leases last. It wakes late and
// finds its jobs in the hands of the other; and some of what it had sent to the
// tables arrives only after that.
func (f *fleet) workerStopped(t *testing.T) {
	f.wires[0].delays(t, lease*5/4)
	<-time.After(lease / 10)
	f.workers[f.dice.IntN(len(f.workers))].Pause(lease * 3 / 2)
	f.wires[0].heals(t)
}

func (f *fleet) apiKilled(t *testing.T) {
	f.replaceAPI(t, func(a *api) { a.Kill() })
}

func (f *fleet) apiTerminated(t *testing.T) {
	f.replaceAPI(t, func(a *api) {
		if code := a.Terminate(); code != 0 {
			t.Errorf("exit code %d\n%s", code, a.Stderr.String())
		}
	})
}

func (f *fleet) replaceAPI(t *testing.T, end func(*api)) {
	t.Helper()
	i := f.dice.IntN(len(f.apis))
	end(f.apis[i])
	fresh := f.newAPI(t)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.apis[i] = fresh
}

func (f *fleet) wireBreaks(i int) func(*testing.T) {
	return func(t *testing.T) {
		f.wires[i].breaks(t)
		<-time.After(outage)
		f.wires[i].heals(t)
	}
}

func (f *fleet) engineGone(i int) func(*testing.T) {
	return func(t *testing.T) {
		f.wires[i].Stop()
		<-time.After(outage)
		if err := f.wires[i].Start(); err != nil {
			t.Fatal(fmt.Errorf("the wire is not mended: %w", err))
		}
	}
}
