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
	keysTable  = "keys"
	dropsTable = "imports"

	byTitle   = "by_title"
	byAuthor  = "by_author"
	byUpdated = "by_updated"
	byISBN    = "by_isbn"
	byCover   = "by_cover"
	byBurial  = "ledger"
)

// Tables are all tables, for development and for a deployment.
//
// Under books, part is "book" for the book itself and "author#02" and so on for
// entries by which it is listed under its further authors. A list is spread over 8
// partitions of its index (16 with further authors) by a hash of the id. Tombstones
// and fences have no index keys, and so are not in the lists. Under jobs stand the
// records and the claims, under lanes the pause and a heartbeat of each worker. The
// keys of callers have a table of their own, so that nobody but the API needs rights
// to them.
//
// What a plain write costs, in write units, where a book has up to n KB:
//
//	                            book  record  title  author  updated  isbn
//	create                        n      1      1      1        1      1
//	update, title and authors kept n     1      0      0        2      0
//	update of the title           n      1      2      2        2      2
//	delete                        n      1      1      1        1      1
//
// and two strong reads, of a unit for each 4 KB. A book whose further authors
// change, or whose title does, is a transaction, which costs twice as much, and has
// 2 units more for each further entry and 2 to 4 for its place in the index. A
// refusal that a bulk row can make wrong costs 2 and 2, a burial 2, 2 for each KB
// of the record and 2 in the ledger.
//
// A partition takes 1,000 write units a second, and an index that cannot keep up
// throttles its table. Eight take 8,000 new books a second, or 4,000 that change,
// since a change of a key is a deletion and an insertion. A bulk import of 2,000
// rows a second takes a quarter to a half of that. The partitions by ISBN are as
// many as there are ISBNs. The ledger's four take 2,000 burials a second.
//
// A book with a cover has 1 unit more when the cover is set or removed, and 2 when it
// is replaced, for the index by which covers that nobody shows are found.
//
// A page of a list asks its 8 or 16 partitions (by ISBN one) for as many keys as
// the page has books, and one more: 21 keys of about 150 bytes are half a read unit
// each, eventually consistent. The books are then read strongly in one batch, one
// unit for each 4 KB, because only the truth tells a book that has moved from one
// that is there: 25 to 29 units for a page of 20. Nothing is ever scanned.
//
// A request by a key that an operator made is one strong read of a unit.
//
// Under imports stand the records of imports, the progress of their passes, and the
// outcomes of chunks, each in an item of its own, so that an outcome costs 4 units
// and a read however large the record is; and the list of imports, those that are
// pending, and who has which bytes. A row of an import is one read of a unit for each
// 4 KB of its book, and a write as above without the record. One that says what the
// book says costs no write, or as one that keeps title and authors.
func Tables() []Table {
	return []Table{
		{Name: booksTable, Hash: "id", Range: "part", Indexes: []Index{
			{Name: byTitle, Hash: "title_shard", Range: "title_key"},
			{Name: byAuthor, Hash: "author_shard", Range: "author_key"},
			{Name: byUpdated, Hash: "updated_shard", Range: "updated_key"},
			{Name: byISBN, Hash: "isbn", Range: "title_key"},
			{Name: byCover, Hash: "cover", Range: "id"},
		}},
		{Name: jobsTable, Hash: "id", Indexes: []Index{
			ledgerIndex(),
		}},
		{Name: lanesTable, Hash: "lane", Range: "what"},
		{Name: keysTable, Hash: "id", Range: "part"},
		{Name: dropsTable, Hash: "id", Range: "part"},
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
	return s.expire(ctx, name)
}

// expire lets the items of a table expire, unless they do.
func (s *Store) expire(ctx context.Context, table *string) error {
	_, err := s.db.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: sdk.String(ExpiresAt), Enabled: sdk.Bool(true)},
	})
	if err == nil {
		return nil
	}
	is, unknown := s.db.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: table})
	if unknown == nil && is.TimeToLiveDescription.TimeToLiveStatus != types.TimeToLiveStatusDisabled {
		return nil
	}
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
