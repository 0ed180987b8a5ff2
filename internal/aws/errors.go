package aws

import (
	"context"
	"errors"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"acervo/internal/fault"
)

// classify gives an error of the SDK its kind, and a context for the log:
// fault.Throttled, fault.Unavailable for what may pass, else fault.Internal.
func classify(err error, format string, args ...any) error {
	return fault.Wrap(kindOf(err), err, format, args...)
}

func kindOf(err error) fault.Kind {
	switch {
	case isThrottle(err):
		return fault.Throttled
	case mayPass(err), isShut(err):
		return fault.Unavailable
	default:
		return fault.Internal
	}
}

// isLostCondition reports whether a write was refused because its condition did not
// hold.
func isLostCondition(err error) bool {
	_, lost := errors.AsType[*types.ConditionalCheckFailedException](err)
	return lost
}

func isThrottle(err error) bool {
	return retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}.IsErrorThrottle(err) == sdk.TrueTernary
}

// isShut reports whether the service refuses this process and not this request:
// somebody has to set a permission, a name or a clock right, and no job is to
// blame. The codes are those of "Common Errors" in the API references of DynamoDB
// and SQS.
func isShut(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	switch api.ErrorCode() {
	case "AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature",
		"InvalidClientTokenId", "InvalidSignatureException", "MissingAuthenticationToken", "NotAuthorized", "OptInRequired",
		"SignatureDoesNotMatch", "UnrecognizedClientException",
		"ResourceNotFoundException", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue":
		return true
	default:
		return false
	}
}

// mayPass reports whether the cause lies in the service or on the way to it: what
// the SDK itself would try again, what reached nobody, an answer that cannot be
// read, and a caller that did not wait.
func mayPass(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var unsent *smithyhttp.RequestSendError
	var unread *smithy.DeserializationError
	if errors.As(err, &unsent) || errors.As(err, &unread) {
		return true
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorFault() == smithy.FaultServer {
		return true
	}
	return retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == sdk.TrueTernary
}
