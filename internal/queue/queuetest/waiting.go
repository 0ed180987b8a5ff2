package queuetest

import "time"

func wokenBySend(l *lane) {
	gets := l.later()
	l.send("a", "a1")
	gets("a1")
}

func wokenByRelease(l *lane) {
	l.send("a", "a1")
	d := l.one("a1", 1)
	gets := l.later()
	l.release(d, 0)
	gets("a1")
}

func wokenByDelete(l *lane) {
	l.send("a", "a1", "a2")
	d := l.one("a1", 1)
	gets := l.later()
	l.delete(d)
	gets("a2")
}

// wokenByTime waits for the end of a lease, and for that of a delay, that began
// before the wait.
func wokenByTime(l *lane) {
	l.send("a", "a1")
	l.one("a1", 1)
	pass(l.Lease() - l.poll/2)
	l.release(l.one("a1", 2), l.poll/2)
	l.one("a1", 3)
}

func wokenByDelay(l *lane) {
	l.send("a", "a1")
	d := l.one("a1", 1)
	gets := l.later()
	l.release(d, l.poll/2)
	gets("a1")
}

func emptyStats(l *lane) {
	l.counts(0, 0, 0)
	if age := l.age(); age != 0 {
		l.t.Errorf("an empty lane is %v old", age)
	}
}

func counts(l *lane) {
	l.send("a", "a1", "a2")
	l.counts(2, 0, 0)
	a := l.one("a1", 1)
	l.counts(1, 1, 0) // a2 waits behind a1
	l.send("b", "b1", "b1")
	l.counts(2, 1, 0)
	b := l.one("b1", 1)
	l.counts(1, 2, 0)
	l.release(b, l.Lease()/2)
	l.counts(1, 1, 1)
	pass(l.Lease() / 2)
	l.counts(2, 1, 0)
	b = l.one("b1", 2)
	l.delete(a)
	l.counts(1, 1, 0)
	l.release(l.one("a2", 1), 0)
	l.counts(1, 1, 0)
	l.one("a2", 2)
	l.counts(0, 2, 0)
	l.delete(b)
	l.counts(0, 1, 0)
	pass(l.Lease())
	l.counts(1, 0, 0)
	l.drains("a2")
	l.counts(0, 0, 0)
}

func oldestAge(l *lane) {
	l.send("a", "a1")
	first := time.Now()
	pass(l.Lease() / 2)
	a := l.one("a1", 1)
	l.aged(first)
	l.release(a, l.Lease()/2) // being delayed makes nothing younger
	l.aged(first)
	l.send("b", "b1")
	second := time.Now()
	b := l.one("b1", 1)
	l.aged(first)
	pass(l.Lease() / 2)
	l.delete(l.one("a1", 2))
	l.ok(l.Extend(l.t.Context(), b.Handle))
	l.aged(second)
	l.delete(b)
	if age := l.age(); age != 0 {
		l.t.Errorf("an empty lane is %v old", age)
	}
}

func (l *lane) counts(waiting, inFlight, delayed int) {
	l.t.Helper()
	s, err := l.Stats(l.t.Context())
	l.ok(err)
	if s.Waiting != waiting || s.InFlight != inFlight || s.Delayed != delayed {
		l.t.Fatalf("the lane says %d waiting, %d in flight, %d delayed; want %d, %d, %d",
			s.Waiting, s.InFlight, s.Delayed, waiting, inFlight, delayed)
	}
}

func (l *lane) age() time.Duration {
	l.t.Helper()
	s, err := l.Stats(l.t.Context())
	l.ok(err)
	return s.OldestAge
}

// aged checks that the lane is at least as old as what was sent at this time, to
// the second.
func (l *lane) aged(sent time.Time) {
	l.t.Helper()
	if age, least := l.age(), time.Since(sent); age < least-time.Second {
		l.t.Errorf("the lane is %v old, want at least %v", age, least)
	}
}
