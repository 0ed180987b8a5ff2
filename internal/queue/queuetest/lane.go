package queuetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"acervo/internal/fault"
	"acervo/internal/queue"
)

// lane is a lane under test, with the calls that sentences are made of. The body
// of each message is its deduplication id.
type lane struct {
	Lane
	t    *testing.T
	poll time.Duration
}

func message(group, id string) queue.Message {
	return queue.Message{Group: group, DedupID: id, Body: []byte(id)}
}

// send sends messages of one group.
func (l *lane) send(group string, ids ...string) {
	l.t.Helper()
	for _, id := range ids {
		l.ok(l.Send(l.t.Context(), message(group, id)))
	}
}

// receive returns one batch, of which it checks what holds for every batch.
func (l *lane) receive(limit int) []queue.Delivery {
	l.t.Helper()
	batch, err := l.Receive(l.t.Context(), limit)
	l.ok(err)
	if len(batch) > min(limit, queue.MaxBatch) {
		l.t.Fatalf("a receive of at most %d returned %d", limit, len(batch))
	}
	for _, d := range batch {
		if d.Handle == "" || d.Damaged || string(d.Body) != d.DedupID {
			l.t.Fatalf("not what was sent: %+v", d)
		}
	}
	return batch
}

// one receives a single message, which must be this one, in this many receives.
func (l *lane) one(id string, receives int) queue.Delivery {
	l.t.Helper()
	batch := l.receive(1)
	if len(batch) != 1 || batch[0].DedupID != id || batch[0].Receives != receives {
		l.t.Fatalf("received %v, want %s in receive %d", show(batch), id, receives)
	}
	return batch[0]
}

// batch receives messages of one group: all of these, or only the first few, as
// the lane likes.
func (l *lane) batch(ids ...string) []queue.Delivery {
	l.t.Helper()
	batch := l.receive(queue.MaxBatch)
	if len(batch) == 0 || len(batch) > len(ids) || !slices.Equal(idsOf(batch), ids[:len(batch)]) {
		l.t.Fatalf("received %v, want %v or its beginning", show(batch), ids)
	}
	return batch
}

// none checks that nothing can be delivered now. It takes a poll.
func (l *lane) none() {
	l.t.Helper()
	if batch := l.receive(queue.MaxBatch); len(batch) > 0 {
		l.t.Fatalf("received %v, want nothing", show(batch))
	}
}

// all receives and deletes until nothing comes, and returns the ids in order.
func (l *lane) all() []string {
	l.t.Helper()
	var ids []string
	for {
		batch := l.receive(queue.MaxBatch)
		if len(batch) == 0 {
			return ids
		}
		ids = append(ids, idsOf(batch)...)
		l.delete(batch...)
	}
}

// drains checks that these messages, and no others, are on the lane, in this order.
func (l *lane) drains(ids ...string) {
	l.t.Helper()
	if got := l.all(); !slices.Equal(got, ids) {
		l.t.Fatalf("the lane had %v, want %v", got, ids)
	}
}

func (l *lane) delete(batch ...queue.Delivery) {
	l.t.Helper()
	for _, d := range batch {
		l.ok(l.Delete(l.t.Context(), d.Handle))
	}
}

func (l *lane) release(d queue.Delivery, delay time.Duration) {
	l.t.Helper()
	l.ok(l.Release(l.t.Context(), d.Handle, delay))
}

// later starts a receive and lets it wait for a quarter of a poll. The function
// that it returns checks what comes of it before the poll is over.
func (l *lane) later() (gets func(id string)) {
	type result struct {
		batch []queue.Delivery
		err   error
	}
	done := make(chan result, 1)
	began := time.Now()
	go func() {
		batch, err := l.Receive(l.t.Context(), 1)
		done <- result{batch, err}
	}()
	pass(l.poll / 4)
	return func(id string) {
		l.t.Helper()
		r := <-done
		l.ok(r.err)
		if waited := time.Since(began); len(r.batch) != 1 || r.batch[0].DedupID != id || waited >= l.poll {
			l.t.Fatalf("the waiting receive got %v after %v, want %s", show(r.batch), waited, id)
		}
	}
}

// stale checks that a call by a handle that owns nothing did not fail for any
// other reason.
func (l *lane) stale(err error) {
	l.t.Helper()
	if err != nil && !fault.Is(err, fault.Stale) {
		l.t.Fatal(err)
	}
}

func (l *lane) ok(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func idsOf(batch []queue.Delivery) []string {
	ids := make([]string, 0, len(batch))
	for _, d := range batch {
		ids = append(ids, d.DedupID)
	}
	return ids
}

func show(batch []queue.Delivery) []string {
	var s []string
	for _, d := range batch {
		s = append(s, fmt.Sprintf("%s (receive %d)", d.DedupID, d.Receives))
	}
	return s
}
