package aws

import (
	"context"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// Books is book.Store.
type Books struct{ s *Store }

var (
	_ book.Store = Books{}
	_ book.Shelf = Books{}
)

// Books returns the catalogue in this store.
func (s *Store) Books() Books { return Books{s} }

// bookPart is the sort key of a book's own item.
const bookPart = "book"

func bookKey(id uuid.UUID, part string) row { return row{"id": str(id.String()), "part": str(part)} }

// Get is book.Store's.
func (b Books) Get(ctx context.Context, id uuid.UUID) (book.Item, error) {
	out, err := b.s.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: b.s.table(booksTable), Key: bookKey(id, bookPart), ConsistentRead: sdk.Bool(true),
	})
	if err != nil {
		return book.Item{ID: id}, classify(err, "read book %s", id)
	}
	return readBook(id, out.Item, b.s.now())
}

// Shows is book.Shelf's.
func (b Books) Shows(ctx context.Context, sha256 string) (bool, error) {
	out, err := b.s.db.Query(ctx, &dynamodb.QueryInput{
		TableName: b.s.table(booksTable), IndexName: sdk.String(byCover), Limit: sdk.Int32(1),
		KeyConditionExpression: sdk.String("cover = :cover"), ExpressionAttributeValues: row{":cover": str(sha256)},
	})
	if err != nil {
		return false, classify(err, "look for who shows a cover")
	}
	return len(out.Items) > 0, nil
}

func readBook(id uuid.UUID, stored row, now time.Time) (book.Item, error) {
	if absent(stored, now) {
		return book.Item{ID: id}, nil
	}
	version, fence, err := readHead(id, stored)
	head := book.Item{ID: id, Version: version, Fence: fence}
	if err != nil {
		return head, err
	}
	item := head
	if err := json.Unmarshal(readBytes(stored, "doc"), &item); err != nil {
		return head, fault.Wrap(fault.Damaged, err, "book %s is damaged", id)
	}
	return item, nil
}

// readHead reads what every condition on a book is about.
func readHead(id uuid.UUID, stored row) (version, fence int64, err error) {
	version, ok := readInteger(stored, "version")
	fence, fenceOK := readInteger(stored, "fence")
	if !ok || !fenceOK {
		err = fault.New(fault.Damaged, "book %s is damaged: its version or its fence cannot be read", id)
	}
	return version, fence, err
}

// Swap is book.Store's. The entries of further authors change in the same
// transaction; while they stay as they are, the book is written alone.
func (b Books) Swap(ctx context.Context, read, next book.Item) error {
	now := b.s.now()
	item, err := bookRow(next, now)
	if err != nil {
		return err
	}
	entries := furtherEntries(next)
	was := mark(furtherEntries(read))
	for range 2 {
		writes := b.swap(read, item, entries, was, now)
		l, err := b.s.commit(ctx, writes...)
		if err != nil {
			return err
		}
		stored, refused := l[0]
		if !refused || wrote(stored, item["token"]) {
			return nil
		}
		if err := changed(read, stored, now); err != nil {
			return err
		}
		// The caller, or an older release, saw other entries than those that stand.
		was, _ = readString(stored, "further")
	}
	return fault.New(fault.Changed, "book %s keeps changing", read.ID)
}

// swap is the write of a book, and of its entries unless those that stand are
// the right ones.
func (b Books) swap(read book.Item, item row, entries []row, was string, now time.Time) []types.TransactWriteItem {
	condition, values := asRead(read, now)
	further := "attribute_not_exists(#further)"
	if was != "" {
		further, values[":further"] = "#further = :further", str(was)
	}
	condition = "(" + condition + ") AND " + further
	writes := []types.TransactWriteItem{{Put: &types.Put{
		TableName: b.s.table(booksTable), Item: item, ConditionExpression: &condition,
		ExpressionAttributeNames: names(condition), ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}}
	if was == mark(entries) {
		return writes
	}
	for _, entry := range entries {
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{TableName: b.s.table(booksTable), Item: entry}})
	}
	for i := len(entries); i < marked(was); i++ {
		key := row{"id": item["id"], "part": str(furtherPart(i))}
		writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{TableName: b.s.table(booksTable), Key: key}})
	}
	return writes
}

// The conditions that a book stands in the version and fence that were read, and
// that nothing stands, or only what is forgotten.
const (
	standing = "#version = :version AND #fence = :fence AND (attribute_not_exists(#expires_at) OR #expires_at > :now)"
	nothing  = "attribute_not_exists(#id) OR #expires_at <= :now"
)

// asRead is the condition that the stored version and fence of a book are those
// of read.
func asRead(read book.Item, now time.Time) (condition string, values row) {
	values = row{":version": integer(read.Version), ":fence": integer(read.Fence), ":now": seconds(now)}
	if read.Version == 0 && read.Fence == 0 {
		return nothing + " OR " + standing, values
	}
	return standing, values
}

// changed is fault.Changed unless a stored item has the version and fence of read,
// and fault.Damaged when that cannot be told.
func changed(read book.Item, stored row, now time.Time) error {
	var version, fence int64
	if !absent(stored, now) {
		var err error
		if version, fence, err = readHead(read.ID, stored); err != nil {
			return err
		}
	}
	if version != read.Version || fence != read.Fence {
		return fault.New(fault.Changed, "book %s is no longer as it was read", read.ID)
	}
	return nil
}

// bookRow is a book as it is stored.
func bookRow(item book.Item, now time.Time) (row, error) {
	doc, err := json.Marshal(item)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "encode book %s", item.ID)
	}
	stored := bookKey(item.ID, bookPart)
	stored["version"], stored["fence"] = integer(item.Version), integer(item.Fence)
	stored["doc"], stored["token"] = binary(doc), newToken()
	if item.Existence != book.Live {
		stored[ExpiresAt] = expiry(now.Add(book.TombstoneTTL))
	}
	index(stored, item)
	return stored, nil
}
