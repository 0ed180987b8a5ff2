package aws

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"acervo/internal/fault"
	"acervo/internal/queue"
)

// LaneOptions tune a lane. The zero value of a field is its default.
type LaneOptions struct {
	Lease time.Duration // how long a delivery is hidden, in whole seconds; 30 s
	Poll  time.Duration // how long Receive waits for the first message, in whole seconds; 20 s, the most
}

// Lane is queue.Sender, queue.Receiver and queue.Gauge over one queue of SQS. It
// keeps no goroutine, so that there is nothing to close: concurrent calls are
// batched by the callers themselves.
//
// On a FIFO queue it keeps the whole port. On a standard queue, which imports use,
// the group keeps nothing in order (it makes SQS share fairly), the deduplication
// id is not sent, and a delivery has its message id in its place.
type Lane struct {
	sqs  *sqs.Client
	url  string
	fifo bool
	opts LaneOptions
	// patient carries the receives, which SQS answers late on purpose.
	patient sqs.HTTPClient
	hand    hand

	sends   combiner[types.SendMessageBatchRequestEntry]
	deletes combiner[string]
	holds   combiner[types.ChangeMessageVisibilityBatchRequestEntry]
}

var (
	_ queue.Sender   = (*Lane)(nil)
	_ queue.Receiver = (*Lane)(nil)
	_ queue.Gauge    = (*Lane)(nil)
)

// Lane returns the lane over the queue of a URL. It calls nobody.
func (c *Clients) Lane(url string, opts LaneOptions) *Lane {
	if opts.Lease == 0 {
		opts.Lease = 30 * time.Second
	}
	if opts.Poll == 0 {
		opts.Poll = 20 * time.Second
	}
	l := &Lane{
		sqs: c.SQS, url: url, fifo: strings.HasSuffix(url, ".fifo"), opts: opts,
		patient: httpClient(c.transport, opts.Poll+callTimeout),
	}
	l.sends.call = l.sendBatch
	l.sends.size = func(e types.SendMessageBatchRequestEntry) int { return len(*e.MessageBody) }
	l.deletes.call, l.deletes.company = l.deleteBatch, l.hand.groups
	l.holds.call = l.holdBatch
	return l
}

// Send is queue.Sender's.
func (l *Lane) Send(ctx context.Context, m queue.Message) error {
	if m.Group == "" || m.DedupID == "" || len(m.Body) > queue.MaxBody {
		return fault.New(fault.Internal, "a message needs a group, a deduplication id and at most %d bytes", queue.MaxBody)
	}
	entry := types.SendMessageBatchRequestEntry{MessageBody: sdk.String(toText(m.Body)), MessageGroupId: &m.Group}
	if l.fifo {
		entry.MessageDeduplicationId = &m.DedupID
	}
	return l.sends.do(ctx, entry)
}

func (l *Lane) sendBatch(ctx context.Context, batch []types.SendMessageBatchRequestEntry) []error {
	for i := range batch {
		batch[i].Id = entryID(i)
	}
	out, err := l.sqs.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &l.url, Entries: batch})
	f := newFates(len(batch), err, "send to the lane")
	if err == nil {
		for _, e := range out.Successful {
			f.succeeded(e.Id)
		}
		f.failed(out.Failed)
	}
	return f
}

// Lease is queue.Receiver's.
func (l *Lane) Lease() time.Duration { return l.opts.Lease }

// Receive is queue.Receiver's. A receive whose answer may be lost leaves nothing
// leased: what it took goes back at once.
func (l *Lane) Receive(ctx context.Context, limit int) ([]queue.Delivery, error) {
	began := time.Now()
	in := &sqs.ReceiveMessageInput{
		QueueUrl:            &l.url,
		MaxNumberOfMessages: int32(min(limit, queue.MaxBatch)),
		VisibilityTimeout:   wholeSeconds(l.opts.Lease),
		WaitTimeSeconds:     wholeSeconds(l.opts.Poll),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameApproximateReceiveCount,
			types.MessageSystemAttributeNameSentTimestamp,
			types.MessageSystemAttributeNameMessageGroupId,
			types.MessageSystemAttributeNameMessageDeduplicationId,
		},
	}
	if l.fifo {
		in.ReceiveRequestAttemptId = sdk.String(uuid.NewString())
	}
	out, err := l.sqs.ReceiveMessage(ctx, in, func(o *sqs.Options) { o.HTTPClient = l.patient })
	if err != nil {
		if l.fifo && mayPass(err) && !isThrottle(err) {
			err = errors.Join(err, l.giveBack(ctx, in))
		}
		return nil, classify(err, "receive from the lane")
	}
	deliveries := make([]queue.Delivery, len(out.Messages))
	for i, m := range out.Messages {
		deliveries[i] = delivery(m)
	}
	l.hand.take(deliveries, began, l.opts.Lease)
	return deliveries, nil
}

// giveBack repeats a receive, which by the same attempt id returns the same
// messages, and releases what it returns, the last first.
func (l *Lane) giveBack(ctx context.Context, in *sqs.ReceiveMessageInput) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	in.WaitTimeSeconds = 1 // without a wait, SQS asks only some of its hosts
	out, err := l.sqs.ReceiveMessage(ctx, in)
	if err != nil || len(out.Messages) == 0 {
		return err
	}
	var entries []types.ChangeMessageVisibilityBatchRequestEntry
	for _, m := range slices.Backward(out.Messages) {
		entries = append(entries, types.ChangeMessageVisibilityBatchRequestEntry{ReceiptHandle: m.ReceiptHandle})
	}
	return errors.Join(l.holdBatch(ctx, entries)...)
}

// delivery reads a message. A foreign one, which Send cannot have sent, is damaged.
func delivery(m types.Message) queue.Delivery {
	attribute := func(name types.MessageSystemAttributeName) string { return m.Attributes[string(name)] }
	number := func(name types.MessageSystemAttributeName) int64 {
		n, _ := strconv.ParseInt(attribute(name), 10, 64) // SQS sends no other text
		return n
	}
	body, ok := fromText(sdk.ToString(m.Body))
	d := queue.Delivery{
		Message: queue.Message{
			Group:   attribute(types.MessageSystemAttributeNameMessageGroupId),
			DedupID: attribute(types.MessageSystemAttributeNameMessageDeduplicationId),
			Body:    body,
		},
		Handle:   sdk.ToString(m.ReceiptHandle),
		Receives: int(number(types.MessageSystemAttributeNameApproximateReceiveCount)),
		Damaged:  !ok,
		SentAt:   time.UnixMilli(number(types.MessageSystemAttributeNameSentTimestamp)).UTC(),
	}
	if d.DedupID == "" {
		d.DedupID = sdk.ToString(m.MessageId)
	}
	return d
}

// Extend is queue.Receiver's.
func (l *Lane) Extend(ctx context.Context, handle string) error {
	if err := l.owned(handle); err != nil {
		return err
	}
	from := time.Now()
	err := l.hold(ctx, handle, l.opts.Lease)
	if err == nil {
		l.hand.extend(handle, from.Add(l.opts.Lease))
	}
	return err
}

// Release is queue.Receiver's. SQS counts delays in whole seconds, so that one may
// last up to a second longer.
func (l *Lane) Release(ctx context.Context, handle string, delay time.Duration) error {
	if err := l.owned(handle); err != nil {
		return err
	}
	err := l.hold(ctx, handle, delay)
	if err == nil {
		l.hand.release(handle, time.Now().Add(delay))
	}
	return err
}

// hold sets for how long a message is hidden from now.
func (l *Lane) hold(ctx context.Context, handle string, d time.Duration) error {
	err := l.holds.do(ctx, types.ChangeMessageVisibilityBatchRequestEntry{ReceiptHandle: &handle, VisibilityTimeout: wholeSeconds(d)})
	if fault.Is(err, fault.Stale) {
		l.hand.drop(handle)
	}
	return err
}

func (l *Lane) holdBatch(ctx context.Context, batch []types.ChangeMessageVisibilityBatchRequestEntry) []error {
	for i := range batch {
		batch[i].Id = entryID(i)
	}
	out, err := l.sqs.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &l.url, Entries: batch})
	f := newFates(len(batch), err, "extend or release a lease")
	if err == nil {
		for _, e := range out.Successful {
			f.succeeded(e.Id)
		}
		f.failedHandles(out.Failed)
	}
	return f
}

// Delete is queue.Receiver's.
func (l *Lane) Delete(ctx context.Context, handle string) error {
	if err := l.owned(handle); err != nil {
		return err
	}
	err := l.deletes.do(ctx, handle)
	if err == nil || fault.Is(err, fault.Stale) {
		l.hand.drop(handle)
	}
	return err
}

func (l *Lane) deleteBatch(ctx context.Context, batch []string) []error {
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &l.url}
	for i := range batch {
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: entryID(i), ReceiptHandle: &batch[i]})
	}
	out, err := l.sqs.DeleteMessageBatch(ctx, in)
	f := newFates(len(batch), err, "delete from the lane")
	if err == nil {
		for _, e := range out.Successful {
			f.succeeded(e.Id)
		}
		f.failedHandles(out.Failed)
	}
	return f
}

// owned refuses a handle whose lease is over by our own clock. SQS itself lets a
// late one delete and extend until somebody else has received the message.
func (l *Lane) owned(handle string) error {
	if !l.hand.owns(handle) {
		return fault.New(fault.Stale, "the lease of the delivery is over")
	}
	return nil
}

// wholeSeconds rounds up to the whole seconds in which SQS counts.
func wholeSeconds(d time.Duration) int32 { return int32(math.Ceil(d.Seconds())) }
