package aws

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"acervo/internal/book"
)

// keeping is how long the item of a book is kept, which its burial must know: a
// live one stays for good, and the time of others starts again.
type keeping int

const (
	notKept keeping = iota // there is none, or it is forgotten
	forGood
	forATime
)

func keptAsRead(read book.Item) keeping {
	switch {
	case read.Version == 0 && read.Fence == 0:
		return notKept
	case read.Exists():
		return forGood
	default:
		return forATime
	}
}

func keptAsStored(stored row, now time.Time) keeping {
	if absent(stored, now) {
		return notKept
	}
	if _, expires := stored[ExpiresAt]; expires {
		return forATime
	}
	return forGood
}

// raiseFence makes the fence of a book one more than was read, on the condition
// that the book is as read, and kept like this. It leaves the rest as it is, so
// that a damaged book can be buried beside too.
func (s *Store) raiseFence(read book.Item, kept keeping, now time.Time) (types.TransactWriteItem, error) {
	const allOld = types.ReturnValuesOnConditionCheckFailureAllOld
	if kept == notKept {
		item, err := bookRow(book.Item{ID: read.ID, Fence: 1}, now)
		condition := nothing
		return types.TransactWriteItem{Put: &types.Put{
			TableName: s.table(booksTable), Item: item, ConditionExpression: &condition,
			ExpressionAttributeNames: names(condition), ExpressionAttributeValues: row{":now": seconds(now)},
			ReturnValuesOnConditionCheckFailure: allOld,
		}}, err
	}
	_, values := asRead(read, now)
	update, condition := "SET #fence = :raised", standing+" AND attribute_not_exists(#expires_at)"
	values[":raised"] = integer(read.Fence + 1)
	if kept == forATime {
		update, condition = update+", #expires_at = :expires", standing+" AND attribute_exists(#expires_at)"
		values[":expires"] = expiry(now.Add(book.TombstoneTTL))
	}
	return types.TransactWriteItem{Update: &types.Update{
		TableName: s.table(booksTable), Key: bookKey(read.ID, bookPart), UpdateExpression: &update, ConditionExpression: &condition,
		ExpressionAttributeNames: names(update, condition), ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: allOld,
	}}, nil
}
