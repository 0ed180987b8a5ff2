// Package droptest is the contract of the records of imports: the sentences to which
// every adapter of drop.Store is held.
package droptest

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"acervo/internal/drop"
	"acervo/internal/fault"
)

// Harness is a store under test that nobody else uses, with its clock in hand.
type Harness struct {
	Store   drop.Store
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
		{"an import is read as it was created", readAsCreated},
		{"an import that nobody created is not found", neverCreated},
		{"an import is created once", createdOnce},
		{"an update replaces the whole record, on the condition that nobody else has", updated},
		{"of many updates at once of what was read exactly one is done", updatesAtOnce},
		{"an update of an import that is not there is lost", updateOfNone},

		{"the outcome of a chunk counts once", countsOnce},
		{"the outcomes of chunks add up, each pass by itself", addUp},
		{"outcomes at once lose none", outcomesAtOnce},
		{"an outcome told many times at once counts once", outcomeAtOnce},
		{"an outcome is no update, and an update leaves the progress alone", outcomesAreNoUpdates},
		{"a chunk has an outcome from when it was told", finished},

		{"a claim has one holder, whoever asks and however often", claimed},
		{"of many claims at once one holds", claimsAtOnce},
		{"a claim is given back by its holder and by nobody else", unclaimed},
		{"a claim ends with its time", claimExpires},

		{"imports are listed by pages, the latest first", listed},
		{"a cursor that was not given out is refused", badCursor},
		{"an import that was updated keeps its place in the list", keepsPlace},

		{"an import is unfinished from its arrival until its end", unfinished},
		{"an import that arrived later is none that is unfinished before", unfinishedLater},
		{"of the unfinished imports the latest are told first, and no more than asked for", latestUnfinished},

		{"an import that has ended is forgotten when its time is over, and not before", forgotten},
		{"an import that has not ended is not forgotten", notForgotten},
	}
}

// Run holds a store to every sentence, one subtest each.
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

func (s *Suite) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// is checks the kind of an error.
func (s *Suite) is(err error, kind fault.Kind) {
	s.t.Helper()
	if !fault.Is(err, kind) {
		s.t.Fatalf("got %v, want %s", err, kind)
	}
}

func (s *Suite) get(id uuid.UUID) drop.Import {
	s.t.Helper()
	i, err := s.Store.Get(s.t.Context(), id)
	s.ok(err)
	return i
}

// arrived creates an import whose file has arrived now.
func (s *Suite) arrived() drop.Import {
	s.t.Helper()
	now := s.Now().UTC().Truncate(time.Millisecond)
	i := drop.Import{
		ID: uuid.New(), Filename: "livros.csv", State: drop.Reading, Mode: drop.Apply,
		Key: "drop/livros.csv", Version: "3", Bytes: 100, SubmittedAt: now, ArrivedAt: now,
	}
	s.ok(s.Store.Create(s.t.Context(), i))
	return s.get(i.ID)
}

// becomes updates an import to another state.
func (s *Suite) becomes(read drop.Import, state drop.State) drop.Import {
	s.t.Helper()
	next := read
	next.State = state
	s.ok(s.Store.Update(s.t.Context(), read, next))
	return s.get(read.ID)
}

func (s *Suite) finish(id uuid.UUID, pass drop.Pass, chunk int, counts drop.Counts) drop.Progress {
	s.t.Helper()
	p, err := s.Store.Finish(s.t.Context(), id, pass, chunk, counts)
	s.ok(err)
	return p
}

// atOnce makes n calls from as many goroutines and returns their errors.
func (s *Suite) atOnce(n int, call func(i int) error) []error {
	errs, done := make([]error, n), make(chan struct{})
	for i := range n {
		go func() {
			defer func() { done <- struct{}{} }()
			errs[i] = call(i)
		}()
	}
	for range n {
		<-done
	}
	return errs
}

// same reports whether two imports say the same, whatever their revisions and the
// zones of their times.
func same(a, b drop.Import) bool {
	one, err1 := json.Marshal(a, json.Deterministic(true))
	two, err2 := json.Marshal(b, json.Deterministic(true))
	return err1 == nil && err2 == nil && bytes.Equal(one, two) &&
		reflect.DeepEqual(a.Compared, b.Compared) && reflect.DeepEqual(a.Applied, b.Applied)
}
