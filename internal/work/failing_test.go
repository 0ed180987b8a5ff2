package work_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/work"
)

// broken is a catalogue in which one book fails as it is told to.
type broken struct {
	book.Store
	id   uuid.UUID
	fail func() error
}

func (b *broken) Swap(ctx context.Context, read, next book.Item) error {
	if read.ID == b.id {
		if err := b.fail(); err != nil {
			return err
		}
	}
	return b.Store.Swap(ctx, read, next)
}

// writes is the real handler over a catalogue.
func (h *house) writes(books book.Store) *work.Writes {
	return &work.Writes{Applier: work.NewApplier(books, h.db.Jobs(), "writes", time.Now), Log: discard()}
}

func TestAJobThatKeepsFailingIsBuriedWithItsPayloadErrorAndHistory(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		poisoned, fine := uuid.New(), uuid.New()
		dead, after, other := h.message(job.Create, poisoned, "1"), h.message(job.Replace, poisoned, "2"), h.message(job.Create, fine, "3")
		books := &broken{Store: h.db.Books(), id: poisoned}
		books.fail = func() error {
			if h.record(dead).State == job.Dead {
				return nil
			}
			return errors.New("shard 17 says no")
		}
		h.send(dead)
		h.send(after)
		_, stop := h.start(h.lane, 10, h.writes(books))
		time.Sleep(2 * time.Second)

		if rec := h.record(dead); rec.State != job.Retrying || rec.Attempts == 0 || !rec.NextAttemptAt.After(time.Now().Add(-time.Second)) {
			t.Errorf("after the first failure the job is %+v, want it retrying", rec)
		}
		h.send(other)
		time.Sleep(time.Second)
		h.expect(other, job.Succeeded, 1, "3") // others do not wait

		start := time.Now()
		for h.record(dead).State != job.Dead && time.Since(start) < 30*time.Minute {
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		stop()
		rec := h.record(dead)
		switch {
		case rec.State != job.Dead || rec.Attempts != work.MaxAttempts:
			t.Fatalf("the job is %+v, want it dead after %d attempts", rec, work.MaxAttempts)
		case rec.Burial.Cause != "shard 17 says no", !rec.Burial.Listed, rec.Burial.BookVersion != 0:
			t.Errorf("its burial is %+v", rec.Burial)
		case len(rec.History) != work.MaxAttempts+1:
			t.Errorf("its history has %d events, want every attempt and the burial", len(rec.History))
		case rec.Error == nil || strings.Contains(rec.Error.Detail, "shard"):
			t.Errorf("its problem is %+v, want one that hides the cause", rec.Error)
		}
		if m, err := job.DecodeMessage(rec.Burial.Message); err != nil || m.Draft.Title != "1" {
			t.Errorf("the payload kept is %s, %v", rec.Burial.Message, err)
		}
		h.expect(after, job.Succeeded, 1, "2") // the book goes on once its poisoned job is dead
		if item := h.item(poisoned); item.Fence != 1 {
			t.Errorf("the fence is %d, want it raised by the burial", item.Fence)
		}
	})
}

// closedLedger refuses burials as long as it is told to.
type closedLedger struct {
	job.Store
	burials, refuse int
}

func (l *closedLedger) Bury(ctx context.Context, rec job.Record, read book.Item) error {
	l.burials++
	if l.burials <= l.refuse {
		return errors.New("the ledger is closed")
	}
	return l.Store.Bury(ctx, rec, read)
}

func TestABurialThatFailsIsTriedAgainLessAndLessOftenAndTheJobIsNot(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		m, swaps := h.message(job.Create, uuid.New(), "A"), 0
		books := &broken{Store: h.db.Books(), id: m.BookID, fail: func() error { swaps++; return errors.New("shard 17 says no") }}
		jobs := &closedLedger{Store: h.db.Jobs(), refuse: 1000}
		h.send(m)
		_, stop := h.start(h.lane, 10, &work.Writes{Applier: work.NewApplier(books, jobs, "writes", time.Now), Log: discard()})
		time.Sleep(30 * time.Minute)
		stop()
		if swaps != work.MaxAttempts || jobs.burials < 5 || jobs.burials > 100 {
			t.Errorf("in half an hour there were %d tries and %d burials, want %d and some", swaps, jobs.burials, work.MaxAttempts)
		}
	})
}

func TestAPanicIsAFailedAttempt(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		m := h.message(job.Create, uuid.New(), "A")
		books := &broken{Store: h.db.Books(), id: m.BookID}
		books.fail = func() error {
			if h.record(m).Attempts < 2 {
				panic("a bug")
			}
			return nil
		}
		h.send(m)
		_, stop := h.start(h.lane, 10, h.writes(books))
		time.Sleep(time.Minute)
		stop()
		h.expect(m, job.Succeeded, 1, "A")
		rec := h.record(m)
		if rec.Attempts != 3 || len(rec.History) != 3 || !strings.Contains(rec.History[0].Why, "a bug") {
			t.Errorf("the record is %+v, want two failed attempts that name the panic", rec)
		}
	})
}

func TestAHandlerThatIgnoresItsContextLosesItsSlotAndIsShown(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		first, second := h.message(job.Create, uuid.New(), "stuck"), h.message(job.Create, uuid.New(), "fine")
		h.send(first)
		release, failed := make(chan struct{}), make(chan error, 1)
		var happened log
		r, stop := h.start(h.lane, 1, handler{
			do: func(_ context.Context, d queue.Delivery) error {
				if d.DedupID == first.DedupID() && d.Receives == 1 {
					<-release
				}
				happened.add("did %d", d.Receives)
				return nil
			},
			failed: func(_ context.Context, _ queue.Delivery, why error) work.Outcome {
				failed <- why
				return work.Outcome{Delay: time.Hour}
			},
		})
		if why := <-failed; !strings.Contains(why.Error(), "did not return") {
			t.Errorf("it failed because %v", why)
		}
		h.send(second)
		time.Sleep(time.Minute)
		happened.want(t, "did 1") // the second one has the slot
		if r.Ready(t.Context()) == nil {
			t.Error("a worker all of whose slots are stuck calls itself ready")
		}
		beats, err := h.lane.Heartbeats(t.Context())
		if err != nil || len(beats) != 1 || beats[0].Stuck != 1 {
			t.Errorf("the heartbeat is %+v, %v, want one stuck job in it", beats, err)
		}
		close(release)
		time.Sleep(time.Second)
		if err := r.Ready(t.Context()); err != nil {
			t.Errorf("once it has returned, the worker is not ready: %v", err)
		}
		stop()
	})
}

func TestAStoreThatIsDownStopsReceivingAndKillsNoJob(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		m := h.message(job.Create, uuid.New(), "A")
		var down atomic.Bool
		var asked atomic.Int64
		down.Store(true)
		books := &broken{Store: h.db.Books(), id: m.BookID, fail: func() error {
			if down.Load() {
				return fault.New(fault.Unavailable, "the store is down")
			}
			return nil
		}}
		h.send(m)
		ctx, cancel := context.WithCancel(t.Context())
		r := &work.Runner{
			Lane: h.lane, Control: h.lane, Gauge: h.lane, Handler: h.writes(books), Name: "test", Slots: 10,
			MaxRun: time.Minute, Grace: time.Second, Log: discard(),
			Probe: func(context.Context) error {
				asked.Add(1)
				if down.Load() {
					return errors.New("still down")
				}
				return nil
			},
		}
		done := make(chan struct{})
		go func() { r.Run(ctx); close(done) }()
		time.Sleep(time.Hour)
		if n := asked.Load(); n < 60 || n > 140 {
			t.Errorf("in an hour the store was probed %d times, want about one and a half a minute", n)
		}
		if rec := h.record(m); rec.Attempts != 0 || rec.State != "" {
			t.Errorf("the outage has burnt attempts: %+v", rec)
		}
		down.Store(false)
		time.Sleep(2 * time.Minute)
		h.expect(m, job.Succeeded, 1, "A")
		cancel()
		<-done
	})
}

func TestThrottlingBurnsNoAttempt(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		m, calls := h.message(job.Create, uuid.New(), "A"), 0
		h.send(m)
		_, stop := h.start(h.lane, 10, h.writes(&broken{Store: h.db.Books(), id: m.BookID, fail: func() error {
			calls++
			if calls < 2*work.MaxAttempts {
				return fault.New(fault.Throttled, "slow down")
			}
			return nil
		}}))
		time.Sleep(30 * time.Minute)
		stop()
		h.expect(m, job.Succeeded, 1, "A")
		if rec := h.record(m); rec.Attempts != 1 {
			t.Errorf("the job counts %d attempts, want 1", rec.Attempts)
		}
	})
}

func TestWhatCannotBeReadIsKeptWholeInTheLedgerAndHoldsUpNobody(t *testing.T) {
	good := func(h *house) (job.Message, queue.Message) {
		m := h.message(job.Create, uuid.New(), "A")
		body, err := m.Encode()
		if err != nil {
			h.t.Fatal(err)
		}
		return m, queue.Message{Group: m.Group(), DedupID: m.DedupID(), Body: body}
	}
	cases := map[string]func(*queue.Delivery){
		"not JSON":         func(d *queue.Delivery) { d.Body = []byte(`{`) },
		"without a draft":  func(d *queue.Delivery) { d.Body = []byte(`{"v":1,"generation":1,"kind":"book.create"}`) },
		"damaged":          func(d *queue.Delivery) { d.Damaged = true },
		"in another group": func(d *queue.Delivery) { d.Group = uuid.NewString() },
		"of another job":   func(d *queue.Delivery) { d.DedupID = "x.1" },
		"in no group":      func(d *queue.Delivery) { d.Group = "x" },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				m, sent := good(h)
				d := queue.Delivery{Message: sent, Receives: 1}
				spoil(&d)
				if err := h.writes(h.db.Books()).Do(t.Context(), d); err != nil {
					t.Fatal(err)
				}
				id, _, _ := strings.Cut(d.DedupID, ".")
				rec, ok, err := h.db.Jobs().Get(t.Context(), id)
				if err != nil || !ok || rec.State != job.Dead || !bytes.Equal(rec.Burial.Message, d.Body) {
					t.Fatalf("in the ledger is %+v, %v", rec, err)
				}
				listed, _, err := h.db.Jobs().Dead(t.Context(), job.Filter{}, "", 10)
				if err != nil || len(listed) != 1 {
					t.Errorf("the ledger lists %d, %v; want 1", len(listed), err)
				}
				if item := h.item(m.BookID); item.Version != 0 {
					t.Errorf("the book was written: %+v", item)
				}
			})
		})
	}
}

func TestAMessageOfALaterReleaseRestsAndIsNotBuried(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		w := h.writes(h.db.Books())
		d := queue.Delivery{Message: queue.Message{Group: uuid.NewString(), DedupID: "x.1", Body: []byte(`{"v":2}`)}, Receives: 1000}
		err := w.Do(t.Context(), d)
		if err == nil {
			t.Fatal("it was done")
		}
		if out := w.Failed(t.Context(), d, err); out.Delay == 0 || out.Down {
			t.Errorf("it is %+v, want it back after a while", out)
		}
		if listed, _, err := h.db.Jobs().Dead(t.Context(), job.Filter{}, "", 10); err != nil || len(listed) != 0 {
			t.Errorf("the ledger lists %d, %v; want none", len(listed), err)
		}
	})
}
