// Package jobtest is the contract of the records of jobs: the sentences to which
// every adapter of job.Store is held.
package jobtest

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// Harness is a store under test beside that of its books, with their clock in
// hand. What they hold may be that of others too: the suite makes up ids of its
// own.
type Harness struct {
	Jobs    job.Store
	Books   book.Store
	Now     func() time.Time
	Advance func(d time.Duration) // moves Now, and no real time passes
}

// Sentence is one promise of the port and the check that holds a store to it.
type Sentence struct {
	Text  string
	Check func(s *Suite)
}

// Sentences returns the whole contract.
func Sentences() []Sentence {
	return []Sentence{
		{"a job that has not ended has no record", notEnded},
		{"a record is read as it was stored", readAsStored},
		{"a job that has ended is not ended again, in whatever state", endedOnce},
		{"a record that is not terminal gives way to one of its own generation only", notTerminal},
		{"the end of one job is no matter to another", otherJobs},
		{"of many ends of one job at once exactly one is stored", endsAtOnce},
		{"a record is forgotten when its time since the end is over, and not before", forgotten},
		{"a job ends with its book as read, which is left alone", endsWithBook},
		{"a job does not end with a book whose version has changed", bookWritten},
		{"a job does not end with a book whose fence has changed", bookBuried},
		{"a job that has ended is not ended again with its book", endedWithBook},
		{"a job does not end with a book that changed before, however close", closeRace},
		{"whatever happens to a store, it stays in step with its model", walks},
	}
}

// Run holds a store to every sentence, one subtest each. Each has a store of its
// own, or a share in one whose clock nobody else moves.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	for _, s := range Sentences() {
		t.Run(s.Text, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				if t.Skipped() {
					t.Error("a store may not skip a sentence")
				}
			})
			s.Check(&Suite{Harness: open(t), t: t})
		})
	}
}

// Suite is a store under test, with the calls that sentences are made of.
type Suite struct {
	Harness
	t *testing.T
}

// record is one of a new job that ends now.
func (s *Suite) record(state job.State) job.Record {
	r := job.Record{ID: newID(), Generation: 1, State: state, Attempts: 1, FinishedAt: s.Now().UTC()}
	if state == job.Succeeded {
		r.BookVersion = 7
	} else {
		p := fault.ProblemOf(fault.New(fault.Conflict, "There is such a book."))
		r.Error = &p
	}
	return r
}

// newID is as long as a receipt and of its characters.
func newID() string {
	return strings.ReplaceAll(uuid.NewString()+uuid.NewString()+uuid.NewString(), "-", "")[:80]
}

func terminal() []job.State { return []job.State{job.Succeeded, job.Failed, job.Superseded} }

// holds checks that the store has this record.
func (s *Suite) holds(want job.Record) {
	s.t.Helper()
	got, found, err := s.Jobs.Get(s.t.Context(), want.ID)
	s.ok(err)
	if !found || !same(got, want) {
		s.t.Fatalf("the store has (%v)\n%+v, want\n%+v", found, got, want)
	}
}

// none checks that the store has no record of a job.
func (s *Suite) none(id string) {
	s.t.Helper()
	got, found, err := s.Jobs.Get(s.t.Context(), id)
	s.ok(err)
	if found {
		s.t.Fatalf("the store has %+v, want no record", got)
	}
}

// end stores a record.
func (s *Suite) end(rec job.Record) {
	s.t.Helper()
	s.ok(s.Jobs.Save(s.t.Context(), rec))
}

// changed checks that an error says that the condition was lost.
func (s *Suite) changed(err error) {
	s.t.Helper()
	if !fault.Is(err, fault.Changed) {
		s.t.Fatalf("got %v, want fault.Changed", err)
	}
}

// write stores the next version of what was read.
func (s *Suite) write(read book.Item) book.Item {
	s.t.Helper()
	next := read
	next.Existence, next.Version = book.Live, read.Version+1
	next.Draft = book.Draft{Title: "Água viva", Authors: []string{"Clarice Lispector"}}
	s.ok(s.Books.Swap(s.t.Context(), read, next))
	return next
}

// bury stores what was read with a higher fence.
func (s *Suite) bury(read book.Item) book.Item {
	s.t.Helper()
	next := read
	next.Fence++
	s.ok(s.Books.Swap(s.t.Context(), read, next))
	return next
}

func (s *Suite) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// same reports whether two records say the same, in whatever zone their times are.
func same(a, b job.Record) bool {
	a.Revision, b.Revision = 0, 0 // the store counts
	a.FinishedAt, b.FinishedAt = a.FinishedAt.Round(0).UTC(), b.FinishedAt.Round(0).UTC()
	return reflect.DeepEqual(a, b)
}
