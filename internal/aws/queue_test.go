package aws_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go/middleware"

	"acervo/internal/aws"
	"acervo/internal/fault"
	"acervo/internal/queue"
	"acervo/internal/queue/queuetest"
	"acervo/internal/work"
)

func TestALaneKeepsTheContractOfQueues(t *testing.T) {
	t.Parallel()
	const poll = 3 * time.Second
	c := onSQS(t)
	queuetest.Run(t, queuetest.Harness{
		Poll:  poll,
		Walks: 2,
		Open: func(t *testing.T) queuetest.Lane {
			t.Helper()
			return c.Lane(queues(t, c)[aws.WritesQueue], aws.LaneOptions{Lease: 8 * poll, Poll: poll})
		},
	})
}

func TestAnUnorderedLaneKeepsTheContractOfQueues(t *testing.T) {
	t.Parallel()
	const poll = 3 * time.Second
	c := onSQS(t)
	queuetest.RunUnordered(t, queuetest.Harness{
		Poll: poll,
		Open: func(t *testing.T) queuetest.Lane {
			t.Helper()
			return c.Lane(queues(t, c)[aws.ImportsQueue], aws.LaneOptions{Lease: 8 * poll, Poll: poll})
		},
	})
}

// slow handles every delivery in a few milliseconds, each in its own.
type slow struct {
	left atomic.Int64
	done context.CancelFunc
}

func (s *slow) Do(_ context.Context, d queue.Delivery) error {
	<-time.After(time.Duration(len(d.Group)%4) * time.Millisecond)
	if s.left.Add(-1) == 0 {
		s.done()
	}
	return nil
}

func (s *slow) Failed(context.Context, queue.Delivery, error) work.Outcome { return work.Outcome{} }

// Far more than ten writers at once, then a worker for whom far more than ten books
// wait. That ten alone fill every call is held where time is fake, see
// TestTenWhoComeAgainAndAgainFillEveryCall: here they would race the linger. So does
// the worker's wait for free slots when others take the processors; such a count is
// taken again.
func TestAThousandWritesTakeAtMostAHundredAndTenCallsOfAKind(t *testing.T) {
	t.Parallel()
	const most = 110
	var calls map[string]int
	for range 3 {
		calls = callsOfAThousandWrites(t)
		t.Log(calls)
		if max(calls["SendMessageBatch"], calls["ReceiveMessage"], calls["DeleteMessageBatch"]) <= most {
			return
		}
	}
	t.Errorf("%v for a thousand writes, want at most %d of a kind", calls, most)
}

func callsOfAThousandWrites(t *testing.T) map[string]int {
	t.Helper()
	const writers, each = 40, 25
	s := &script{}
	l, _ := lanes(t, s.onAttempts, aws.LaneOptions{Poll: time.Second})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				group := fmt.Sprint("book ", i, w)
				if err := l.Send(t.Context(), message(group, fmt.Sprint(w, ".", i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h := &slow{done: cancel}
	h.left.Store(writers * each)
	r := work.Runner{
		Lane: l, Gauge: l, Control: aws.NewStore(dynamoDB(t, aws.Options{}), tables(t), time.Now).Control("writes"),
		Handler: h, Name: "worker", Slots: 20, MaxRun: time.Minute, Grace: time.Minute, Log: slog.New(slog.DiscardHandler),
	}
	r.Run(ctx)
	if stats, err := l.Stats(t.Context()); err != nil || stats != (queue.Stats{}) {
		t.Errorf("the worker left %+v (%v)", stats, err)
	}
	return s.count()
}

// count tells how many calls of each kind there were.
func (s *script) count() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

func TestAnIdleLaneTakesOneCallForEachPoll(t *testing.T) {
	t.Parallel()
	s := &script{}
	l, _ := lanes(t, s.onAttempts, aws.LaneOptions{Poll: 2 * time.Second})
	l.receives(0)
	if calls := s.count(); len(calls) != 1 || calls["ReceiveMessage"] != 1 {
		t.Errorf("an idle poll took %v", calls)
	}
}

// The design allows an idle lane one receive in 20 seconds; this one asks no engine.
func TestALaneLeasesForHalfAMinuteAndPollsForTwentySecondsUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	var asked *sqs.ReceiveMessageInput
	c, err := aws.NewClients(t.Context(), aws.Options{
		Region: "us-east-1",
		Middleware: []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
			return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("answers itself", func(
				_ context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler,
			) (out middleware.InitializeOutput, _ middleware.Metadata, _ error) {
				asked, _ = in.Parameters.(*sqs.ReceiveMessageInput)
				out.Result = &sqs.ReceiveMessageOutput{}
				return out, middleware.Metadata{}, nil
			}), middleware.Before)
		}},
	})
	ok(t, err)
	t.Cleanup(c.Close)
	l := c.Lane("https://sqs/writes.fifo", aws.LaneOptions{})
	_, err = l.Receive(t.Context(), queue.MaxBatch)
	ok(t, err)
	if l.Lease() != 30*time.Second || asked.VisibilityTimeout != 30 || asked.WaitTimeSeconds != 20 || asked.MaxNumberOfMessages != 10 {
		t.Errorf("it leases for %s and asks for %+v", l.Lease(), asked)
	}
}

func TestAMessageWithoutAGroupOrAnIDOrWithTooLargeABodyIsSentToNobody(t *testing.T) {
	t.Parallel()
	s := &script{}
	l, _ := lanes(t, s.onAttempts, aws.LaneOptions{})
	for what, m := range map[string]queue.Message{
		"no group":    {DedupID: "1", Body: []byte("x")},
		"no id":       {Group: "a", Body: []byte("x")},
		"a long body": {Group: "a", DedupID: "1", Body: make([]byte, queue.MaxBody+1)},
	} {
		if err := l.Send(t.Context(), m); !fault.Is(err, fault.Internal) {
			t.Errorf("%s: got %v, want fault.Internal", what, err)
		}
	}
	if calls := s.count(); len(calls) > 0 {
		t.Errorf("called %v", calls)
	}
}

func TestAMessageThatSomebodyElseSentIsKeptWhole(t *testing.T) {
	t.Parallel()
	c := onSQS(t)
	url := queues(t, c)[aws.WritesQueue]
	l := c.Lane(url, aws.LaneOptions{Poll: 2 * time.Second})
	for body, damaged := range map[string]bool{"not JSON": false, "base64:?": true} {
		_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: &body, MessageGroupId: sdk.String("a"), MessageDeduplicationId: &body,
		})
		ok(t, err)
		batch, err := l.Receive(t.Context(), 1)
		ok(t, err)
		if len(batch) != 1 || batch[0].Damaged != damaged || string(batch[0].Body) != body {
			t.Fatalf("received %+v, want %q, damaged: %t", batch, body, damaged)
		}
		ok(t, l.Delete(t.Context(), batch[0].Handle))
	}
}

func TestTheLaneOfImportsTakesItsGroupForAShareAndNotForAnOrder(t *testing.T) {
	t.Parallel()
	c := onSQS(t)
	l := &life{c.Lane(queues(t, c)[aws.ImportsQueue], aws.LaneOptions{Poll: 2 * time.Second}), t}
	l.send("import 1", "a", "a")
	first, err := l.Receive(t.Context(), 1)
	ok(t, err)
	second, err := l.Receive(t.Context(), 1)
	ok(t, err)
	for _, batch := range [][]queue.Delivery{first, second} {
		if len(batch) != 1 || batch[0].Group != "import 1" || batch[0].DedupID == "" || string(batch[0].Body) != "a" {
			t.Fatalf("received %+v, want a of import 1", batch)
		}
		ok(t, l.Extend(t.Context(), batch[0].Handle))
		ok(t, l.Delete(t.Context(), batch[0].Handle))
	}
	l.receives(0)
}

func TestCreatingTheQueuesAgainChangesNothing(t *testing.T) {
	t.Parallel()
	c := onSQS(t)
	first, err := c.CreateQueues(t.Context(), "twice-")
	ok(t, err)
	again, err := c.CreateQueues(t.Context(), "twice-")
	ok(t, err)
	if !maps.Equal(first, again) || len(first) != len(aws.Queues()) {
		t.Errorf("%v, and then %v", first, again)
	}
}

func TestTheQueuesAreAsTheyAreDefined(t *testing.T) {
	t.Parallel()
	c := onSQS(t)
	urls := queues(t, c)
	for _, q := range aws.Queues() {
		out, err := c.SQS.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl: sdk.String(urls[q.Name]), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
		})
		ok(t, err)
		for name, want := range q.Attributes() {
			if got := out.Attributes[name]; got != want {
				t.Errorf("%s has %s %q, want %q", q.Name, name, got, want)
			}
		}
		if _, redriven := out.Attributes["RedrivePolicy"]; redriven != (q.Name == aws.ImportsQueue) {
			t.Errorf("%s has a redrive policy: %t", q.Name, redriven)
		}
		if fifo := out.Attributes["FifoQueue"] == "true"; fifo != (q.Name == aws.WritesQueue) {
			t.Errorf("%s is a FIFO queue: %t", q.Name, fifo)
		}
	}
}

func TestWhatAnImportCannotDoEndsInItsDeadLetters(t *testing.T) {
	t.Parallel()
	c := onSQS(t)
	urls := queues(t, c)
	poll := aws.LaneOptions{Poll: time.Second}
	imports, dead := &life{c.Lane(urls[aws.ImportsQueue], poll), t}, c.Lane(urls[aws.ImportsDLQ], poll)
	imports.send("import 1", "a")
	receives := 0
	for _, q := range aws.Queues() {
		if q.Name == aws.ImportsQueue {
			receives = q.MaxReceives
		}
	}
	for range receives {
		batch, err := imports.Receive(t.Context(), 1)
		ok(t, err)
		if len(batch) != 1 {
			t.Fatalf("received %+v", batch)
		}
		ok(t, imports.Release(t.Context(), batch[0].Handle, 0))
	}
	imports.receives(0)
	if batch, err := dead.Receive(t.Context(), 1); err != nil || len(batch) != 1 || string(batch[0].Body) != "a" {
		t.Errorf("the dead letters are %+v (%v)", batch, err)
	}
}
