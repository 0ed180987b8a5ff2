package sqlite_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"acervo/internal/fault"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
)

// onLane runs a test on fake time over a lane in memory.
func onLane(t *testing.T, opts sqlite.LaneOptions, test func(l *life)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := open(t, sqlite.Options{})
		test(&life{lane(t, db, "writes", opts), t, db})
	})
}

func TestALaneLeasesForHalfAMinuteAndWaitsForTwentySecondsUnlessToldOtherwise(t *testing.T) {
	onLane(t, sqlite.LaneOptions{}, func(l *life) {
		began := time.Now()
		l.none()
		if waited := time.Since(began); waited != 20*time.Second || l.Lease() != 30*time.Second {
			l.t.Errorf("waited %v and leases for %v", waited, l.Lease())
		}
	})
}

func TestAMessageWithoutAGroupOrAnIDOrWithTooLargeABodyIsRefused(t *testing.T) {
	onLane(t, sqlite.LaneOptions{}, func(l *life) {
		for what, m := range map[string]queue.Message{
			"no group":    {DedupID: "1", Body: []byte("x")},
			"no id":       {Group: "a", Body: []byte("x")},
			"a long body": {Group: "a", DedupID: "1", Body: make([]byte, queue.MaxBody+1)},
		} {
			if err := l.Send(l.t.Context(), m); !fault.Is(err, fault.Internal) {
				l.t.Errorf("%s: got %v, want fault.Internal", what, err)
			}
		}
		l.none()
	})
}

func TestAFullLaneRefusesUntilThereIsRoom(t *testing.T) {
	onLane(t, sqlite.LaneOptions{MaxDepth: 2, Poll: time.Second}, func(l *life) {
		l.send("a", "a1")
		l.send("b", "b1")
		if err := l.Send(l.t.Context(), message("c", "c1")); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "writes") {
			l.t.Errorf("got %v, want it refused by the lane's name", err)
		}
		d := l.one("a1", 1)
		if err := l.Send(l.t.Context(), message("c", "c1")); !fault.Is(err, fault.Unavailable) {
			l.t.Errorf("got %v, want it refused: what is in flight takes room", err)
		}
		l.send("a", "a1") // sent again, which stores nothing
		l.send("b", "b1")
		ok(l.t, l.Delete(l.t.Context(), d.Handle))
		l.send("c", "c1")
		l.one("b1", 1)
		l.one("c1", 1)
		l.none()
	})
}

func TestSendsThatShareACommitDoNotFillALaneBeyondItsDepth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(t)
		db := d.open(t)
		lanes := []*sqlite.Lane{
			lane(t, db, "writes", sqlite.LaneOptions{MaxDepth: 4}),
			lane(t, db, "imports", sqlite.LaneOptions{MaxDepth: 4}),
		}
		d.slow = true
		var wg sync.WaitGroup
		for _, id := range []string{"under way", "2", "3", "4", "4", "5", "6", "2"} {
			for _, l := range lanes {
				wg.Go(func() {
					err := l.Send(t.Context(), message(id, id))
					if refused := id == "5" || id == "6"; fault.Is(err, fault.Unavailable) != refused || !refused && err != nil {
						t.Errorf("message %s: %v", id, err)
					}
				})
				synctest.Wait() // they queue in order
			}
		}
		wg.Wait()
		for _, l := range lanes {
			if s, err := l.Stats(t.Context()); err != nil || s.Waiting != 4 {
				t.Errorf("the lane has %+v (%v), want 4 messages", s, err)
			}
		}
	})
}

func TestAReceiveThatIsGivenUpTakesNothing(t *testing.T) {
	onLane(t, sqlite.LaneOptions{}, func(l *life) {
		ctx, cancel := context.WithCancel(l.t.Context())
		told := make(chan error)
		go func() {
			_, err := l.Receive(ctx, 1)
			told <- err
		}()
		synctest.Wait()
		began := time.Now()
		cancel()
		if err := <-told; !fault.Is(err, fault.Unavailable) || time.Since(began) > 0 {
			l.t.Errorf("got %v after %v", err, time.Since(began))
		}
		l.send("a", "a1")
		if batch, err := l.Receive(ctx, 1); !fault.Is(err, fault.Unavailable) || len(batch) > 0 {
			l.t.Errorf("received %+v (%v), want it given up", batch, err)
		}
		l.one("a1", 1)
	})
}

func TestAHandleOfNoDeliveryIsStale(t *testing.T) {
	onLane(t, sqlite.LaneOptions{}, func(l *life) {
		l.send("a", "a1")
		for _, h := range []string{"", ".", "1", "1.", ".1", "1.0", "1.1", "2.1", "x.y", "1.1.1", "-1.1", "99999999999999999999.1"} {
			if err := l.Extend(l.t.Context(), h); !fault.Is(err, fault.Stale) {
				l.t.Errorf("extending %q: %v", h, err)
			}
			ok(l.t, l.Delete(l.t.Context(), h))
			ok(l.t, l.Release(l.t.Context(), h, time.Hour))
		}
		l.one("a1", 1)
	})
}

func TestAHandleOfADeletedMessageFitsNoLaterOne(t *testing.T) {
	onLane(t, sqlite.LaneOptions{Poll: time.Second}, func(l *life) {
		l.send("a", "a1")
		old := l.one("a1", 1)
		ok(l.t, l.Delete(l.t.Context(), old.Handle))
		l.send("a", "a2")
		d := l.one("a2", 1)
		ok(l.t, l.Delete(l.t.Context(), old.Handle))
		ok(l.t, l.Release(l.t.Context(), old.Handle, 0))
		l.none()
		if err := l.Extend(l.t.Context(), old.Handle); !fault.Is(err, fault.Stale) {
			l.t.Errorf("extending by the handle of a deleted message: %v", err)
		}
		ok(l.t, l.Extend(l.t.Context(), d.Handle))
	})
}

// A file holds the whole lane, so it tells more than the port asks.
func TestALaneIsAsOldAsTheOldestMessageThatIsNotDeleted(t *testing.T) {
	onLane(t, sqlite.LaneOptions{}, func(l *life) {
		half := l.Lease() / 2
		aged := func(want time.Duration) {
			l.t.Helper()
			if s, err := l.Stats(l.t.Context()); err != nil || s.OldestAge != want {
				l.t.Errorf("the lane is %v old (%v), want %v", s.OldestAge, err, want)
			}
		}
		l.send("a", "a1")
		<-time.After(half)
		aged(half)
		a := l.one("a1", 1) // being in flight or delayed makes nothing younger
		aged(half)
		ok(l.t, l.Release(l.t.Context(), a.Handle, half))
		aged(half)
		l.send("b", "b1", "b2")
		ok(l.t, l.Delete(l.t.Context(), l.one("b1", 1).Handle))
		l.one("b2", 1)
		<-time.After(half)
		aged(2 * half)
		ok(l.t, l.Delete(l.t.Context(), l.one("a1", 2).Handle))
		aged(half)
		<-time.After(half)
		ok(l.t, l.Delete(l.t.Context(), l.one("b2", 2).Handle))
		aged(0)
	})
}
