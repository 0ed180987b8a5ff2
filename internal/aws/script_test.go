package aws_test

import (
	"context"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"acervo/internal/aws"
)

// trouble is what becomes of one call, in place of what the engine would do: it
// calls the engine, or does not, and answers.
type trouble func(call func() (any, error)) (any, error)

// script decides what becomes of each call; nil lets it through. It counts them.
type script struct {
	mu    sync.Mutex
	calls map[string]int
	next  func(operation string, input any) trouble
}

func (s *script) set(next func(operation string, input any) trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = next
}

func (s *script) trouble(operation string, input any) trouble {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	s.calls[operation]++
	if s.next == nil {
		return nil
	}
	return s.next(operation, input)
}

// onCalls is on whole calls, when the SDK has given up on trying again.
func (s *script) onCalls(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("script", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (out middleware.InitializeOutput, meta middleware.Metadata, err error) {
		call := func() (any, error) {
			out, meta, err = next.HandleInitialize(ctx, in)
			return out.Result, err
		}
		if t := s.trouble(middleware.GetOperationName(ctx), in.Parameters); t != nil {
			out.Result, err = t(call)
		} else {
			_, err = call()
		}
		return out, meta, err
	}), middleware.After)
}

// onAttempts is on each attempt of the SDK at a call.
func (s *script) onAttempts(stack *middleware.Stack) error {
	return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("script", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (out middleware.FinalizeOutput, meta middleware.Metadata, err error) {
		call := func() (any, error) {
			out, meta, err = next.HandleFinalize(ctx, in)
			return out.Result, err
		}
		if t := s.trouble(middleware.GetOperationName(ctx), in.Request); t != nil {
			out.Result, err = t(call)
		} else {
			_, err = call()
		}
		return out, meta, err
	}), middleware.After)
}

// troubled is a store under a script, beside one that is not.
func troubled(t *testing.T, prefix string, s *script, on func(*script) func(*middleware.Stack) error) (under, plain *aws.Store) {
	t.Helper()
	clients := dynamoDB(t, aws.Options{Middleware: []func(*middleware.Stack) error{on(s)}})
	now := newClock().now
	return aws.NewStore(clients, prefix, now), aws.NewStore(dynamoDB(t, aws.Options{}), prefix, now)
}

func calls(s *script) func(*middleware.Stack) error    { return s.onCalls }
func attempts(s *script) func(*middleware.Stack) error { return s.onAttempts }

// The troubles.

func throttled(func() (any, error)) (any, error) {
	return nil, &types.ProvisionedThroughputExceededException{}
}

func unreachable(func() (any, error)) (any, error) {
	return nil, &smithyhttp.RequestSendError{Err: syscall.ECONNREFUSED}
}

// answerLost lets the engine do it, and tells nobody.
func answerLost(call func() (any, error)) (any, error) {
	if result, err := call(); err != nil {
		return result, err
	}
	return nil, &smithyhttp.RequestSendError{Err: syscall.ECONNRESET}
}

// conflict is of a plain write, cancelled of a transaction of two.
func conflict(func() (any, error)) (any, error) {
	return nil, &types.TransactionConflictException{}
}

func cancelled(code string) trouble {
	none := "None"
	return func(func() (any, error)) (any, error) {
		return nil, &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: &none}, {Code: &code}}}
	}
}

// first is this trouble for the first n calls.
func first(n int, t trouble) func(string, any) trouble {
	return func(string, any) trouble {
		n--
		if n < 0 {
			return nil
		}
		return t
	}
}
