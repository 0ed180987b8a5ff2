// Package aws keeps the ports of the nouns on Amazon SQS, DynamoDB and S3. It is the
// only room that knows the AWS SDK.
package aws

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/middleware"

	"acervo/internal/fault"
)

const (
	// attempts is how often the SDK tries one call, and firstBackoff about what it
	// waits after the first. The SDK's own waits are between nothing and seconds, or
	// the same for everyone when they are bounded to one.
	attempts     = 3
	firstBackoff = 100 * time.Millisecond
	// callTimeout is the default of Options.Timeout.
	callTimeout = 5 * time.Second
	// idleConnections is how many connections to one endpoint are kept open.
	idleConnections = 100
)

// Options say where AWS is. The zero value is AWS itself, as the environment and
// the role of the task describe it.
type Options struct {
	Region string
	// DynamoDBEndpoint, SQSEndpoint and S3Endpoint are base URLs other than AWS's own.
	DynamoDBEndpoint, SQSEndpoint, S3Endpoint string
	// Transport carries every request, nil for one of the SDK's making.
	Transport http.RoundTripper
	// Middleware is put on the stack of every call.
	Middleware []func(*middleware.Stack) error
	// Timeout bounds one attempt of a call that waits for nothing; 5 s when zero.
	Timeout time.Duration
}

// Clients are the clients of all engines, made of one configuration. They are
// safe for concurrent use.
type Clients struct {
	DynamoDB *dynamodb.Client
	SQS      *sqs.Client
	S3       *s3.Client

	transport http.RoundTripper
}

// NewClients reads the environment as every AWS program does, and calls nobody.
func NewClients(ctx context.Context, opts Options) (*Clients, error) {
	load := []func(*config.LoadOptions) error{
		config.WithHTTPClient(awshttp.NewBuildableClient()), // takes the certificates that the environment names
		config.WithAPIOptions(opts.Middleware),
		config.WithRetryer(newRetryer),
	}
	if opts.Region != "" {
		load = append(load, config.WithRegion(opts.Region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "configure the AWS SDK")
	}
	if made, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok && opts.Transport == nil {
		transport := made.GetTransport()
		transport.MaxIdleConnsPerHost = idleConnections
		opts.Transport = transport
	}
	cfg.HTTPClient = httpClient(opts.Transport, cmp.Or(opts.Timeout, callTimeout))
	return &Clients{
		DynamoDB: dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
			o.BaseEndpoint = endpoint(opts.DynamoDBEndpoint)
			// It does no more than log, also for every lost condition: answers that are
			// errors carry no checksum (aws-sdk-go-v2 issue 3545).
			o.DisableValidateResponseChecksum = true
		}),
		SQS: sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.BaseEndpoint = endpoint(opts.SQSEndpoint) }),
		S3: s3.NewFromConfig(cfg, func(o *s3.Options) {
			o.BaseEndpoint = endpoint(opts.S3Endpoint)
			o.UsePathStyle = opts.S3Endpoint != ""             // others have no host for each bucket
			o.DisableLogOutputChecksumValidationSkipped = true // parts of objects have none
		}),

		transport: opts.Transport,
	}, nil
}

// newRetryer makes the retryer of a client, with one quota for all its calls, so
// that retries do not add up on what is overloaded.
func newRetryer() sdk.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
			return backoff(firstBackoff, attempt), nil
		})
	})
}

// client carries requests to an engine.
type client struct{ http.Client }

// httpClient makes a client whose attempts end in time. The SDK takes such an end
// for a reason to try again, unlike the end of the caller's context.
func httpClient(transport http.RoundTripper, timeout time.Duration) *client {
	return &client{http.Client{
		Transport:     transport,
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Do hides that the body can write itself. The SDK closes it as soon as it has the
// response; asked to write itself then, it fails, at which net/http drops the
// connection that the response is being read from. Merely read, it just ends.
func (c *client) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.Client.Do(r)
}

// endpoint returns nil for the endpoint of AWS.
func endpoint(url string) *string {
	if url == "" {
		return nil
	}
	return &url
}

// Close lets go of idle connections.
func (c *Clients) Close() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
