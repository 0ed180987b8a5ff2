package arrive_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"acervo/internal/arrive"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/queue"
)

// weary takes so many messages and then no more.
type weary struct {
	queue.Sender
	left int
}

func (w *weary) Send(ctx context.Context, m queue.Message) error {
	w.left--
	if w.left < 0 {
		return fault.New(fault.Unavailable, "the lane is down")
	}
	return w.Sender.Send(ctx, m)
}

// halfSent is an import of which two of four chunks were sent.
func (d *shelf) halfSent(t *testing.T) drop.Import {
	t.Helper()
	o := d.put(t, "drop/a.csv", []byte(many(1700)))
	d.Drops = d.over(d.store, d.objects, oneByOne(&weary{d.lane, 2}))
	if err := d.Arrived(t.Context(), o); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("got %v", err)
	}
	i := d.latest(t, o.Key)
	if !intake.Unsent(i) || i.State != drop.Queued || len(d.lane.sent) != 2 {
		t.Fatalf("%d chunks of %+v were sent", len(d.lane.sent), i)
	}
	return i
}

func (d *shelf) unsent() *arrive.Unsent {
	imports := &intake.Imports{Drops: d.store, Objects: d.objects, Lane: d.lane, Now: july}
	return &arrive.Unsent{Imports: imports, Log: slog.New(slog.DiscardHandler)}
}

func TestAnImportWhoseSenderDiedHalfWayIsSentByWhoLooks(t *testing.T) {
	t.Parallel()
	t.Run("within two looks, once, and each row is on the lane", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			d := newShelf(t)
			i := d.halfSent(t)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); d.unsent().Run(ctx) }()
			time.Sleep(arrive.UnsentEvery / 2)
			if n := len(d.lane.chunks()); n != 2 {
				t.Errorf("%d chunks are sent while their sender may be at it", n)
			}
			time.Sleep(2 * arrive.UnsentEvery)
			if n := len(d.rows(t, i.ID, d.lane.chunks())); n != 1700 {
				t.Errorf("%d rows are on the lane", n)
			}
			sent := len(d.lane.sent)
			time.Sleep(10 * arrive.UnsentEvery)
			if i := d.latest(t, i.Key); i.StartedAt.IsZero() || len(d.lane.sent) != sent {
				t.Errorf("sent again: %d messages, %+v", len(d.lane.sent), i)
			}
			stop()
			<-ended
		})
	})
	t.Run("without the chunks that have an outcome", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		i := d.halfSent(t)
		for _, c := range d.lane.chunks() {
			if _, err := d.store.Finish(t.Context(), i.ID, drop.Applying, c.Number, drop.Counts{OK: 500}); err != nil {
				t.Fatal(err)
			}
		}
		u := d.unsent()
		for range 2 {
			if err := u.Once(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(d.lane.sent); n != 4 {
			t.Errorf("%d messages were sent for four chunks", n)
		}
	})
	t.Run("though another import cannot be sent, and what waits for an order waits", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		i := d.halfSent(t)
		broken, planned := i, i
		broken.ID, broken.ArrivedAt = uuidOf(1), i.ArrivedAt.Add(time.Second)
		if _, err := d.objects.Put(t.Context(), drop.PlanKey(broken.ID), "application/json", strings.NewReader("no plan")); err != nil {
			t.Fatal(err)
		}
		planned.ID, planned.State = uuidOf(2), drop.Planned
		for _, other := range []drop.Import{broken, planned} {
			if err := d.store.Create(t.Context(), other); err != nil {
				t.Fatal(err)
			}
		}
		u := d.unsent()
		if err := u.Once(t.Context()); err != nil {
			t.Errorf("the first look fails: %v", err)
		}
		if err := u.Once(t.Context()); err == nil {
			t.Errorf("nobody is told of the one that cannot be sent: %v", err)
		}
		for _, c := range d.lane.chunks() {
			if c.Import != i.ID {
				t.Errorf("sent was %+v", c)
			}
		}
		if n := len(d.rows(t, i.ID, d.lane.chunks())); n != 1700 {
			t.Errorf("%d rows are on the lane", n)
		}
	})
}

// The plan of an import may be gone when somebody looks: it is kept for a time only.
func TestAnImportWhoseChunksCannotBeSentAnyMoreEnds(t *testing.T) {
	t.Parallel()
	left := func(t *testing.T, state drop.State) (*shelf, drop.Import) {
		t.Helper()
		d := newShelf(t)
		i := d.halfSent(t)
		next := i
		next.State = state
		if err := errors.Join(d.store.Update(t.Context(), i, next), d.objects.Delete(t.Context(), drop.PlanKey(i.ID))); err != nil {
			t.Fatal(err)
		}
		u := d.unsent()
		for range 3 {
			if err := u.Once(t.Context()); err != nil {
				t.Errorf("it is looked at for ever: %v", err)
			}
		}
		i = d.latest(t, i.Key)
		return d, i
	}
	for _, state := range []drop.State{drop.Queued, drop.Running} {
		t.Run("and says what can be done, when it was "+string(state), func(t *testing.T) {
			t.Parallel()
			d, i := left(t, state)
			if i.State != drop.Failed || i.FinishedAt.IsZero() || i.Error == nil || i.Error.Status != http.StatusGone || !strings.Contains(i.Error.Detail, "drop the file again") {
				t.Errorf("it is %+v, %+v", i, i.Error)
			}
			d.Drops = d.over(d.store, d.objects, d.lane)
			if again := d.drops(t, "drop/again.csv", many(1700)); again.State != drop.Queued || again.DuplicateOf != uuid.Nil {
				t.Errorf("dropped again it is %+v", again)
			}
		})
	}
	t.Run("as cancelled, when that was ordered", func(t *testing.T) {
		t.Parallel()
		if _, i := left(t, drop.Cancelling); i.State != drop.Cancelled || i.FinishedAt.IsZero() || i.Error != nil {
			t.Errorf("it is %+v", i)
		}
	})
}

func uuidOf(n byte) (id uuid.UUID) { id[15] = n; return id }

// oneByOne makes the calls of a sender follow one another.
func oneByOne(to queue.Sender) queue.Sender { return &inTurn{Sender: to} }

type inTurn struct {
	queue.Sender
	mu sync.Mutex
}

func (l *inTurn) Send(ctx context.Context, m queue.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Sender.Send(ctx, m)
}
