// Package jobtest is the contract of the records of jobs and of the claims on
// keys of idempotency: the sentences to which every adapter of job.Store and
// job.Claims is held.
package jobtest

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// Harness is a store under test beside that of its books, with their clock in
// hand. What they hold may be that of others too: the suite makes up ids, lanes
// and callers of its own.
type Harness struct {
	Jobs    job.Store
	Claims  job.Claims
	Books   book.Store
	Now     func() time.Time
	Advance func(d time.Duration) // moves Now, and no real time passes
	// Settle returns when the lists of the dead show all that was written; nil for
	// a store whose lists always do.
	Settle func()
}

// Sentence is one promise of the port and the check that holds a store to it.
type Sentence struct {
	Text  string
	Check func(s *Suite)
}

// Sentences returns the whole contract.
func Sentences() []Sentence {
	return slices.Concat(records(), burials(), ledger(), keys(), []Sentence{
		{"whatever happens to a store, it stays in step with its model", walks},
	})
}

func records() []Sentence {
	return []Sentence{
		{"a job of which nothing was written has no record", notWritten},
		{"a record is read as it was stored", readAsStored},
		{"a job that has ended is not ended again, in whatever state", endedOnce},
		{"a record that is not terminal gives way to one of its own generation only", notTerminal},
		{"a retrying record gives way to the next attempt, and to the end", retrying},
		{"every write of a record raises its revision", revisions},
		{"a record that was read is stored in its own place only, and a first one in that of none", savedOver},
		{"the end of one job is no matter to another", otherJobs},
		{"of many ends of one job at once exactly one is stored", endsAtOnce},
		{"a record is forgotten when its time since the last write is over, and not before", forgotten},
		{"a record that the ledger lists is not forgotten until it has left", listedStays},

		{"a job ends with its book as read, which is left alone", endsWithBook},
		{"a job does not end with a book whose version has changed", bookWritten},
		{"a job does not end with a book whose fence has changed", bookFenced},
		{"a job that has ended is not ended again with its book", endedWithBook},
		{"a job does not end with a book that changed before, however close", closeRace},

		{"an amendment takes the place of the record that was read, whatever its state", amended},
		{"an amendment of a record that was written since changes nothing", amendedLate},
		{"an amendment creates no record", amendsNothing},
		{"of many amendments at once exactly one is stored", amendsAtOnce},
	}
}

func burials() []Sentence {
	return []Sentence{
		{"a burial stores the record, raises the fence by one, and leaves the book as it is otherwise", burial},
		{"a burial of a book that changed since it was read does neither", burialLate},
		{"a burial of a job that has ended, or was retried, does neither", burialEnded},
		{"a burial without a book stores the record and touches no book", burialNoBook},
		{"whoever read a book before a burial cannot write it after", zombies},
		{"of a burial and a write of its book at once exactly one is done", burialRace},
		{"of many burials of one job at once exactly one is done, and raises the fence by one", burialsAtOnce},
		{"the fence that a burial left is forgotten in its time, and a live book is not", burialForgotten},
	}
}

func ledger() []Sentence {
	return []Sentence{
		{"the ledger lists those that are listed, whole, the latest burial first", lists},
		{"a retry that was asked for stays in the ledger until its generation ends", retryStays},
		{"a filter chooses by lane, kind, fingerprint and book, alone and together", filters},
		{"pages have neither gaps nor repeats, and no more than their limit", pages},
		{"pages have neither gaps nor repeats while records come and go", movingPages},
		{"a cursor that was not given out is fault.Syntax", hostileCursors},
		{"groups count the listed of each fingerprint, and tell the first and the last buried", groups},
		{"groups are those of the records that the filter chooses", groupFilters},
		{"groups are at most a hundred, the largest first", manyGroups},
	}
}

func keys() []Sentence {
	return []Sentence{
		{"the first claim on a key stands, and the others are told of it", claimStands},
		{"of many claims on a key at once exactly one stands, and all are told which", claimsAtOnce},
		{"another caller's claim on the same key, and the same caller's on another, are other claims", otherClaims},
		{"a claim is forgotten when its time is over, and not before", claimForgotten},
		{"marking a claim as sent is told to whoever claims the key", markedSent},
		{"marking as sent marks the claim of its own job only, and makes none", markedOther},
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
	r := job.Record{
		ID: newID(), Kind: job.Update, BookID: uuid.New(), Generation: 1, State: state, Attempts: 1,
		FinishedAt: s.Now().UTC(),
	}
	if state == job.Succeeded {
		r.BookVersion = 7
	} else {
		p := fault.ProblemOf(fault.New(fault.Conflict, "There is such a book."))
		r.Error = &p
	}
	return r
}

// dead is the record of a new job that died on a lane now.
func (s *Suite) dead(lane string) job.Record {
	r := s.record(job.Dead)
	r.Burial = &job.Burial{
		Listed: true, Lane: lane, Message: []byte("\x00\xff not text"), BookVersion: 3, At: s.Now().UTC(),
		Cause: "shard 17 says no", Fingerprint: "f00d",
	}
	return r
}

// newID is as long as a receipt and of its characters.
func newID() string {
	return strings.ReplaceAll(uuid.NewString()+uuid.NewString()+uuid.NewString(), "-", "")[:80]
}

func terminal() []job.State { return []job.State{job.Succeeded, job.Failed, job.Superseded, job.Dead} }

// get reads the record of a job, which there is.
func (s *Suite) get(id string) job.Record {
	s.t.Helper()
	got, found, err := s.Jobs.Get(s.t.Context(), id)
	s.ok(err)
	if !found {
		s.t.Fatalf("the store has no record of %s", id)
	}
	return got
}

// holds checks that the store has this record.
func (s *Suite) holds(want job.Record) {
	s.t.Helper()
	if got := s.get(want.ID); !same(got, want) {
		s.t.Fatalf("the store has\n%+v, want\n%+v", got, want)
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

// save stores a record and returns it as it is read.
func (s *Suite) save(rec job.Record) job.Record {
	s.t.Helper()
	rec.Revision = 0 // in the place of whatever stands
	s.ok(s.Jobs.Save(s.t.Context(), rec))
	return s.get(rec.ID)
}

// amend stores next in the place of what was read and returns it as it is read.
func (s *Suite) amend(read, next job.Record) job.Record {
	s.t.Helper()
	s.ok(s.Jobs.Amend(s.t.Context(), read, next))
	return s.get(next.ID)
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
	next := written(read)
	s.ok(s.Books.Swap(s.t.Context(), read, next))
	return next
}

func written(read book.Item) book.Item {
	next := read
	next.Existence, next.Version = book.Live, read.Version+1
	next.Draft = book.Draft{Title: "Água viva", Authors: []string{"Clarice Lispector"}}
	return next
}

// fence stores what was read with a higher fence.
func (s *Suite) fence(read book.Item) book.Item {
	s.t.Helper()
	next := read
	next.Fence++
	s.ok(s.Books.Swap(s.t.Context(), read, next))
	return next
}

// book checks that the store of books has this item.
func (s *Suite) book(want book.Item) {
	s.t.Helper()
	got, err := s.Books.Get(s.t.Context(), want.ID)
	s.ok(err)
	if !reflect.DeepEqual(got, want) {
		s.t.Fatalf("the book is\n%+v, want\n%+v", got, want)
	}
}

func (s *Suite) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// same reports whether two records say the same, in whatever zone their times are.
func same(a, b job.Record) bool { return reflect.DeepEqual(plain(a), plain(b)) }

// plain is a record without what depends on where it was.
func plain(r job.Record) job.Record {
	r.Revision = 0 // the store counts
	utc := func(at *time.Time) { *at = at.Round(0).UTC() }
	utc(&r.FinishedAt)
	utc(&r.NextAttemptAt)
	if r.Burial != nil {
		burial := *r.Burial
		utc(&burial.At)
		r.Burial = &burial
	}
	r.History = slices.Clone(r.History)
	for i := range r.History {
		utc(&r.History[i].At)
	}
	return r
}
