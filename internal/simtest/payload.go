package simtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/job"
)

// payload is a write as the simulator asks for it, and its own idea of what that
// does to a book.
type payload struct {
	kind        job.Kind
	title       string
	amount      string // of the price; empty for none, and in an update for no change
	currency    string // of the price of a whole book
	ifMatch     *book.Tags
	ifNoneMatch *book.Tags
	begins      int64 // the version of a book that a replace takes back; zero for none
	unreadable  bool  // not a message at all
}

// draft is the whole book of a create, a replace or a row.
func (p *payload) draft() book.Draft {
	d := book.Draft{Title: p.title, Authors: []string{"Clarice Lispector"}}
	if p.amount != "" {
		d.Price = &book.Price{Amount: p.amount, Currency: p.currency}
	}
	return d
}

// write is the payload as intake takes it.
func (p *payload) write(b *bookModel) intake.Write {
	w := intake.Write{Kind: p.kind, BookID: b.id, Version: p.begins, IfMatch: p.ifMatch, IfNoneMatch: p.ifNoneMatch}
	switch p.kind {
	case job.Create, job.Replace:
		d := p.draft()
		w.Draft = &d
	case job.Update:
		w.Patch = p.patch()
	default:
	}
	return w
}

func (p *payload) patch() book.Patch {
	if p.amount != "" {
		return book.Patch(fmt.Sprintf(`{"title":%q,"price":{"amount":%q}}`, p.title, p.amount))
	}
	return book.Patch(fmt.Sprintf(`{"title":%q}`, p.title))
}

// amend changes a message into this payload, as an operator's edit does.
func (p *payload) amend(m *job.Message) error {
	w := p.write(&bookModel{id: m.BookID})
	m.Draft, m.Patch = w.Draft, w.Patch
	return nil
}

// refusal is the kind of the error that refuses the write on this book, empty
// when it applies.
func (p *payload) refusal(item book.Item) fault.Kind {
	live := item.Existence == book.Live
	switch {
	case live && p.kind == job.Create:
		return fault.Conflict
	case !live && (p.kind == job.Update || p.kind == job.Delete || p.kind.OfCover()):
		return fault.NotFound
	case p.ifMatch != nil && !(live && names(p.ifMatch, item.Version)):
		return fault.Precondition
	case p.ifNoneMatch != nil && live && names(p.ifNoneMatch, item.Version):
		return fault.Precondition
	case p.kind == job.Update && p.amount != "" && item.Draft.Price == nil:
		return fault.Invalid // an amount without a currency
	case p.kind == job.Update && strings.Contains(p.amount, ".") && item.Draft.Price.Currency == "JPY":
		return fault.Invalid // the yen has no decimals
	default:
		return ""
	}
}

func names(tags *book.Tags, version int64) bool {
	return tags.Any || slices.Contains(tags.Versions, version)
}

// makes is the version that the write makes of a book that it fits.
func (p *payload) makes(item book.Item) int64 {
	if item.Existence != book.Live && p.begins > item.Version {
		return p.begins
	}
	return item.Version + 1
}

// applied is the book as the write of a job leaves it.
func (p *payload) applied(item book.Item, j *jobModel) book.Item {
	next := item
	next.Version = p.makes(item)
	next.LastJob, next.LastJobVersion = j.id, next.Version
	next.AcceptedAt, next.UpdatedAt = latest(item.AcceptedAt, j.accepted), latest(item.UpdatedAt, j.accepted)
	if item.Existence != book.Live {
		next.CreatedAt = j.accepted
	}
	next.Existence = book.Live
	switch p.kind {
	case job.Update:
		next.Draft.Title = p.title
		if p.amount != "" {
			next.Draft.Price = &book.Price{Amount: p.amount, Currency: item.Draft.Price.Currency}
		}
	case job.Delete:
		next.Existence, next.Draft, next.Cover = book.Tombstone, book.Draft{}, nil
		next.CoverJob = max(item.CoverJob, j.id) // covers that were asked for before do not come back
	case job.CoverSet:
		next.Cover, next.CoverJob = p.cover(), j.id
	case job.CoverRemove:
		next.Cover, next.CoverJob = nil, j.id
	default:
		next.Draft = p.draft()
	}
	return next
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (p *payload) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q", strings.TrimPrefix(string(p.kind), "book."), p.title)
	if p.amount != "" {
		fmt.Fprintf(&b, " at %s %s", p.amount, p.currency)
	}
	if p.begins > 0 {
		fmt.Fprintf(&b, " from version %d", p.begins)
	}
	if p.ifMatch != nil {
		fmt.Fprintf(&b, " if version is %v", shownTags(p.ifMatch))
	}
	if p.ifNoneMatch != nil {
		fmt.Fprintf(&b, " if version is not %v", shownTags(p.ifNoneMatch))
	}
	if p.unreadable {
		b.WriteString(" in no readable form")
	}
	return b.String()
}

func shownTags(t *book.Tags) any {
	if t.Any {
		return "any"
	}
	return t.Versions
}

// shownItem is a book as the log of a history shows it.
type shownItem book.Item

func (i *shownItem) String() string {
	existence := string(i.Existence)
	if i.Existence == book.Absent {
		existence = "absent"
	}
	return fmt.Sprintf("%s, version %d, fence %d, %q", existence, i.Version, i.Fence, i.Draft.Title)
}

// shownRecord is a record as the log of a history shows it.
type shownRecord job.Record

func (r *shownRecord) String() string {
	if r.Generation == 0 {
		return "without a record"
	}
	text := fmt.Sprintf("%s in generation %d", r.State, r.Generation)
	if r.State == job.Succeeded {
		text += fmt.Sprintf(" with version %d", r.BookVersion)
	}
	if r.Error != nil {
		text += " " + r.Error.Type
	}
	return text
}
