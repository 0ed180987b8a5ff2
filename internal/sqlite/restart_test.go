package sqlite_test

import (
	"bytes"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"acervo/internal/blob"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
)

// life is a process that has a database open.
type life struct {
	*sqlite.Lane
	t  *testing.T
	db *sqlite.DB
}

// lives runs a test on fake time over one directory, which it opens as often as
// it likes.
func lives(t *testing.T, test func(t *testing.T, next func() *life)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var now *life
		end := func() {
			if now != nil {
				ok(t, now.db.Close())
			}
		}
		test(t, func() *life {
			end()
			db, err := sqlite.Open(sqlite.Options{Dir: dir})
			ok(t, err)
			now = &life{lane(t, db, "writes", sqlite.LaneOptions{Lease: time.Minute, Poll: time.Second}), t, db}
			return now
		})
		end()
	})
}

func (l *life) send(group string, ids ...string) {
	l.t.Helper()
	for _, id := range ids {
		ok(l.t, l.Send(l.t.Context(), message(group, id)))
	}
}

// one receives this message, in this many receives.
func (l *life) one(id string, receives int) queue.Delivery {
	l.t.Helper()
	d := one(l.t, l.Lane, id)
	if d.Receives != receives {
		l.t.Fatalf("%s says receive %d, want %d", id, d.Receives, receives)
	}
	return d
}

func (l *life) none() {
	l.t.Helper()
	if batch, err := l.Receive(l.t.Context(), queue.MaxBatch); err != nil || len(batch) > 0 {
		l.t.Fatalf("received %+v (%v), want nothing", batch, err)
	}
}

func TestARestartKeepsMessagesInTheirOrder(t *testing.T) {
	lives(t, func(t *testing.T, next func() *life) {
		l := next()
		l.send("a", "a1", "a2", "a3")
		l.send("b", "b1")
		ok(t, l.Delete(t.Context(), l.one("a1", 1).Handle))
		sent := time.Now()
		<-time.After(time.Hour)
		l = next()
		if s, err := l.Stats(t.Context()); err != nil || s != (queue.Stats{Waiting: 3, OldestAge: time.Since(sent)}) {
			t.Errorf("the lane has %+v (%v), want 3 messages of an hour", s, err)
		}
		l.send("a", "a2", "a4") // the first of them is there
		for _, id := range []string{"a2", "a3", "b1", "a4"} {
			d := l.one(id, 1)
			if !bytes.Equal(d.Body, message("", id).Body) || d.Damaged {
				t.Errorf("received %+v", d)
			}
			if id != "a4" && !d.SentAt.Equal(sent) {
				t.Errorf("%s was sent at %v, says %v", id, sent, d.SentAt)
			}
			ok(t, l.Delete(t.Context(), d.Handle))
		}
		next().none()
	})
}

func TestARestartEndsLeasesAndKeepsTheCountOfReceives(t *testing.T) {
	lives(t, func(t *testing.T, next func() *life) {
		l := next()
		l.send("a", "a1", "a2")
		ok(t, l.Release(t.Context(), l.one("a1", 1).Handle, 0))
		old := l.one("a1", 2)
		l = next()
		if err := l.Extend(t.Context(), old.Handle); !fault.Is(err, fault.Stale) {
			t.Errorf("extending a lease of the life before: %v", err)
		}
		d := l.one("a1", 3) // at once
		if err := l.Extend(t.Context(), old.Handle); !fault.Is(err, fault.Stale) {
			t.Errorf("extending a lease of the life before: %v", err)
		}
		ok(t, l.Delete(t.Context(), old.Handle))
		ok(t, l.Extend(t.Context(), d.Handle))
		l = next()
		l.one("a1", 4)
	})
}

func TestARestartEndsDelays(t *testing.T) {
	lives(t, func(t *testing.T, next func() *life) {
		l := next()
		l.send("a", "a1", "a2")
		ok(t, l.Release(t.Context(), l.one("a1", 1).Handle, time.Hour))
		l.none()
		l = next()
		l.one("a1", 2)
		l.none() // a2 waits behind it
	})
}

func TestARestartOpensEachLaneForItself(t *testing.T) {
	lives(t, func(t *testing.T, next func() *life) {
		l := next()
		imports := lane(t, l.db, "imports", sqlite.LaneOptions{Poll: time.Second})
		l.send("a", "a1")
		ok(t, imports.Send(t.Context(), message("a", "a1")))
		ok(t, l.Delete(t.Context(), l.one("a1", 1).Handle))
		l.none()
		ok(t, l.Delete(t.Context(), "1.1"))
		d := one(t, imports, "a1")
		l.none()
		ok(t, l.Delete(t.Context(), d.Handle)) // of the other lane
		l.send("a", "a1", "a2")
		l = next()
		l.one("a1", 1)
		imports = lane(t, l.db, "imports", sqlite.LaneOptions{Poll: time.Second})
		if d := one(t, imports, "a1"); d.Receives != 2 {
			t.Errorf("received %+v, want its second receive", d)
		}
		if s, err := imports.Stats(t.Context()); err != nil || s.InFlight != 1 || s.Waiting != 0 {
			t.Errorf("the other lane has %+v (%v)", s, err)
		}
	})
}

func TestReceiptKeysAreMadeOnceAndKept(t *testing.T) {
	lives(t, func(t *testing.T, next func() *life) {
		l := next()
		keys := make(chan job.Key, 8)
		var wg sync.WaitGroup
		for range cap(keys) {
			wg.Go(func() {
				current, retired, err := l.db.ReceiptKeys(t.Context())
				if err != nil || len(current.Secret) != job.KeySize || len(retired) > 0 || !current.RetiredAt.IsZero() {
					t.Errorf("the keys are %+v and %+v (%v)", current, retired, err)
				}
				keys <- current
			})
		}
		wg.Wait()
		first := <-keys
		l = next()
		again, _, err := l.db.ReceiptKeys(t.Context())
		ok(t, err)
		keys <- again
		for range cap(keys) {
			if k := <-keys; !bytes.Equal(k.Secret, first.Secret) {
				t.Error("the key has changed")
			}
		}
		other, _, err := open(t, sqlite.Options{}).ReceiptKeys(t.Context())
		if err != nil || bytes.Equal(other.Secret, first.Secret) {
			t.Errorf("another database has the same key (%v)", err)
		}
	})
}

func TestAReceiptKeyIsReplacedAfterNinetyDaysAndVerifiesForFifteenMore(t *testing.T) {
	const day = 24 * time.Hour
	lives(t, func(t *testing.T, next func() *life) {
		// Each life is a start of the process, which asks for the keys.
		keys := func() []job.Key {
			current, retired, err := next().db.ReceiptKeys(t.Context())
			ok(t, err)
			return append([]job.Key{current}, retired...)
		}
		ring := func(keys []job.Key) *job.Keyring { return job.NewKeyring(time.Now, keys[0], keys[1:]...) }
		first := keys()
		early, err := ring(first).Mint(job.Delete, uuid.New())
		ok(t, err)

		<-time.After(90*day - time.Millisecond)
		if again := keys(); len(again) != 1 || !bytes.Equal(again[0].Secret, first[0].Secret) {
			t.Errorf("before its time the keys are %+v, want the first one", again)
		}
		<-time.After(time.Millisecond)
		retiredAt, second := time.Now(), keys()
		if len(second) != 2 || bytes.Equal(second[0].Secret, first[0].Secret) || !second[0].RetiredAt.IsZero() ||
			!bytes.Equal(second[1].Secret, first[0].Secret) || !second[1].RetiredAt.Equal(retiredAt.Truncate(time.Millisecond)) {
			t.Fatalf("after 90 days the keys are %+v, want a fresh one and the first one as retired", second)
		}

		<-time.After(15*day - time.Millisecond)
		if kept := keys(); len(kept) != 2 {
			t.Errorf("after 15 days the keys are %+v, want the retired one too", kept)
		} else if _, err := ring(kept).Verify(early.ID); err != nil {
			t.Errorf("a receipt of the retired key: %v", err)
		}
		<-time.After(2 * time.Millisecond)
		last := keys()
		if len(last) != 1 || !bytes.Equal(last[0].Secret, second[0].Secret) {
			t.Errorf("after that the keys are %+v, want the second one alone", last)
		}
		if _, err := ring(last).Verify(early.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("a receipt of a key that is forgotten: %v", err)
		}

		<-time.After(75 * day) // since the second one was made 90 days have passed
		third := keys()
		<-time.After(365 * day)
		fourth := keys() // the process ran for a year, and so did its key
		if len(third) != 2 || len(fourth) != 2 || !bytes.Equal(fourth[1].Secret, third[0].Secret) {
			t.Errorf("the keys are %+v and a year later %+v", third, fourth)
		}
	})
}

func TestUploadKeysAreMadeOnceAndReplacedAfterNinetyDays(t *testing.T) {
	const day = 24 * time.Hour
	lives(t, func(t *testing.T, next func() *life) {
		keys := func() []sqlite.UploadKey {
			current, retired, err := next().db.UploadKeys(t.Context())
			ok(t, err)
			return append([]sqlite.UploadKey{current}, retired...)
		}
		first := keys()
		<-time.After(90*day - time.Minute)
		if again := keys(); len(again) != 1 || len(again[0].Secret) != job.KeySize || !bytes.Equal(again[0].Secret, first[0].Secret) {
			t.Errorf("before its time the keys are %+v, want the first one", again)
		}
		<-time.After(time.Minute)
		if second := keys(); len(second) != 2 || bytes.Equal(second[0].Secret, first[0].Secret) || !bytes.Equal(second[1].Secret, first[0].Secret) {
			t.Errorf("after 90 days the keys are %+v, want a fresh one and the first one as retired", second)
		}
		<-time.After(blob.MaxExpiry + time.Second)
		if last := keys(); len(last) != 1 {
			t.Errorf("once all that it signed has expired the keys are %+v", last)
		}
		receipts, _, err := next().db.ReceiptKeys(t.Context())
		if err != nil || bytes.Equal(receipts.Secret, first[0].Secret) {
			t.Errorf("receipts are signed by %+v (%v)", receipts, err)
		}
	})
}
