package simtest_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/uuid"

	"acervo/internal/aws"
	"acervo/internal/fault"
	"acervo/internal/queue"
	"acervo/internal/simtest"
)

// lanesLease is how long a delivery is hidden in a history, and realLease how long
// SQS would hide it: longer than any history takes to tell.
const (
	lanesLease = 30 * time.Second
	realLease  = time.Hour
)

// onAWS are tables that all histories share, and queues of which each has its own.
type onAWS struct {
	*aws.Clients
	tables string
	// forgets tells that the histories are slow: when a message was deleted, SQS has
	// forgotten it, and stores it when it is sent again. Else they are quick, and it
	// does not.
	forgets bool
	lag     time.Duration // from the clock of the histories to that of the engines
}

// newOnAWS makes the tables on the engines that make test-aws starts.
func newOnAWS(t *testing.T, forgets bool) *onAWS {
	t.Helper()
	opts := aws.Options{
		Region: "us-east-1", SQSEndpoint: os.Getenv("ACERVO_TEST_SQS"), DynamoDBEndpoint: os.Getenv("ACERVO_TEST_DYNAMODB"),
		Middleware: []func(*middleware.Stack) error{atOnce}, Timeout: 30 * time.Second,
	}
	if opts.SQSEndpoint == "" || opts.DynamoDBEndpoint == "" {
		t.Skip("make test-aws runs this")
	}
	c, err := aws.NewClients(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	e := &onAWS{Clients: c, tables: uuid.NewString() + "-", forgets: forgets}
	if err := aws.NewStore(c, e.tables, time.Now).CreateTables(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

// atOnce has a receive that finds nothing return at once.
func atOnce(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("at once", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		if receive, ok := in.Parameters.(*sqs.ReceiveMessageInput); ok {
			receive.WaitTimeSeconds = 0
		}
		return next.HandleInitialize(ctx, in)
	}), middleware.After)
}

// open is simtest.Open. The engines take what expired in their own time for gone,
// so that the stores live that much later than the history.
func (e *onAWS) open(now func() time.Time) (simtest.Stores, error) {
	if e.lag == 0 {
		e.lag = time.Since(now()).Truncate(time.Second)
	}
	urls, err := e.CreateQueues(context.Background(), uuid.NewString()+"-")
	if err != nil {
		return simtest.Stores{}, err
	}
	store := aws.NewStore(e.Clients, e.tables, func() time.Time { return now().Add(e.lag) })
	return simtest.Stores{
		Books: store.Books(), Bulk: store.Books(), Jobs: store.Jobs(), Claims: store.Jobs(), SentOnce: !e.forgets, AgesInHand: true,
		Lane: &timed{
			Lane:    e.Lane(urls[aws.WritesQueue], aws.LaneOptions{Lease: realLease}),
			Control: store.Control("writes " + uuid.NewString()), now: now,
			forgets: e.forgets, held: map[string]hold{}, deleted: map[string]int{},
		},
	}, nil
}

// timed is a lane of SQS on which time passes as in a history: leases and delays
// begin as always, and end by a release when their time has come.
type timed struct {
	*aws.Lane
	queue.Control
	now     func() time.Time
	forgets bool
	held    map[string]hold // by handle
	deleted map[string]int  // how often, by deduplication id
}

type hold struct {
	id      string // for deduplication
	until   time.Time
	delayed bool
}

// Send gives a message that was deleted another name, if it is forgotten.
func (l *timed) Send(ctx context.Context, m queue.Message) error {
	if l.forgets {
		m.DedupID += "#" + strconv.Itoa(l.deleted[m.DedupID])
	}
	return l.Lane.Send(ctx, m)
}

func (l *timed) Lease() time.Duration { return lanesLease }

// tick gives back what is over.
func (l *timed) tick(ctx context.Context) error {
	var errs []error
	for handle, h := range l.held {
		if !h.until.After(l.now()) {
			errs = append(errs, l.Lane.Release(ctx, handle, 0))
			delete(l.held, handle)
		}
	}
	return errors.Join(errs...)
}

// owned ticks, and refuses a handle that is over.
func (l *timed) owned(ctx context.Context, handle string) error {
	if err := l.tick(ctx); err != nil {
		return err
	}
	if h, ok := l.held[handle]; !ok || h.delayed {
		return fault.New(fault.Stale, "the lease is over")
	}
	return nil
}

func (l *timed) Receive(ctx context.Context, limit int) ([]queue.Delivery, error) {
	if err := l.tick(ctx); err != nil {
		return nil, err
	}
	batch, err := l.Lane.Receive(ctx, limit)
	for i, d := range batch {
		batch[i].DedupID, _, _ = strings.Cut(d.DedupID, "#")
		l.held[d.Handle] = hold{id: batch[i].DedupID, until: l.now().Add(lanesLease)}
	}
	return batch, err
}

func (l *timed) Extend(ctx context.Context, handle string) error {
	if err := l.owned(ctx, handle); err != nil {
		return err
	}
	l.held[handle] = hold{id: l.held[handle].id, until: l.now().Add(lanesLease)}
	return l.Lane.Extend(ctx, handle)
}

func (l *timed) Release(ctx context.Context, handle string, delay time.Duration) error {
	if err := l.owned(ctx, handle); err != nil {
		return err
	}
	if delay > 0 {
		l.held[handle] = hold{until: l.now().Add(delay), delayed: true}
		return nil
	}
	delete(l.held, handle)
	return l.Lane.Release(ctx, handle, 0)
}

func (l *timed) Delete(ctx context.Context, handle string) error {
	if err := l.owned(ctx, handle); err != nil {
		return err
	}
	l.deleted[l.held[handle].id]++
	delete(l.held, handle)
	return l.Lane.Delete(ctx, handle)
}

func (l *timed) Stats(ctx context.Context) (queue.Stats, error) {
	if err := l.tick(ctx); err != nil {
		return queue.Stats{}, err
	}
	stats, err := l.Lane.Stats(ctx)
	for _, h := range l.held {
		if h.delayed {
			stats.InFlight--
			stats.Delayed++
		}
	}
	return stats, err
}

func TestQuickHistoriesOnAWS(t *testing.T) { simtest.Histories(t, 25, newOnAWS(t, false).open) }

func TestSlowHistoriesOnAWS(t *testing.T) { simtest.Histories(t, 25, newOnAWS(t, true).open) }

func TestTracesOnAWS(t *testing.T) { simtest.Traces(t, newOnAWS(t, true).open) }
