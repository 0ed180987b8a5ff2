package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"acervo/internal/arrive"
	"acervo/internal/aws"
	"acervo/internal/config"
	"acervo/internal/httpapi"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/key"
	"acervo/internal/queue"
)

// serve accepts and reads until ctx ends, then lets the requests under way finish.
func serve(ctx context.Context, c config.API, stdout io.Writer) (err error) {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	engines, err := aws.Open(ctx, aws.Place(c.AWS), aws.LaneOptions{})
	if err != nil {
		return err
	}
	defer engines.Close()
	gauge := &intake.Heartbeats{Control: engines.Control, Now: time.Now, Log: log}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Fprintf(stdout, "The API serves   http://%s\n", listener.Addr())

	watching, stop := context.WithCancel(ctx)
	defer stop()
	var all errgroup.Group
	all.Go(func() error { gauge.Watch(watching); return nil })
	server := httpapi.Server{Handler: wire(c, engines, gauge, log).Handler(), Grace: c.Grace, Log: log}
	err = server.Serve(ctx, listener)
	stop()
	return errors.Join(err, all.Wait())
}

// wire puts the API together.
func wire(c config.API, engines *aws.Engines, gauge queue.Gauge, log *slog.Logger) *httpapi.API {
	ring := job.NewKeyring(time.Now, c.ReceiptKeys[0], c.ReceiptKeys[1:]...)
	store := engines.Store
	return &httpapi.API{
		Intake: &intake.Intake{
			Ring: ring, Lane: engines.Writes, Gauge: gauge, Jobs: store.Jobs(), Claims: store.Jobs(), Now: time.Now, MaxAge: c.MaxAge,
			Originals: engines.Objects,
			Again: func(ctx context.Context, id string) error { // S3 tells of it
				_, err := (&arrive.Covers{Objects: engines.Objects}).Again(ctx, id)
				return err
			},
		},
		Objects: engines.Objects, CoverBase: c.CoverBase,
		Ring: ring, Books: store.Books(), Lists: store.Books(), Jobs: store.Jobs(),
		Keys:         httpapi.Keys{}.With(c.Key, httpapi.Caller{Name: key.ConfiguredName, Role: key.Operator}),
		KeyStore:     store.CallerKeys(),
		Imports:      &intake.Imports{Drops: store.Drops(), Objects: engines.Objects, Lane: engines.Imports, Now: time.Now},
		PrivateReads: !c.PublicRead, Origins: c.Origins,
		Tokens: httpapi.NewTokens(httpapi.TokenOptions{
			Issuer: c.OIDC.Issuer, Audience: c.OIDC.Audience, JWKS: c.OIDC.JWKS, RoleClaim: c.OIDC.RoleClaim, Now: time.Now, Log: log,
		}),
		Lanes: []httpapi.Lane{
			{Name: queue.Writes, Control: engines.Control}, {Name: queue.Imports, Control: store.Control(queue.Imports)},
		},
		PerKey:  httpapi.NewLimiter(c.RateKey),
		PerBook: httpapi.NewLimiter(c.RateBook),
		Checks: map[string]func(context.Context) error{
			"store": engines.Ping,
			"lane":  func(ctx context.Context) error { _, err := engines.Writes.Stats(ctx); return err },
		},
		Now: time.Now, Log: log,
	}
}
