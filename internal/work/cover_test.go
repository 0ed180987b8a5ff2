package work_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/job"
)

// picture is a cover of one colour, which tells it from others.
func picture(color string) *book.Cover {
	return &book.Cover{
		SHA256: strings.Repeat("0", 64), Renditions: []book.Rendition{{Width: 96, Height: 64}}, Blurhash: "00TSUA", Color: color,
	}
}

// set is a job that sets a cover of this colour.
func (h *house) set(id uuid.UUID, color string) job.Message {
	h.t.Helper()
	m := h.message(job.CoverSet, id, "")
	m.Cover = picture(color)
	return m
}

// shows checks the colour of the cover of a book, empty for none.
func (h *house) shows(id uuid.UUID, color string) {
	h.t.Helper()
	got := ""
	if c := h.item(id).Cover; c != nil {
		got = c.Color
	}
	if got != color {
		h.t.Errorf("the cover is %q, want %q", got, color)
	}
}

func TestACoverIsAWriteThatOtherWritesLeaveAlone(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		h.apply(h.message(job.Create, id, "A"))
		set := h.set(id, "#ff0000")
		h.apply(set)
		h.expect(set, job.Succeeded, 2, "A")
		h.apply(set) // once more
		h.expect(set, job.Succeeded, 2, "A")
		h.apply(h.message(job.Update, id, "B"))
		h.apply(h.message(job.Replace, id, "C"))
		h.shows(id, "#ff0000")
		remove := h.message(job.CoverRemove, id, "")
		h.apply(remove)
		h.expect(remove, job.Succeeded, 5, "C")
		h.shows(id, "")
	})
}

func TestOfTwoCoversTheLaterAcceptedStaysInWhateverOrderTheyCome(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		h.apply(h.message(job.Create, id, "A"))
		first, second, third := h.set(id, "#ff0000"), h.set(id, "#00ff00"), h.message(job.CoverRemove, id, "")
		h.apply(second)
		h.apply(first)
		h.expect(second, job.Succeeded, 2, "A")
		h.expect(first, job.Superseded, 2, "A")
		h.shows(id, "#00ff00")
		late := h.set(id, "#0000ff")
		h.apply(late)
		h.apply(third)
		h.expect(third, job.Superseded, 3, "A")
		h.shows(id, "#0000ff")
	})
}

func TestACoverOfABookThatWasDeletedDoesNotComeBackWithTheNextOne(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		h.apply(h.message(job.Create, id, "A"))
		h.apply(h.set(id, "#ff0000"))
		slow := h.set(id, "#00ff00")
		h.apply(h.message(job.Delete, id, ""))
		h.shows(id, "")
		h.apply(h.message(job.Create, id, "B"))
		h.shows(id, "")
		h.apply(slow)
		h.expect(slow, job.Superseded, 4, "B")
		h.shows(id, "")
	})
}

func TestACoverOfNoBookIsNotFound(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		for _, m := range []job.Message{h.set(uuid.New(), "#ff0000"), h.message(job.CoverRemove, uuid.New(), "")} {
			h.apply(m)
			if rec := h.record(m); rec.State != job.Failed || rec.Error == nil || rec.Error.Status != http.StatusNotFound {
				t.Errorf("%s of no book is %+v", m.Kind, rec)
			}
		}
	})
}

func TestACoverWhoseRecordGotLostIsDoneAlsoAfterARowHasWritten(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		h.apply(h.message(job.Create, id, "A"))
		set := h.set(id, "#ff0000")
		item := h.item(id)
		next := item
		next.Version, next.Cover, next.CoverJob = item.Version+1, set.Cover, set.Job
		if err := h.db.Books().Swap(t.Context(), item, next); err != nil { // and another job was last
			t.Fatal(err)
		}
		h.apply(set)
		h.expect(set, job.Succeeded, 2, "A")
	})
}

func TestACoverThatWasNeverMadeIsRefused(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		id := uuid.New()
		h.apply(h.message(job.Create, id, "A"))
		m := h.message(job.CoverSet, id, "")
		h.apply(m)
		h.expect(m, job.Failed, 1, "A")
	})
}
