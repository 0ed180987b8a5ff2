package arrive

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"acervo/internal/fault"
	"acervo/internal/queue"
)

// IdleFailures is what passes before a queue of failures that was empty is looked at
// again.
const IdleFailures = 5 * time.Minute

// failure is what Lambda puts into a queue when it has given an event up (Lambda
// Developer Guide, "Capturing records of Lambda asynchronous invocations").
type failure struct {
	RequestContext struct {
		Condition string `json:"condition"`
	} `json:"requestContext"`
	RequestPayload  jsontext.Value `json:"requestPayload"`
	ResponsePayload struct {
		ErrorMessage string `json:"errorMessage"`
	} `json:"responsePayload"`
}

// maxWhy is the most bytes that are kept of why Lambda gave up.
const maxWhy = 2000

// DecodeFailure reads what a function of Lambda leaves when it has given up: the
// objects that it was told of, and why. An event alone, as a dead-letter queue has it,
// is one too. Anything else is fault.Syntax.
func DecodeFailure(body []byte) ([]Object, error, error) {
	if len(body) > maxEvent {
		return nil, nil, fault.New(fault.Syntax, "the failure has %d bytes", len(body))
	}
	var f failure
	if err := json.Unmarshal(body, &f, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, nil, fault.Wrap(fault.Syntax, err, "the failure cannot be read")
	}
	if f.RequestPayload == nil {
		f.RequestPayload = body
	}
	objects, err := Decode(f.RequestPayload)
	told := f.ResponsePayload.ErrorMessage
	if told == "" {
		told = "the function gave up and did not say why " + f.RequestContext.Condition
	}
	return objects, fault.New(fault.Internal, "%s", told[:min(len(told), maxWhy)]), err
}

// Failures gives up what the functions of Lambda could not deal with. It is for one
// goroutine.
type Failures struct {
	Queue  queue.Receiver
	Router *Router
	// Idle is what passes after an empty receive; zero for IdleFailures.
	Idle time.Duration
	Log  *slog.Logger
}

// Run takes failures off their queue until ctx ends.
func (f *Failures) Run(ctx context.Context) {
	idle := f.Idle
	if idle == 0 {
		idle = IdleFailures
	}
	for ctx.Err() == nil {
		got, err := f.Queue.Receive(ctx, queue.MaxBatch)
		if err != nil && ctx.Err() == nil {
			f.Log.WarnContext(ctx, "the failures cannot be received", "error", err)
		}
		for _, d := range got {
			f.giveUp(ctx, d)
		}
		if len(got) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(idle):
		}
	}
}

// giveUp deals with one failure. What cannot be given up comes again; what is no
// failure at all is logged and dropped.
func (f *Failures) giveUp(ctx context.Context, d queue.Delivery) {
	objects, why, err := DecodeFailure(d.Body)
	if err != nil {
		f.Log.ErrorContext(ctx, "a failure cannot be read and is dropped", "message", d.DedupID, "error", err)
	}
	for _, o := range objects {
		if err := f.Router.GiveUp(ctx, o, why); err != nil {
			f.Log.WarnContext(ctx, "a failure could not be given up, and comes again", "error", err)
			return
		}
	}
	if err := f.Queue.Delete(ctx, d.Handle); err != nil {
		f.Log.WarnContext(ctx, "a failure could not be deleted, and comes again", "error", err)
	}
}
