package intake_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
)

// watcher is the gauge of a process without workers, on what its lane's workers
// share. Its time is that of a bubble.
type watcher struct {
	*intake.Heartbeats
	control *sqlite.Lane
}

// watched runs a sentence in a bubble.
func watched(t *testing.T, test func(*testing.T, watcher)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		lane, err := db.Lane(t.Context(), queue.Writes, sqlite.LaneOptions{})
		if err != nil {
			t.Fatal(err)
		}
		test(t, watcher{
			&intake.Heartbeats{Control: lane, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, lane,
		})
	})
}

// beat is a heartbeat of a worker that sees so many messages, of such an age.
func (w watcher) beat(t *testing.T, worker string, waiting int, age time.Duration) {
	t.Helper()
	b := queue.Heartbeat{Worker: worker, At: time.Now(), Stats: queue.Stats{Waiting: waiting, OldestAge: age}}
	if err := w.control.Beat(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func (w watcher) looks(t *testing.T) {
	t.Helper()
	if err := w.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w watcher) isOld(t *testing.T, want time.Duration) {
	t.Helper()
	if s, err := w.Stats(t.Context()); err != nil || s.OldestAge != want {
		t.Errorf("the oldest message is %s old, %v, want %s", s.OldestAge, err, want)
	}
}

func TestTheAgeOfALaneThatOthersWork(t *testing.T) {
	t.Parallel()
	sentence := func(name string, test func(*testing.T, watcher)) {
		t.Run(name, func(t *testing.T) { t.Parallel(); watched(t, test) })
	}
	sentence("is the greatest that any worker knows of", func(t *testing.T, w watcher) {
		w.beat(t, "a", 3, 2*time.Hour)
		time.Sleep(time.Second)
		w.beat(t, "b", 4, time.Hour)
		w.looks(t)
		w.isOld(t, 2*time.Hour)
		if s, _ := w.Stats(t.Context()); s.Waiting != 4 {
			t.Errorf("%d are waiting, the newest heartbeat says 4", s.Waiting)
		}
	})
	sentence("grows until somebody looks again", func(t *testing.T, w watcher) {
		w.beat(t, "a", 3, time.Hour)
		w.looks(t)
		time.Sleep(10 * time.Minute)
		w.isOld(t, time.Hour+10*time.Minute)
		w.beat(t, "a", 3, time.Second)
		w.looks(t)
		w.isOld(t, time.Second)
	})
	sentence("is none for an empty one, however long it is so", func(t *testing.T, w watcher) {
		w.beat(t, "a", 0, 0)
		w.looks(t)
		time.Sleep(time.Hour)
		w.isOld(t, 0)
	})
	sentence("counts from when the workers were gone", func(t *testing.T, w watcher) {
		w.beat(t, "a", 0, 0)
		w.looks(t)
		time.Sleep(2 * queue.HeartbeatTTL)
		w.looks(t)
		time.Sleep(time.Hour)
		w.looks(t)
		w.isOld(t, time.Hour)
		w.beat(t, "b", 0, 0)
		w.looks(t)
		w.isOld(t, 0)
	})
	sentence("counts from when it was seen paused, while anything is on it", func(t *testing.T, w watcher) {
		if err := w.control.Pause(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		w.beat(t, "a", 1, 0)
		w.looks(t)
		time.Sleep(time.Hour)
		w.beat(t, "a", 1, 0) // it receives nothing, so it knows of no age
		w.looks(t)
		w.isOld(t, time.Hour)
		w.beat(t, "a", 0, 0)
		w.looks(t)
		w.isOld(t, 0)
	})
	sentence("stands, and grows, while the store does not tell", func(t *testing.T, w watcher) {
		w.beat(t, "a", 1, time.Hour)
		w.looks(t)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Look(gone); err == nil {
			t.Error("a look at nothing succeeds")
		}
		time.Sleep(time.Minute)
		w.isOld(t, time.Hour+time.Minute)
	})
	sentence("is followed as long as somebody wants", func(t *testing.T, w watcher) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); w.Watch(ctx) }()
		synctest.Wait()
		w.beat(t, "a", 1, time.Hour)
		time.Sleep(queue.HeartbeatEvery + time.Second)
		w.isOld(t, time.Hour+queue.HeartbeatEvery+time.Second)
		cancel()
		<-ended
	})
	sentence("refuses writes when it is too great, and takes them again later", func(t *testing.T, w watcher) {
		d := newDesk(t, sqlite.LaneOptions{})
		d.Gauge, d.MaxAge = w, 24*time.Hour
		w.beat(t, "a", 1, 25*time.Hour)
		w.looks(t)
		_, _, err := d.Submit(t.Context(), intake.Write{Kind: job.Create, Draft: someDraft()})
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("got %v", err)
		}
		w.beat(t, "a", 1, time.Minute)
		w.looks(t)
		d.submit(t, intake.Write{Kind: job.Create, Draft: someDraft()})
	})
}
