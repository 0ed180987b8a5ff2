package aws

import (
	"cmp"
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// Jobs is job.Store and job.Claims.
type Jobs struct{ s *Store }

var (
	_ job.Store  = Jobs{}
	_ job.Claims = Jobs{}
)

// Jobs returns the records of jobs in this store.
func (s *Store) Jobs() Jobs { return Jobs{s} }

func jobKey(id string) row { return row{"id": str(id)} }

// Get is job.Store's.
func (j Jobs) Get(ctx context.Context, id string) (job.Record, bool, error) {
	out, err := j.s.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: j.s.table(jobsTable), Key: jobKey(id), ConsistentRead: sdk.Bool(true),
	})
	if err != nil {
		return job.Record{}, false, classify(err, "read the record of job %s", id)
	}
	if absent(out.Item, j.s.now()) {
		return job.Record{}, false, nil
	}
	rec, err := readRecord(id, out.Item)
	return rec, true, err
}

// Save is job.Store's.
func (j Jobs) Save(ctx context.Context, rec job.Record) error {
	update, err := j.update(rec, saving(rec))
	if err != nil {
		return err
	}
	return j.alone(ctx, rec.ID, update)
}

// Amend is job.Store's.
func (j Jobs) Amend(ctx context.Context, read, next job.Record) error {
	update, err := j.update(next, "#revision = :read")
	if err != nil {
		return err
	}
	update.ExpressionAttributeValues[":read"] = integer(read.Revision)
	return j.alone(ctx, read.ID, update)
}

// alone stores a record without its book.
func (j Jobs) alone(ctx context.Context, id string, update *types.Update) error {
	l, err := j.s.commit(ctx, types.TransactWriteItem{Update: update})
	if err != nil {
		return err
	}
	return ended(id, update, l)
}

// ended is fault.Changed when a record, the first write of a commit, was refused
// for another one.
func ended(id string, update *types.Update, l lost) error {
	stored, refused := l[0]
	if !refused || wrote(stored, update.ExpressionAttributeValues[":token"]) {
		return nil
	}
	return fault.New(fault.Changed, "job %s has ended, or been written, meanwhile", id)
}

// SaveIfUnchanged is job.Store's.
func (j Jobs) SaveIfUnchanged(ctx context.Context, rec job.Record, read book.Item) error {
	now := j.s.now()
	update, err := j.update(rec, saving(rec))
	if err != nil {
		return err
	}
	condition, values := asRead(read, now)
	l, err := j.s.commit(ctx, types.TransactWriteItem{Update: update}, types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: j.s.table(booksTable), Key: bookKey(read.ID, bookPart), ConditionExpression: &condition,
		ExpressionAttributeNames: names(condition), ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}})
	if _, refused := l[0]; err != nil || refused || len(l) == 0 {
		return cmp.Or(err, ended(rec.ID, update, l))
	}
	return cmp.Or(changed(read, l[1], now), error(fault.New(fault.Changed, "book %s keeps changing", read.ID)))
}

// Bury is job.Store's.
func (j Jobs) Bury(ctx context.Context, rec job.Record, read book.Item) error {
	if read.ID == uuid.Nil {
		return j.Save(ctx, rec)
	}
	now := j.s.now()
	update, err := j.update(rec, saving(rec))
	if err != nil {
		return err
	}
	kept := keptAsRead(read)
	for range 2 {
		raise, err := j.s.raiseFence(read, kept, now)
		if err != nil {
			return err
		}
		l, err := j.s.commit(ctx, types.TransactWriteItem{Update: update}, raise)
		if _, refused := l[0]; err != nil || refused || len(l) == 0 {
			return cmp.Or(err, ended(rec.ID, update, l))
		}
		if err := changed(read, l[1], now); err != nil {
			return err
		}
		kept = keptAsStored(l[1], now) // a damaged book was not read in full
	}
	return fault.New(fault.Changed, "book %s keeps changing", read.ID)
}
