package work_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
)

// failingSave is a store of records whose writes get lost.
type failingSave struct{ job.Store }

func (failingSave) Save(context.Context, job.Record) error {
	return fault.New(fault.Unavailable, "the store is down")
}

func done(context.Context, queue.Delivery) error { return nil }

var errAttempt = errors.New("the attempt failed")

func TestJobsOfOneBookRunInOrderAndBooksInParallel(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		slow, quick := uuid.New(), uuid.New()
		messages := map[string]string{}
		for _, m := range []job.Message{
			h.message(job.Create, slow, "slow 1"), h.message(job.Update, slow, "slow 2"),
			h.message(job.Update, slow, "slow 3"), h.message(job.Create, quick, "quick"),
		} {
			h.send(m)
			messages[m.DedupID()] = string(m.Patch)
			if m.Draft != nil {
				messages[m.DedupID()] = m.Draft.Title
			}
		}
		var happened log
		stop := h.runner(10, func(_ context.Context, d queue.Delivery) error {
			if d.Group == slow.String() {
				time.Sleep(time.Second)
			}
			happened.add("%s", messages[d.DedupID])
			return nil
		})
		time.Sleep(10 * time.Second)
		stop()
		happened.want(t, "quick", "slow 1", `{"title":"slow 2"}`, `{"title":"slow 3"}`)
	})
}

func TestAFailedDeliveryComesBackAfterItsDelayAndHoldsUpItsBookOnly(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		poisoned, fine := uuid.New(), uuid.New()
		first, second := h.message(job.Create, poisoned, "1"), h.message(job.Update, poisoned, "2")
		h.send(first)
		h.send(second)
		var happened log
		start := time.Now()
		stop := h.runner(10, func(_ context.Context, d queue.Delivery) error {
			happened.add("%s %v receive %d", d.DedupID[len(d.DedupID)-2:], time.Since(start).Round(time.Second), d.Receives)
			if d.DedupID == first.DedupID() && d.Receives < 3 {
				return errAttempt
			}
			return nil
		})
		time.Sleep(time.Second)
		h.send(h.message(job.Create, fine, "3"))
		time.Sleep(20 * time.Second)
		stop()
		// The second job is given back each time with the first one, unstarted.
		happened.want(t, ".1 0s receive 1", ".1 1s receive 1", ".1 5s receive 2", ".1 10s receive 3", ".1 10s receive 3")
	})
}

func TestALongJobKeepsItsLease(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.send(h.message(job.Create, uuid.New(), "long"))
		var happened log
		stop := h.runner(10, func(ctx context.Context, d queue.Delivery) error {
			happened.add("receive %d", d.Receives)
			time.Sleep(10 * h.lane.Lease())
			if ctx.Err() != nil {
				t.Error("the context ended although the lease was kept")
			}
			return nil
		})
		time.Sleep(11 * h.lane.Lease())
		stop()
		happened.want(t, "receive 1")
	})
}

func TestWorkWhoseLeaseIsLostIsCancelledAndDeletesNothing(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.send(h.message(job.Create, uuid.New(), "zombie"))
		cause := make(chan error, 10)
		_, stop := h.start(losing{h.lane}, 10, handler{do: func(ctx context.Context, _ queue.Delivery) error {
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return ctx.Err()
		}})
		if err := <-cause; !fault.Is(err, fault.Stale) {
			t.Errorf("the work was cancelled for %v, want the lost lease", err)
		}
		stop()
		if stats, _ := h.lane.Stats(t.Context()); stats.Waiting != 1 {
			t.Errorf("the message is gone: %+v", stats)
		}
	})
}

func TestDrainReturnsWhatHasNotBegunAndFinishesWhatHas(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		first, second := h.message(job.Create, id, "1"), h.message(job.Update, id, "2")
		h.send(first)
		h.send(second)
		var happened log
		stop := h.runner(10, func(ctx context.Context, d queue.Delivery) error {
			time.Sleep(5 * time.Second)
			happened.add("finished %v", ctx.Err())
			return nil
		})
		time.Sleep(time.Second)
		stop()
		happened.want(t, "finished <nil>")
		back, err := h.lane.Receive(t.Context(), 10)
		if err != nil || len(back) != 1 || back[0].DedupID != second.DedupID() {
			t.Errorf("after the drain the lane delivers %v, %v; want the job that had not begun, at once", back, err)
		}
	})
}

func TestDrainEndsWithTheGracePeriodAndAnInterruptedJobComesBackAtOnce(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.send(h.message(job.Create, uuid.New(), "endless"))
		stop := h.runner(10, func(ctx context.Context, _ queue.Delivery) error {
			<-ctx.Done()
			return ctx.Err()
		})
		time.Sleep(time.Second)
		start := time.Now()
		stop()
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("the drain took %v, want the grace period of 20 s", took)
		}
		if back, err := h.lane.Receive(t.Context(), 10); err != nil || len(back) != 1 {
			t.Errorf("after the drain the lane delivers %d messages, %v; want the interrupted one", len(back), err)
		}
	})
}

func TestNoMoreDeliveriesAreInHandThanThereAreSlots(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		for range 30 {
			h.send(h.message(job.Create, uuid.New(), "x"))
		}
		stop := h.runner(7, func(context.Context, queue.Delivery) error {
			time.Sleep(time.Second)
			return nil
		})
		most := 0
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			stats, err := h.lane.Stats(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			most = max(most, stats.InFlight)
		}
		stop()
		if most != 7 {
			t.Errorf("%d deliveries were in hand at once, want 7", most)
		}
		if stats, _ := h.lane.Stats(t.Context()); stats.Waiting+stats.InFlight+stats.Delayed != 0 {
			t.Errorf("the lane is not empty: %+v", stats)
		}
	})
}

func TestAReceiverThatFailsIsAskedAgainLessAndLessOften(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		lane := &failing{Receiver: h.lane}
		_, stop := h.start(lane, 10, handler{do: done})
		time.Sleep(10 * time.Minute)
		stop()
		if lane.asked < 10 || lane.asked > 30 {
			t.Errorf("a failing lane was asked %d times in ten minutes, want about 18", lane.asked)
		}
	})
}

// losing is a lane on which every lease is lost.
type losing struct{ queue.Receiver }

func (losing) Extend(context.Context, string) error { return fault.New(fault.Stale, "lost") }

// failing is a lane that is down.
type failing struct {
	queue.Receiver
	asked int
}

func (f *failing) Receive(context.Context, int) ([]queue.Delivery, error) {
	f.asked++
	return nil, errors.New("down")
}
