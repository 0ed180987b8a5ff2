package work_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/job"
	"acervo/internal/queue"
)

func TestAPausedLaneDeliversNothingUntilItIsResumed(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		var happened log
		r, stop := h.start(h.lane, 10, handler{do: func(context.Context, queue.Delivery) error {
			happened.add("did")
			return nil
		}})
		time.Sleep(time.Second) // it is polling
		h.pause(true)
		time.Sleep(2 * time.Second)
		h.send(h.message(job.Create, uuid.New(), "A"))
		time.Sleep(time.Hour)
		happened.want(t)
		if err := r.Ready(t.Context()); err != nil {
			t.Errorf("a paused lane is not ready: %v", err)
		}
		h.pause(false)
		time.Sleep(2 * time.Second)
		happened.want(t, "did")
		stop()
	})
}

func TestALaneThatIsResumedIsReadyBeforeAnythingComes(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		r, stop := h.start(h.lane, 10, handler{do: func(context.Context, queue.Delivery) error { return nil }})
		h.pause(true)
		time.Sleep(time.Hour)
		h.pause(false)
		time.Sleep(2 * time.Second) // the first poll is still waiting
		if err := r.Ready(t.Context()); err != nil {
			t.Errorf("a lane that was just resumed is not ready: %v", err)
		}
		stop()
	})
}

func TestALaneThatWasPausedBeforeItsWorkerStartedStaysPaused(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.pause(true)
		h.send(h.message(job.Create, uuid.New(), "A"))
		var happened log
		stop := h.runner(10, func(context.Context, queue.Delivery) error {
			happened.add("did")
			return nil
		})
		time.Sleep(time.Hour)
		stop()
		happened.want(t)
	})
}

func TestPausingFinishesWhatHasBegunAndReturnsTheRest(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		for _, m := range []job.Message{h.message(job.Create, id, "1"), h.message(job.Update, id, "2")} {
			h.send(m)
		}
		var happened log
		stop := h.runner(10, func(ctx context.Context, _ queue.Delivery) error {
			time.Sleep(10 * time.Second)
			happened.add("finished %v", ctx.Err())
			return nil
		})
		time.Sleep(time.Second)
		h.pause(true)
		time.Sleep(time.Minute)
		happened.want(t, "finished <nil>")
		if stats, _ := h.lane.Stats(t.Context()); stats.Waiting != 1 || stats.InFlight != 0 {
			t.Errorf("on the lane are %+v, want the second job waiting", stats)
		}
		stop()
	})
}

func TestTheHeartbeatTellsDepthAgeAndRates(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		stop := h.runner(1, func(context.Context, queue.Delivery) error {
			time.Sleep(time.Second)
			return nil
		})
		time.Sleep(time.Second) // the first heartbeat is of an empty lane
		for range 100 {
			h.send(h.message(job.Create, uuid.New(), "A"))
		}
		time.Sleep(queue.HeartbeatEvery)
		beats, err := h.lane.Heartbeats(t.Context())
		if err != nil || len(beats) != 1 {
			t.Fatalf("%d heartbeats, %v", len(beats), err)
		}
		b := beats[0]
		if b.Stats.Depth() < 80 || b.Stats.OldestAge < 13*time.Second || b.DonePerSecond < 0.8 || b.DonePerSecond > 1.1 || b.GrowthPerSecond < 5 {
			t.Errorf("the heartbeat is %+v", b)
		}
		stop()
		time.Sleep(queue.HeartbeatTTL)
		if beats, _ := h.lane.Heartbeats(t.Context()); len(beats) != 0 {
			t.Errorf("a worker that has gone still has a heartbeat: %+v", beats)
		}
	})
}

func (h *house) pause(paused bool) {
	h.t.Helper()
	if err := h.lane.Pause(h.t.Context(), paused); err != nil {
		h.t.Fatal(err)
	}
}
