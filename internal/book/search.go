package book

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"acervo/internal/fault"
)

// Order is how a list is sorted. What is equal is sorted by id.
type Order string

// The orders.
const (
	ByTitle  Order = "title"
	ByAuthor Order = "author" // then by title
	// Latest is the latest update first, to the millisecond; of equal ones the
	// highest id is first.
	Latest Order = "-updated_at"
)

// MaxPage is the most books of one page.
const MaxPage = 100

// Query asks for a page of a list. At most one of Title, Author and ISBN is set.
type Query struct {
	Title  string // what the title begins with, as Fold sees both
	Author string // what one of the authors begins with, as Fold sees both
	ISBN   string // 13 digits

	// Order is ByTitle, or ByAuthor with an Author; without a filter any.
	Order  Order
	Cursor string // what an earlier page of the same filter and order returned
	Limit  int    // 1 to MaxPage
}

// Lister is the port to the lists of the catalogue. It is safe for concurrent
// use. Its contract suite is booktest.RunLists.
type Lister interface {
	// List returns the live books at the places after the cursor, in order, and
	// the cursor of the next page. A book of several authors has a place under
	// each; it is listed once, under its first author, or with a filter at the
	// lowest author that matches.
	//
	// More may follow exactly when there is a cursor. A page that has one is full,
	// unless hundreds of places were passed over to fill it: of authors that match
	// beside a lower one, of titles and authors that are equal as far as keys tell
	// (KeyBytes), or of books that have just changed. Such a page may be empty.
	//
	// A book that stays at its place from before the first page to after the last
	// is on exactly one page, whatever becomes of others. One that moves meanwhile
	// may be missed or listed twice.
	//
	// Lists are eventually consistent: a write that has returned may not show yet.
	// A book that is listed is as it was stored at some time, and fitted its place
	// then. A damaged book is passed over; Store.Get tells of it.
	//
	// fault.Syntax refuses a limit out of bounds and a cursor that was not given
	// out for this filter and order, fault.Combination a filter and an order that
	// do not go together.
	List(ctx context.Context, q Query) (page []Item, next string, err error)
}

// KeyBytes is the most bytes of a folded title or author in a key; longer ones
// are cut at a character. So no key has more than 2*KeyBytes + 38 = 998 bytes,
// where DynamoDB has 1,024 for a sort key.
const KeyBytes = 480

// Keys are the places of an item in the lists, by which an engine sorts bytewise.
// Each is unique and ends with a NUL and the id in its canonical text; no other
// part holds a NUL.
type Keys struct {
	// Title is the folded title.
	Title string
	// Authors are the folded author, a NUL and the folded title, for each author
	// whose key differs from those before; the first is that of the first author.
	Authors []string
	// Updated is the time of the update, in UTC, to the millisecond.
	Updated string
	// ISBN is 13 digits or empty. The books of one are sorted by Title.
	ISBN string
}

// updatedFormat sorts as time does, and is as long for every year of four digits.
const updatedFormat = "2006-01-02T15:04:05.000Z"

// SearchKeys returns the places of an item, none for one that readers do not see.
func SearchKeys(item Item) Keys {
	if !item.Exists() {
		return Keys{}
	}
	title := cut(Fold(item.Draft.Title)) + suffix(item.ID)
	keys := Keys{Title: title, ISBN: item.Draft.ISBN, Updated: updatedKey(item)}
	for _, author := range item.Draft.Authors {
		if key := authorKey(author, title); !slices.Contains(keys.Authors, key) {
			keys.Authors = append(keys.Authors, key)
		}
	}
	return keys
}

func authorKey(author, title string) string { return cut(Fold(author)) + "\x00" + title }

func updatedKey(item Item) string {
	return item.UpdatedAt.UTC().Format(updatedFormat) + suffix(item.ID)
}

func suffix(id uuid.UUID) string { return "\x00" + id.String() }

// cut cuts a folded text to KeyBytes, at a character.
func cut(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), KeyBytes)], "")
}

// Prefix is what the keys of the list of q begin with. Of a filter that had to be
// cut it says less than the filter: Place decides.
func (q Query) Prefix() string { return cut(Fold(q.Title + q.Author)) }

// Place returns the one key at which the list of q has an item; false when it
// does not have it. An engine lists the item of a key only if this is its Place:
// then it matches the whole filter, and is listed once.
func (q Query) Place(item Item) (key string, ok bool) {
	switch { // folding costs more than all else of a page, so each folds what it needs
	case !item.Exists(), q.ISBN != "" && q.ISBN != item.Draft.ISBN:
		return "", false
	case q.Author != "":
		return q.lowestAuthor(item, SearchKeys(item))
	case q.Order == Latest:
		return updatedKey(item), true
	case q.Order == ByAuthor:
		return first(SearchKeys(item).Authors)
	default:
		title := Fold(item.Draft.Title)
		return cut(title) + suffix(item.ID), strings.HasPrefix(title, Fold(q.Title))
	}
}

// lowestAuthor is the lowest key among those of the authors that match.
func (q Query) lowestAuthor(item Item, keys Keys) (lowest string, ok bool) {
	prefix := Fold(q.Author)
	for _, author := range item.Draft.Authors {
		if !strings.HasPrefix(Fold(author), prefix) {
			continue
		}
		if key := authorKey(author, keys.Title); !ok || key < lowest {
			lowest, ok = key, true
		}
	}
	return lowest, ok
}

func first(keys []string) (string, bool) {
	if len(keys) == 0 {
		return "", false
	}
	return keys[0], true
}

// Check refuses a filter and an order that do not go together, fault.Combination.
func (q Query) Check() error {
	filters := 0
	for _, filter := range []string{q.Title, q.Author, q.ISBN} {
		if filter != "" {
			filters++
		}
	}
	switch {
	case filters > 1:
		return fault.New(fault.Combination, "At most one of title, author and isbn goes with a list.")
	case q.Order == ByTitle && q.Author == "", q.Order == ByAuthor && q.Title == "" && q.ISBN == "", q.Order == Latest && filters == 0:
		return nil
	default:
		return fault.New(fault.Combination, "A list by author is sorted by author, one by title or isbn by title; other orders go without a filter.")
	}
}
