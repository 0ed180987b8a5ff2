package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"acervo/internal/arrive"
	"acervo/internal/blob"
	"acervo/internal/book"
	"acervo/internal/config"
	"acervo/internal/cover"
	"acervo/internal/dir"
	"acervo/internal/httpapi"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/key"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
	"acervo/internal/work"
)

// sweepEvery is how often expired records and tombstones are removed.
const sweepEvery = 10 * time.Minute

// memory is the soft limit of the process, in bytes: what a picture takes, and room for
// everything else. Without one the garbage of a large picture is collected when there is
// as much again.
const memory = cover.Memory + 222<<20

// limitMemory sets the soft limit, unless GOMEMLIMIT has set one.
func limitMemory() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(memory)
	}
}

// tuning is what no operator sets: tests do, to provoke what is rare.
type tuning struct {
	lease   time.Duration               // of a delivery; zero for the lane's own
	workers int                         // on the lane, at least one
	books   func(book.Store) book.Store // what the workers see of the books; nil for the books themselves
	unsent  time.Duration               // between looks at imports that were not sent whole; zero for the usual
}

// serve runs the one-machine edition until ctx ends.
func serve(ctx context.Context, c config.Serve, stdout io.Writer) error {
	return tuning{workers: 1}.serve(ctx, c, stdout)
}

// serve stops in order: no new requests, then no new deliveries, then the store.
func (tune tuning) serve(ctx context.Context, c config.Serve, stdout io.Writer) (err error) {
	limitMemory()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if c.TLSCert != "" {
		if _, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey); err != nil {
			return fmt.Errorf("--tls-cert and --tls-key: %w", err)
		}
	}
	db, err := sqlite.Open(sqlite.Options{Dir: c.Data})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := hideAddress(c.Data); err != nil { // of an earlier run that was cut short
		return err
	}
	defer func() { err = errors.Join(err, hideAddress(c.Data)) }()
	secret, from, err := operatorKey(c)
	if err != nil {
		return err
	}
	parts, err := tune.parts(ctx, c, db, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, parts.objects.Close()) }()
	parts.api.Keys = httpapi.Keys{}.With(secret, httpapi.Caller{Name: key.ConfiguredName, Role: key.Operator})

	listener, err := listen(ctx, c)
	if err != nil {
		return err
	}
	greet(stdout, c, listener.Addr(), secret, from)

	workCtx, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	all := parts.work(workCtx, db, log)
	server := httpapi.Server{Handler: parts.api.Handler(), TLSCert: c.TLSCert, TLSKey: c.TLSKey, Grace: c.Grace, Log: log}
	err = server.Serve(ctx, listener)
	stopWork()
	return errors.Join(err, all.Wait())
}

// parts are what runs over a data directory.
type parts struct {
	objects *dir.Dir
	porter  *arrive.Porter
	watch   *arrive.Watch
	unsent  *arrive.Unsent
	runners []*work.Runner
	imports *sqlite.Lane // the chunks of imports
	api     *httpapi.API
}

// parts puts together what runs, without the operator's key.
func (tune tuning) parts(ctx context.Context, c config.Serve, db *sqlite.DB, log *slog.Logger) (p parts, err error) {
	lane, err := db.Lane(ctx, queue.Writes, sqlite.LaneOptions{Lease: tune.lease})
	if err != nil {
		return p, err
	}
	if p.imports, err = db.Lane(ctx, queue.Imports, sqlite.LaneOptions{Lease: tune.lease, Unordered: true}); err != nil {
		return p, err
	}
	p.runners = tune.runners(c, db, lane, log)
	if p.api, err = newAPI(ctx, c, db, lane, log); err != nil {
		return p, err
	}
	if p.objects, err = openObjects(ctx, c, db); err != nil {
		return p, err
	}
	p.runners = append(p.runners, importer(c, db, p.imports, p.objects, log))
	p.api.Lanes = append(p.api.Lanes, httpapi.Lane{Name: queue.Imports, Control: p.imports})
	p.api.Imports = &intake.Imports{Drops: db.Drops(), Objects: p.objects, Lane: p.imports, Now: time.Now}
	p.watch = newWatch(c, p.objects, p.api.Imports, log)
	p.unsent = &arrive.Unsent{Imports: p.api.Imports, Every: tune.unsent, Log: log}
	p.porter = takeCovers(p.api, p.objects, log)
	p.api.Checks = map[string]func(context.Context) error{"store": db.Ping, "worker": p.runners[0].Ready}
	return p, nil
}

// work works in the background until ctx ends.
func (p parts) work(ctx context.Context, db *sqlite.DB, log *slog.Logger) *errgroup.Group {
	var all errgroup.Group
	for _, runner := range p.runners {
		all.Go(func() error { runner.Run(ctx); return nil })
	}
	all.Go(func() error { p.porter.Run(ctx); return nil })
	all.Go(func() error { p.watch.Run(ctx); return nil })
	all.Go(func() error { p.unsent.Run(ctx); return nil })
	all.Go(func() error { newUnused(p.objects, db, log).Run(ctx); return nil })
	all.Go(func() error { sweep(ctx, db, log); return nil })
	all.Go(func() error {
		db.Fold(ctx, func(err error) { log.Warn("the log of the store was not folded", "error", err) })
		return nil
	})
	return &all
}

// newAPI is the API over the stores, without the operator's key and the checks.
func newAPI(ctx context.Context, c config.Serve, db *sqlite.DB, lane *sqlite.Lane, log *slog.Logger) (*httpapi.API, error) {
	current, retired, err := db.ReceiptKeys(ctx)
	if err != nil {
		return nil, err
	}
	ring := job.NewKeyring(time.Now, current, retired...)
	return &httpapi.API{
		Intake: &intake.Intake{
			Ring: ring, Lane: lane, Gauge: lane, Jobs: db.Jobs(), Claims: db.Jobs(), Now: time.Now, MaxAge: c.MaxAge,
		},
		Ring: ring, Books: db.Books(), Lists: db.Books(), Jobs: db.Jobs(), Watcher: db.Jobs(),
		KeyStore: db.CallerKeys(), PrivateReads: !c.PublicRead, Origins: c.Origins,
		Tokens: httpapi.NewTokens(httpapi.TokenOptions{
			Issuer: c.OIDC.Issuer, Audience: c.OIDC.Audience, JWKS: c.OIDC.JWKS, RoleClaim: c.OIDC.RoleClaim, Now: time.Now, Log: log,
		}),
		Lanes:   []httpapi.Lane{{Name: queue.Writes, Control: lane}},
		PerKey:  httpapi.NewLimiter(c.RateKey),
		PerBook: httpapi.NewLimiter(c.RateBook),
		Now:     time.Now, Log: log,
	}, nil
}

// listen listens, and tells the commands on this machine where.
func listen(ctx context.Context, c config.Serve) (net.Listener, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if err := tellAddress(c.Data, scheme(c), listener.Addr()); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// runners are the workers of the writes lane.
func (tune tuning) runners(c config.Serve, db *sqlite.DB, lane *sqlite.Lane, log *slog.Logger) []*work.Runner {
	var books book.Store = db.Books()
	if tune.books != nil {
		books = tune.books(books)
	}
	writes := &work.Writes{Applier: work.NewApplier(books, db.Jobs(), queue.Writes, time.Now), Log: log}
	runners := make([]*work.Runner, tune.workers)
	for i := range runners {
		runners[i] = &work.Runner{
			Lane: lane, Control: lane, Gauge: lane, Handler: writes, Probe: db.Ping, Name: work.Name(i + 1),
			Slots: c.Slots, MaxRun: work.MaxRun, Grace: c.Grace, Log: log,
		}
	}
	return runners
}

// importer is the worker of the imports lane.
func importer(c config.Serve, db *sqlite.DB, lane *sqlite.Lane, objects blob.Store, log *slog.Logger) *work.Runner {
	return &work.Runner{
		Lane: lane, Control: lane, Gauge: lane, Probe: db.Ping, Name: work.Name(1),
		Handler: &work.Chunks{
			Drops: db.Drops(), Objects: objects, Books: db.Books(), Now: time.Now, Log: log,
			Ledger: work.NewApplier(db.Books(), db.Jobs(), queue.Imports, time.Now),
		},
		Unordered: true, Slots: c.ImportSlots, MaxRun: work.MaxRun, Grace: c.Grace, Log: log,
	}
}

// scheme is that of the addresses of a server.
func scheme(c config.Serve) string {
	if c.TLSCert != "" {
		return "https"
	}
	return "http"
}

func greet(stdout io.Writer, c config.Serve, addr net.Addr, secret, from string) {
	fmt.Fprintf(stdout, "Acervo serves   %s://%s\nOperator key    %s\n                (%s)\nData            %s\nStop it with    Ctrl-C\n",
		scheme(c), addr, secret, from, c.Data)
}

// sweep removes what has expired, now and then, until ctx ends.
func sweep(ctx context.Context, db *sqlite.DB, log *slog.Logger) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if removed, err := db.Sweep(ctx); err != nil && ctx.Err() == nil {
			log.Error("the sweep failed", "error", err)
		} else if removed > 0 {
			log.Info("swept what had expired", "rows", removed)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
