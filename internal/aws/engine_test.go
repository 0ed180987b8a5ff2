package aws_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/smithy-go/middleware"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"acervo/internal/aws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// onSQS returns clients of the engine that make test-aws starts, with this
// middleware on every call.
func onSQS(t *testing.T, middleware ...func(*middleware.Stack) error) *aws.Clients {
	t.Helper()
	endpoint := os.Getenv("ACERVO_TEST_SQS")
	if endpoint == "" {
		t.Skip("make test-aws runs this")
	}
	return clients(t, aws.Options{SQSEndpoint: endpoint, Middleware: middleware})
}

// clients returns clients that are closed when the test is over.
func clients(t *testing.T, opts aws.Options) *aws.Clients {
	t.Helper()
	opts.Region = "eu-west-1"
	c, err := aws.NewClients(t.Context(), opts)
	ok(t, err)
	t.Cleanup(c.Close)
	return c
}

// queues creates queues that nobody else uses.
func queues(t *testing.T, c *aws.Clients) map[string]string {
	t.Helper()
	urls, err := c.CreateQueues(t.Context(), prefix())
	ok(t, err)
	return urls
}

// prefix makes names unlike all others.
func prefix() string { return strings.ReplaceAll(uuid.NewString(), "-", "")[:12] + "-" }
