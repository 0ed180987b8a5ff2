package work_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
	"acervo/internal/work"
)

// throttled books take one row, slowly, and no more until some time.
type throttled struct {
	sqlite.Books
	until time.Time
	slow  time.Duration
	took  atomic.Bool
	mu    sync.Mutex
	tries []time.Time
}

func (b *throttled) refuses() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries = append(b.tries, time.Now())
	if time.Now().Before(b.until) {
		return fault.New(fault.Throttled, "slow down")
	}
	return nil
}

func (b *throttled) SwapMany(ctx context.Context, changes []book.Change) []error {
	refused := b.refuses()
	if refused == nil {
		return b.Books.SwapMany(ctx, changes)
	}
	time.Sleep(b.slow)
	fates := slices.Repeat([]error{refused}, len(changes))
	if b.took.CompareAndSwap(false, true) {
		copy(fates, b.Books.SwapMany(ctx, changes[:1]))
	}
	return fates
}

func (b *throttled) tried() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.tries)
}

// imports starts the worker of the imports lane over these books, with the chunks of
// files on it.
func (h *house) imports(p *press, books book.Bulk, chunks ...drop.Chunk) (stop func()) {
	h.t.Helper()
	return h.importsBeside(h.db.Ping, p, books, chunks...)
}

// importsBeside is imports with a probe that says whether the store is up again.
func (h *house) importsBeside(probe func(context.Context) error, p *press, books book.Bulk, chunks ...drop.Chunk) (stop func()) {
	h.t.Helper()
	lane, err := h.db.Lane(h.t.Context(), queue.Imports, sqlite.LaneOptions{Unordered: true})
	check(h.t, err)
	for _, c := range chunks {
		check(h.t, lane.Send(h.t.Context(), delivered(h.t, c, 1).Message))
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	r := &work.Runner{
		Lane: lane, Control: lane, Gauge: lane, Handler: p.worker(books), Probe: probe, Name: "imports", Unordered: true,
		Slots: 4, MaxRun: 10 * time.Minute, Grace: 20 * time.Second, Log: discard(),
	}
	var done sync.WaitGroup
	done.Go(func() { r.Run(ctx) })
	return func() { cancel(); done.Wait() }
}

// gaps are what passed between tries.
func gaps(tries []time.Time) (all []time.Duration) {
	for n := 1; n < len(tries); n++ {
		all = append(all, tries[n].Sub(tries[n-1]))
	}
	return all
}

// A store that throttles both lanes hears of the write again within a second at first,
// and of the chunk not before one and a half.
func TestAThrottledChunkRestsLongerThanAThrottledWrite(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		p, until := pressOver(t, h.db), time.Now().Add(10*time.Minute)
		rows, writes := &throttled{Books: h.db.Books(), until: until}, &throttled{until: until}
		i, chunks := p.dropped(small, 0, nil)
		m := h.message(job.Create, uuid.New(), "A")
		h.send(m)
		stopImports := h.imports(p, rows, chunks...)
		_, stop := h.start(h.lane, 10, h.writes(&broken{Store: h.db.Books(), id: m.BookID, fail: writes.refuses}))
		time.Sleep(12 * time.Minute)
		stop()
		stopImports()

		chunk, write := gaps(rows.tried()), gaps(writes.tried())
		if min(len(chunk), len(write)) < work.MaxAttempts {
			t.Fatalf("the chunk was tried after %v, the write after %v", chunk, write)
		}
		for n := range work.MaxAttempts {
			most := min(time.Minute, time.Second<<n)
			if chunk[n] < most/2+time.Second || write[n] > most {
				t.Errorf("after throttle %d the chunk rested for %v and the write for %v, of at most %v", n+1, chunk[n], write[n], most)
			}
		}
		h.expect(m, job.Succeeded, 1, "A")
		i, err := h.db.Drops().Get(t.Context(), i.ID)
		check(t, err)
		p.is(i, drop.CompletedWithErrors, drop.Counts{OK: 2, Creates: 2, Failed: 1})
		if v := p.book(estrela).Version; v != 1 {
			t.Errorf("the row that was applied before the throttle made its book version %d", v)
		}
	})
}

func TestWritesDoNotWaitWhileChunksAreThrottled(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		var text strings.Builder
		text.WriteString("isbn,title,authors\n")
		for n := range 6000 {
			fmt.Fprintf(&text, ",Book %d,B\n", n)
		}
		p := pressOver(t, h.db)
		rows := &throttled{Books: h.db.Books(), until: time.Now().Add(5 * time.Minute), slow: 20 * time.Second}
		i, chunks := p.dropped(text.String(), 0, nil)
		stopImports := h.imports(p, rows, chunks...) // three times as many as it has slots
		_, stop := h.start(h.lane, 10, h.writes(h.db.Books()))
		for range 60 {
			m := h.message(job.Create, uuid.New(), "A")
			h.send(m)
			time.Sleep(100 * time.Millisecond)
			h.expect(m, job.Succeeded, 1, "A")
			time.Sleep(2 * time.Second)
		}
		if n := len(rows.tried()); n < 12 {
			t.Errorf("chunks were tried %d times meanwhile", n)
		}
		time.Sleep(15 * time.Minute)
		stop()
		stopImports()
		i, err := h.db.Drops().Get(t.Context(), i.ID)
		check(t, err)
		p.is(i, drop.Succeeded, drop.Counts{OK: 6000, Creates: 6000})
	})
}

// A lane whose store is down stands still and probes it. One whose store throttles a
// delivery does neither, since what others want may well be done.
func TestAStoreThatThrottlesIsNotTakenForOneThatIsDown(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		var probes atomic.Int64
		probe := func(ctx context.Context) error {
			probes.Add(1)
			return h.db.Ping(ctx)
		}
		p, until := pressOver(t, h.db), time.Now().Add(5*time.Minute)
		rows, writes := &throttled{Books: h.db.Books(), until: until}, &throttled{until: until}
		i, chunks := p.dropped(small, 0, nil)
		m := h.message(job.Create, uuid.New(), "A")
		h.send(m)
		stopImports := h.importsBeside(probe, p, rows, chunks...)
		ctx, cancel := context.WithCancel(t.Context())
		r := &work.Runner{
			Lane: h.lane, Control: h.lane, Gauge: h.lane, Probe: probe, Name: "test", Slots: 10, MaxRun: 10 * time.Minute,
			Grace: 20 * time.Second, Log: discard(), Handler: h.writes(&broken{Store: h.db.Books(), id: m.BookID, fail: writes.refuses}),
		}
		var done sync.WaitGroup
		done.Go(func() { r.Run(ctx) })
		time.Sleep(8 * time.Minute)
		cancel()
		done.Wait()
		stopImports()

		if n := probes.Load(); n > 0 || min(len(rows.tried()), len(writes.tried())) < 2 {
			t.Errorf("the store was probed %d times; the chunk was tried at %v, the write at %v", n, rows.tried(), writes.tried())
		}
		h.expect(m, job.Succeeded, 1, "A")
		i, err := h.db.Drops().Get(t.Context(), i.ID)
		check(t, err)
		if i.State != drop.CompletedWithErrors {
			t.Errorf("the import is %s", i.State)
		}
	})
}
