package aws

import (
	"context"

	"github.com/google/uuid"

	"acervo/internal/book"
)

var _ book.Lister = Books{}

// maxRounds is how often a page is filled up for the places that were passed over.
const maxRounds = 5

// List is book.Lister's. The index is eventually consistent and says where to look;
// the books are read strongly, so that one is passed over only where it is no more.
func (b Books) List(ctx context.Context, q book.Query) (page []book.Item, next string, err error) {
	after, err := q.Begin()
	if err != nil {
		return nil, "", err
	}
	var places []string
	l, more, want := listOf(q), true, q.Limit+1 // one more tells whether there is another page
	for round := 0; more && len(page) <= q.Limit && round < maxRounds; round++ {
		keys, err := b.s.keys(ctx, l, after, want)
		if err != nil {
			return nil, "", err
		}
		books, err := b.listed(ctx, keys)
		if err != nil {
			return nil, "", err
		}
		for i, key := range keys {
			after = l.place(key)
			if place, fits := q.Place(books[i]); fits && place == after {
				page, places = append(page, books[i]), append(places, after)
			}
		}
		more, want = len(keys) == want, book.MaxPage
	}
	switch {
	case len(page) > q.Limit:
		return page[:q.Limit], q.CursorAfter(places[q.Limit-1]), nil
	case more:
		return page, q.CursorAfter(after), nil
	default:
		return page, "", nil
	}
}

// listed reads the books of keys of a list; one that is damaged or no longer there
// is the zero item.
func (b Books) listed(ctx context.Context, keys []row) ([]book.Item, error) {
	var wanted []row
	for _, key := range keys {
		wanted = append(wanted, row{"id": key["id"], "part": str(bookPart)})
	}
	found, err := b.s.get(ctx, booksTable, wanted)
	items, now := make([]book.Item, len(keys)), b.s.now()
	for i, key := range keys {
		text, _ := readString(key, "id")
		id, invalid := uuid.Parse(text)
		if item, damage := readBook(id, found[text], now); damage == nil && invalid == nil {
			items[i] = item
		}
	}
	return items, err
}

// listOf is the list that a query asks for.
func listOf(q book.Query) listing {
	l := listing{table: booksTable, prefix: q.Prefix()}
	switch {
	case q.ISBN != "":
		l.index, l.partitions = booksIndex(byISBN), []string{q.ISBN}
	case q.Order == book.Latest:
		l.index, l.partitions, l.descending = booksIndex(byUpdated), partitions(updatedShard, shards), true
	case q.Author != "":
		l.index, l.partitions = booksIndex(byAuthor), append(partitions(firstShard, shards), partitions(furtherShard, shards)...)
	case q.Order == book.ByAuthor:
		l.index, l.partitions = booksIndex(byAuthor), partitions(firstShard, shards)
	default:
		l.index, l.partitions = booksIndex(byTitle), partitions(titleShard, shards)
	}
	return l
}
