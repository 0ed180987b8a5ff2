package aws_test

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go/middleware"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"acervo/internal/aws"
	"acervo/internal/queue"
)

// TestMain gives the credentials of the engines, and lets many tests wait at once:
// what an engine does in its own time costs nothing but time.
func TestMain(m *testing.M) {
	err := errors.Join(
		os.Setenv("AWS_ACCESS_KEY_ID", "engines"),
		os.Setenv("AWS_SECRET_ACCESS_KEY", "engines"),
		flag.Set("test.parallel", "64"),
	)
	if err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// patience is how long an engine may take that shares two processors with
// everything else.
const patience = 2 * time.Minute

// onSQS returns clients of the engine that make test-aws starts, with this on
// every call.
func onSQS(t *testing.T, on ...func(*middleware.Stack) error) *aws.Clients {
	t.Helper()
	endpoint := os.Getenv("ACERVO_TEST_SQS")
	if endpoint == "" {
		t.Skip("make test-aws runs this")
	}
	c, err := aws.NewClients(t.Context(), aws.Options{
		Region: "us-east-1", SQSEndpoint: endpoint, Middleware: on, Timeout: patience,
	})
	ok(t, err)
	t.Cleanup(c.Close)
	return c
}

// queues creates queues that nobody else uses.
func queues(t *testing.T, c *aws.Clients) map[string]string {
	t.Helper()
	urls, err := c.CreateQueues(t.Context(), strings.ReplaceAll(uuid.NewString(), "-", "")+"-")
	ok(t, err)
	return urls
}

// life is a lane with the calls that tests are made of. The body of each message
// is its deduplication id.
type life struct {
	*aws.Lane
	t *testing.T
}

// lane returns a lane of writes under a script, beside one that is not.
func lanes(t *testing.T, on func(*middleware.Stack) error, opts aws.LaneOptions) (under, plain *life) {
	t.Helper()
	c := onSQS(t)
	url := queues(t, c)[aws.WritesQueue]
	return &life{onSQS(t, on).Lane(url, opts), t}, &life{c.Lane(url, opts), t}
}

func message(group, id string) queue.Message {
	return queue.Message{Group: group, DedupID: id, Body: []byte(id)}
}

func (l *life) send(group string, ids ...string) {
	l.t.Helper()
	for _, id := range ids {
		ok(l.t, l.Send(l.t.Context(), message(group, id)))
	}
}

// receives takes a batch, which must be these messages in this many receives each.
func (l *life) receives(times int, ids ...string) []queue.Delivery {
	l.t.Helper()
	batch, err := l.Receive(l.t.Context(), queue.MaxBatch)
	ok(l.t, err)
	good := len(batch) == len(ids)
	for i := 0; good && i < len(ids); i++ {
		good = batch[i].DedupID == ids[i] && batch[i].Receives == times
	}
	if !good {
		l.t.Fatalf("received %+v, want %v in receive %d", batch, ids, times)
	}
	return batch
}
