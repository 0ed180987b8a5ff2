package queuetest

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"acervo/internal/fault"
	"acervo/internal/queue"
)

// step is one thing that happens to a lane on a random walk.
type step struct {
	do string
	n  int // which group, message, delivery or length of time; how many
}

func steps() *rapid.Generator[[]step] {
	does := []string{
		"send", "send", "send", "send again", "receive", "receive", "receive", "delete", "delete",
		"release", "delay", "extend", "pass", "pass", "stats",
	}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{rapid.SampledFrom(does).Draw(t, "do"), rapid.IntRange(0, 11).Draw(t, "n")}
	}), 1, 80)
}

// walks takes random walks over a lane and a model of it. All is drawn before
// the walk, since the walk is in a bubble and the drawing is not.
func walks(t *testing.T, h Harness) {
	taken := 0
	var err error
	rapid.Check(t, func(rt *rapid.T) {
		way := steps().Draw(rt, "steps")
		if taken >= h.Walks && err == nil { // rapid itself would take a hundred
			return
		}
		taken++
		h.bubble(t, func(t *testing.T) {
			l := h.Open(t)
			w := &walk{Lane: l, ctx: t.Context(), poll: h.Poll, model: model{lease: l.Lease(), groups: map[string][]*msg{}}}
			err = w.take(way)
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
}

// walk keeps a lane and its model in step.
type walk struct {
	Lane
	model
	ctx  context.Context
	poll time.Duration
	sent int
}

func (w *walk) take(way []step) error {
	for i, s := range way {
		if err := w.step(s); err != nil {
			return fmt.Errorf("step %d, %s %d: %w", i+1, s.do, s.n, err)
		}
	}
	return w.home()
}

func (w *walk) step(s step) error {
	switch s.do {
	case "send":
		return w.send(s.n % 3)
	case "send again":
		return w.sendAgain(s.n)
	case "receive":
		_, err := w.receive(1 + s.n)
		return err
	case "delete":
		return w.delete(w.pick(s.n))
	case "release":
		return w.release(w.pick(s.n), 0)
	case "delay":
		return w.release(w.pick(s.n), w.lease*time.Duration(1+s.n%6)/4)
	case "extend":
		return w.extend(w.pick(s.n))
	case "pass":
		pass(w.lease * time.Duration(1+s.n%4) / 4)
		return nil
	default:
		return w.stats()
	}
}

// home lets every hold end, takes everything off the lane, and finds it empty.
func (w *walk) home() error {
	pass(w.lease * 2)
	for {
		batch, err := w.receive(queue.MaxBatch)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			break
		}
		for _, g := range batch {
			if err := w.delete(g); err != nil {
				return err
			}
		}
	}
	if n := w.left(); n > 0 {
		return fmt.Errorf("%d messages never came back", n)
	}
	return w.stats()
}

func (w *walk) send(group int) error {
	w.sent++
	m := message(fmt.Sprint("g", group), fmt.Sprint("m", w.sent))
	at, err := timed(func() error { return w.Send(w.ctx, m) })
	w.groups[m.Group] = append(w.groups[m.Group], &msg{Message: m, sent: at})
	return err
}

// sendAgain sends a message that is still on the lane, if there is one.
func (w *walk) sendAgain(n int) error {
	group := w.groups[fmt.Sprint("g", n%3)]
	if len(group) == 0 {
		return nil
	}
	x := group[n%len(group)]
	if time.Since(x.sent.from) > queue.DedupWindow-w.poll {
		return nil
	}
	return w.Send(w.ctx, x.Message)
}

func (w *walk) receive(limit int) (grants []*grant, err error) {
	var batch []queue.Delivery
	at, err := timed(func() (err error) {
		batch, err = w.Receive(w.ctx, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(batch) > min(limit, queue.MaxBatch) {
		return nil, fmt.Errorf("a receive of at most %d returned %d", limit, len(batch))
	}
	if len(batch) == 0 && w.deliverable(at.from) {
		return nil, fmt.Errorf("nothing came, though a group stands free")
	}
	taken := map[string]int{}
	for _, d := range batch {
		g, err := w.deliver(d, taken, at)
		if err != nil {
			return nil, err
		}
		grants = append(grants, g)
	}
	return grants, nil
}

// deliver checks one delivery of a batch, of which it has seen so many of each
// group already.
func (w *walk) deliver(d queue.Delivery, taken map[string]int, at span) (*grant, error) {
	group := w.groups[d.Group]
	if taken[d.Group] == len(group) {
		return nil, fmt.Errorf("%s is not on the lane", d.DedupID)
	}
	x := group[taken[d.Group]]
	if d.DedupID != x.DedupID {
		return nil, fmt.Errorf("received %s, but %s comes first", d.DedupID, x.DedupID)
	}
	if taken[d.Group] == 0 {
		for _, y := range group {
			if y.held.held(at.to) {
				return nil, fmt.Errorf("received %s, but %s holds up its group", d.DedupID, y.DedupID)
			}
			y.held = hold{}
		}
	}
	taken[d.Group]++
	x.receives++
	if d.Receives != x.receives || d.Damaged || !bytes.Equal(d.Body, x.Body) {
		return nil, fmt.Errorf("not %s in its receive %d: %+v", x.DedupID, x.receives, d)
	}
	x.grant = &grant{handle: d.Handle, msg: x}
	x.held = hold{leased: true, ends: at.add(w.lease)}
	w.given = append(w.given, x.grant)
	return x.grant, nil
}

// pick returns one of the latest deliveries, live or stale; nil when there is
// none, or when the model is not sure.
func (w *walk) pick(n int) *grant {
	now := time.Now()
	if len(w.given) == 0 || !w.sure(now, now.Add(w.poll)) {
		return nil
	}
	return w.given[len(w.given)-1-n%len(w.given)]
}

func (w *walk) delete(g *grant) error {
	if g == nil {
		return nil
	}
	owned := g.owns(time.Now())
	if err := w.Delete(w.ctx, g.handle); err != nil && (owned || !fault.Is(err, fault.Stale)) {
		return err
	}
	if owned {
		w.remove(g)
	}
	return nil
}

func (w *walk) release(g *grant, delay time.Duration) error {
	if g == nil {
		return nil
	}
	owned := g.owns(time.Now())
	at, err := timed(func() error { return w.Release(w.ctx, g.handle, delay) })
	if err != nil && (owned || !fault.Is(err, fault.Stale)) {
		return err
	}
	if owned {
		g.msg.held = hold{ends: at.add(delay)}
	}
	return nil
}

func (w *walk) extend(g *grant) error {
	if g == nil {
		return nil
	}
	owned := g.owns(time.Now())
	at, err := timed(func() error { return w.Extend(w.ctx, g.handle) })
	switch {
	case owned && err == nil:
		g.msg.held.ends = at.add(w.lease)
		return nil
	case !owned && fault.Is(err, fault.Stale):
		return nil
	case !owned && err == nil:
		return fmt.Errorf("a stale handle of %s was extended", g.msg.DedupID)
	default:
		return err
	}
}

func (w *walk) stats() error {
	now := time.Now()
	if !w.sure(now, now.Add(w.poll)) {
		return nil
	}
	got, err := w.Stats(w.ctx)
	if err != nil {
		return err
	}
	want := w.model.stats(now)
	age, least := got.OldestAge, want.OldestAge-time.Second // engines keep time roughly
	want.OldestAge = age
	if got != want {
		return fmt.Errorf("the lane says %+v, want %+v", got, want)
	}
	if age < least || age > 0 && want.Depth() == 0 {
		return fmt.Errorf("the lane is %v old, want at least %v, and none when it is empty", age, least)
	}
	return nil
}

// timed tells when a call took place.
func timed(call func() error) (span, error) {
	from := time.Now()
	err := call()
	return span{from, time.Now()}, err
}
