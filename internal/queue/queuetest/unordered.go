package queuetest

import (
	"bytes"
	"fmt"
	"testing"

	"acervo/internal/fault"
	"acervo/internal/queue"
)

// UnorderedSentences returns the contract of an unordered lane, as Imports is.
func UnorderedSentences() []Sentence {
	return []Sentence{
		{"a message is received as it was sent", loose(looseAsSent)},
		{"an empty lane gives nothing, and no error", loose(looseEmpty)},
		{"a receive returns no more than its limit, and never more than a batch", loose(looseLimits)},
		{"a message in flight or delayed holds up nobody, of its group neither", loose(holdsUpNobody)},
		{"every message is delivered, and none when it was deleted", loose(looseAll)},
		{"a lease hides its message for its whole length and no longer", loose(looseLease)},
		{"extending renews the lease for its whole length from then", loose(looseExtended)},
		{"a stale handle extends, releases and deletes nothing", loose(looseStale)},
		{"a released message comes again, counted, at once or after its delay", loose(looseReleased)},
		{"a waiting receive gets what is sent meanwhile", loose(looseWoken)},
		{"the lane tells waiting and in flight apart", loose(looseCounts)},
	}
}

// RunUnordered holds an unordered lane to every sentence, one subtest each. The
// harness needs no Walks.
func RunUnordered(t *testing.T, h Harness) {
	t.Helper()
	for _, s := range UnorderedSentences() {
		t.Run(s.Text, func(t *testing.T) {
			t.Parallel()
			s.Check(t, h)
		})
	}
}

// looseLane is an unordered lane under test. A message is known by its body.
type looseLane struct{ *lane }

func loose(says func(l looseLane)) func(*testing.T, Harness) {
	return on(func(l *lane) { says(looseLane{l}) })
}

// take receives until it has seen n messages or nothing comes, by their bodies.
func (l looseLane) take(n int) map[string]queue.Delivery {
	l.t.Helper()
	got := map[string]queue.Delivery{}
	for len(got) < n {
		batch := l.batch(min(n-len(got), queue.MaxBatch))
		if len(batch) == 0 {
			break
		}
		for _, d := range batch {
			if _, twice := got[string(d.Body)]; twice {
				l.t.Fatalf("%s was delivered twice within its lease", d.Body)
			}
			got[string(d.Body)] = d
		}
	}
	return got
}

func (l looseLane) batch(limit int) []queue.Delivery {
	l.t.Helper()
	batch, err := l.Receive(l.t.Context(), limit)
	l.ok(err)
	if len(batch) > min(limit, queue.MaxBatch) {
		l.t.Fatalf("a receive of at most %d returned %d", limit, len(batch))
	}
	return batch
}

// only takes one message, which must be this one, in this many receives.
func (l looseLane) only(body string, receives int) queue.Delivery {
	l.t.Helper()
	batch := l.batch(1)
	if len(batch) != 1 || string(batch[0].Body) != body || batch[0].Receives != receives {
		l.t.Fatalf("received %v, want %s in receive %d", show(batch), body, receives)
	}
	return batch[0]
}

func (l looseLane) nothing() {
	l.t.Helper()
	if batch := l.batch(queue.MaxBatch); len(batch) > 0 {
		l.t.Fatalf("received %v, want nothing", show(batch))
	}
}

func looseAsSent(l looseLane) {
	sent := queue.Message{Group: "0b9ff4c2-9d3e-4a0f-8b73-5f1f1c8a2f11", DedupID: "0b9ff4c2.apply.7", Body: []byte("{\"v\":1}\x00\xff")}
	l.ok(l.Send(l.t.Context(), sent))
	batch := l.batch(1)
	if len(batch) != 1 {
		l.t.Fatalf("received %d messages, want 1", len(batch))
	}
	if d := batch[0]; d.Group != sent.Group || !bytes.Equal(d.Body, sent.Body) || d.Receives != 1 || d.Damaged || d.Handle == "" || d.DedupID == "" {
		l.t.Errorf("received %+v, want %+v", d, sent)
	}
}

func looseEmpty(l looseLane) {
	l.nothing()
	l.send("a", "a1")
	l.delete(l.only("a1", 1))
	l.nothing()
}

func looseLimits(l looseLane) {
	for i := range queue.MaxBatch + 5 {
		l.send("a", fmt.Sprint("a", i))
	}
	for _, limit := range []int{1, 3, queue.MaxBatch + 5} {
		if batch := l.batch(limit); len(batch) == 0 {
			l.t.Errorf("a receive of %d returned nothing", limit)
		}
	}
}

func holdsUpNobody(l looseLane) {
	l.send("a", "a1", "a2", "a3")
	first := l.take(1)
	for _, d := range first {
		l.release(d, l.Lease()/2)
	}
	if second := l.take(1); len(second) != 1 {
		l.t.Fatalf("received %v beside one that is delayed", second)
	}
	if third := l.take(1); len(third) != 1 {
		l.t.Fatalf("received %v beside one in flight", third)
	}
}

func looseAll(l looseLane) {
	want := map[string]bool{}
	for i := range 25 {
		id := fmt.Sprint("m", i)
		want[id] = true
		l.send(fmt.Sprint("g", i%3), id)
	}
	for id, d := range l.take(len(want)) {
		if !want[id] || d.Group == "" {
			l.t.Errorf("received %s of group %q", id, d.Group)
		}
		delete(want, id)
		l.delete(d)
	}
	if len(want) > 0 {
		l.t.Errorf("%v never came", want)
	}
	l.nothing()
}

func looseLease(l looseLane) {
	l.send("a", "a1")
	l.only("a1", 1)
	l.nothing()
	pass(l.Lease() - l.poll - l.poll/2)
	l.only("a1", 2) // within a poll of the end
}

func looseExtended(l looseLane) {
	l.send("a", "a1")
	d := l.only("a1", 1)
	pass(l.Lease() / 2)
	l.ok(l.Extend(l.t.Context(), d.Handle))
	pass(l.Lease() / 2)
	l.nothing()
	pass(l.Lease()/2 - l.poll - l.poll/2)
	l.only("a1", 2)
}

func looseStale(l looseLane) {
	l.send("a", "a1")
	d := l.only("a1", 1)
	pass(l.Lease() + l.poll/4)
	if err := l.Extend(l.t.Context(), d.Handle); !fault.Is(err, fault.Stale) {
		l.t.Errorf("extended by a stale handle: %v", err)
	}
	l.only("a1", 2)
	l.stale(l.Release(l.t.Context(), d.Handle, 0))
	l.stale(l.Delete(l.t.Context(), d.Handle))
	l.nothing()
}

func looseReleased(l looseLane) {
	l.send("a", "a1")
	l.release(l.only("a1", 1), 0)
	l.release(l.only("a1", 2), 2*l.poll)
	l.nothing()
	pass(l.poll / 2)
	l.only("a1", 3)
}

func looseWoken(l looseLane) {
	got := make(chan []queue.Delivery, 1)
	go func() {
		batch, err := l.Receive(l.t.Context(), 1)
		if err != nil {
			l.t.Error(err)
		}
		got <- batch
	}()
	pass(l.poll / 4)
	l.send("a", "a1")
	if batch := <-got; len(batch) != 1 || string(batch[0].Body) != "a1" {
		l.t.Errorf("the waiting receive got %v", show(batch))
	}
}

func looseCounts(l looseLane) {
	l.lane.counts(0, 0, 0)
	l.send("a", "a1", "a2")
	l.lane.counts(2, 0, 0)
	taken := l.take(1)
	l.lane.counts(1, 1, 0)
	for _, d := range taken {
		l.delete(d)
	}
	l.lane.counts(1, 0, 0)
	if rest := l.take(1); len(rest) != 1 {
		l.t.Errorf("the rest is %v", rest)
	}
}
