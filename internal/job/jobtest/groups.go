package jobtest

import (
	"fmt"
	"slices"
	"time"

	"acervo/internal/job"
)

// groups asks for the groups that a filter chooses.
func (s *Suite) groups(f job.Filter) []job.Group {
	s.t.Helper()
	if s.Settle != nil {
		s.Settle()
	}
	groups, err := s.Jobs.Groups(s.t.Context(), f)
	s.ok(err)
	if !slices.IsSortedFunc(groups, func(a, b job.Group) int { return b.Count - a.Count }) {
		s.t.Errorf("the largest group is not the first: %+v", groups)
	}
	return groups
}

// grouped checks that groups are those of these records, of which no two of one
// group died at the same time.
func (s *Suite) grouped(got []job.Group, recs []job.Record) {
	s.t.Helper()
	type key struct{ lane, fingerprint string }
	want := map[key]job.Group{}
	for _, r := range recs {
		k := key{r.Burial.Lane, r.Burial.Fingerprint}
		g, ok := want[k]
		if !ok {
			g = job.Group{Lane: k.lane, Fingerprint: k.fingerprint, Oldest: r, Latest: r}
		}
		if r.Burial.At.Before(g.Oldest.Burial.At) {
			g.Oldest = r
		}
		if r.Burial.At.After(g.Latest.Burial.At) {
			g.Latest = r
		}
		g.Count++
		want[k] = g
	}
	for _, g := range got {
		w := want[key{g.Lane, g.Fingerprint}]
		if g.Count != w.Count || !same(g.Oldest, w.Oldest) || !same(g.Latest, w.Latest) {
			s.t.Fatalf("the group is\n%+v, want\n%+v", g, w)
		}
	}
	if len(got) != len(want) {
		s.t.Fatalf("there are %d groups, want %d", len(got), len(want))
	}
}

func groups(s *Suite) {
	lane := newID()
	s.grouped(s.groups(job.Filter{Lane: lane}), nil)
	var recs []job.Record
	for i, fingerprint := range []string{"a", "b", "a", "c", "a", "c", "d"} {
		rec := s.dead(lane)
		rec.Burial.Fingerprint = fingerprint
		rec.Burial.At = rec.Burial.At.Add(time.Duration(i*5%7) * time.Second)
		recs = append(recs, s.save(rec))
	}
	s.grouped(s.groups(job.Filter{Lane: lane}), recs)
	s.discard(recs[3])
	s.discard(recs[6]) // the only one of its group
	retry := recs[2]
	retry.State, retry.Generation = job.Queued, 2
	recs[2] = s.amend(retry, retry) // is listed still
	s.grouped(s.groups(job.Filter{Lane: lane}), append(recs[:3:3], recs[4], recs[5]))
}

func groupFilters(s *Suite) {
	recs, all := s.crossing()
	for _, f := range all {
		if f.Lane == "" && f.Fingerprint == "" && f.Book == (job.Filter{}).Book {
			continue // others may have some too
		}
		s.grouped(s.groups(f), chosen(recs, f))
	}
}

func manyGroups(s *Suite) {
	const most = 100
	lane := newID()
	large := map[string]int{"1": 3, "50": 2, "101": 2, "7": 2}
	for i := range most + 5 {
		fingerprint := fmt.Sprint(i)
		for j := range max(1, large[fingerprint]) {
			rec := s.dead(lane)
			rec.Burial.Fingerprint = fingerprint
			rec.Burial.At = rec.Burial.At.Add(-time.Duration(j) * time.Second)
			s.ok(s.Jobs.Save(s.t.Context(), rec))
		}
	}
	got := s.groups(job.Filter{Lane: lane})
	if len(got) != most {
		s.t.Fatalf("there are %d groups, want %d", len(got), most)
	}
	for i, g := range got {
		if g.Count != max(1, large[g.Fingerprint]) || (i < len(large)) != (g.Count > 1) {
			s.t.Errorf("group %d is %s with %d records", i, g.Fingerprint, g.Count)
		}
	}
}
