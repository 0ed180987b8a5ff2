package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	dynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sqs "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"acervo/internal/fault"
)

func TestEveryErrorOfTheSDKHasItsKind(t *testing.T) {
	t.Parallel()
	status := func(code int) error {
		return &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: code}}, Err: errors.New("no code"),
		}
	}
	for name, c := range map[string]struct {
		err  error
		want fault.Kind
	}{
		"a throttled table":         {&dynamodb.ProvisionedThroughputExceededException{}, fault.Throttled},
		"a throttled account":       {&dynamodb.RequestLimitExceeded{}, fault.Throttled},
		"a throttled queue":         {&sqs.RequestThrottled{}, fault.Throttled},
		"any throttling":            {&smithy.GenericAPIError{Code: "ThrottlingException"}, fault.Throttled},
		"throttled to the end":      {&retry.MaxAttemptsError{Attempt: 3, Err: &sqs.RequestThrottled{}}, fault.Throttled},
		"throttled beyond retrying": {errors.Join(&sqs.RequestThrottled{}, ratelimit.QuotaExceededError{}), fault.Throttled},
		"a server's fault":          {&dynamodb.InternalServerError{}, fault.Unavailable},
		"a service that is down":    {status(http.StatusServiceUnavailable), fault.Unavailable},
		"refused":                   {&smithyhttp.RequestSendError{Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, fault.Unavailable},
		"reset":                     {&smithyhttp.RequestSendError{Err: syscall.ECONNRESET}, fault.Unavailable},
		"a name that is not found":  {&smithyhttp.RequestSendError{Err: &net.DNSError{IsNotFound: true}}, fault.Unavailable},
		"too late":                  {&url.Error{Op: "Post", Err: context.DeadlineExceeded}, fault.Unavailable},
		"an answer cut short":       {&smithy.DeserializationError{Err: io.ErrUnexpectedEOF}, fault.Unavailable},
		"cancelled":                 {&smithy.CanceledError{Err: context.Canceled}, fault.Unavailable},
		"no such table":             {&dynamodb.ResourceNotFoundException{}, fault.Unavailable},
		"no such queue":             {&sqs.QueueDoesNotExist{}, fault.Unavailable},
		"not allowed":               {&smithy.GenericAPIError{Code: "AccessDeniedException", Fault: smithy.FaultClient}, fault.Unavailable},
		"a bad request":             {status(http.StatusBadRequest), fault.Internal},
		"anything else":             {errors.New("a bug"), fault.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrapped := &smithy.OperationError{ServiceID: "S", OperationName: "O", Err: c.err}
			err := classify(wrapped, "do %s", "it")
			if !fault.Is(err, c.want) || !errors.Is(err, c.err) {
				t.Errorf("got %s (%v), want %s", fault.KindOf(err), err, c.want)
			}
		})
	}
	if err := classify(nil, "nothing"); err != nil {
		t.Errorf("no error became %v", err)
	}
	if err := fmt.Errorf("wrapped: %w", classify(&sqs.RequestThrottled{}, "send")); !fault.Is(err, fault.Throttled) {
		t.Errorf("got %v", err)
	}
}
