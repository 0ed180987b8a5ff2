// Package queue is the port to a lane: opaque messages with a group and a
// deduplication id, delivered in order within a group, at least once.
//
// It promises what Amazon SQS FIFO queues and a single file can both keep, and
// no more. Its contract suite is queuetest.
package queue

import (
	"context"
	"time"
)

// The names of the lanes.
const (
	// Writes is the one that every write takes. It is ordered.
	Writes = "writes"
	// Imports is that of the chunks of files. It is unordered: its messages are
	// delivered in any order, also those of one group, which says only who has to
	// share the lane fairly with whom; a message that is sent again may be stored
	// again; and its deduplication id may not be told.
	Imports = "imports"
)

// MaxBatch is the most deliveries that one receive returns.
const MaxBatch = 10

// MaxBody is the most bytes that the body of a message may have.
const MaxBody = 256 << 10

// DedupWindow is how long after a send another one with the same deduplication
// id stores nothing, as long as the first message is still on the lane. Whether
// the second is stored after the first was deleted is the adapter's choice.
const DedupWindow = 5 * time.Minute

// Message is what is sent.
type Message struct {
	// Group orders: messages of one group are delivered in the order sent, and
	// while one of them is in flight no later receive returns another.
	Group string
	// DedupID names the message, so that sending it again within DedupWindow
	// does nothing.
	DedupID string
	Body    []byte
}

// Delivery is one receiving of a message.
type Delivery struct {
	Message
	// Handle is good for this delivery only, while its lease lasts.
	Handle string
	// Receives counts the deliveries of this message, this one included. After a
	// loss of power it may count too low.
	Receives int
	// Damaged tells that the message is not as it was sent: its checksum is wrong.
	Damaged bool
	// SentAt is when the lane accepted the message.
	SentAt time.Time
}

// Sender puts messages on a lane. It is safe for concurrent use.
type Sender interface {
	// Send returns once the message is durable. An error leaves its fate unknown (a
	// sync that failed may have reached the disk), and sending it again with the
	// same deduplication id settles it. fault.Unavailable may pass.
	Send(ctx context.Context, m Message) error
}

// Receiver takes messages off a lane. It is safe for concurrent use.
type Receiver interface {
	// Receive returns up to limit deliveries (at most MaxBatch), waiting a while for
	// the first; none and no error when none came in time. A batch may hold
	// several messages of one group, in order. Each is leased for Lease.
	Receive(ctx context.Context, limit int) ([]Delivery, error)

	// Lease is how long a delivery is hidden from other receives, unless extended.
	Lease() time.Duration

	// Extend renews the lease for its whole length from now; fault.Stale when the
	// handle no longer owns the message.
	Extend(ctx context.Context, handle string) error

	// Release gives the message back, to be delivered again after delay. Until
	// then its group stands still. A stale handle releases nothing.
	Release(ctx context.Context, handle string, delay time.Duration) error

	// Delete takes the message off the lane. A stale handle deletes nothing. The
	// deletion may be lost with the power, which redelivers the message.
	Delete(ctx context.Context, handle string) error
}

// Stats is what a lane tells of itself.
type Stats struct {
	Waiting  int // deliverable now, or behind one of its group that is not
	InFlight int // leased
	Delayed  int // released with a delay that is not over
	// OldestAge is zero for an empty lane, else at least the age of the oldest
	// message that this process has in hand: received or released with a delay, and
	// not over. An adapter that sees the whole lane tells the oldest of all; another
	// one guesses what waits to be as old as what it received last.
	OldestAge time.Duration
}

// Depth is how many messages are on the lane.
func (s Stats) Depth() int { return s.Waiting + s.InFlight + s.Delayed }

// Gauge counts what is on a lane.
type Gauge interface {
	Stats(ctx context.Context) (Stats, error)
}

// Control is what all workers and the API share of a lane, in the store and not
// in the queue. It is safe for concurrent use.
type Control interface {
	// Pause stops or resumes delivery for every worker, durably.
	Pause(ctx context.Context, paused bool) error
	// Paused reports whether the lane is paused.
	Paused(ctx context.Context) (bool, error)
	// Beat stores a worker's latest heartbeat.
	Beat(ctx context.Context, beat Heartbeat) error
	// Heartbeats returns the latest heartbeat of every worker that is not older
	// than HeartbeatTTL, the newest first.
	Heartbeats(ctx context.Context) ([]Heartbeat, error)
}

// HeartbeatEvery is how often a worker writes its heartbeat, and HeartbeatTTL how
// long one is believed.
const (
	HeartbeatEvery = 15 * time.Second
	HeartbeatTTL   = time.Minute
)

// Heartbeat is what one worker last saw of a lane.
type Heartbeat struct {
	Worker          string
	At              time.Time
	Stats           Stats
	DonePerSecond   float64 // deleted by this worker
	GrowthPerSecond float64 // of the whole lane; negative when it shrinks
	Stuck           int     // jobs that do not return
}

// Latest is what heartbeats tell of their lane: the counts of the newest, which
// comes first, and the greatest age, since each worker may know only what it has
// received.
func Latest(beats []Heartbeat) Stats {
	if len(beats) == 0 {
		return Stats{}
	}
	latest := beats[0].Stats
	for _, b := range beats[1:] {
		latest.OldestAge = max(latest.OldestAge, b.Stats.OldestAge)
	}
	return latest
}

// Rate is what all workers together have lately done in a second.
func Rate(beats []Heartbeat) (perSecond float64) {
	for _, b := range beats {
		perSecond += b.DonePerSecond
	}
	return perSecond
}
