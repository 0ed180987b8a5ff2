package aws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"acervo/internal/fault"
	"acervo/internal/job"
)

// claimKey is where the claims on a key of a caller stand, among the records of
// jobs; no receipt looks like it.
func claimKey(c job.Claim) row {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q", c.Caller, c.Key))
	return jobKey("claim#" + hex.EncodeToString(sum[:]))
}

// Claim is job.Claims's. A claim that is sent again because its answer was lost
// finds itself.
func (j Jobs) Claim(ctx context.Context, c job.Claim) (stands job.Claim, mine bool, err error) {
	now := j.s.now()
	c.Sent = false
	item := claimKey(c)
	item["hash"], item["job"], item["sent"] = str(c.Hash), str(c.Job), boolean(false)
	item[ExpiresAt] = expiry(now.Add(job.ClaimTTL))
	condition := nothing
	l, err := j.s.commit(ctx, types.TransactWriteItem{Put: &types.Put{
		TableName: j.s.table(jobsTable), Item: item, ConditionExpression: &condition,
		ExpressionAttributeNames: names(condition), ExpressionAttributeValues: row{":now": seconds(now)},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}})
	if err != nil {
		return job.Claim{}, false, err
	}
	stored, refused := l[0]
	if !refused {
		return c, true, nil
	}
	stands, err = readClaim(c, stored)
	return stands, err == nil && stands.Job == c.Job, err
}

// readClaim reads what stands in the place of c.
func readClaim(c job.Claim, stored row) (job.Claim, error) {
	hash, ok := readString(stored, "hash")
	id, okID := readString(stored, "job")
	if !ok || !okID {
		return job.Claim{}, fault.New(fault.Damaged, "the claim of %s on the key %q is damaged", c.Caller, c.Key)
	}
	return job.Claim{Caller: c.Caller, Key: c.Key, Hash: hash, Job: id, Sent: readBool(stored, "sent")}, nil
}

// MarkSent is job.Claims's.
func (j Jobs) MarkSent(ctx context.Context, c job.Claim) error {
	update, condition := "SET #sent = :sent", "#job = :job"
	_, err := j.s.commit(ctx, types.TransactWriteItem{Update: &types.Update{
		TableName: j.s.table(jobsTable), Key: claimKey(c), UpdateExpression: &update, ConditionExpression: &condition,
		ExpressionAttributeNames:  names(update, condition),
		ExpressionAttributeValues: row{":sent": boolean(true), ":job": str(c.Job)},
	}})
	return err
}
