// Package book holds the nouns of the catalogue: what a client sends (Draft,
// Patch), what a reader sees (Book), what a store keeps (Item), and the port to
// that store.
package book

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Limits of a draft.
const (
	// MaxDraft is the most bytes a draft may have when encoded.
	MaxDraft = 64 << 10
	// MaxTitle is the most characters of a title.
	MaxTitle = 500
	// MaxAuthor is the most characters of an author.
	MaxAuthor = 200

	maxAuthors     = 20       // authors of one book
	maxDescription = 32 << 10 // bytes
	maxLanguage    = 35       // bytes; RFC 5646 section 4.4.1
)

// Draft is what a client sends: the book without what the service adds. The
// zero value of an optional field means that it is absent.
type Draft struct {
	ID          uuid.UUID `json:"id,omitzero"`
	Title       string    `json:"title"`
	Authors     []string  `json:"authors"`
	ISBN        string    `json:"isbn,omitzero"`      // 13 digits
	Published   int       `json:"published,omitzero"` // a year
	Language    string    `json:"language,omitzero"`  // BCP 47
	Description string    `json:"description,omitzero"`
	Rating      float64   `json:"rating,omitzero"` // 1 to 5
	Price       *Price    `json:"price,omitzero"`
}

// Price is a decimal amount, never a float, in a currency of ISO 4217.
type Price struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// Equal reports whether two drafts say the same.
func (d Draft) Equal(o Draft) bool {
	if (d.Price == nil) != (o.Price == nil) || d.Price != nil && *d.Price != *o.Price {
		return false
	}
	return d.ID == o.ID && d.Title == o.Title && slices.Equal(d.Authors, o.Authors) && d.ISBN == o.ISBN &&
		d.Published == o.Published && d.Language == o.Language && d.Description == o.Description && d.Rating == o.Rating
}

// Existence says what an Item of a store stands for.
type Existence string

// The ways of existing. An id that was never seen has the zero Item: Absent,
// version 0, fence 0.
const (
	// Absent: no book of this id, or only its fence.
	Absent Existence = ""
	// Live: a book that readers see.
	Live Existence = "live"
	// Tombstone: a deleted book, kept so that the next create continues its
	// version.
	Tombstone Existence = "tombstone"
)

// TombstoneTTL is how long a store remembers a deleted book, and the fence of
// one that never was. It outlives every retry and every zombie worker.
const TombstoneTTL = 60 * 24 * time.Hour

// Item is a book as a store keeps it, with what the apply protocol needs.
type Item struct {
	ID        uuid.UUID `json:"id"`
	Existence Existence `json:"existence,omitzero"`
	Version   int64     `json:"-"`              // rises by one per applied write
	Fence     int64     `json:"-"`              // rises by one per burial, and per row that only leaves its token
	Draft     Draft     `json:"draft,omitzero"` // without its id
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`

	// Cover is nil for none. CoverJob is the job that set or removed it last, or the
	// deletion of the book: older ones come too late.
	Cover    *Cover `json:"cover,omitzero"`
	CoverJob string `json:"cover_job,omitzero"`

	// AcceptedAt is the latest accept time of the writes applied.
	AcceptedAt time.Time `json:"accepted_at,omitzero"`
	// LastJob is the job that wrote last, and LastJobVersion the version it made.
	LastJob        string `json:"last_job,omitzero"`
	LastJobVersion int64  `json:"last_job_version,omitzero"`
	// Row is the latest row of an import that took effect here, or was found to say
	// what the book says. Every other write keeps it.
	Row Token `json:"row,omitzero"`
}

// Exists reports whether readers see a book here.
func (i Item) Exists() bool { return i.Existence == Live }

// Full returns the draft with its id, as a client would send it.
func (i Item) Full() Draft {
	d := i.Draft
	d.ID = i.ID
	return d
}
