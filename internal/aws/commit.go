package aws

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"acervo/internal/fault"
)

// Two writes of one item at once, one of which is a transaction, are not put in a
// row by DynamoDB: one is told of a conflict. It tries again after a moment.
const (
	tries       = 8
	firstWait   = 10 * time.Millisecond
	longestWait = 500 * time.Millisecond
)

// lost are the writes of a commit whose condition did not hold, by their place in
// it, each with the item that stands.
type lost map[int]row

// commit does all writes or none. One that is alone is no transaction, which
// would cost twice as much. An error leaves the fate of the writes unknown; when
// a condition is lost nothing is written.
func (s *Store) commit(ctx context.Context, writes ...types.TransactWriteItem) (lost, error) {
	send := s.transact
	if len(writes) == 1 {
		send = s.single
	}
	var err error
	for try := range tries {
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
		var l lost
		if l, err = send(ctx, writes); len(l) > 0 {
			return l, nil
		}
		if !conflicting(err) {
			return nil, classify(err, "write to DynamoDB")
		}
	}
	return nil, fault.Wrap(fault.Throttled, err, "write to DynamoDB, %d times", tries)
}

// pause waits before another try, longer each time and by chance.
func pause(ctx context.Context, try int) error {
	if try == 0 {
		return nil
	}
	timer := time.NewTimer(backoff(firstWait, try))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, context.Cause(ctx), "wait for another try")
	}
}

// backoff is how long to wait after this many tries: about twice as long each
// time, and never the same for two.
func backoff(first time.Duration, try int) time.Duration {
	wait := min(first<<(try-1), longestWait)
	return wait/2 + rand.N(wait) //nolint:gosec // nobody needs to be surprised
}

// single does one write that is no transaction.
func (s *Store) single(ctx context.Context, writes []types.TransactWriteItem) (lost, error) {
	var err error
	if put := writes[0].Put; put != nil {
		_, err = s.db.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: put.TableName, Item: put.Item, ConditionExpression: put.ConditionExpression,
			ExpressionAttributeNames: put.ExpressionAttributeNames, ExpressionAttributeValues: put.ExpressionAttributeValues,
			ReturnValuesOnConditionCheckFailure: put.ReturnValuesOnConditionCheckFailure,
		})
	} else {
		update := writes[0].Update
		_, err = s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: update.TableName, Key: update.Key, UpdateExpression: update.UpdateExpression,
			ConditionExpression:      update.ConditionExpression,
			ExpressionAttributeNames: update.ExpressionAttributeNames, ExpressionAttributeValues: update.ExpressionAttributeValues,
			ReturnValuesOnConditionCheckFailure: update.ReturnValuesOnConditionCheckFailure,
		})
	}
	if refused, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return lost{0: refused.Item}, nil
	}
	return nil, err
}

// transact does several writes. The SDK gives every call a token, so that one which
// is sent again after its answer was lost is done once.
func (s *Store) transact(ctx context.Context, writes []types.TransactWriteItem) (lost, error) {
	_, err := s.db.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
	l := lost{}
	for i, r := range reasons(err) {
		if code(r) == conditionalCheckFailed {
			l[i] = r.Item
		}
	}
	return l, err
}

// The reasons for which a transaction is cancelled, as the reference of
// TransactWriteItems has them.
const (
	conditionalCheckFailed = "ConditionalCheckFailed"
	transactionConflict    = "TransactionConflict"
	throttlingError        = "ThrottlingError"
	throughputExceeded     = "ProvisionedThroughputExceeded"
)

func reasons(err error) []types.CancellationReason {
	if cancelled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		return cancelled.CancellationReasons
	}
	return nil
}

func code(r types.CancellationReason) string {
	if r.Code == nil {
		return ""
	}
	return *r.Code
}

// conflicting reports whether a write was refused for another one at the same time,
// or a transaction for want of capacity, which the SDK does not try again.
func conflicting(err error) bool {
	if _, ok := errors.AsType[*types.TransactionConflictException](err); ok {
		return true
	}
	return slices.ContainsFunc(reasons(err), func(r types.CancellationReason) bool {
		return slices.Contains([]string{transactionConflict, throttlingError, throughputExceeded}, code(r))
	})
}
