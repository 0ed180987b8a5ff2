package jobtest

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"acervo/internal/fault"
	"acervo/internal/job"
)

// page lists what a filter chooses after a cursor.
func (s *Suite) page(f job.Filter, cursor string, limit int) (page []job.Record, next string) {
	s.t.Helper()
	if s.Settle != nil {
		s.Settle()
	}
	page, next, err := s.Jobs.Dead(s.t.Context(), f, cursor, limit)
	s.ok(err)
	if len(page) > limit {
		s.t.Fatalf("a page of %d has %d records", limit, len(page))
	}
	if len(page) == 0 && (cursor != "" || next != "") {
		s.t.Fatal("there is a page with nothing on it")
	}
	return page, next
}

// all lists what a filter chooses, page by page.
func (s *Suite) all(f job.Filter, limit int) (all []job.Record) {
	s.t.Helper()
	for cursor, more := "", true; more; more = cursor != "" {
		var page []job.Record
		page, cursor = s.page(f, cursor, limit)
		all = append(all, page...)
	}
	return all
}

// listed checks that a list is these records, whole, in this order.
func (s *Suite) listed(got, want []job.Record) {
	s.t.Helper()
	if !slices.Equal(ids(got), ids(want)) {
		s.t.Fatalf("listed are %d:\n%v, want %d:\n%v", len(got), ids(got), len(want), ids(want))
	}
	for i, rec := range got {
		s.holds(rec)
		if stored := s.get(rec.ID); !same(rec, want[i]) || rec.Revision != stored.Revision {
			s.t.Fatalf("listed is\n%+v, want\n%+v in revision %d", rec, want[i], stored.Revision)
		}
	}
}

func ids(recs []job.Record) (ids []string) {
	for _, rec := range recs {
		ids = append(ids, rec.ID)
	}
	return ids
}

// deadSince stores the record of a new job that died this long ago.
func (s *Suite) deadSince(lane string, ago time.Duration) job.Record {
	s.t.Helper()
	rec := s.dead(lane)
	rec.Burial.At = rec.Burial.At.Add(-ago)
	return s.save(rec)
}

// discard takes a record out of the ledger.
func (s *Suite) discard(rec job.Record) {
	s.t.Helper()
	next := rec
	next.Burial = unlisted(rec)
	s.amend(rec, next)
}

func lists(s *Suite) {
	lane := newID()
	s.listed(s.all(job.Filter{Lane: lane}, 10), nil)
	third, first, second := s.deadSince(lane, time.Hour), s.deadSince(lane, 0), s.deadSince(lane, time.Minute)
	discarded := s.deadSince(lane, time.Second)
	s.discard(discarded)
	never := s.dead(lane)
	never.Burial = unlisted(never)
	s.save(never)
	s.save(s.record(job.Failed))

	// A burial with its book is listed like any other.
	read, last := s.write(bookOf(never)), s.dead(lane)
	last.Burial.At = last.Burial.At.Add(-2 * time.Hour)
	s.ok(s.Jobs.Bury(s.t.Context(), last, read))

	want := []job.Record{first, second, third, last}
	s.listed(s.all(job.Filter{Lane: lane}, 10), want)
	mine := slices.DeleteFunc(s.all(job.Filter{}, 10), func(r job.Record) bool { return r.Burial.Lane != lane })
	s.listed(mine, want)
}

func retryStays(s *Suite) {
	for _, end := range terminal() {
		f := job.Filter{Lane: newID()}
		buried := s.deadSince(f.Lane, time.Hour)
		retry := buried
		retry.State, retry.Generation = job.Queued, 2
		s.amend(buried, retry)
		s.listed(s.all(f, 10), []job.Record{retry})
		retry.State = job.Retrying
		s.save(retry)
		s.listed(s.all(f, 10), []job.Record{retry})
		retry.State, retry.Burial = end, unlisted(retry)
		if end == job.Dead { // again
			retry.Burial.Listed, retry.Burial.At = true, s.Now().UTC()
			s.save(retry)
			s.listed(s.all(f, 10), []job.Record{retry})
			continue
		}
		s.save(retry)
		s.listed(s.all(f, 10), nil)
	}
}

// crossing stores a record for each way of being of one of two lanes, kinds,
// fingerprints and books, the latest first, and returns all filters that choose
// among them.
func (s *Suite) crossing() (recs []job.Record, all []job.Filter) {
	s.t.Helper()
	a, b := s.dead(newID()), s.dead(newID())
	a.Kind, b.Kind = job.Create, job.Delete
	a.Burial.Fingerprint, b.Burial.Fingerprint = newID(), newID()
	for i := range 16 {
		pick := func(bit int) job.Record {
			if i>>bit&1 == 0 {
				return a
			}
			return b
		}
		rec := s.dead(pick(0).Burial.Lane)
		rec.Kind, rec.BookID, rec.Burial.Fingerprint = pick(1).Kind, pick(2).BookID, pick(3).Burial.Fingerprint
		rec.Burial.At = rec.Burial.At.Add(-time.Duration(i) * time.Second)
		recs = append(recs, s.save(rec))
	}
	for i := range 3 * 3 * 3 * 3 {
		var f job.Filter
		if n := i % 3; n < 2 {
			f.Lane = recs[n].Burial.Lane
		}
		if n := i / 3 % 3; n < 2 {
			f.Kind = recs[n*2].Kind
		}
		if n := i / 9 % 3; n < 2 {
			f.Book = recs[n*4].BookID
		}
		if n := i / 27; n < 2 {
			f.Fingerprint = recs[n*8].Burial.Fingerprint
		}
		all = append(all, f)
	}
	return recs, all
}

// chosen are the records that a filter chooses.
func chosen(recs []job.Record, f job.Filter) (chosen []job.Record) {
	for _, r := range recs {
		if (f.Lane == "" || f.Lane == r.Burial.Lane) && (f.Kind == "" || f.Kind == r.Kind) &&
			(f.Book == job.Filter{}.Book || f.Book == r.BookID) &&
			(f.Fingerprint == "" || f.Fingerprint == r.Burial.Fingerprint) {
			chosen = append(chosen, r)
		}
	}
	return chosen
}

// mineOf drops what others may have in the store.
func mineOf(all, mine []job.Record) []job.Record {
	return slices.DeleteFunc(all, func(r job.Record) bool { return !slices.Contains(ids(mine), r.ID) })
}

func filters(s *Suite) {
	recs, all := s.crossing()
	for _, f := range all {
		for _, limit := range []int{3, 100} {
			s.listed(mineOf(s.all(f, limit), recs), chosen(recs, f))
		}
	}
	for _, f := range []job.Filter{
		{Lane: newID()},
		{Lane: recs[0].Burial.Lane, Kind: job.Replace},
		{Lane: recs[0].Burial.Lane[:79]},
		{Fingerprint: newID()},
		{Book: s.dead("").BookID},
	} {
		s.listed(s.all(f, 10), nil)
	}
}

func pages(s *Suite) {
	const records = 7
	f := job.Filter{Lane: newID()}
	for i := range records {
		s.deadSince(f.Lane, time.Duration(i/3)*time.Second) // threes at the same time
	}
	all := s.all(f, 100)
	if len(all) != records {
		s.t.Fatalf("listed are %d, want %d", len(all), records)
	}
	for limit := 1; limit <= records+1; limit++ {
		s.listed(s.all(f, limit), all)
	}
}

// movingPages turns the pages while records come, go and come back. Those that
// were there all the time must be seen once, the others once at most, and none
// after it has gone.
func movingPages(s *Suite) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 0))
		f := job.Filter{Lane: newID()}
		there := map[string]job.Record{} // not seen, and untouched
		for i := range 12 {
			rec := s.deadSince(f.Lane, time.Duration(i/2)*time.Minute)
			there[rec.ID] = rec
		}
		seen, gone := map[string]bool{}, map[string]bool{}
		last := s.Now()
		for cursor, more := "", true; more; {
			var page []job.Record
			page, cursor = s.page(f, cursor, 1+rng.IntN(4))
			more = cursor != ""
			for _, rec := range page {
				if seen[rec.ID] || gone[rec.ID] || rec.Burial.At.After(last) {
					s.t.Fatalf("seed %d: %+v is repeated, gone or out of order", seed, rec)
				}
				seen[rec.ID], last = true, rec.Burial.At
				delete(there, rec.ID)
			}
			s.move(rng, f.Lane, page, there, gone)
		}
		if len(there) > 0 {
			s.t.Fatalf("seed %d: %v were passed over", seed, there)
		}
	}
}

// move changes the ledger between two pages.
func (s *Suite) move(rng *rand.Rand, lane string, page []job.Record, there map[string]job.Record, gone map[string]bool) {
	s.t.Helper()
	s.Advance(time.Second)
	s.deadSince(lane, 0)                                        // before the pages seen
	s.deadSince(lane, time.Duration(rng.IntN(600))*time.Second) // anywhere
	leave := page[rng.IntN(len(page)):]                         // and the last one seen, whose place the cursor is
	for _, id := range slices.Sorted(maps.Keys(there)) {
		if rng.IntN(8) == 0 {
			leave = append(leave, there[id])
			delete(there, id)
		}
	}
	for i, rec := range leave {
		if i%2 == 0 {
			s.discard(rec)
			gone[rec.ID] = true
			continue
		}
		again := rec // its retry died too, so it moves to the top
		again.Burial = unlisted(rec)
		again.Burial.Listed, again.Burial.At = true, s.Now().UTC()
		s.amend(rec, again)
	}
}

func hostileCursors(s *Suite) {
	f := job.Filter{Lane: newID()}
	for range 3 {
		s.deadSince(f.Lane, time.Minute)
	}
	_, good := s.page(f, "", 1)
	if good == "" {
		s.t.Fatal("there is no cursor of the second page")
	}
	bad := []string{
		"!", " ", "0", "null", "AAAA", "é", "\x00", "..", "%", "'; DROP TABLE jobs; --",
		good + "A", good + "=", " " + good, good + good, strings.Repeat("A", 1<<16),
	}
	for i := range good {
		if i > 0 {
			bad = append(bad, good[:i], good[i:])
		}
		other := byte('A')
		if good[i] == 'A' {
			other = 'B'
		}
		bad = append(bad, good[:i]+string(other)+good[i+1:])
	}
	for _, cursor := range bad {
		for _, f := range []job.Filter{f, {}} {
			page, next, err := s.Jobs.Dead(s.t.Context(), f, cursor, 10)
			if !fault.Is(err, fault.Syntax) || len(page) > 0 || next != "" {
				s.t.Errorf("the cursor %.200q begins a page of %d (%v), want fault.Syntax", cursor, len(page), err)
			}
		}
	}
	if page, _ := s.page(f, good, 10); len(page) != 2 {
		s.t.Errorf("the good cursor begins a page of %d, want 2", len(page))
	}
}
