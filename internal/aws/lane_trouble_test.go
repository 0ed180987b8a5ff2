package aws_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"acervo/internal/aws"
	"acervo/internal/fault"
	"acervo/internal/queue"
)

// only is trouble for one kind of call.
func only(operation string, next func(string, any) trouble) func(string, any) trouble {
	return func(op string, input any) trouble {
		if op != operation {
			return nil
		}
		return next(op, input)
	}
}

func always(t trouble) func(string, any) trouble { return func(string, any) trouble { return t } }

func refused(func() (any, error)) (any, error) {
	return nil, &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"}
}

func TestThrottledAndLostCallsHaveTheirKindsAndTheLaneGoesOnAfterThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trouble trouble
		want    fault.Kind
	}{
		"throttled":  {refused, fault.Throttled},
		"out of air": {unreachable, fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{}
			l, _ := lanes(t, s.onAttempts, aws.LaneOptions{Poll: time.Second})
			l.send("a", "a1", "a2")
			d := l.receives(1, "a1", "a2")
			s.set(always(c.trouble))
			_, receive := l.Receive(t.Context(), 1)
			_, stats := l.Stats(t.Context())
			for what, err := range map[string]error{
				"send":    l.Send(t.Context(), message("b", "b1")),
				"receive": receive,
				"extend":  l.Extend(t.Context(), d[0].Handle),
				"release": l.Release(t.Context(), d[0].Handle, 0),
				"delete":  l.Delete(t.Context(), d[0].Handle),
				"stats":   stats,
			} {
				if !fault.Is(err, c.want) {
					t.Errorf("%s: got %v, want %s", what, err, c.want)
				}
			}
			s.set(nil)
			// What failed can be done again by the same handle.
			ok(t, l.Release(t.Context(), d[1].Handle, 0))
			ok(t, l.Extend(t.Context(), d[0].Handle))
			ok(t, l.Delete(t.Context(), d[0].Handle))
			l.receives(2, "a2")
		})
	}
}

// sendAll has every message sent by a caller of its own, in one batch after that of
// the first.
func (l *life) sendAll(ids ...string) map[string]error {
	errs := make([]error, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() { errs[i] = l.Send(l.t.Context(), message(id, id)) })
	}
	wg.Wait()
	byID := map[string]error{}
	for i, id := range ids {
		byID[id] = errs[i]
	}
	return byID
}

func TestEverySenderHearsTheFateOfItsOwnMessage(t *testing.T) {
	t.Parallel()
	s := &script{}
	l, plain := lanes(t, s.onCalls, aws.LaneOptions{Poll: time.Second})
	fails := map[string]types.BatchResultErrorEntry{
		"b": {Code: sdk.String("InternalError")},
		"d": {Code: sdk.String("ThrottlingException"), SenderFault: true},
		"f": {Code: sdk.String("InvalidMessageContents"), SenderFault: true},
	}
	// These fail, h is answered neither way, and an answer to nothing confuses nobody.
	s.set(only("SendMessageBatch", func(_ string, input any) trouble {
		in := input.(*sqs.SendMessageBatchInput)
		asked := slices.Clone(in.Entries)
		return func(call func() (any, error)) (any, error) {
			in.Entries = slices.DeleteFunc(in.Entries, func(e types.SendMessageBatchRequestEntry) bool {
				_, fails := fails[*e.MessageBody]
				return fails
			})
			out := &sqs.SendMessageBatchOutput{}
			if len(in.Entries) > 0 {
				result, err := call()
				if err != nil {
					return nil, err
				}
				out = result.(*sqs.SendMessageBatchOutput)
			}
			for _, e := range asked {
				if failed, ok := fails[*e.MessageBody]; ok {
					failed.Id = e.Id
					out.Failed = append(out.Failed, failed)
				}
				if *e.MessageBody == "h" {
					out.Successful = slices.DeleteFunc(out.Successful, func(r types.SendMessageBatchResultEntry) bool { return *r.Id == *e.Id })
				}
			}
			out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: sdk.String("x")}, types.SendMessageBatchResultEntry{Id: sdk.String("10")})
			return out, nil
		}
	}))
	got := l.sendAll("a", "b", "c", "d", "e", "f", "g", "h", "i")
	want := map[string]fault.Kind{"b": fault.Unavailable, "d": fault.Throttled, "f": fault.Internal, "h": fault.Unavailable}
	for id, err := range got {
		if fault.KindOf(err) != want[id] {
			t.Errorf("%s: got %v, want %q", id, err, want[id])
		}
	}
	s.set(nil)
	for id, err := range got { // whoever heard an error sends again
		if err != nil {
			l.send(id, id)
		}
	}
	stats, err := plain.Stats(t.Context())
	ok(t, err)
	if stats.Waiting != len(got) {
		t.Errorf("%d messages are on the lane, want each of %d once", stats.Waiting, len(got))
	}
}

func TestADeletionOrAReleaseThatFailsInABatchIsThatOfItsCaller(t *testing.T) {
	t.Parallel()
	s := &script{}
	l, _ := lanes(t, s.onCalls, aws.LaneOptions{Poll: time.Second})
	l.sendAll("a", "b", "c", "d")
	batch, err := l.Receive(t.Context(), queue.MaxBatch)
	ok(t, err)
	byID := map[string]queue.Delivery{}
	for _, d := range batch {
		byID[d.DedupID] = d
	}
	failed := []types.BatchResultErrorEntry{{Id: sdk.String("0"), Code: sdk.String("InternalError")}}
	s.set(func(operation string, _ any) trouble {
		return func(func() (any, error)) (any, error) {
			if operation == "DeleteMessageBatch" {
				return &sqs.DeleteMessageBatchOutput{Failed: failed}, nil
			}
			return &sqs.ChangeMessageVisibilityBatchOutput{Failed: failed}, nil
		}
	})
	for what, err := range map[string]error{
		"delete":  l.Delete(t.Context(), byID["a"].Handle),
		"release": l.Release(t.Context(), byID["b"].Handle, 0),
		"extend":  l.Extend(t.Context(), byID["c"].Handle),
	} {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	failed[0] = types.BatchResultErrorEntry{Id: sdk.String("0"), Code: sdk.String("InvalidParameterValue"), SenderFault: true}
	for what, err := range map[string]error{
		"delete":  l.Delete(t.Context(), byID["a"].Handle),
		"release": l.Release(t.Context(), byID["b"].Handle, 0),
		"extend":  l.Extend(t.Context(), byID["c"].Handle),
	} {
		if !fault.Is(err, fault.Stale) {
			t.Errorf("%s by a handle that SQS refuses: got %v", what, err)
		}
	}
	s.set(nil)
	if err := l.Extend(t.Context(), byID["c"].Handle); !fault.Is(err, fault.Stale) {
		t.Errorf("extending again: got %v, want it to stay stale", err)
	}
	ok(t, l.Delete(t.Context(), byID["d"].Handle))
}

func TestAMessageWhoseAnswerIsLostIsStoredOnce(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]int{"once, and the SDK sends again": 1, "for good, and the caller sends again": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{}
			l, _ := lanes(t, s.onAttempts, aws.LaneOptions{Poll: time.Second})
			s.set(first(lost, answerLost))
			err := l.Send(t.Context(), message("a", "a1"))
			if lost == 3 && !fault.Is(err, fault.Unavailable) || lost == 1 && err != nil {
				t.Fatal(err)
			}
			l.send("a", "a1", "a2")
			l.receives(1, "a1", "a2")
		})
	}
}

// memory is what SQS does and the engine does not: a receive by the attempt id of an
// earlier one returns the same messages.
type memory struct {
	mu       sync.Mutex
	received map[string]any
	order    []string // of the messages that were released
}

func (m *memory) next(lose func() error) func(string, any) trouble {
	return func(_ string, input any) trouble {
		switch in := input.(type) {
		case *sqs.ReceiveMessageInput:
			return func(call func() (any, error)) (any, error) { return m.receive(*in.ReceiveRequestAttemptId, call, lose) }
		case *sqs.ChangeMessageVisibilityBatchInput:
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, e := range in.Entries {
				m.order = append(m.order, *e.ReceiptHandle)
			}
		}
		return nil
	}
}

func (m *memory) receive(attempt string, call func() (any, error), lose func() error) (any, error) {
	m.mu.Lock()
	known, ok := m.received[attempt]
	m.mu.Unlock()
	if ok {
		return known, nil
	}
	result, err := call()
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.received[attempt] = result
	m.mu.Unlock()
	return nil, lose()
}

func TestAReceiveWhoseAnswerIsLostLeavesNothingLeased(t *testing.T) {
	t.Parallel()
	for name, cancelled := range map[string]bool{"cancelled": true, "lost on the way": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, m := &script{}, &memory{received: map[string]any{}}
			l, plain := lanes(t, s.onCalls, aws.LaneOptions{Poll: time.Second})
			l.send("a", "a1", "a2", "a3")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s.set(m.next(func() error {
				if cancelled {
					cancel()
					return &smithy.CanceledError{Err: ctx.Err()}
				}
				_, err := answerLost(func() (any, error) { return struct{}{}, nil })
				return err
			}))
			if batch, err := l.Receive(ctx, queue.MaxBatch); !fault.Is(err, fault.Unavailable) || len(batch) > 0 {
				t.Fatalf("received %+v (%v), want it given up", batch, err)
			}
			if len(m.received) != 1 || s.count()["ReceiveMessage"] != 2 {
				t.Errorf("the receive was not repeated by its attempt id: %v", s.count())
			}
			s.set(nil)
			var handles []string
			for _, result := range m.received {
				for _, message := range slices.Backward(result.(*sqs.ReceiveMessageOutput).Messages) {
					handles = append(handles, *message.ReceiptHandle)
				}
			}
			if !slices.Equal(m.order, handles) {
				t.Errorf("released %v, want the last first: %v", m.order, handles)
			}
			plain.receives(2, "a1", "a2", "a3")
		})
	}
}

func TestAReceiveThatWasThrottledOrRefusedIsNotRepeated(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]trouble{
		"throttled": refused,
		"refused":   func(func() (any, error)) (any, error) { return nil, &types.QueueDoesNotExist{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{}
			l, _ := lanes(t, s.onCalls, aws.LaneOptions{Poll: time.Second})
			s.set(always(trouble))
			if _, err := l.Receive(t.Context(), 1); err == nil || s.count()["ReceiveMessage"] != 1 {
				t.Errorf("got %v after %v", err, s.count())
			}
		})
	}
}

// What such a poll takes when it is not over at the engine, as at ministack, comes
// back with the end of its lease.
func TestAReceiveThatIsGivenUpEndsSoon(t *testing.T) {
	t.Parallel()
	l, _ := lanes(t, (&script{}).onCalls, aws.LaneOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	began := time.Now()
	if batch, err := l.Receive(ctx, 1); !fault.Is(err, fault.Unavailable) || len(batch) > 0 {
		t.Errorf("received %+v (%v), want it given up", batch, err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v to give up a poll of 20 s", took)
	}
}

// hung is an engine that takes requests and never answers.
type hung struct{}

func (hung) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestACallThatIsNeverAnsweredEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := aws.NewClients(t.Context(), aws.Options{Region: "us-east-1", Transport: hung{}})
		ok(t, err)
		l := c.Lane("https://sqs.us-east-1.amazonaws.com/1/writes.fifo", aws.LaneOptions{})
		for what, call := range map[string]struct {
			do   func() error
			most time.Duration
		}{
			"send":    {func() error { return l.Send(t.Context(), message("a", "a1")) }, 15 * time.Second},
			"stats":   {func() error { _, err := l.Stats(t.Context()); return err }, 20 * time.Second},
			"receive": {func() error { _, err := l.Receive(t.Context(), 1); return err }, 90 * time.Second},
		} {
			began := time.Now()
			if err := call.do(); !fault.Is(err, fault.Unavailable) || time.Since(began) > call.most {
				t.Errorf("%s: %v after %v", what, err, time.Since(began))
			}
		}
	})
}
