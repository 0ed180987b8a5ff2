package jobtest

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// model is what a store should hold of two jobs and a book, and everything that
// was ever read of them.
type model struct {
	*Suite
	lane  string
	ids   []string
	recs  map[string]job.Record   // the last written
	at    map[string]time.Time    // when
	reads map[string][]job.Record // as the store returned them, oldest first
	books []book.Item             // the last is stored
}

// walks compares the store with its model on random walks.
func walks(s *Suite) {
	rapid.Check(s.t, func(t *rapid.T) {
		m := &model{
			Suite: s, lane: newID(), ids: []string{newID(), newID()},
			recs: map[string]job.Record{}, at: map[string]time.Time{}, reads: map[string][]job.Record{},
			books: []book.Item{s.write(book.Item{ID: uuid.New()})},
		}
		t.Repeat(map[string]func(*rapid.T){
			"write": func(*rapid.T) { m.books = append(m.books, s.write(m.book())) },
			"fence": func(*rapid.T) { m.books = append(m.books, s.fence(m.book())) },
			"save":  m.save,
			"amend": m.amend,
			"wait": func(t *rapid.T) {
				// Never just at the end of a time to remember.
				s.Advance(time.Duration(rapid.IntRange(1, 3).Draw(t, "thirds"))*job.RecordTTL/3 + time.Minute)
			},
			"": m.check,
		})
	})
}

func (m *model) book() book.Item { return m.books[len(m.books)-1] }

func (m *model) expired(id string) bool {
	rec, found := m.recs[id]
	listed := rec.Burial != nil && rec.Burial.Listed
	return found && !listed && m.Now().Sub(m.at[id]) >= job.RecordTTL
}

// draw returns a record that somebody may want to write.
func (m *model) draw(t *rapid.T) job.Record {
	state := rapid.SampledFrom(append(terminal(), job.Queued, job.Retrying)).Draw(t, "state")
	rec := m.record(state)
	if rapid.Bool().Draw(t, "buried once") {
		rec.Burial = m.dead(m.lane).Burial
		rec.Burial.Listed = rapid.Bool().Draw(t, "listed")
	}
	rec.ID = rapid.SampledFrom(m.ids).Draw(t, "job")
	rec.Generation = rapid.IntRange(1, 2).Draw(t, "generation")
	return rec
}

// save is any of the ways to write a record that stands on its state.
func (m *model) save(t *rapid.T) {
	rec := m.draw(t)
	if m.expired(rec.ID) {
		return // whether what was forgotten still counts is the adapter's choice
	}
	old, found := m.recs[rec.ID]
	fits := !found || old.Generation == rec.Generation && !old.State.Terminal()
	read := rapid.SampledFrom(m.books).Draw(t, "book")
	asRead := read.Version == m.book().Version && read.Fence == m.book().Fence
	save := m.Jobs.Save
	with := rapid.SampledFrom([]string{"alone", "with book", "burial", "burial without book"}).Draw(t, "way")
	switch with {
	case "with book":
		fits = fits && asRead
		save = func(ctx context.Context, rec job.Record) error { return m.Jobs.SaveIfUnchanged(ctx, rec, read) }
	case "burial":
		fits = fits && asRead
		save = func(ctx context.Context, rec job.Record) error { return m.Jobs.Bury(ctx, rec, read) }
	case "burial without book":
		save = func(ctx context.Context, rec job.Record) error { return m.Jobs.Bury(ctx, rec, book.Item{}) }
	}
	m.wrote(t, rec, fits, save(m.t.Context(), rec))
	if fits && with == "burial" {
		m.books = append(m.books, fenced(read))
	}
}

func (m *model) amend(t *rapid.T) {
	rec := m.draw(t)
	if m.expired(rec.ID) || len(m.reads[rec.ID]) == 0 {
		return
	}
	reads := m.reads[rec.ID]
	read := rapid.SampledFrom(reads).Draw(t, "read")
	m.wrote(t, rec, read.Revision == reads[len(reads)-1].Revision, m.Jobs.Amend(m.t.Context(), read, rec))
}

// wrote notes what became of a write that fits the model, or does not.
func (m *model) wrote(t *rapid.T, rec job.Record, fits bool, err error) {
	if fits != (err == nil) || !fits && !fault.Is(err, fault.Changed) {
		t.Fatalf("writing %+v where %+v is stored: %v", rec, m.recs[rec.ID], err)
	}
	if fits {
		m.recs[rec.ID], m.at[rec.ID] = rec, m.Now()
		m.reads[rec.ID] = append(m.reads[rec.ID], m.get(rec.ID))
	}
}

func (m *model) check(t *rapid.T) {
	var listed []string
	for _, id := range m.ids {
		want, kept := m.recs[id]
		kept = kept && !m.expired(id)
		rec, found, err := m.Jobs.Get(m.t.Context(), id)
		if err != nil || found != kept || kept && !same(rec, want) {
			t.Fatalf("the store has %+v (%v, %v), want %+v (%v)", rec, found, err, want, kept)
		}
		if want.Burial != nil && want.Burial.Listed {
			listed = append(listed, id)
		}
	}
	got := ids(m.all(job.Filter{Lane: m.lane}, 1))
	slices.Sort(got)
	slices.Sort(listed)
	if !slices.Equal(got, listed) {
		t.Fatalf("the ledger lists %v, want %v", got, listed)
	}
	if item, err := m.Books.Get(m.t.Context(), m.book().ID); err != nil || item.Version != m.book().Version || item.Fence != m.book().Fence {
		t.Fatalf("the book is %+v (%v), want %+v", item, err, m.book())
	}
}
