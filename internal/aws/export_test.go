package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"acervo/internal/job"
)

// ClaimID is the id under which a claim is stored.
func ClaimID(c job.Claim) string {
	id, _ := readString(claimKey(c), "id")
	return id
}

// DropTables deletes all tables of a store.
func DropTables(ctx context.Context, s *Store) error {
	for _, t := range Tables() {
		if _, err := s.db.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: s.table(t.Name)}); err != nil {
			return err
		}
	}
	return nil
}
