package work_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/job"
	"acervo/internal/work"
)

func TestAWriteRaisesTheVersionByOneAndRecordsIt(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		create, update, remove := h.message(job.Create, id, "A"), h.message(job.Update, id, "B"), h.message(job.Delete, id, "")
		h.apply(create)
		h.expect(create, job.Succeeded, 1, "A")
		h.apply(update)
		h.expect(update, job.Succeeded, 2, "B")
		h.apply(remove)
		h.expect(remove, job.Succeeded, 3, "")
		if h.item(id).Existence != book.Tombstone {
			t.Error("a deleted book leaves no tombstone")
		}
		again := h.message(job.Create, id, "C")
		h.apply(again)
		h.expect(again, job.Succeeded, 4, "C")
		if rec := h.record(again); rec.BookVersion != 4 {
			t.Errorf("the record says version %d, want 4", rec.BookVersion)
		}
	})
}

func TestABookThatIsTakenBackGoesOnFromItsVersion(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []job.Kind // what happened to the book here
		begins int64
		want   int64
	}{
		{"one that never was begins with it", nil, 7, 7},
		{"one that never was begins with 1 as always", nil, 1, 1},
		{"a deleted one goes on to it", []job.Kind{job.Create, job.Delete}, 7, 7},
		{"a deleted one does not go back", []job.Kind{job.Create, job.Update, job.Update, job.Delete}, 3, 5},
		{"a deleted one makes no version twice", []job.Kind{job.Create, job.Delete}, 2, 3},
		{"one that exists counts on by one", []job.Kind{job.Create, job.Update}, 7, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				id := uuid.New()
				for _, kind := range c.before {
					h.apply(h.message(kind, id, "A"))
				}
				back := h.message(job.Replace, id, "B")
				back.Version = c.begins
				h.apply(back)
				h.expect(back, job.Succeeded, c.want, "B")
				if item, rec := h.item(id), h.record(back); item.LastJobVersion != c.want || rec.BookVersion != c.want {
					t.Errorf("the book says %d and the record %d, want %d", item.LastJobVersion, rec.BookVersion, c.want)
				}
				next := h.message(job.Update, id, "C")
				h.apply(next)
				h.apply(back) // delivered again
				h.expect(next, job.Succeeded, c.want+1, "C")
			})
		})
	}
}

func TestABookBeginsWhereItsFenceStands(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		dead := h.message(job.Replace, id, "A")
		if err := apply(t.Context(), h.applier(), dead, work.MaxReceives+1); err != nil {
			t.Fatal(err)
		}
		back := h.message(job.Replace, id, "B")
		back.Version = 7
		h.apply(back)
		h.expect(back, job.Succeeded, 7, "B")
		if item := h.item(id); item.Fence != 1 {
			t.Errorf("its fence is %d, want that of the burial", item.Fence)
		}
	})
}

func TestAMessageDeliveredAgainChangesNothing(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		create := h.message(job.Create, id, "A")
		h.apply(create)
		h.apply(create)
		h.expect(create, job.Succeeded, 1, "A")
	})
}

func TestARecordLostAfterTheWriteIsMadeGoodWithoutWritingAgain(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		create := h.message(job.Create, id, "A")
		crashed := work.NewApplier(h.db.Books(), failingSave{h.db.Jobs()}, "writes", time.Now)
		if err := apply(t.Context(), crashed, create, 1); err == nil {
			t.Fatal("an apply whose record is not stored must not succeed")
		}
		h.apply(create)
		h.expect(create, job.Succeeded, 1, "A")
		if rec := h.record(create); rec.BookVersion != 1 {
			t.Errorf("the record says version %d, want that of the write, 1", rec.BookVersion)
		}
	})
}

func TestRefusalsAreRecordedWithTheirProblemAndLeaveTheBook(t *testing.T) {
	cases := []struct {
		name   string
		kind   job.Kind
		exists bool
		edit   func(*job.Message)
		status int
	}{
		{"creating what exists is a conflict", job.Create, true, nil, http.StatusConflict},
		{"updating what does not exist is not found", job.Update, false, nil, http.StatusNotFound},
		{"deleting what does not exist is not found", job.Delete, false, nil, http.StatusNotFound},
		{"If-Match of another version fails", job.Update, true, match(7), http.StatusPreconditionFailed},
		{"If-Match on a replace of nothing fails", job.Replace, false, match(1), http.StatusPreconditionFailed},
		{"If-Match on an update of nothing is not found", job.Update, false, match(1), http.StatusNotFound},
		{"If-None-Match: * on what exists fails", job.Replace, true, noneMatch, http.StatusPreconditionFailed},
		{"a patch that spoils the stored book is invalid", job.Update, true, func(m *job.Message) {
			m.Patch = book.Patch(`{"price":{"amount":"1"}}`)
		}, http.StatusUnprocessableEntity},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				id, version, title := uuid.New(), int64(0), ""
				if c.exists {
					h.apply(h.message(job.Create, id, "A"))
					version, title = 1, "A"
				}
				m := h.message(c.kind, id, "B")
				if c.edit != nil {
					c.edit(&m)
				}
				h.apply(m)
				h.expect(m, job.Failed, version, title)
				if rec := h.record(m); rec.Error == nil || rec.Error.Status != c.status {
					t.Errorf("the problem is %+v, want status %d", rec.Error, c.status)
				}
			})
		})
	}
}

func TestPreconditionsThatHoldLetTheWriteThrough(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		first := h.message(job.Replace, id, "A")
		noneMatch(&first)
		h.apply(first)
		h.expect(first, job.Succeeded, 1, "A")
		second := h.message(job.Replace, id, "B")
		match(1)(&second)
		h.apply(second)
		h.expect(second, job.Succeeded, 2, "B")
	})
}

// The shortest trace of the model (../../../shared/model, "failed race"): a
// refusal decided on a book that a bulk row has made meanwhile.
func TestARefusalThatTheBookHasOvertakenIsDecidedAgain(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		update := h.message(job.Update, id, "B")
		books := &interposed{Store: h.db.Books(), between: func() {
			row := book.Item{ID: id, Existence: book.Live, Version: 1, Draft: book.Draft{Title: "row", Authors: []string{"x"}}}
			if err := h.db.Books().Swap(t.Context(), book.Item{ID: id}, row); err != nil {
				t.Fatal(err)
			}
		}}
		if err := apply(t.Context(), work.NewApplier(books, h.db.Jobs(), "writes", time.Now), update, 1); err != nil {
			t.Fatal(err)
		}
		h.expect(update, job.Succeeded, 2, "B")
	})
}

// "as designed, record first" of the model: a zombie that read the record before
// the book would take another delivery's write for its own leave to apply.
func TestAZombieThatWakesAfterTheJobEndedWritesNothing(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		create := h.message(job.Create, id, "A")
		books := &interposed{Store: h.db.Books(), between: func() {
			h.apply(create)
			h.apply(h.message(job.Update, id, "B"))
		}}
		if err := apply(t.Context(), work.NewApplier(books, h.db.Jobs(), "writes", time.Now), create, 1); err != nil {
			t.Fatal(err)
		}
		h.expect(create, job.Succeeded, 2, "B")
	})
}

func match(version int64) func(*job.Message) {
	return func(m *job.Message) { m.IfMatch = &book.Tags{Versions: []int64{version}} }
}

func noneMatch(m *job.Message) { m.IfNoneMatch = &book.Tags{Any: true} }

// interposed does something once, right after the first read of a book.
type interposed struct {
	book.Store
	between func()
}

func (i *interposed) Get(ctx context.Context, id uuid.UUID) (book.Item, error) {
	item, err := i.Store.Get(ctx, id)
	if between := i.between; between != nil {
		i.between = nil
		between()
	}
	return item, err
}
