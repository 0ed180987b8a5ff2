package aws_test

import (
	"context"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/uuid"

	"acervo/internal/aws"
	"acervo/internal/book"
	"acervo/internal/job"
	"acervo/internal/work"
)

// meter adds up what calls cost, by table and index, and how many there are of
// each.
type meter struct {
	mu    sync.Mutex
	units units
	reads bool // what queries and batches read is added up too
}

type units map[string]float64

func (m *meter) onCalls(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("meter", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		m.add(units{middleware.GetOperationName(ctx): 1})
		const all = types.ReturnConsumedCapacityIndexes
		switch in := in.Parameters.(type) {
		case *dynamodb.GetItemInput:
			in.ReturnConsumedCapacity = all
		case *dynamodb.PutItemInput:
			in.ReturnConsumedCapacity = all
		case *dynamodb.UpdateItemInput:
			in.ReturnConsumedCapacity = all
		case *dynamodb.TransactWriteItemsInput:
			in.ReturnConsumedCapacity = all
		case *dynamodb.QueryInput:
			if m.reads {
				in.ReturnConsumedCapacity = all
			}
		case *dynamodb.BatchGetItemInput:
			if m.reads {
				in.ReturnConsumedCapacity = all
			}
		}
		out, meta, err := next.HandleInitialize(ctx, in)
		if err == nil { // a call that failed tells nothing
			m.add(consumed(out.Result))
		}
		return out, meta, err
	}), middleware.After)
}

func (m *meter) add(more units) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for what, n := range more {
		if n > 0 {
			m.units[what] += n
		}
	}
}

func (m *meter) takes(t *testing.T, what string, call func() error, want units) {
	t.Helper()
	clear(m.units)
	ok(t, call())
	if !maps.Equal(m.units, want) {
		t.Errorf("%s takes\n%v, want\n%v", what, m.units, want)
	}
}

func consumed(result any) units {
	switch out := result.(type) {
	case *dynamodb.GetItemOutput:
		return units{"reads": *out.ConsumedCapacity.CapacityUnits}
	case *dynamodb.QueryOutput:
		if out.ConsumedCapacity == nil {
			return nil
		}
		return units{"reads": *out.ConsumedCapacity.CapacityUnits}
	case *dynamodb.BatchGetItemOutput:
		all := units{}
		for _, c := range out.ConsumedCapacity {
			all["reads"] += *c.CapacityUnits
		}
		return all
	case *dynamodb.PutItemOutput:
		return written(*out.ConsumedCapacity)
	case *dynamodb.UpdateItemOutput:
		return written(*out.ConsumedCapacity)
	case *dynamodb.TransactWriteItemsOutput:
		return written(out.ConsumedCapacity...)
	default:
		return nil
	}
}

func written(consumed ...types.ConsumedCapacity) units {
	all := units{}
	for _, c := range consumed {
		_, table, _ := strings.Cut((*c.TableName)[uuidLength:], "-")
		all[table] += *c.Table.CapacityUnits
		for name, index := range c.GlobalSecondaryIndexes {
			all[name] += *index.CapacityUnits
		}
	}
	return all
}

const uuidLength = 36

// metered is a store whose calls are counted, one test at a time.
func metered(t *testing.T) (*meter, *aws.Store) {
	t.Helper()
	m := &meter{units: units{}}
	return m, aws.NewStore(dynamoDB(t, aws.Options{Middleware: []func(*middleware.Stack) error{m.onCalls}}), tables(t), time.Now)
}

// TestAWriteCostsWhatTheTablesSay holds the figures in the comment on Tables. The
// engine counts at most two items of a transaction, so the book has two authors.
func TestAWriteCostsWhatTheTablesSay(t *testing.T) {
	t.Parallel()
	m, s := metered(t)
	applier := work.NewApplier(s.Books(), s.Jobs(), "writes", time.Now)
	one := book.Draft{Title: "Água viva", Authors: []string{"Clarice Lispector"}, ISBN: "9788532508126", Published: 1973}
	two := one
	two.Authors = []string{"Clarice Lispector", "B"}
	large := one
	large.Description = strings.Repeat("x", 3<<10)
	id, of2 := uuid.New(), uuid.New()
	at := time.Now()
	message := func(kind job.Kind, id uuid.UUID, d book.Draft, patch string) job.Message {
		at = at.Add(time.Second)
		m := job.Message{
			V: job.MessageVersion, Job: strings.Repeat(strings.ReplaceAll(uuid.NewString(), "-", ""), 3)[:80], Generation: 1,
			Kind: kind, BookID: id, AcceptedAt: at,
		}
		if patch != "" {
			m.Patch = book.Patch(patch)
		}
		if kind == job.Create || kind == job.Replace {
			m.Draft = &d
		}
		return m
	}
	for _, c := range []struct {
		what     string
		message  job.Message
		receives int
		want     units
	}{
		{
			"a create", message(job.Create, id, one, ""), 1,
			units{"GetItem": 2, "PutItem": 1, "UpdateItem": 1, "reads": 2, "books": 1, "jobs": 1, "by_title": 1, "by_author": 1, "by_updated": 1, "by_isbn": 1},
		},
		{
			"an update of no key but its time", message(job.Update, id, one, `{"published":1974}`), 1,
			units{"GetItem": 2, "PutItem": 1, "UpdateItem": 1, "reads": 2, "books": 1, "jobs": 1, "by_updated": 2},
		},
		{
			"an update of the title", message(job.Update, id, one, `{"title":"B"}`), 1,
			units{"GetItem": 2, "PutItem": 1, "UpdateItem": 1, "reads": 2, "books": 1, "jobs": 1, "by_title": 2, "by_author": 2, "by_updated": 2, "by_isbn": 2},
		},
		{
			"a delete", message(job.Delete, id, one, ""), 1,
			units{"GetItem": 2, "PutItem": 1, "UpdateItem": 1, "reads": 2, "books": 1, "jobs": 1, "by_title": 1, "by_author": 1, "by_updated": 1, "by_isbn": 1},
		},
		{
			"a create of 3 to 4 KB", message(job.Create, id, large, ""), 1,
			units{"GetItem": 2, "PutItem": 1, "UpdateItem": 1, "reads": 2, "books": 4, "jobs": 1, "by_title": 1, "by_author": 1, "by_updated": 1, "by_isbn": 1},
		},
		{
			"a create with a further author", message(job.Create, of2, two, ""), 1,
			units{"GetItem": 2, "TransactWriteItems": 1, "UpdateItem": 1, "reads": 2, "books": 4, "jobs": 1, "by_title": 2, "by_author": 4, "by_updated": 2, "by_isbn": 2},
		},
		{
			"an update that leaves title and authors alone, of a book with a further one", message(job.Update, of2, one, `{"published":1974}`), 1,
			units{"GetItem": 2, "PutItem": 1, "UpdateItem": 1, "reads": 2, "books": 1, "jobs": 1, "by_updated": 2},
		},
		{
			"a refusal that may pass", message(job.Update, uuid.New(), one, `{"published":1974}`), 1,
			units{"GetItem": 2, "TransactWriteItems": 1, "reads": 2, "books": 2, "jobs": 2},
		},
		{
			"a burial with a record of 1 to 2 KB", message(job.Update, of2, one, `{"published":1974}`), work.MaxReceives + 1,
			units{"GetItem": 2, "TransactWriteItems": 1, "reads": 2, "books": 2, "jobs": 4, "ledger": 2},
		},
	} {
		body, err := c.message.Encode()
		ok(t, err)
		m.takes(t, c.what, func() error { return applier.Apply(t.Context(), c.message, body, c.receives) }, c.want)
	}
}

// TestListsAskEachPartitionOnceAndScanNothing counts the calls that a page takes.
func TestListsAskEachPartitionOnceAndScanNothing(t *testing.T) {
	t.Parallel()
	m, s := metered(t)
	lane := uuid.NewString()
	for range 30 {
		absent, next := newBook("Second")
		next.Draft.ISBN = "9788532508126"
		ok(t, s.Books().Swap(t.Context(), absent, next))
		rec := died(newRecord())
		rec.Burial.Lane = lane
		ok(t, s.Jobs().Save(t.Context(), rec))
	}
	for range 40 { // after those of the filter
		absent, next := newBook()
		next.Draft.Title = "Água zebra"
		next.Draft.Authors = []string{"Clarice Zweig"}
		ok(t, s.Books().Swap(t.Context(), absent, next))
	}
	second := func(q book.Query) book.Query {
		q.Limit = 20
		_, next, err := s.Books().List(t.Context(), q)
		ok(t, err)
		q.Cursor = next
		return q
	}
	page := func(q book.Query) func() error {
		q.Limit = 20
		return func() error {
			_, _, err := s.Books().List(t.Context(), q)
			return err
		}
	}
	for _, c := range []struct {
		what    string
		list    func() error
		queries float64
	}{
		{"by title", page(book.Query{Order: book.ByTitle}), 8},
		{"by title with a filter", page(book.Query{Order: book.ByTitle, Title: "Água"}), 8},
		{"a second page by title with a filter", page(second(book.Query{Order: book.ByTitle, Title: "Água viva"})), 8},
		{"by first author", page(book.Query{Order: book.ByAuthor}), 8},
		{"by author with a filter", page(book.Query{Order: book.ByAuthor, Author: "clarice"}), 16},
		{"the latest first", page(book.Query{Order: book.Latest}), 8},
		{"by ISBN", page(book.Query{Order: book.ByTitle, ISBN: "9788532508126"}), 1},
		{"the dead", func() error {
			_, _, err := s.Jobs().Dead(t.Context(), job.Filter{Lane: lane}, "", 20)
			return err
		}, 4},
		{"the dead in groups", func() error {
			_, err := s.Jobs().Groups(t.Context(), job.Filter{})
			return err
		}, 4},
	} {
		m.takes(t, c.what, c.list, units{"Query": c.queries, "BatchGetItem": 1})
	}
}
