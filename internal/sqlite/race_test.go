package sqlite

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"acervo/internal/fault"
	"acervo/internal/queue"
)

func message(group, id string) queue.Message {
	return queue.Message{Group: group, DedupID: id, Body: []byte(id)}
}

// onLane runs a test in a bubble over a lane of one message.
func onLane(t *testing.T, test func(c *commits, l *Lane)) {
	t.Helper()
	onCommits(t, func(c *commits) {
		l, err := c.Lane(c.t.Context(), "writes", LaneOptions{Poll: time.Second})
		if err != nil {
			c.t.Fatal(err)
		}
		if err := l.Send(c.t.Context(), message("a", "a1")); err != nil {
			c.t.Fatal(err)
		}
		test(c, l)
	})
}

func (c *commits) receive(l *Lane) []queue.Delivery {
	c.t.Helper()
	batch, err := l.Receive(c.t.Context(), queue.MaxBatch)
	if err != nil {
		c.t.Fatal(err)
	}
	return batch
}

// one receives the only message.
func (c *commits) one(l *Lane) queue.Delivery {
	c.t.Helper()
	batch := c.receive(l)
	if len(batch) != 1 {
		c.t.Fatalf("received %+v, want one message", batch)
	}
	return batch[0]
}

func TestTwoDeletionsByOneHandleInOneCommitDeleteOnce(t *testing.T) {
	onLane(t, func(c *commits, l *Lane) {
		d := c.one(l)
		busy := <-c.writer
		var wg sync.WaitGroup
		for _, write := range []func() error{
			func() error { return c.write(c.t.Context(), synced, note("under way")) },
			func() error { return l.Delete(c.t.Context(), d.Handle) },
			func() error { return l.Delete(c.t.Context(), d.Handle) },
			func() error { return l.Send(c.t.Context(), message("a", "a2")) },
		} {
			wg.Go(func() {
				if err := write(); err != nil && !fault.Is(err, fault.Stale) {
					c.t.Error(err)
				}
			})
			synctest.Wait() // they queue in order
		}
		c.writer <- busy
		wg.Wait()
		if d := c.one(l); d.DedupID != "a2" {
			c.t.Errorf("received %s, want a2", d.DedupID)
		}
	})
}

func TestALeaseThatEndsBeforeItsDeliveryIsNotGivenTwice(t *testing.T) {
	onLane(t, func(c *commits, l *Lane) {
		busy := <-c.writer
		batches := make(chan []queue.Delivery)
		for range 2 {
			go func() {
				batch, err := l.Receive(c.t.Context(), 1)
				if err != nil {
					c.t.Error(err)
				}
				batches <- batch
			}()
			synctest.Wait()
			<-time.After(l.Lease()) // while the disk is slow
		}
		c.writer <- busy
		var live int
		seen := map[string]bool{}
		for range 2 {
			for _, d := range <-batches {
				if seen[d.Handle] {
					c.t.Errorf("the handle %s was given twice", d.Handle)
				}
				seen[d.Handle] = true
				if l.Extend(c.t.Context(), d.Handle) == nil {
					live++
				}
			}
		}
		if live > 1 {
			c.t.Errorf("%d receivers own the message", live)
		}
	})
}

func TestAReceiveThatFailsLateEndsNobodyElsesLease(t *testing.T) {
	onLane(t, func(c *commits, l *Lane) {
		late, _, _ := l.take(1)
		<-time.After(l.Lease()) // while the disk is slow
		d := c.one(l)
		c.refuse = true
		if _, err := l.deliver(c.t.Context(), late); err == nil {
			c.t.Fatal("a receive whose commit failed succeeded")
		}
		c.refuse = false
		if batch := c.receive(l); len(batch) > 0 {
			c.t.Errorf("received %+v, which another receiver has", batch)
		}
		if err := l.Extend(c.t.Context(), d.Handle); err != nil {
			c.t.Error(err)
		}
	})
}

func TestAMessageThatIsDeletedJustBeforeItsDeliveryIsNotDelivered(t *testing.T) {
	onLane(t, func(c *commits, l *Lane) {
		d := c.one(l)
		busy := <-c.writer
		told := make(chan error)
		go func() { told <- c.write(c.t.Context(), synced, note("lead")) }()
		synctest.Wait()
		go func() { told <- l.Delete(c.t.Context(), d.Handle) }()
		synctest.Wait()
		again, _, _ := l.take(0)
		go func() { // its lease ends after the deletion and before the commit
			told <- c.write(c.t.Context(), synced, func(*tx) error {
				l.change(func() { l.sched.free(l.sched.entries[1]) })
				again, _, _ = l.take(1)
				return nil
			})
		}()
		synctest.Wait()
		c.writer <- busy
		for range 3 {
			if err := <-told; err != nil {
				c.t.Error(err)
			}
		}
		if len(again) != 1 {
			c.t.Fatal("the message was not taken again")
		}
		batch, err := l.deliver(c.t.Context(), again)
		if err != nil || len(batch) > 0 {
			c.t.Errorf("received %+v (%v), which was deleted", batch, err)
		}
	})
}
