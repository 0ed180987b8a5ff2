package aws

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"acervo/internal/fault"
	"acervo/internal/queue"
)

// Queue defines one queue of SQS, for development and for the deployment alike.
type Queue struct {
	Name string
	// FIFO queues are of high throughput: order, deduplication and quota are those
	// of a group. Their names end in .fifo.
	FIFO bool
	// Retention is how long SQS keeps a message.
	Retention time.Duration
	// Lease is how long a delivery is hidden from whoever does not say so.
	Lease time.Duration
	// DeadLetters names the queue that takes what was received more often than
	// MaxReceives without being deleted, empty for none.
	DeadLetters string
	MaxReceives int
}

// The names of the queues.
const (
	WritesQueue     = "writes.fifo"
	ImportsQueue    = "imports"
	ImportsDLQ      = "imports-dlq"
	CoversFailed    = "covers-failed"     // where the function covers puts what it gave up
	DropsFailed     = "drops-failed"      // where the function drops does
	queueRetention  = 14 * 24 * time.Hour // the most that SQS offers
	importsReceives = 1000                // the most that SQS offers: a chunk that is throttled is received often
	queueLease      = 30 * time.Second
)

// Queues returns every queue, each after the one that takes its dead letters. The
// writes have none: SQS moving a message between a write and its record would
// break order and effect, so that the worker buries what cannot be done.
func Queues() []Queue {
	return []Queue{
		{Name: WritesQueue, FIFO: true, Retention: queueRetention, Lease: queueLease},
		{Name: CoversFailed, Retention: queueRetention, Lease: queueLease},
		{Name: DropsFailed, Retention: queueRetention, Lease: queueLease},
		{Name: ImportsDLQ, Retention: queueRetention, Lease: queueLease},
		{Name: ImportsQueue, Retention: queueRetention, Lease: queueLease, DeadLetters: ImportsDLQ, MaxReceives: importsReceives},
	}
}

// maxText is the bytes of the largest text that Send makes of a body. A queue takes
// no more, lest somebody else sends what is too large for the ledger of the dead.
const maxText = len(encoded) + (queue.MaxBody+2)/3*4

// Attributes are those of the queue but its redrive policy, in the names and texts
// of CreateQueue.
func (q Queue) Attributes() map[string]string {
	inSeconds := func(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
	attributes := map[string]string{
		string(types.QueueAttributeNameMessageRetentionPeriod): inSeconds(q.Retention),
		string(types.QueueAttributeNameVisibilityTimeout):      inSeconds(q.Lease),
		string(types.QueueAttributeNameMaximumMessageSize):     strconv.Itoa(maxText),
		string(types.QueueAttributeNameSqsManagedSseEnabled):   "true",
	}
	if q.FIFO {
		attributes[string(types.QueueAttributeNameFifoQueue)] = "true"
		attributes[string(types.QueueAttributeNameDeduplicationScope)] = "messageGroup"
		attributes[string(types.QueueAttributeNameFifoThroughputLimit)] = "perMessageGroupId"
	}
	return attributes
}

// CreateQueues creates every queue that does not exist yet, for development, and
// returns the URLs by the names of Queues. The queues themselves have names that
// begin with prefix.
func (c *Clients) CreateQueues(ctx context.Context, prefix string) (map[string]string, error) {
	urls := map[string]string{}
	for _, q := range Queues() {
		attributes := q.Attributes()
		if q.DeadLetters != "" {
			policy, err := c.redrivePolicy(ctx, urls[q.DeadLetters], q.MaxReceives)
			if err != nil {
				return nil, err
			}
			attributes[string(types.QueueAttributeNameRedrivePolicy)] = policy
		}
		name := prefix + q.Name
		out, err := c.SQS.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		if err != nil {
			return nil, classify(err, "create the queue %s", name)
		}
		if out.QueueUrl == nil {
			return nil, fault.New(fault.Internal, "the new queue %s has no URL", name)
		}
		urls[q.Name] = *out.QueueUrl
	}
	return urls, nil
}

func (c *Clients) redrivePolicy(ctx context.Context, deadLetters string, receives int) (string, error) {
	arn := types.QueueAttributeNameQueueArn
	out, err := c.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &deadLetters, AttributeNames: []types.QueueAttributeName{arn},
	})
	if err != nil {
		return "", classify(err, "find the ARN of %s", deadLetters)
	}
	return fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, out.Attributes[string(arn)], receives), nil
}
