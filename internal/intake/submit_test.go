package intake_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func july() time.Time { return time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC) }

func someID() uuid.UUID { return uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057") }

func someDraft() *book.Draft { return &book.Draft{Title: "title", Authors: []string{"author"}} }

// desk is an intake over a real lane.
type desk struct {
	*intake.Intake
	ring *job.Keyring
	lane *sqlite.Lane
}

func newDesk(t *testing.T, opts sqlite.LaneOptions) desk {
	t.Helper()
	db, err := sqlite.Open(sqlite.Options{Now: july})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	lane, err := db.Lane(t.Context(), "writes", opts)
	if err != nil {
		t.Fatal(err)
	}
	ring := job.NewKeyring(july, job.NewKey())
	in := &intake.Intake{Ring: ring, Lane: lane, Gauge: lane, Jobs: db.Jobs(), Claims: db.Jobs(), Now: july}
	return desk{in, ring, lane}
}

func (d desk) submit(t *testing.T, w intake.Write) job.Job {
	t.Helper()
	j, _, err := d.Submit(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// waiting counts the messages on the lane.
func (d desk) waiting(t *testing.T) int {
	t.Helper()
	stats, err := d.lane.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stats.Waiting
}

// next takes a message off the lane.
func (d desk) next(t *testing.T) (queue.Delivery, job.Message) {
	t.Helper()
	if d.waiting(t) == 0 {
		t.Fatal("the lane is empty")
	}
	got, err := d.lane.Receive(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	m, err := job.DecodeMessage(got[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	return got[0], m
}

func TestSubmit(t *testing.T) {
	t.Parallel()
	t.Run("a write is one message with all that was given", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, sqlite.LaneOptions{})
		w := intake.Write{
			Kind: job.Update, BookID: someID(), Patch: book.Patch(`{"rating":4}`), Traceparent: "trace",
			IfMatch: &book.Tags{Versions: []int64{7}}, IfNoneMatch: &book.Tags{Any: true},
		}
		j := d.submit(t, w)
		delivery, m := d.next(t)
		if m.Job != j.ID || m.Generation != 1 || m.Kind != job.Update || m.BookID != someID() || !m.AcceptedAt.Equal(july()) {
			t.Errorf("sent %+v", m)
		}
		if string(m.Patch) != `{"rating":4}` || m.Draft != nil || !m.IfMatch.Match(7) || !m.IfNoneMatch.Any || m.Traceparent != "trace" {
			t.Errorf("sent %+v", m)
		}
		if delivery.Group != someID().String() || delivery.DedupID != j.ID+".1" || d.waiting(t) != 0 {
			t.Errorf("sent as %s in %s", delivery.DedupID, delivery.Group)
		}
	})
	t.Run("the job is queued, and its id is a receipt of the ring", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, sqlite.LaneOptions{})
		j := d.submit(t, intake.Write{Kind: job.Delete, BookID: someID()})
		want := job.Job{ID: j.ID, Kind: job.Delete, State: job.Queued, BookID: someID(), SubmittedAt: july()}
		if !reflect.DeepEqual(j, want) {
			t.Errorf("got %+v", j)
		}
		receipt, err := d.ring.Verify(j.ID)
		if err != nil || receipt.Kind != job.Delete || receipt.BookID != someID() || !receipt.AcceptedAt().Equal(july()) {
			t.Errorf("got %+v, %v", receipt, err)
		}
	})
	t.Run("a create without id gets that of its ISBN", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, sqlite.LaneOptions{})
		draft := someDraft()
		draft.ISBN = "9780306406157"
		j := d.submit(t, intake.Write{Kind: job.Create, Draft: draft})
		if _, m := d.next(t); j.BookID != book.ID(*draft) || m.BookID != j.BookID {
			t.Errorf("got %s, sent %s", j.BookID, m.BookID)
		}
	})
	t.Run("a create with an id keeps it", func(t *testing.T) {
		t.Parallel()
		draft := someDraft()
		draft.ID, draft.ISBN = someID(), "9780306406157"
		if j := newDesk(t, sqlite.LaneOptions{}).submit(t, intake.Write{Kind: job.Create, Draft: draft}); j.BookID != someID() {
			t.Errorf("got %s", j.BookID)
		}
	})
	t.Run("a replace goes to the book it names, whatever the ISBN", func(t *testing.T) {
		t.Parallel()
		draft := someDraft()
		draft.ISBN = "9780306406157"
		j := newDesk(t, sqlite.LaneOptions{}).submit(t, intake.Write{Kind: job.Replace, BookID: someID(), Draft: draft})
		if j.BookID != someID() {
			t.Errorf("got %s", j.BookID)
		}
	})
	t.Run("the same write twice is two jobs, in the order of their asking", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, sqlite.LaneOptions{})
		w := intake.Write{Kind: job.Delete, BookID: someID()}
		first, second := d.submit(t, w), d.submit(t, w)
		delivery, m := d.next(t)
		if first.ID >= second.ID || m.Job != first.ID {
			t.Errorf("%s before %s, delivered %s", first.ID, second.ID, m.Job)
		}
		if err := d.lane.Delete(t.Context(), delivery.Handle); err != nil {
			t.Fatal(err)
		}
		if _, m := d.next(t); m.Job != second.ID {
			t.Errorf("delivered %s", m.Job)
		}
	})
}

func TestRefusedSubmits(t *testing.T) {
	t.Parallel()
	w := intake.Write{Kind: job.Delete, BookID: someID()}
	t.Run("a full lane takes nothing", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, sqlite.LaneOptions{MaxDepth: 1})
		d.submit(t, w)
		j, _, err := d.Submit(t.Context(), w)
		if !fault.Is(err, fault.Unavailable) || !reflect.DeepEqual(j, job.Job{}) || d.waiting(t) != 1 {
			t.Errorf("got %+v, %v, %d on the lane", j, err, d.waiting(t))
		}
	})
	t.Run("a caller that has gone is not served", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, sqlite.LaneOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := d.Submit(ctx, w); !fault.Is(err, fault.Unavailable) || d.waiting(t) != 0 {
			t.Errorf("got %v, %d on the lane", err, d.waiting(t))
		}
	})
	t.Run("a kind without a receipt is refused", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, sqlite.LaneOptions{})
		if _, _, err := d.Submit(t.Context(), intake.Write{Kind: "book.burn", BookID: someID()}); !fault.Is(err, fault.Internal) || d.waiting(t) != 0 {
			t.Errorf("got %v, %d on the lane", err, d.waiting(t))
		}
	})
}
