package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"acervo/internal/book"
	"acervo/internal/cli"
	"acervo/internal/config"
	"acervo/internal/fault"
)

// shortLease is the lease of a delivery in tests that outlast it.
const shortLease = time.Second

// lateWrite is what a worker of the tests logs when its write came too late.
const lateWrite = "the write of a late worker was refused"

// troubled is main with what brings trouble about: leases that run out soon, the
// workers of two processes, and books at the other end of a long wire. One
// machine lets only one process have the directory, so two workers in it stand
// for two processes; as the conditions of their writes are, they know nothing of
// each other.
func troubled() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	tune := tuning{lease: shortLease, workers: 2, books: func(books book.Store) book.Store { return longWire{books} }}
	return cli.Run(ctx, os.Args, os.Getenv, os.Stdout, cli.Doors{
		Serve: func(ctx context.Context, c config.Serve) error { return tune.serve(ctx, c, os.Stdout) },
	})
}

// longWire is a store to which a write may be long under way. What is under way
// is out of its worker's hands: it arrives also when the lease has been lost.
type longWire struct{ book.Store }

// Swap is book.Store's.
func (l longWire) Swap(ctx context.Context, read, next book.Item) error {
	if rand.IntN(4) == 0 {
		for range rand.IntN(60) { // many short ways, of which a stop of the process shortens one only
			<-time.After(time.Millisecond)
		}
	}
	err := l.Store.Swap(context.WithoutCancel(ctx), read, next)
	if fault.Is(err, fault.Changed) {
		fmt.Fprintln(os.Stderr, lateWrite)
	}
	return err
}
