package aws

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"acervo/internal/job"
)

// ClaimID is the id under which a claim is stored.
func ClaimID(c job.Claim) string {
	id, _ := readString(claimKey(c), "id")
	return id
}

// DropTables deletes the tables of a store that there are.
func DropTables(ctx context.Context, s *Store) error {
	for _, t := range Tables() {
		_, err := s.db.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: s.table(t.Name)})
		if _, gone := errors.AsType[*types.ResourceNotFoundException](err); err != nil && !gone {
			return err
		}
	}
	return nil
}
