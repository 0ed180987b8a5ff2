package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"acervo/internal/httpapi"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/key"
	"acervo/internal/sqlite"
	"acervo/internal/work"
)

// serveParts puts the parts together as the one-machine edition does, for two
// questions that its binary cannot be asked from outside. Without a worker:
// what accepting costs by itself. With one: when a write is applied, to which end
// a write is answered only then.
func serveParts(ctx context.Context, dir string, worker bool, stdout io.Writer) error {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	db, err := sqlite.Open(sqlite.Options{Dir: dir})
	if err != nil {
		return err
	}
	lane, err := db.Lane(ctx, "writes", sqlite.LaneOptions{})
	if err != nil {
		return err
	}
	go db.Fold(ctx, func(err error) { log.Warn("the log of the store was not folded", "error", err) })
	current, retired, err := db.ReceiptKeys(ctx)
	if err != nil {
		return err
	}
	ring := job.NewKeyring(time.Now, current, retired...)
	jobs := &watched{Store: db.Jobs()}
	api := &httpapi.API{
		Intake: &intake.Intake{
			Ring: ring, Lane: lane, Gauge: lane, Jobs: jobs, Claims: db.Jobs(), Now: time.Now, MaxAge: 24 * time.Hour,
		}, Ring: ring, Books: db.Books(), Lists: db.Books(), Jobs: jobs,
		Keys: httpapi.Keys{}.With(benchKey, httpapi.Caller{Name: "bench", Role: key.Operator}), Now: time.Now, Log: log,
	}
	if !worker {
		return serve(ctx, api.Handler(), stdout)
	}
	writes := &work.Writes{Applier: work.NewApplier(db.Books(), jobs, "writes", time.Now), Log: log}
	runner := &work.Runner{
		Lane: lane, Control: lane, Gauge: lane, Handler: writes, Probe: db.Ping, Name: "bench",
		Slots: slots, MaxRun: 30 * time.Second, Grace: time.Second, Log: log,
	}
	go runner.Run(ctx)
	return serve(ctx, jobs.hold(api.Handler()), stdout)
}

// slots is the default of acervo serve.
const slots = 64

// watched is a job.Store that tells when the record of a job is stored.
type watched struct {
	job.Store
	ends sync.Map // path of the job to chan struct{}, closed when it has ended
}

// Save is job.Store's.
func (w *watched) Save(ctx context.Context, rec job.Record) error {
	err := w.Store.Save(ctx, rec)
	if err == nil {
		close(w.end("/v1/jobs/" + rec.ID))
	}
	return err
}

func (w *watched) end(path string) chan struct{} {
	end, _ := w.ends.LoadOrStore(path, make(chan struct{}))
	return end.(chan struct{})
}

// hold keeps an answer back until its job has ended. The answer is small enough
// to wait in the buffer of net/http.
func (w *watched) hold(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(rw, r)
		path := rw.Header().Get("Location")
		if path == "" {
			return
		}
		select {
		case <-w.end(path):
			w.ends.Delete(path)
		case <-r.Context().Done():
		}
	})
}

// serve answers on a free port of loopback, which it prints, until ctx ends.
func serve(ctx context.Context, handler http.Handler, stdout io.Writer) error {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "serves http://%s\n", listener.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); ctx.Err() == nil {
		return err
	}
	return nil
}
