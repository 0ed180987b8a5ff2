package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"acervo/internal/arrive"
	"acervo/internal/aws"
	"acervo/internal/config"
	"acervo/internal/drop"
	"acervo/internal/httpapi"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/work"
)

// tuning is what no operator sets: tests do.
type tuning struct {
	unsent time.Duration // between looks at imports that were not sent whole; zero for the usual
}

// serve works until ctx ends, then drains. It tells of its health to the last.
func (tune tuning) serve(ctx context.Context, c config.Worker, stdout io.Writer) error {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	engines, err := aws.Open(ctx, aws.Place(c.AWS), aws.LaneOptions{Lease: c.Lease})
	if err != nil {
		return err
	}
	defer engines.Close()
	runner := wire(c, engines, log)
	imports, lost := wireImports(c, engines, log)
	api := &httpapi.API{
		Checks: map[string]func(context.Context) error{"store": engines.Ping, "worker": runner.Ready, "imports": imports.Ready}, Log: log,
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Fprintf(stdout, "The worker's health   http://%s/readyz\n", listener.Addr())

	telling, hush := context.WithCancel(context.WithoutCancel(ctx))
	defer hush()
	working, stop := context.WithCancel(ctx)
	defer stop()
	var all errgroup.Group
	all.Go(func() error {
		defer stop() // a worker of whom nobody knows does not go on
		return httpapi.Server{Handler: api.HealthHandler(), Grace: time.Second, Log: log}.Serve(telling, listener)
	})
	var works sync.WaitGroup
	works.Go(func() { runner.Run(working) })
	works.Go(func() { imports.Run(working) })
	works.Go(func() { lost.Run(working) })
	unused := &arrive.Unused{Objects: engines.Objects, Shelf: engines.Store.Books(), Now: time.Now, Log: log}
	works.Go(func() { unused.Run(working) })
	sender := wireSender(engines)
	for _, failures := range wireFailures(c, engines, sender, log) {
		works.Go(func() { failures.Run(working) })
	}
	unsent := &arrive.Unsent{Imports: sender, Every: tune.unsent, Log: log}
	works.Go(func() { unsent.Run(working) })
	works.Wait()
	hush()
	return all.Wait()
}

// wire puts the worker of the writes together.
func wire(c config.Worker, engines *aws.Engines, log *slog.Logger) *work.Runner {
	applier := work.NewApplier(engines.Store.Books(), engines.Store.Jobs(), queue.Writes, time.Now)
	return &work.Runner{
		Lane: engines.Writes, Control: engines.Control, Gauge: engines.Writes,
		Handler: &work.Writes{Applier: applier, Log: log},
		Probe:   engines.Ping, Name: work.Name(1), Slots: c.Slots, MaxRun: work.MaxRun, Grace: c.Grace, Log: log,
	}
}

// wireImports puts the worker of the imports together, and who buries what SQS took
// off their lane.
func wireImports(c config.Worker, engines *aws.Engines, log *slog.Logger) (*work.Runner, *work.Lost) {
	store := engines.Store
	chunks := &work.Chunks{
		Drops: store.Drops(), Objects: engines.Objects, Books: store.Books(), Now: time.Now, Log: log,
		Ledger: work.NewApplier(store.Books(), store.Jobs(), queue.Imports, time.Now),
	}
	runner := &work.Runner{
		Lane: engines.Imports, Control: store.Control(queue.Imports), Gauge: engines.Imports,
		Handler: chunks, Probe: engines.Ping, Name: work.Name(1),
		Unordered: true, Slots: c.ImportSlots, MaxRun: work.MaxRun, Grace: c.Grace, Log: log,
	}
	return runner, &work.Lost{Lane: engines.Lost, Chunks: chunks, Log: log}
}

// wireSender puts together who sends the chunks of imports.
func wireSender(engines *aws.Engines) *intake.Imports {
	return &intake.Imports{Drops: engines.Store.Drops(), Objects: engines.Objects, Lane: engines.Imports, Now: time.Now}
}

// wireFailures puts together who ends what the functions gave up, one for the queue of
// each.
func wireFailures(c config.Worker, engines *aws.Engines, imports *intake.Imports, log *slog.Logger) (all []*arrive.Failures) {
	store := engines.Store
	covers := &arrive.Covers{
		Ring: job.NewKeyring(time.Now, c.ReceiptKeys[0], c.ReceiptKeys[1:]...), Jobs: store.Jobs(), Books: store.Books(), Lane: engines.Writes,
		Objects: engines.Objects, Now: time.Now, Log: log,
	}
	drops := &arrive.Drops{Imports: imports, Log: log}
	router := &arrive.Router{
		Bucket: c.Bucket, Routes: []arrive.Route{{Prefix: job.Originals, Handler: covers}, {Prefix: drop.Folder, Handler: drops}}, Log: log,
	}
	for _, failed := range []*aws.Lane{engines.CoversFailed, engines.DropsFailed} {
		all = append(all, &arrive.Failures{Queue: failed, Router: router, Log: log})
	}
	return all
}
