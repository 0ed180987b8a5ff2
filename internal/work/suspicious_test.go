package work_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/work"
)

// lives has one worker after the other receive and do batches of the lane, until
// it is empty. The writes of kills take the worker with them.
func (h *house) lives(kills book.Store) {
	h.t.Helper()
	for began := time.Now(); time.Since(began) < 3*time.Hour; time.Sleep(time.Second) {
		if s, err := h.lane.Stats(h.t.Context()); err != nil || s.Depth() == 0 {
			h.ok(err)
			return
		}
		batch, err := h.lane.Receive(h.t.Context(), queue.MaxBatch)
		h.ok(err)
		var life sync.WaitGroup
		life.Go(func() {
			for _, d := range batch {
				if h.writes(kills).Do(h.t.Context(), d) == nil {
					h.ok(h.lane.Delete(h.t.Context(), d.Handle))
				}
			}
		})
		life.Wait()
	}
	h.t.Fatal("the lane is not empty after three hours")
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func TestAJobThatKillsItsWorkerEachTimeIsBuriedInTimeAndTakesNobodyWithIt(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		killer, good := h.message(job.Create, id, "A"), h.message(job.Replace, id, "B")
		h.send(killer)
		h.send(good)
		h.lives(&broken{Store: h.db.Books(), id: id, fail: func() error {
			if h.record(killer).State != job.Dead {
				runtime.Goexit() // nothing after it happens, and nothing is told
			}
			return nil
		}})
		rec := h.record(killer)
		if rec.State != job.Dead || rec.FinishedAt.Sub(killer.AcceptedAt) > 30*time.Minute {
			t.Errorf("the killer is %s after %v, want it dead within half an hour", rec.State, rec.FinishedAt.Sub(killer.AcceptedAt))
		}
		h.expect(good, job.Succeeded, 1, "B")
	})
}

func TestAJobBehindManyThatFailIsTriedHoweverOftenItWasDelivered(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		var bad []job.Message
		for range 9 {
			bad = append(bad, h.message(job.Replace, id, "bad"))
			h.send(bad[len(bad)-1])
		}
		good := h.message(job.Replace, id, "good")
		h.send(good)
		_, stop := h.start(h.lane, 10, h.writes(&broken{Store: h.db.Books(), id: id, fail: func() error {
			if h.record(bad[8]).State == job.Dead {
				return nil
			}
			return errors.New("shard 17 says no")
		}}))
		time.Sleep(5 * time.Hour)
		stop()
		for i, m := range bad {
			if rec := h.record(m); rec.State != job.Dead || rec.Attempts != work.MaxAttempts {
				t.Errorf("job %d is %s after %d attempts", i, rec.State, rec.Attempts)
			}
		}
		h.expect(good, job.Succeeded, 1, "good")
	})
}

func TestNoJobDiesOfAStoreThatIsHalfDown(t *testing.T) {
	for name, c := range map[string]struct {
		lasts time.Duration
		err   error
	}{
		"its writes are down for an hour, while it answers": {time.Hour, fault.New(fault.Unavailable, "writes are down")},
		"it throttles writes for five hours":                {5 * time.Hour, fault.New(fault.Throttled, "slow down")},
	} {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				m, end := h.message(job.Create, uuid.New(), "A"), time.Now().Add(c.lasts)
				h.send(m)
				_, stop := h.start(h.lane, 10, h.writes(&broken{Store: h.db.Books(), id: m.BookID, fail: func() error {
					if time.Now().Before(end) {
						return c.err
					}
					return nil
				}}))
				time.Sleep(c.lasts + 2*time.Minute)
				stop()
				h.expect(m, job.Succeeded, 1, "A")
				if rec := h.record(m); rec.Attempts != 1 || rec.Starts != 0 {
					t.Errorf("the job counts %d attempts and %d starts, want 1 and none", rec.Attempts, rec.Starts)
				}
			})
		})
	}
}

// shutJobs cannot be read for a time.
type shutJobs struct {
	job.Store
	till time.Time
}

func (s shutJobs) Get(ctx context.Context, id string) (job.Record, bool, error) {
	if time.Now().Before(s.till) {
		return job.Record{}, false, fault.New(fault.Internal, "the door is shut")
	}
	return s.Store.Get(ctx, id)
}

func TestNoJobDiesOfRecordsThatNobodyCanRead(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		m := h.message(job.Create, uuid.New(), "A")
		h.send(m)
		a := work.NewApplier(h.db.Books(), shutJobs{h.db.Jobs(), time.Now().Add(time.Hour)}, "writes", time.Now)
		_, stop := h.start(h.lane, 10, &work.Writes{Applier: a, Log: discard()})
		time.Sleep(time.Hour + 2*time.Minute)
		stop()
		h.expect(m, job.Succeeded, 1, "A")
	})
}
