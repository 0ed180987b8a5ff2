package work

import (
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// step is what one attempt at a job is to do next.
type step int

const (
	drop     step = iota // the job has ended: delete its message
	conclude             // store the record
	confirm              // store the record if the book is still as read
	apply                // store the book, then the record
)

// decision is the outcome of reading a book and then its job's record.
type decision struct {
	step   step
	record job.Record
	next   book.Item
}

// decide is clause 2 of DESIGN's Applying, in its order. It has no effects.
func decide(m job.Message, item book.Item, rec job.Record, recorded bool, now time.Time) decision {
	if recorded && (rec.Generation > m.Generation || rec.Generation == m.Generation && rec.State.Terminal()) {
		return decision{step: drop}
	}
	if item.LastJob == m.Job { // it was applied and its record got lost
		return decision{step: conclude, record: succeeded(m, item.LastJobVersion, now)}
	}
	next, err := change(m, item, now)
	if err == nil {
		return decision{step: apply, next: next, record: succeeded(m, next.Version, now)}
	}
	d := decision{step: conclude, record: failed(m, err, now)}
	if passing(m, item, err) {
		d.step = confirm
	}
	return d
}

// change returns the book as the job makes it, or why the job is refused.
func change(m job.Message, item book.Item, now time.Time) (book.Item, error) {
	if err := allowed(m, item); err != nil {
		return book.Item{}, err
	}
	next := item
	next.Version++
	next.LastJob, next.LastJobVersion = m.Job, next.Version
	next.AcceptedAt = later(item.AcceptedAt, m.AcceptedAt)
	next.UpdatedAt = later(item.UpdatedAt, m.AcceptedAt)
	if !item.Exists() {
		next.CreatedAt = m.AcceptedAt
	}
	next.Existence = book.Live
	switch m.Kind {
	case job.Create, job.Replace:
		next.Draft = *m.Draft
	case job.Update:
		d, err := book.ApplyPatch(item.Full(), m.Patch, now)
		if err != nil {
			return book.Item{}, err
		}
		next.Draft = d
	case job.Delete:
		next.Existence, next.Draft = book.Tombstone, book.Draft{}
	}
	next.Draft.ID = uuid.Nil // it stands in the item
	return next, nil
}

// allowed judges existence and preconditions. What would not succeed anyway says
// so, whatever its preconditions (RFC 9110 section 13.2.1).
func allowed(m job.Message, item book.Item) error {
	switch {
	case m.Kind == job.Create && item.Exists():
		return fault.New(fault.Conflict, "The book %s exists already.", item.ID)
	case (m.Kind == job.Update || m.Kind == job.Delete) && !item.Exists():
		return fault.New(fault.NotFound, "There is no book %s.", item.ID)
	case m.IfMatch != nil && !(item.Exists() && m.IfMatch.Match(item.Version)):
		return fault.New(fault.Precondition, "If-Match does not name the version of the book.")
	case m.IfNoneMatch != nil && item.Exists() && m.IfNoneMatch.Match(item.Version):
		return fault.New(fault.Precondition, "If-None-Match names the version of the book.")
	default:
		return nil
	}
}

// passing reports whether a bulk row, which does not wait for the lane, could
// make the refusal wrong by the time it is recorded. Rows raise versions, make
// books exist and change their fields; so only these refusals are for good: what
// exists already, and an If-Match that is behind.
func passing(m job.Message, item book.Item, err error) bool {
	switch fault.KindOf(err) {
	case fault.Conflict:
		return false
	case fault.Precondition:
		behind := m.IfMatch != nil && item.Exists() && !m.IfMatch.Above(item.Version)
		taken := m.IfNoneMatch != nil && m.IfNoneMatch.Any && item.Exists()
		return !behind && !taken
	default:
		return true
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func succeeded(m job.Message, version int64, now time.Time) job.Record {
	return job.Record{
		ID: m.Job, Generation: m.Generation, State: job.Succeeded, Attempts: 1,
		FinishedAt: now.UTC(), BookVersion: version,
	}
}

func failed(m job.Message, why error, now time.Time) job.Record {
	problem := fault.ProblemOf(why)
	return job.Record{
		ID: m.Job, Generation: m.Generation, State: job.Failed, Attempts: 1,
		FinishedAt: now.UTC(), Error: &problem,
	}
}
