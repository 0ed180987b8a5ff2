package aws

import (
	"context"
	"errors"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Table is a table as it is created. All key attributes are strings; billing is
// on demand.
type Table struct {
	Name        string // in full only with the prefix of a deployment
	Hash, Range string // Range is empty for a key of one attribute
	Indexes     []Index
}

// Index is a global secondary index. It holds the keys of the table and its own,
// and what it includes.
type Index struct {
	Name        string
	Hash, Range string
	Includes    []string
}

// ExpiresAt is the attribute, in Unix seconds, by which DynamoDB removes items of
// every table, in its own time. Until it does, the adapter takes them for absent.
const ExpiresAt = "expires_at"

// The tables, and the indexes by which they are listed.
const (
	booksTable = "books"
	jobsTable  = "jobs"
	lanesTable = "lanes"

	byTitle   = "by_title"
	byAuthor  = "by_author"
	byUpdated = "by_updated"
	byISBN    = "by_isbn"
	byBurial  = "ledger"
)

// Tables are all tables, for development and for a deployment.
func Tables() []Table {
	return []Table{
		{Name: booksTable, Hash: "id", Range: "part", Indexes: []Index{
			{Name: byTitle, Hash: "title_shard", Range: "title_key"},
			{Name: byAuthor, Hash: "author_shard", Range: "author_key"},
			{Name: byUpdated, Hash: "updated_shard", Range: "updated_key"},
			{Name: byISBN, Hash: "isbn", Range: "title_key"},
		}},
		{Name: jobsTable, Hash: "id", Indexes: []Index{
			ledgerIndex(),
		}},
		{Name: lanesTable, Hash: "lane", Range: "what"},
	}
}

// booksIndex is one of the table of books.
func booksIndex(name string) Index {
	indexes := Tables()[0].Indexes
	return indexes[slices.IndexFunc(indexes, func(i Index) bool { return i.Name == name })]
}

// ledgerIndex holds the dead only: others have no such attributes.
func ledgerIndex() Index {
	return Index{Name: byBurial, Hash: "ledger", Range: "buried", Includes: []string{"lane", "kind", "fingerprint", "book_id"}}
}

// CreateTables creates the tables that are missing, and returns when all can be
// used. It is for development: a deployment has them from its template.
func (s *Store) CreateTables(ctx context.Context) error {
	for _, t := range Tables() {
		if err := s.createTable(ctx, t); err != nil {
			return classify(err, "create the table %s", s.prefix+t.Name)
		}
	}
	return nil
}

// createTime is how long a table may take until it can be used.
const createTime = 5 * time.Minute

func (s *Store) createTable(ctx context.Context, t Table) error {
	name := s.table(t.Name)
	_, err := s.db.CreateTable(ctx, t.input(name))
	var exists *types.ResourceInUseException
	if err != nil && !errors.As(err, &exists) {
		return err
	}
	wait := dynamodb.NewTableExistsWaiter(s.db, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, 5*time.Second
	})
	if err := wait.Wait(ctx, &dynamodb.DescribeTableInput{TableName: name}, createTime); err != nil {
		return err
	}
	ttl, err := s.db.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: name})
	if err != nil || ttl.TimeToLiveDescription.TimeToLiveStatus != types.TimeToLiveStatusDisabled {
		return err
	}
	_, err = s.db.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: sdk.String(ExpiresAt), Enabled: sdk.Bool(true)},
	})
	return err
}

func (t Table) input(name *string) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{
		TableName: name, BillingMode: types.BillingModePayPerRequest, KeySchema: keySchema(t.Hash, t.Range),
	}
	defined := map[string]bool{"": true}
	define := func(attributes ...string) {
		for _, a := range attributes {
			if !defined[a] {
				in.AttributeDefinitions = append(in.AttributeDefinitions,
					types.AttributeDefinition{AttributeName: sdk.String(a), AttributeType: types.ScalarAttributeTypeS})
			}
			defined[a] = true
		}
	}
	define(t.Hash, t.Range)
	for _, i := range t.Indexes {
		define(i.Hash, i.Range)
		projection := &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}
		if len(i.Includes) > 0 {
			projection = &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: i.Includes}
		}
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: sdk.String(i.Name), KeySchema: keySchema(i.Hash, i.Range), Projection: projection,
		})
	}
	return in
}

func keySchema(hash, rng string) []types.KeySchemaElement {
	schema := []types.KeySchemaElement{{AttributeName: sdk.String(hash), KeyType: types.KeyTypeHash}}
	if rng != "" {
		schema = append(schema, types.KeySchemaElement{AttributeName: sdk.String(rng), KeyType: types.KeyTypeRange})
	}
	return schema
}
