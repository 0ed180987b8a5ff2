package aws

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"acervo/internal/queue"
)

// hand is what this process has in hand of a lane: what it has leased, and what it
// gave back with a delay that is not over. SQS tells neither the one from the other
// nor the age of anything.
type hand struct {
	mu   sync.Mutex
	held map[string]holding // by handle
	// front is how far the lane was worked off at the last receive: when the oldest
	// it returned was sent, or when it began if nothing waited. Zero before.
	front time.Time
}

type holding struct {
	group   string
	sentAt  time.Time
	ends    time.Time // of the lease or of the delay
	delayed bool
}

// take notes what a receive returned.
func (h *hand) take(deliveries []queue.Delivery, began time.Time, lease time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held == nil {
		h.held = map[string]holding{}
	}
	ends := time.Now().Add(lease)
	h.front = began
	for _, d := range deliveries {
		h.held[d.Handle] = holding{group: d.Group, sentAt: d.SentAt, ends: ends}
		if d.SentAt.Before(h.front) {
			h.front = d.SentAt
		}
	}
	h.forget()
}

// forget drops what is over. The caller holds the lock.
func (h *hand) forget() {
	now := time.Now()
	for handle, held := range h.held {
		if !held.ends.After(now) {
			delete(h.held, handle)
		}
	}
}

func (h *hand) owns(handle string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	held, ok := h.held[handle]
	return ok && !held.delayed && held.ends.After(time.Now())
}

func (h *hand) extend(handle string, ends time.Time) { h.hold(handle, ends, false) }

func (h *hand) release(handle string, until time.Time) { h.hold(handle, until, true) }

func (h *hand) hold(handle string, ends time.Time, delayed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if held, ok := h.held[handle]; ok {
		held.ends, held.delayed = ends, delayed
		h.held[handle] = held
	}
}

func (h *hand) drop(handle string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.held, handle)
}

// groups counts the groups that have a lease.
func (h *hand) groups() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget()
	groups := map[string]bool{}
	for _, held := range h.held {
		if !held.delayed {
			groups[held.group] = true
		}
	}
	return len(groups)
}

// Stats is queue.Gauge's. SQS counts roughly, and what another process delayed as
// in flight.
func (l *Lane) Stats(ctx context.Context) (queue.Stats, error) {
	out, err := l.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &l.url,
		AttributeNames: []types.QueueAttributeName{
			types.QueueAttributeNameApproximateNumberOfMessages,
			types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
			types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
		},
	})
	if err != nil {
		return queue.Stats{}, classify(err, "count what is on the lane")
	}
	number := func(name types.QueueAttributeName) int {
		n, _ := strconv.Atoi(out.Attributes[string(name)]) // SQS sends no other text
		return n
	}
	return l.hand.stats(queue.Stats{
		Waiting:  number(types.QueueAttributeNameApproximateNumberOfMessages),
		InFlight: number(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible),
		Delayed:  number(types.QueueAttributeNameApproximateNumberOfMessagesDelayed),
	}), nil
}

// stats adds what this process knows to what SQS counts.
func (h *hand) stats(s queue.Stats) queue.Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget()
	now := time.Now()
	if s.Depth() == 0 && !h.front.IsZero() {
		h.front = now
	}
	oldest, delayed := h.front, 0
	for _, held := range h.held {
		if held.delayed {
			delayed++
		}
		if held.sentAt.Before(oldest) {
			oldest = held.sentAt
		}
	}
	moved := min(delayed, s.InFlight)
	s.InFlight -= moved
	s.Delayed += moved
	if s.Depth() > 0 && !oldest.IsZero() {
		s.OldestAge = max(0, now.Sub(oldest))
	}
	return s
}
