package aws_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"acervo/internal/aws"
	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// newBook is a book that has never been, and its first version.
func newBook(authors ...string) (absent, first book.Item) {
	id := uuid.New()
	return book.Item{ID: id}, book.Item{
		ID: id, Existence: book.Live, Version: 1, LastJob: uuid.NewString(), LastJobVersion: 1,
		Draft: book.Draft{Title: "Água viva", Authors: append([]string{"Clarice Lispector"}, authors...)},
	}
}

// newRecord is the record of a new job that waits for another attempt.
func newRecord() job.Record {
	return job.Record{ID: strings.ReplaceAll(uuid.NewString(), "-", ""), Kind: job.Update, BookID: uuid.New(), Generation: 1, State: job.Retrying, Attempts: 1}
}

func died(rec job.Record) job.Record {
	rec.State = job.Dead
	rec.Burial = &job.Burial{Listed: true, Lane: uuid.NewString(), At: time.Now().UTC(), Fingerprint: "f00d"}
	return rec
}

// writes are all writes to a store that are conditional, each with a check that
// it was done once. Each makes what it needs beside the trouble.
func writes() map[string]func(t *testing.T, under, plain *aws.Store) (write func() error, done func() error) {
	return map[string]func(t *testing.T, under, plain *aws.Store) (write, done func() error){
		"a swap": func(t *testing.T, under, plain *aws.Store) (write, done func() error) {
			absent, next := newBook()
			return func() error { return under.Books().Swap(t.Context(), absent, next) },
				func() error { return hasBook(t, plain, next) }
		},
		"a swap of a book with several authors": func(t *testing.T, under, plain *aws.Store) (write, done func() error) {
			absent, next := newBook("B", "C")
			return func() error { return under.Books().Swap(t.Context(), absent, next) },
				func() error { return hasBook(t, plain, next) }
		},
		"the end of a job": func(t *testing.T, under, plain *aws.Store) (write, done func() error) {
			rec := newRecord()
			rec.State = job.Succeeded
			return func() error { return under.Jobs().Save(t.Context(), rec) },
				func() error { return hasRecord(t, plain, rec, 1) }
		},
		"a new key": func(t *testing.T, under, plain *aws.Store) (write, done func() error) {
			k := newKey(uuid.NewString())
			return func() error { return under.CallerKeys().Add(t.Context(), k) },
				func() error {
					got, _, err := plain.CallerKeys().Find(t.Context(), k.Hash)
					if err == nil && got != k {
						err = fmt.Errorf("the key is %+v", got)
					}
					return err
				}
		},
		"an amendment": func(t *testing.T, under, plain *aws.Store) (write, done func() error) {
			rec := newRecord()
			ok(t, plain.Jobs().Save(t.Context(), rec))
			read, _, err := plain.Jobs().Get(t.Context(), rec.ID)
			ok(t, err)
			rec.Generation = 2
			return func() error { return under.Jobs().Amend(t.Context(), read, rec) },
				func() error { return hasRecord(t, plain, rec, 2) }
		},
		"the end of a job with its book": func(t *testing.T, under, plain *aws.Store) (write, done func() error) {
			rec, absent := newRecord(), book.Item{ID: uuid.New()}
			rec.State = job.Failed
			return func() error { return under.Jobs().SaveIfUnchanged(t.Context(), rec, absent) },
				func() error { return hasRecord(t, plain, rec, 1) }
		},
		"a burial": func(t *testing.T, under, plain *aws.Store) (write, done func() error) {
			absent, live := newBook()
			ok(t, plain.Books().Swap(t.Context(), absent, live))
			rec, fenced := died(newRecord()), live
			fenced.Fence = 1
			return func() error { return under.Jobs().Bury(t.Context(), rec, live) },
				func() error { return errors.Join(hasRecord(t, plain, rec, 1), hasBook(t, plain, fenced)) }
		},
		"a burial of a job of no book": func(t *testing.T, under, plain *aws.Store) (write, done func() error) {
			rec, absent := died(newRecord()), book.Item{ID: uuid.New()}
			return func() error { return under.Jobs().Bury(t.Context(), rec, absent) },
				func() error {
					return errors.Join(hasRecord(t, plain, rec, 1), hasBook(t, plain, book.Item{ID: absent.ID, Fence: 1}))
				}
		},
		"a claim": func(t *testing.T, under, plain *aws.Store) (write, done func() error) {
			c := job.Claim{Caller: uuid.NewString(), Key: "key", Hash: "h", Job: uuid.NewString()}
			return func() error {
					stands, mine, err := under.Jobs().Claim(t.Context(), c)
					if err == nil && (!mine || stands != c) {
						err = fmt.Errorf("told (%v) %+v", mine, stands)
					}
					return err
				}, func() error {
					other := c
					other.Job = uuid.NewString()
					stands, mine, err := plain.Jobs().Claim(t.Context(), other)
					if err == nil && (mine || stands != c) {
						err = fmt.Errorf("told (%v) %+v", mine, stands)
					}
					return err
				}
		},
	}
}

func hasBook(t *testing.T, s *aws.Store, want book.Item) error {
	t.Helper()
	got, err := s.Books().Get(t.Context(), want.ID)
	if err == nil && (got.Version != want.Version || got.Fence != want.Fence || got.LastJob != want.LastJob) {
		err = fmt.Errorf("the book is %+v, want %+v", got, want)
	}
	return err
}

func hasRecord(t *testing.T, s *aws.Store, want job.Record, revision int64) error {
	t.Helper()
	got, _, err := s.Jobs().Get(t.Context(), want.ID)
	if err == nil && (got.State != want.State || got.Generation != want.Generation || got.Revision != revision) {
		err = fmt.Errorf("the record is %+v, want %+v in revision %d", got, want, revision)
	}
	return err
}

// eachWrite runs a check of every write under a script of its own.
func eachWrite(t *testing.T, check func(t *testing.T, s *script, write, done func() error)) {
	t.Helper()
	prefix := tables(t)
	for name, prepare := range writes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{}
			under, plain := troubled(t, prefix, s, attempts)
			write, done := prepare(t, under, plain)
			check(t, s, write, done)
		})
	}
}

func TestAWriteWhoseAnswerIsLostIsDoneOnceAndSucceeds(t *testing.T) {
	t.Parallel()
	eachWrite(t, func(t *testing.T, s *script, write, done func() error) {
		s.set(first(1, answerLost))
		ok(t, write())
		ok(t, done())
	})
}

func TestAWriteWhoseAnswersAreAllLostIsDoneOnceAndUnavailable(t *testing.T) {
	t.Parallel()
	eachWrite(t, func(t *testing.T, s *script, write, done func() error) {
		s.set(func(string, any) trouble { return answerLost })
		if err := write(); err != nil && !fault.Is(err, fault.Unavailable) {
			t.Fatal(err)
		}
		ok(t, done())
	})
}

func TestAWriteWaitsForAThrottleToEnd(t *testing.T) {
	t.Parallel()
	eachWrite(t, func(t *testing.T, s *script, write, done func() error) {
		s.set(first(2, throttled))
		ok(t, write())
		ok(t, done())
	})
}

func TestAWriteThatIsThrottledAllTheTimeWritesNothingAndSaysSo(t *testing.T) {
	t.Parallel()
	eachWrite(t, func(t *testing.T, s *script, write, done func() error) {
		s.set(func(string, any) trouble { return throttled })
		if err := write(); !fault.Is(err, fault.Throttled) {
			t.Fatalf("got %v, want fault.Throttled", err)
		}
		s.set(nil)
		ok(t, write())
		ok(t, done())
	})
}

func TestAWriteDuringAnOutageSucceedsAfterItsEnd(t *testing.T) {
	t.Parallel()
	eachWrite(t, func(t *testing.T, s *script, write, done func() error) {
		s.set(func(string, any) trouble { return unreachable })
		if err := write(); !fault.Is(err, fault.Unavailable) {
			t.Fatalf("got %v, want fault.Unavailable", err)
		}
		s.set(nil)
		ok(t, write())
		ok(t, done())
	})
}

func TestAConflictIsTriedAgain(t *testing.T) {
	t.Parallel()
	troubles := map[string]trouble{
		"with a transaction": conflict,
		"of transactions":    cancelled("TransactionConflict"),
		"for want of units":  cancelled("ThrottlingError"),
		"for want of room":   cancelled("ProvisionedThroughputExceeded"),
	}
	prefix := tables(t)
	for name, tr := range troubles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{}
			under, plain := troubled(t, prefix, s, calls)
			for name, prepare := range writes() {
				s.set(nil)
				write, done := prepare(t, under, plain)
				s.set(first(3, tr))
				if err := write(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if err := done(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				s.set(func(string, any) trouble { return tr })
				if err := write(); !fault.Is(err, fault.Throttled) {
					t.Errorf("%s: got %v, want fault.Throttled", name, err)
				}
			}
		})
	}
}

func TestACallThatIsSlowEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := &script{}
	under, plain := troubled(t, tables(t), s, calls)
	absent, next := newBook()
	ctx, cancel := context.WithCancel(t.Context())
	s.set(func(string, any) trouble {
		return func(call func() (any, error)) (any, error) {
			cancel()
			return call()
		}
	})
	if err := under.Books().Swap(ctx, absent, next); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want fault.Unavailable", err)
	}
	ok(t, hasBook(t, plain, absent))
	s.set(func(string, any) trouble { return conflict })
	if err := under.Books().Swap(ctx, absent, next); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want fault.Unavailable", err)
	}
}

// leaveOut answers a batch as if all but its first key had not been processed.
func leaveOut(call func() (any, error), in *dynamodb.BatchGetItemInput) (any, error) {
	left := map[string]types.KeysAndAttributes{}
	for table, asked := range in.RequestItems {
		if len(asked.Keys) < 2 {
			continue
		}
		rest := asked
		rest.Keys, asked.Keys = asked.Keys[1:], asked.Keys[:1]
		in.RequestItems[table], left[table] = asked, rest
	}
	result, err := call()
	if out, isBatch := result.(*dynamodb.BatchGetItemOutput); isBatch && err == nil {
		out.UnprocessedKeys = left
	}
	return result, err
}

func TestKeysThatWereNotProcessedAreAskedForAgain(t *testing.T) {
	t.Parallel()
	const many = 20 // more than the tries without any progress
	s := &script{}
	under, plain := troubled(t, tables(t), s, calls)
	lane := uuid.NewString()
	for range many {
		absent, next := newBook()
		ok(t, plain.Books().Swap(t.Context(), absent, next))
		rec := died(newRecord())
		rec.Burial.Lane = lane
		ok(t, plain.Jobs().Save(t.Context(), rec))
	}
	s.set(func(_ string, input any) trouble {
		in, isBatch := input.(*dynamodb.BatchGetItemInput)
		if !isBatch {
			return nil
		}
		return func(call func() (any, error)) (any, error) { return leaveOut(call, in) }
	})
	t.Run("a page of the ledger is whole", func(t *testing.T) {
		page, next, err := under.Jobs().Dead(t.Context(), job.Filter{Lane: lane}, "", 100)
		if err != nil || len(page) != many || next != "" {
			t.Errorf("listed are %d, next %q, %v", len(page), next, err)
		}
	})
	t.Run("a page of books is whole", func(t *testing.T) {
		page, next, err := under.Books().List(t.Context(), book.Query{Order: book.ByTitle, Limit: 100})
		if err != nil || len(page) != many || next != "" {
			t.Errorf("listed are %d, next %q, %v", len(page), next, err)
		}
	})
	t.Run("a page of which nothing is ever processed is given up as throttled", func(t *testing.T) {
		s.set(func(_ string, input any) trouble {
			in, isBatch := input.(*dynamodb.BatchGetItemInput)
			if !isBatch {
				return nil
			}
			return func(func() (any, error)) (any, error) {
				return &dynamodb.BatchGetItemOutput{UnprocessedKeys: in.RequestItems}, nil
			}
		})
		page, _, err := under.Books().List(t.Context(), book.Query{Order: book.ByTitle, Limit: 100})
		if !fault.Is(err, fault.Throttled) || len(page) > 0 {
			t.Errorf("listed are %d, %v", len(page), err)
		}
	})
}
