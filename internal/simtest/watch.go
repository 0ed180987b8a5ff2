package simtest

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// cause is what is known of a write before its effects are looked at.
type cause struct {
	row      *rowModel // of an import
	operator bool
	givenUp  bool     // its picture was, whatever else is on the lane
	edit     *payload // that came with a retry
}

// observe reads a book and the job that was at work on it, holds what changed
// against the promises, and remembers it. Either may be nil.
func (s *Sim) observe(b *bookModel, j *jobModel, c cause) {
	s.wrote = true
	item, err := s.stores.Books.Get(context.Background(), b.id)
	s.unreadable(err, b)
	if j == nil {
		s.bookChanged(b, item, j, c, false)
		return
	}
	rec, recorded, err := s.stores.Jobs.Get(context.Background(), j.id)
	s.unreadable(err, j)
	buried := recorded && rec.State == job.Dead && rec.Revision != j.rec.Revision && !c.operator
	s.bookChanged(b, item, j, c, buried)
	if recorded != j.recorded || rec.Revision != j.rec.Revision {
		s.recordChanged(j, rec, recorded, c)
	}
	s.durable()
}

// bookChanged judges the step from the book as last seen to item.
func (s *Sim) bookChanged(b *bookModel, item book.Item, j *jobModel, c cause, buried bool) {
	was := b.item
	b.item = item
	if c.row != nil {
		s.rowChanged(b, was, item, c.row)
		return
	}
	raised := item.Fence - was.Fence
	switch {
	case buried && raised != 1, !buried && raised != 0:
		s.violated(once, "the fence of %s rose by %d, and a burial is %t", b, raised, buried)
	case item.Version == was.Version:
		item.Fence = was.Fence
		s.alike(b, item, was)
	case buried || c.operator || j == nil || item.Version != j.asks().makes(was):
		s.violated(once, "%s went from version %d to %d", b, was.Version, item.Version)
	case item.LastJob != j.id || item.LastJobVersion != item.Version:
		s.violated(once, "version %d of %s does not name the job that made it", item.Version, b)
	default:
		s.effect(b, was, item, j)
	}
}

// effect judges a write of a job that has taken effect.
func (s *Sim) effect(b *bookModel, was, item book.Item, j *jobModel) {
	j.effects = append(j.effects, item.Version)
	b.accepted = latest(b.accepted, j.accepted)
	switch {
	case len(j.effects) > 1:
		s.violated(once, "%s has made the versions %v of %s", j, j.effects, b)
	case j.ended():
		s.violated(record, "%s is %s and has made version %d of %s", j, j.rec.State, item.Version, b)
	case j.generation() > 1 && was.Version != j.buriedAt:
		s.violated(newer, "%s died when %s had version %d and was applied to version %d", j, b, j.buriedAt, was.Version)
	case j.outdone(was):
		s.violated(newer, "%s has set the cover of %s, which %s had decided later", j, b, s.jobs[was.CoverJob])
	case j.late() || j.asks().unreadable || j.asks().refusal(was) != "":
		s.violated(refusal, "%s was applied to %s, which it does not fit", j, (*shownItem)(&was))
	}
	s.inTurn(j)
	s.alike(b, item, j.asks().applied(was, j))
}

// inTurn checks that everything sent before a job has ended, unless the job is
// retried, which is out of turn, or was never sent.
func (s *Sim) inTurn(j *jobModel) {
	if j.generation() > 1 || !slices.Contains(j.book.sent, j) {
		return
	}
	for _, before := range j.book.sent {
		if before == j {
			return
		}
		if !before.ended() && before.generation() == 1 {
			s.violated(order, "%s was decided before %s, which was sent earlier", j, before)
		}
	}
}

// alike checks that a book is as expected.
func (s *Sim) alike(b *bookModel, item, want book.Item) {
	if !item.Draft.Equal(want.Draft) {
		s.violated(content, "%s holds %+v, want %+v", b, item.Draft, want.Draft)
	}
	item.Draft, want.Draft = book.Draft{}, book.Draft{}
	if !reflect.DeepEqual(item, want) {
		s.violated(content, "%s keeps %s, last written %s and %s by %s in version %d; want %s, %s and %s by %s in version %d", b,
			(*shownItem)(&item), item.AcceptedAt, item.UpdatedAt, s.jobs[item.LastJob], item.LastJobVersion,
			(*shownItem)(&want), want.AcceptedAt, want.UpdatedAt, s.jobs[want.LastJob], want.LastJobVersion)
	}
}

// recordChanged judges the step from the record as last seen to rec.
func (s *Sim) recordChanged(j *jobModel, rec job.Record, recorded bool, c cause) {
	was := j.rec
	hadEnded := j.ended()
	j.rec, j.recorded = rec, recorded
	switch {
	case !recorded:
		s.violated(durable, "the record of %s is gone", j)
	case rec.BookID != j.book.id || rec.Kind != j.payloads[0].kind && !j.payloads[0].unreadable:
		s.violated(record, "the record of %s is of another kind or book", j)
	case c.operator:
		s.decided(j, was, c)
		return
	case hadEnded:
		s.violated(record, "%s was %s and became %s in generation %d", j, was.State, rec.State, rec.Generation)
	case rec.Generation != j.generation():
		s.violated(record, "%s is recorded in generation %d, want %d", j, rec.Generation, j.generation())
	}
	if rec.State.Terminal() {
		s.finished(j, c)
	} else if rec.State != job.Retrying && (rec.State != job.Queued || !j.landed) { // queued is what a picture makes its job
		s.violated(record, "%s became %s by itself", j, rec.State)
	}
	if (rec.Burial != nil) != j.buried || j.buried && (rec.Burial.BookVersion != j.buriedAt || rec.Burial.Listed != j.listed) {
		s.violated(ledger, "the burial of %s is %+v, want it listed: %t, at version %d", j, rec.Burial, j.listed, j.buriedAt)
	}
}

// decided judges what an operator did to the record of a dead job.
func (s *Sim) decided(j *jobModel, was job.Record, c cause) {
	rec := j.rec
	retried := rec.State == job.Queued && rec.Generation == was.Generation+1 && rec.Burial.Listed
	discarded := rec.State == job.Dead && rec.Generation == was.Generation && !rec.Burial.Listed
	switch {
	case was.State != job.Dead || !j.listed || !retried && !discarded:
		s.violated(record, "an operator made %s %s in generation %d, which was %s", j, rec.State, rec.Generation, was.State)
	case rec.Burial.BookVersion != j.buriedAt:
		s.violated(newer, "the version noted when %s died became %d, it was %d", j, rec.Burial.BookVersion, j.buriedAt)
	case discarded:
		j.listed = false
	case c.edit != nil:
		edited := *j.asks()
		edited.title, edited.amount, edited.currency = c.edit.title, c.edit.amount, c.edit.currency
		j.payloads = append(j.payloads, &edited)
	default:
		j.payloads = append(j.payloads, j.asks())
	}
}

// finished judges the end of a job that its worker has recorded.
func (s *Sim) finished(j *jobModel, c cause) {
	if !c.givenUp {
		s.inTurn(j)
	}
	rec, item := j.rec, j.book.item
	if rec.State != job.Succeeded && len(j.effects) > 0 {
		s.violated(record, "%s is %s and has made version %d", j, rec.State, j.effects[0])
	}
	j.listed = rec.State == job.Dead
	switch rec.State {
	case job.Succeeded:
		if !slices.Equal(j.effects, []int64{rec.BookVersion}) {
			s.violated(record, "%s has succeeded with version %d, and has made the versions %v", j, rec.BookVersion, j.effects)
		}
	case job.Failed:
		kind := j.asks().refusal(item)
		if j.late() {
			kind = fault.Gone
		}
		if j.asks().unreadable || kind == "" || !j.late() && j.outdone(item) || kind != fault.Kind(strings.TrimPrefix(rec.Error.Type, "/problems/")) {
			s.violated(refusal, "%s has failed for %q; on %s it is %q", j, rec.Error.Type, (*shownItem)(&item), kind)
		}
	case job.Superseded:
		if (j.generation() == 1 || item.Version == j.buriedAt) && !j.outdone(item) {
			s.violated(refusal, "%s is superseded, and the book has not moved on", j)
		}
	default: // dead
		if j.late() {
			s.violated(refusal, "%s is dead, and its client was told that its picture had not come", j)
		}
		if !j.buried {
			j.buried, j.buriedAt = true, item.Version
		}
	}
}

// durable checks that no job that was accepted has been forgotten: it has ended,
// or is on the lane, or its picture lies there, or is a retry that the ledger lists. The
// picture of one that is tried again without its cover, or may be, lies there.
func (s *Sim) durable() {
	for _, j := range s.queued {
		if j.wanting() && s.pictures[job.OriginalKey(j.id)] == nil {
			s.violated(ledger, "the picture of %s is gone, which is still wanted", j)
		}
		if !j.acked || j.ended() || j.listed && j.generation() > 1 || s.pictures[job.OriginalKey(j.id)] != nil {
			continue
		}
		if !s.onLane(j.id + ".1") {
			s.violated(durable, "%s was accepted, has not ended and is not on the lane", j)
		}
	}
}

// sweep reads everything again: what nobody meant to change has not changed.
func (s *Sim) sweep() {
	for _, b := range s.shelf {
		item, err := s.stores.Books.Get(context.Background(), b.id)
		s.unreadable(err, b)
		s.alike(b, item, b.item)
	}
	for _, j := range s.queued {
		rec, recorded, err := s.stores.Jobs.Get(context.Background(), j.id)
		s.unreadable(err, j)
		if recorded != j.recorded || rec.Revision != j.rec.Revision || rec.State != j.rec.State {
			s.violated(record, "%s has become %s behind our back", j, (*shownRecord)(&rec))
		}
	}
	s.durable()
	for _, b := range s.shelf {
		s.audit(b)
	}
}

// audit compares what the ledger lists with the model.
func (s *Sim) audit(b *bookModel) {
	buried := func(j *jobModel) bool { return j.book == b && j.buried }
	if !slices.ContainsFunc(s.queued, buried) {
		return
	}
	page, more, err := s.stores.Jobs.Dead(context.Background(), job.Filter{Book: b.id}, "", 100)
	s.unreadable(err, "the ledger")
	for _, j := range s.queued {
		if !buried(j) {
			continue
		}
		listed := slices.ContainsFunc(page, func(rec job.Record) bool { return rec.ID == j.id })
		if listed != j.listed || more != "" {
			s.violated(ledger, "%s is listed: %t, want %t", j, listed, j.listed)
		}
	}
}
