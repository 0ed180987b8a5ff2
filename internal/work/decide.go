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
	forget  step = iota // the job has ended: delete its message
	save                // store the record
	confirm             // store the record if the book is still as read
	bury                // store the record and raise the book's fence, if it is still as read
	apply               // store the book, then the record
)

// decision is the outcome of reading a book and then its job's record.
type decision struct {
	step   step
	record job.Record
	next   book.Item
}

// reading is what one attempt has read: the book, and after it the record.
type reading struct {
	item     book.Item
	record   job.Record // zero when there is none
	recorded bool
	spent    error // why there will be no further attempt, nil while there may be
	now      time.Time
}

// ended reports whether a job of this generation has ended.
func (r reading) ended(generation int) bool {
	return r.recorded && (r.record.Generation > generation || r.record.Generation == generation && r.record.State.Terminal())
}

// decide is clause 2 of DESIGN's Applying, in its order. It has no effects.
func decide(m job.Message, r reading) decision {
	switch {
	case r.ended(m.Generation):
		return decision{step: forget}
	case r.item.LastJob == m.Job: // it was applied and its record got lost
		return decision{step: save, record: succeeded(m, r, r.item.LastJobVersion)}
	case r.spent != nil:
		return decision{step: bury, record: buried(m, r)}
	case m.Generation > 1 && (r.record.Burial == nil || r.record.Burial.BookVersion != r.item.Version):
		why := fault.New(fault.Conflict, "The book has moved on since the job died.")
		return decision{step: save, record: refused(m, r, job.Superseded, why)}
	case m.Kind.OfCover() && m.Job < r.item.CoverJob:
		why := fault.New(fault.Conflict, "The cover was set or removed by a later request, or the book was deleted by one.")
		return decision{step: save, record: refused(m, r, job.Superseded, why)}
	case m.Kind.OfCover() && m.Job == r.item.CoverJob:
		return decision{step: save, record: succeeded(m, r, r.item.Version)}
	}
	next, err := change(m, r.item, r.now)
	if err == nil {
		return decision{step: apply, next: next, record: succeeded(m, r, next.Version)}
	}
	d := decision{step: save, record: refused(m, r, job.Failed, err)}
	if passing(m, r.item, err) {
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
	next.Version = nextVersion(m, item)
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
		next.Existence, next.Draft, next.Cover = book.Tombstone, book.Draft{}, nil
		next.CoverJob = max(item.CoverJob, m.Job)
	case job.CoverSet:
		if m.Cover == nil {
			return book.Item{}, fault.New(fault.Invalid, "The picture was never made into a cover.")
		}
		next.Cover, next.CoverJob = m.Cover, m.Job
	case job.CoverRemove:
		next.Cover, next.CoverJob = nil, m.Job
	case job.Chunk: // is of the other lane
	}
	next.Draft.ID = uuid.Nil // it stands in the item
	return next, nil
}

// nextVersion is the version that a job makes: the next one, and of a book that is
// taken back the one that it had elsewhere, if that is later. What exists counts on by
// one, whatever the job says, and nothing goes back.
func nextVersion(m job.Message, item book.Item) int64 {
	if item.Exists() {
		return item.Version + 1
	}
	return max(item.Version+1, m.Version)
}

// allowed judges existence and preconditions. What would not succeed anyway says
// so, whatever its preconditions (RFC 9110 section 13.2.1).
func allowed(m job.Message, item book.Item) error {
	switch {
	case m.Kind == job.Create && item.Exists():
		return fault.New(fault.Conflict, "The book %s exists already.", item.ID)
	case (m.Kind == job.Update || m.Kind == job.Delete || m.Kind.OfCover()) && !item.Exists():
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
