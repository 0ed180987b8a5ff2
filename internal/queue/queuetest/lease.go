package queuetest

import (
	"fmt"
	"slices"

	"acervo/internal/fault"
	"acervo/internal/queue"
)

func leaseEnds(l *lane) {
	l.send("a", "a1")
	l.one("a1", 1)
	pass(l.Lease() * 3 / 4)
	l.none()
	pass(l.Lease() / 4)
	l.one("a1", 2)
}

func batchLeaseEnds(l *lane) {
	l.send("a", "a1", "a2", "a3", "a4")
	first := l.batch("a1", "a2", "a3", "a4")
	pass(l.Lease())
	again := l.batch("a1", "a2", "a3", "a4")
	for i, d := range again {
		want := 1
		if i < len(first) {
			want = 2
		}
		if d.Receives != want {
			l.t.Errorf("%s says receive %d, want %d", d.DedupID, d.Receives, want)
		}
	}
	if len(again) > 1 { // the rest of a batch stays in order without its middle
		l.delete(again[1])
	}
	pass(l.Lease())
	rest := []string{"a1", "a2", "a3", "a4"}
	if len(again) > 1 {
		rest = slices.Delete(rest, 1, 2)
	}
	l.drains(rest...)
}

func extended(l *lane) {
	l.send("a", "a1", "a2")
	d := l.one("a1", 1)
	for range 2 {
		pass(l.Lease() / 2)
		l.ok(l.Extend(l.t.Context(), d.Handle))
	}
	pass(l.Lease() * 3 / 4) // a lease and three quarters since the first receive
	l.none()
	pass(l.Lease() / 4)
	again := l.one("a1", 2)
	l.delete(again)
	l.drains("a2")
}

func staleExtend(l *lane) {
	stale := func(d queue.Delivery, why string) {
		l.t.Helper()
		if err := l.Extend(l.t.Context(), d.Handle); !fault.Is(err, fault.Stale) {
			l.t.Errorf("extending %s: got %v, want fault.Stale", why, err)
		}
	}
	l.send("a", "a1")
	d := l.one("a1", 1)
	l.release(d, 0)
	stale(d, "what was released")
	d = l.one("a1", 2)
	l.release(d, l.Lease()/2)
	stale(d, "what was released with a delay")
	pass(l.Lease() / 2)
	d = l.one("a1", 3)
	pass(l.Lease())
	stale(d, "after the lease")
	again := l.one("a1", 4)
	stale(d, "what another receive has")
	l.delete(again)
	stale(again, "what was deleted")
}

func staleDelete(l *lane) {
	l.send("a", "a1", "a2")
	old := l.one("a1", 1)
	l.release(old, 0)
	l.stale(l.Delete(l.t.Context(), old.Handle))
	old = l.one("a1", 2)
	pass(l.Lease())
	l.stale(l.Delete(l.t.Context(), old.Handle))
	d := l.one("a1", 3)
	l.stale(l.Delete(l.t.Context(), old.Handle))
	l.none() // a2 is still behind a1
	l.delete(d)
	l.stale(l.Delete(l.t.Context(), d.Handle))
	l.drains("a2")
}

func staleRelease(l *lane) {
	l.send("a", "a1", "a2")
	old := l.one("a1", 1)
	pass(l.Lease())
	l.stale(l.Release(l.t.Context(), old.Handle, l.Lease()))
	d := l.one("a1", 2)
	l.stale(l.Release(l.t.Context(), old.Handle, 0))
	l.none()
	l.release(d, 0)
	l.stale(l.Release(l.t.Context(), d.Handle, l.Lease()))
	d = l.one("a1", 3)
	l.delete(d)
	l.stale(l.Release(l.t.Context(), d.Handle, 0))
	l.drains("a2")
}

// deletedAtOnce has the deletions race with sends, so that a lane which does
// several things in one go does several deletions too.
func deletedAtOnce(l *lane) {
	const rounds, sends = 10, 8
	for round := range rounds {
		first := fmt.Sprint("first", round)
		l.send("a", first)
		d := l.one(first, 1)
		l.atOnce(4*sends, func(i int) error {
			if i%4 == 0 {
				return l.Send(l.t.Context(), message("a", fmt.Sprint(round, ".", i)))
			}
			if err := l.Delete(l.t.Context(), d.Handle); !fault.Is(err, fault.Stale) {
				return err
			}
			return nil
		})
		if rest := l.all(); len(rest) != sends || slices.Contains(rest, first) {
			l.t.Fatalf("%d other messages were sent meanwhile, the lane has %v", sends, rest)
		}
	}
}

func handlesDiffer(l *lane) {
	seen := map[string]bool{}
	see := func(d queue.Delivery) {
		l.t.Helper()
		if seen[d.Handle] {
			l.t.Errorf("the handle %s was given twice", d.Handle)
		}
		seen[d.Handle] = true
	}
	for _, id := range []string{"a1", "a2"} {
		l.send("a", id)
		d := l.one(id, 1)
		see(d)
		l.release(d, 0)
		d = l.one(id, 2)
		see(d)
		pass(l.Lease())
		d = l.one(id, 3)
		see(d)
		l.delete(d)
	}
}

func released(l *lane) {
	l.send("a", "a1", "a2")
	l.release(l.one("a1", 1), 0)
	l.delete(l.one("a1", 2))
	l.drains("a2")
}

func releasedBehind(l *lane) {
	l.send("a", "a1", "a2", "a3")
	batch := l.batch("a1", "a2", "a3")
	for i, d := range batch {
		l.release(d, 0)
		if i < len(batch)-1 {
			l.none()
		}
	}
	l.drains("a1", "a2", "a3")
}

func delayed(l *lane) {
	l.send("a", "a1")
	l.release(l.one("a1", 1), l.Lease()/2) // less than a lease
	pass(l.Lease() / 4)
	l.none()
	pass(l.Lease() / 4)
	l.release(l.one("a1", 2), l.Lease()*3/2) // more than a lease
	pass(l.Lease() * 5 / 4)
	l.none()
	pass(l.Lease() / 4)
	l.one("a1", 3)
}

func delayedGroup(l *lane) {
	l.send("a", "a1", "a2")
	l.release(l.one("a1", 1), l.Lease()/2)
	l.none()
	l.send("a", "a3")
	l.send("b", "b1")
	l.drains("b1")
	pass(l.Lease() / 2)
	l.drains("a1", "a2", "a3")
}
