package aws_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/aws"
	"acervo/internal/book"
	"acervo/internal/book/booktest"
	"acervo/internal/drop/droptest"
	"acervo/internal/job/jobtest"
	"acervo/internal/key"
	"acervo/internal/key/keytest"
	"acervo/internal/queue"
	"acervo/internal/queue/queuetest"
)

// dynamoDB makes clients of the engine that make test-aws starts.
func dynamoDB(t *testing.T, opts aws.Options) *aws.Clients {
	t.Helper()
	opts.DynamoDBEndpoint = os.Getenv("ACERVO_TEST_DYNAMODB")
	if opts.DynamoDBEndpoint == "" {
		t.Skip("make test-aws runs this")
	}
	opts.Region, opts.Timeout = "us-east-1", patience
	if opts.Transport == nil {
		opts.Transport = unlocked{&http.Transport{MaxIdleConnsPerHost: 100}}
	}
	c, err := aws.NewClients(t.Context(), opts)
	ok(t, err)
	t.Cleanup(c.Close)
	return c
}

// unlocked repeats what DynamoDB Local gave up because it waited too long for its own
// lock, as it does on a busy machine: nothing was done then, and "this request will
// succeed in actual DynamoDB API", it says.
type unlocked struct{ *http.Transport }

func (u unlocked) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	for {
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		resp, err := u.Transport.RoundTrip(again)
		if err != nil || resp.StatusCode != http.StatusInternalServerError {
			return resp, err
		}
		said, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return nil, err
		}
		if !bytes.Contains(said, []byte("waiting for a lock")) {
			resp.Body = io.NopCloser(bytes.NewReader(said))
			return resp, nil
		}
	}
}

// tables makes tables that nobody else uses, and returns their prefix.
func tables(t *testing.T) (prefix string) {
	t.Helper()
	prefix = uuid.NewString() + "-"
	c := dynamoDB(t, aws.Options{})
	s := aws.NewStore(c, prefix, time.Now)
	ok(t, s.CreateTables(t.Context()))
	t.Cleanup(func() { ok(t, aws.DropTables(context.WithoutCancel(t.Context()), s)) })
	return prefix
}

// clock is a clock in the hand of a test. It begins now, lest the engine removes
// what it takes for expired.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Now().UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheCatalogueKeepsTheContractOfBooks(t *testing.T) {
	t.Parallel()
	prefix, clients := tables(t), dynamoDB(t, aws.Options{})
	booktest.Run(t, func(*testing.T) booktest.Harness {
		c := newClock()
		return booktest.Harness{Store: aws.NewStore(clients, prefix, c.now).Books(), Now: c.now, Advance: c.advance}
	})
}

func TestTheCatalogueTellsWhichCoversItShows(t *testing.T) {
	t.Parallel()
	prefix, clients := tables(t), dynamoDB(t, aws.Options{})
	booktest.RunShelf(t, func(*testing.T) (booktest.Harness, book.Shelf) {
		c := newClock()
		books := aws.NewStore(clients, prefix, c.now).Books()
		return booktest.Harness{Store: books, Now: c.now, Advance: c.advance}, books
	}, nil)
}

func TestTheCatalogueKeepsTheContractOfLists(t *testing.T) {
	t.Parallel()
	shared, clients := tables(t), dynamoDB(t, aws.Options{})
	on := func(prefix string) booktest.ListHarness {
		c := newClock()
		books := aws.NewStore(clients, prefix, c.now).Books()
		return booktest.ListHarness{Harness: booktest.Harness{Store: books, Now: c.now, Advance: c.advance}, Lister: books}
	}
	booktest.RunLists(t,
		func(*testing.T) booktest.ListHarness { return on(shared) },
		func(t *testing.T) booktest.ListHarness { return on(tables(t)) })
}

func TestTheCatalogueKeepsTheContractOfBulk(t *testing.T) {
	t.Parallel()
	prefix, clients := tables(t), dynamoDB(t, aws.Options{})
	booktest.RunBulk(t, func(*testing.T) booktest.BulkHarness {
		c := newClock()
		books := aws.NewStore(clients, prefix, c.now).Books()
		return booktest.BulkHarness{Harness: booktest.Harness{Store: books, Now: c.now, Advance: c.advance}, Bulk: books}
	})
}

func TestTheRecordsKeepTheContractOfJobs(t *testing.T) {
	t.Parallel()
	prefix, clients := tables(t), dynamoDB(t, aws.Options{})
	jobtest.Run(t, func(*testing.T) jobtest.Harness {
		c := newClock()
		s := aws.NewStore(clients, prefix, c.now)
		return jobtest.Harness{Jobs: s.Jobs(), Claims: s.Jobs(), Books: s.Books(), Now: c.now, Advance: c.advance}
	})
}

func TestTheStoreKeepsTheContractOfControls(t *testing.T) {
	t.Parallel()
	prefix, clients := tables(t), dynamoDB(t, aws.Options{})
	queuetest.RunControl(t, func(*testing.T) queuetest.ControlHarness {
		c := newClock()
		s := aws.NewStore(clients, prefix, c.now)
		return queuetest.ControlHarness{
			Control: func(lane string) queue.Control { return s.Control(lane) },
			Now:     c.now, Advance: c.advance,
		}
	})
}

func TestTheStoreKeepsTheContractOfKeys(t *testing.T) {
	t.Parallel()
	clients := dynamoDB(t, aws.Options{})
	keytest.Run(t, func(t *testing.T) key.Store {
		return aws.NewStore(clients, tables(t), newClock().now).CallerKeys()
	})
}

func TestTheStoreKeepsTheContractOfDrops(t *testing.T) {
	t.Parallel()
	clients := dynamoDB(t, aws.Options{})
	droptest.Run(t, func(t *testing.T) droptest.Harness {
		c := newClock()
		return droptest.Harness{Store: aws.NewStore(clients, tables(t), c.now).Drops(), Now: c.now, Advance: c.advance}
	})
}
