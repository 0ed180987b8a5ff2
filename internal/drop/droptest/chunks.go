package droptest

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"acervo/internal/drop"
	"acervo/internal/fault"
)

// some are counts of which no two are alike.
func some(n int64) drop.Counts {
	return drop.Counts{
		OK: 1 + n, Creates: 1 + n/2, Failed: 20 + n, Superseded: 300 + n, Unchanged: 4000 + n, Skipped: 50000 + n, Warnings: 600000 + n,
	}
}

func countsOnce(s *Suite) {
	i := s.arrived()
	want := drop.Progress{Chunks: 1, Counts: some(1)}
	for range 2 {
		if got := s.finish(i.ID, drop.Applying, 3, some(1)); got != want {
			s.t.Errorf("the progress is %+v, want %+v", got, want)
		}
	}
	if got := s.finish(i.ID, drop.Applying, 3, some(9)); got != want {
		s.t.Errorf("another outcome of the chunk makes it %+v", got)
	}
	if got := s.get(i.ID).Applied; got != want {
		s.t.Errorf("the import tells %+v", got)
	}
}

func addUp(s *Suite) {
	i, other := s.arrived(), s.arrived()
	s.finish(i.ID, drop.Comparing, 0, some(1))
	s.finish(i.ID, drop.Applying, 0, some(2))
	s.finish(i.ID, drop.Applying, 1, some(3))
	got := s.finish(i.ID, drop.Applying, 10, drop.Counts{})
	want := drop.Progress{Chunks: 3, Counts: some(2).Plus(some(3))}
	if got != want {
		s.t.Errorf("the progress is %+v, want %+v", got, want)
	}
	stored := s.get(i.ID)
	if stored.Applied != want || stored.Compared != (drop.Progress{Chunks: 1, Counts: some(1)}) {
		s.t.Errorf("the import tells %+v and %+v", stored.Compared, stored.Applied)
	}
	if o := s.get(other.ID); o.Applied.Chunks+o.Compared.Chunks > 0 {
		s.t.Errorf("another import tells %+v and %+v", o.Compared, o.Applied)
	}
}

func outcomesAtOnce(s *Suite) {
	const chunks = 12
	i := s.arrived()
	var want drop.Progress
	for n := range chunks {
		want = drop.Progress{Chunks: n + 1, Counts: want.Counts.Plus(some(int64(n)))}
	}
	for _, err := range s.atOnce(chunks, func(n int) error { return s.insist(i.ID, n, some(int64(n))) }) {
		s.ok(err)
	}
	if got := s.get(i.ID).Applied; got != want {
		s.t.Errorf("the progress is %+v, want %+v", got, want)
	}
}

// insist tells an outcome until it is taken, as its worker does: others may be in
// the way.
func (s *Suite) insist(id uuid.UUID, chunk int, counts drop.Counts) error {
	for {
		_, err := s.Store.Finish(s.t.Context(), id, drop.Applying, chunk, counts)
		if !fault.Is(err, fault.Throttled) {
			return err
		}
	}
}

func outcomeAtOnce(s *Suite) {
	i := s.arrived()
	for _, err := range s.atOnce(8, func(int) error { return s.insist(i.ID, 5, some(1)) }) {
		s.ok(err)
	}
	if got := s.get(i.ID).Applied; got != (drop.Progress{Chunks: 1, Counts: some(1)}) {
		s.t.Errorf("the progress is %+v", got)
	}
}

func outcomesAreNoUpdates(s *Suite) {
	read := s.arrived()
	s.finish(read.ID, drop.Applying, 0, some(1))
	next := s.becomes(read, drop.Running) // of what was read before
	if next.Applied != (drop.Progress{Chunks: 1, Counts: some(1)}) {
		s.t.Errorf("the progress is %+v", next.Applied)
	}
	forged := next
	forged.Applied = drop.Progress{Chunks: 9}
	s.ok(s.Store.Update(s.t.Context(), next, forged))
	if got := s.get(read.ID).Applied; got != next.Applied {
		s.t.Errorf("an update made the progress %+v", got)
	}
}

func finished(s *Suite) {
	i := s.arrived()
	s.has(i.ID, drop.Applying, 0, false)
	s.finish(i.ID, drop.Applying, 0, drop.Counts{})
	s.has(i.ID, drop.Applying, 0, true)
	s.has(i.ID, drop.Applying, 1, false)
	s.has(i.ID, drop.Comparing, 0, false)
	s.has(uuid.New(), drop.Applying, 0, false)
}

func (s *Suite) has(id uuid.UUID, pass drop.Pass, chunk int, want bool) {
	s.t.Helper()
	got, err := s.Store.Finished(s.t.Context(), id, pass, chunk)
	s.ok(err)
	if got != want {
		s.t.Errorf("chunk %d of pass %s has an outcome: %t, want %t", chunk, pass, got, want)
	}
}

// holds checks who holds a claim once this import has asked for it.
func (s *Suite) holds(digest string, id, want uuid.UUID) {
	s.t.Helper()
	holder, err := s.Store.Claim(s.t.Context(), digest, id)
	s.ok(err)
	if holder != want {
		s.t.Errorf("the holder is %s, want %s", holder, want)
	}
}

func claimed(s *Suite) {
	a, b := uuid.New(), uuid.New()
	s.holds("x", a, a)
	s.holds("x", b, a)
	s.holds("x", a, a)
	s.holds("y", b, b)
}

func claimsAtOnce(s *Suite) {
	const n = 8
	ids, holders := make([]uuid.UUID, n), make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = uuid.New()
	}
	for _, err := range s.atOnce(n, func(i int) (err error) {
		holders[i], err = s.Store.Claim(s.t.Context(), "x", ids[i])
		return err
	}) {
		s.ok(err)
	}
	for i := range holders {
		if holders[i] != holders[0] {
			s.t.Fatalf("the holders are %v", holders)
		}
	}
	if !slices.Contains(ids, holders[0]) {
		s.t.Errorf("the holder is none of those who asked: %s", holders[0])
	}
}

func unclaimed(s *Suite) {
	a, b := uuid.New(), uuid.New()
	s.holds("x", a, a)
	s.ok(s.Store.Unclaim(s.t.Context(), "x", b))
	s.holds("x", b, a)
	s.ok(s.Store.Unclaim(s.t.Context(), "x", a))
	s.holds("x", b, b)
	s.ok(s.Store.Unclaim(s.t.Context(), "never", a))
}

func claimExpires(s *Suite) {
	a, b := uuid.New(), uuid.New()
	s.holds("x", a, a)
	s.Advance(drop.TTL - 2*time.Second)
	s.holds("x", b, a)
	s.Advance(4 * time.Second)
	s.holds("x", b, b)
}
