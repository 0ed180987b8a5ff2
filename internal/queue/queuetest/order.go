package queuetest

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"acervo/internal/queue"
)

func receivedAsSent(l *lane) {
	sent := queue.Message{Group: "0b9ff4c2-9d3e-4a0f-8b73-5f1f1c8a2f11", DedupID: "0123.1", Body: []byte(`{"v":1}`)}
	before := time.Now()
	l.ok(l.Send(l.t.Context(), sent))
	after := time.Now()
	batch, err := l.Receive(l.t.Context(), 1)
	l.ok(err)
	if len(batch) != 1 {
		l.t.Fatalf("received %d messages, want 1", len(batch))
	}
	d := batch[0]
	if d.Group != sent.Group || d.DedupID != sent.DedupID || !bytes.Equal(d.Body, sent.Body) {
		l.t.Errorf("received %+v, want %+v", d.Message, sent)
	}
	if d.Receives != 1 || d.Damaged || d.Handle == "" {
		l.t.Errorf("want receive 1, undamaged and with a handle: %+v", d)
	}
	// Engines keep this time to the millisecond.
	if d.SentAt.Before(before.Add(-time.Second)) || d.SentAt.After(after.Add(time.Second)) {
		l.t.Errorf("sent at %v, says %v", before, d.SentAt)
	}
}

func anyBody(l *lane) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	bodies := [][]byte{nil, {0}, {0xff, 0xfe}, every, []byte("<&>\u0000\ufffe"), bytes.Repeat(every, queue.MaxBody/256)}
	for i, body := range bodies {
		l.ok(l.Send(l.t.Context(), queue.Message{Group: "a", DedupID: fmt.Sprint(i), Body: body}))
		batch, err := l.Receive(l.t.Context(), 1)
		l.ok(err)
		if len(batch) != 1 || !bytes.Equal(batch[0].Body, body) || batch[0].Damaged {
			l.t.Fatalf("body %d of %d bytes came back otherwise", i, len(body))
		}
		l.delete(batch...)
	}
}

func emptyLane(l *lane) {
	l.none()
	l.send("a", "a1")
	l.drains("a1")
	l.none()
}

func limits(l *lane) {
	for g := range queue.MaxBatch + 5 {
		l.send(fmt.Sprint("g", g), fmt.Sprint("m", g))
	}
	for _, limit := range []int{1, 3, queue.MaxBatch + 5} {
		if batch := l.receive(limit); len(batch) == 0 { // which checks the limit too
			l.t.Errorf("a receive of %d returned nothing", limit)
		}
	}
}

func deleted(l *lane) {
	l.send("a", "a1", "a2")
	l.delete(l.one("a1", 1))
	l.delete(l.one("a2", 1))
	l.none()
	pass(l.Lease())
	l.none()
}

func groupOrder(l *lane) {
	var want []string
	for i := range 2*queue.MaxBatch + 5 {
		want = append(want, fmt.Sprint("a", i))
	}
	l.send("a", want...)
	l.drains(want...)
}

func groupLock(l *lane) {
	l.send("a", "a1", "a2")
	first := l.one("a1", 1)
	l.none()
	l.send("a", "a3")
	l.none()
	l.delete(first)
	l.drains("a2", "a3")
}

func otherGroups(l *lane) {
	for _, group := range []string{"a", "b", "c"} {
		l.send(group, group+"1", group+"2")
		l.one(group+"1", 1)
	}
	l.none()
}

// concurrentSends compares every two sends of which one returned before the
// other began.
func concurrentSends(l *lane) {
	const senders, each = 8, 10
	type span struct{ began, returned int64 }
	var clock atomic.Int64
	spans := make([]span, senders*each)
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := s * each; i < (s+1)*each; i++ {
				spans[i].began = clock.Add(1)
				if err := l.Send(l.t.Context(), message("a", fmt.Sprint(i))); err != nil {
					l.t.Error(err)
				}
				spans[i].returned = clock.Add(1)
			}
		})
	}
	wg.Wait()
	order := l.all()
	if len(order) != len(spans) {
		l.t.Fatalf("%d messages were sent and %d received", len(spans), len(order))
	}
	for i := range spans {
		for j := range spans {
			early, late := slices.Index(order, fmt.Sprint(i)), slices.Index(order, fmt.Sprint(j))
			if spans[i].returned < spans[j].began && early > late {
				l.t.Fatalf("the send of %d returned before that of %d began, but came later: %v", i, j, order)
			}
		}
	}
}

func resentWaiting(l *lane) {
	l.send("a", "a1", "a2", "a1", "a2")
	l.drains("a1", "a2")
}

func resentInFlight(l *lane) {
	l.send("a", "a1")
	d := l.one("a1", 1)
	l.send("a", "a1")
	l.release(d, l.Lease()/2)
	l.send("a", "a1")
	l.none()
	pass(l.Lease() / 2)
	l.drains("a1")
}

func resentAtOnce(l *lane) {
	l.atOnce(16, func(int) error { return l.Send(l.t.Context(), message("a", "a1")) })
	l.drains("a1")
}

func twins(l *lane) {
	for _, id := range []string{"a1", "a2"} {
		l.ok(l.Send(l.t.Context(), queue.Message{Group: "a", DedupID: id, Body: []byte("same")}))
	}
	for _, want := range []string{"a1", "a2"} {
		batch, err := l.Receive(l.t.Context(), 1)
		l.ok(err)
		if len(batch) != 1 || batch[0].DedupID != want {
			l.t.Fatalf("received %v, want %s", show(batch), want)
		}
		l.delete(batch...)
	}
}

// atOnce makes n calls from as many goroutines.
func (l *lane) atOnce(n int, call func(i int) error) {
	l.t.Helper()
	start := make(chan struct{})
	errs := make(chan error, n)
	for i := range n {
		go func() {
			<-start
			errs <- call(i)
		}()
	}
	close(start)
	for range n {
		l.ok(<-errs)
	}
}
