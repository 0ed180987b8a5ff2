package work_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"acervo/internal/book"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
	"acervo/internal/work"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a store and a lane in memory. Its time is that of the test's bubble.
type house struct {
	t    *testing.T
	db   *sqlite.DB
	lane *sqlite.Lane
	ring *job.Keyring
}

// inHouse runs a test on fake time over a store in memory.
func inHouse(t *testing.T, test func(t *testing.T, h *house)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		lane, err := db.Lane(t.Context(), "writes", sqlite.LaneOptions{})
		if err != nil {
			t.Fatal(err)
		}
		test(t, &house{t, db, lane, job.NewKeyring(time.Now, job.NewKey())})
	})
}

func (h *house) applier() *work.Applier {
	return work.NewApplier(h.db.Books(), h.db.Jobs(), "writes", time.Now)
}

// message is a job of the book that is accepted now.
func (h *house) message(kind job.Kind, id uuid.UUID, title string) job.Message {
	h.t.Helper()
	r, err := h.ring.Mint(kind, id)
	if err != nil {
		h.t.Fatal(err)
	}
	m := job.Message{V: 1, Job: r.ID, Generation: 1, Kind: kind, BookID: id, AcceptedAt: r.AcceptedAt()}
	switch kind {
	case job.Create, job.Replace:
		m.Draft = &book.Draft{Title: title, Authors: []string{"Clarice Lispector"}}
	case job.Update:
		m.Patch = book.Patch(fmt.Sprintf(`{"title":%q}`, title))
	}
	return m
}

func (h *house) send(m job.Message) {
	h.t.Helper()
	body, err := m.Encode()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.lane.Send(h.t.Context(), queue.Message{Group: m.Group(), DedupID: m.DedupID(), Body: body}); err != nil {
		h.t.Fatal(err)
	}
}

// apply is one delivery of a message.
func apply(ctx context.Context, a *work.Applier, m job.Message, receives int) error {
	body, err := m.Encode()
	if err != nil {
		return err
	}
	return a.Apply(ctx, m, body, receives)
}

func (h *house) apply(m job.Message) {
	h.t.Helper()
	if err := apply(h.t.Context(), h.applier(), m, 1); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) item(id uuid.UUID) book.Item {
	h.t.Helper()
	item, err := h.db.Books().Get(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return item
}

func (h *house) record(m job.Message) job.Record {
	h.t.Helper()
	rec, _, err := h.db.Jobs().Get(h.t.Context(), m.Job)
	if err != nil {
		h.t.Fatal(err)
	}
	return rec
}

// expect checks the record of a job and the version and title of its book.
func (h *house) expect(m job.Message, state job.State, version int64, title string) {
	h.t.Helper()
	if rec := h.record(m); rec.State != state {
		h.t.Errorf("job of kind %s is %q, want %q (%+v)", m.Kind, rec.State, state, rec)
	}
	if item := h.item(m.BookID); item.Version != version || item.Draft.Title != title {
		h.t.Errorf("book is %q in version %d, want %q in version %d", item.Draft.Title, item.Version, title, version)
	}
}

// handler is a work.Handler of two functions.
type handler struct {
	do     func(context.Context, queue.Delivery) error
	failed func(context.Context, queue.Delivery, error) work.Outcome
}

func (f handler) Do(ctx context.Context, d queue.Delivery) error { return f.do(ctx, d) }

func (f handler) Failed(ctx context.Context, d queue.Delivery, why error) work.Outcome {
	if f.failed == nil {
		return work.Outcome{Delay: 5 * time.Second}
	}
	return f.failed(ctx, d, why)
}

// runner starts a runner and returns what stops it and waits for it.
func (h *house) runner(slots int, do func(context.Context, queue.Delivery) error) (stop func()) {
	_, stop = h.start(h.lane, slots, handler{do: do})
	return stop
}

func (h *house) start(lane queue.Receiver, slots int, handler work.Handler) (r *work.Runner, stop func()) {
	ctx, cancel := context.WithCancel(h.t.Context())
	r = &work.Runner{
		Lane: lane, Control: h.lane, Gauge: h.lane, Handler: handler, Probe: h.db.Ping, Name: "test",
		Slots: slots, MaxRun: 10 * time.Minute, Grace: 20 * time.Second, Log: discard(),
	}
	var done sync.WaitGroup
	done.Go(func() { r.Run(ctx) })
	return r, func() { cancel(); done.Wait() }
}

// log collects what happened, in order.
type log struct {
	mu    sync.Mutex
	lines []string
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (l *log) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *log) want(t *testing.T, lines ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.lines, lines) {
		t.Errorf("happened:\n%q\nwant:\n%q", l.lines, lines)
	}
}
