// Package queuetest is the contract of a lane: the sentences to which every
// adapter of queue.Sender, queue.Receiver and queue.Gauge is held, and in
// control.go those of queue.Control.
package queuetest

import (
	"testing"
	"time"

	"acervo/internal/queue"
)

// Lane is a lane with all its ports.
type Lane interface {
	queue.Sender
	queue.Receiver
	queue.Gauge
}

// Harness is what an adapter fills in to join the suite.
type Harness struct {
	// Open returns a lane that is empty and that nobody else uses; t cleans up
	// after it. Its lease is at least eight times Poll.
	Open func(t *testing.T) Lane
	// Poll is how long a receive of that lane waits for the first message. A
	// quarter of it is long beside any other call, and half of it is a delay that
	// the lane can tell from none.
	Poll time.Duration
	// Bubble runs body on fake time: synctest.Test for a lane that lives in this
	// process. It is nil for an engine on the real clock, where a sentence takes up
	// to three leases.
	Bubble func(t *testing.T, body func(t *testing.T))
	// Walks is how many random walks are compared with the model.
	Walks int
}

// Sentence is one promise of the ports and the check that holds a lane to it.
type Sentence struct {
	Text  string
	Check func(t *testing.T, h Harness)
}

// Sentences returns the whole contract.
func Sentences() []Sentence {
	return []Sentence{
		{"a message is received as it was sent", on(receivedAsSent)},
		{"a body is any bytes, from none to the most that a body may have", on(anyBody)},
		{"an empty lane gives nothing, and no error", on(emptyLane)},
		{"a receive returns no more than its limit, and never more than a batch", on(limits)},
		{"a deleted message is not delivered again", on(deleted)},

		{"messages of one group are delivered in the order sent", on(groupOrder)},
		{"a message in flight holds up its group", on(groupLock)},
		{"a message in flight holds up no other group", on(otherGroups)},
		{"concurrent sends of one group keep the order in which they returned", on(concurrentSends)},
		{"concurrent receivers share no message, and no group while it is in flight", on(concurrentReceivers)},

		{"a message that is sent again while it waits is stored once", on(resentWaiting)},
		{"a message that is sent again while it is in flight or delayed is stored once", on(resentInFlight)},
		{"a message that is sent many times at once is stored once", on(resentAtOnce)},
		{"messages that differ in nothing but their deduplication id are two", on(twins)},

		{"a lease hides its message for its whole length and no longer", on(leaseEnds)},
		{"a batch whose lease is over is delivered again, counted and in order", on(batchLeaseEnds)},
		{"extending renews the lease for its whole length from then", on(extended)},
		{"extending by a stale handle is fault.Stale and extends nothing", on(staleExtend)},
		{"deleting by a stale handle deletes nothing", on(staleDelete)},
		{"releasing by a stale handle releases nothing", on(staleRelease)},
		{"deleting one delivery many times at once deletes it once", on(deletedAtOnce)},
		{"no two deliveries have the same handle", on(handlesDiffer)},

		{"a released message is delivered again at once, counted and ahead of its group", on(released)},
		{"a released message waits for those of its group that are still in flight", on(releasedBehind)},
		{"a message released with a delay comes back after it and no sooner", on(delayed)},
		{"a delay holds up the group of its message and no other", on(delayedGroup)},

		{"a waiting receive gets what is sent meanwhile", on(wokenBySend)},
		{"a waiting receive gets what is released meanwhile", on(wokenByRelease)},
		{"a waiting receive gets what a deletion frees meanwhile", on(wokenByDelete)},
		{"a waiting receive gets what becomes due meanwhile", on(wokenByTime)},
		{"a waiting receive gets what is delayed and becomes due meanwhile", on(wokenByDelay)},

		{"an empty lane counts nothing and has no age", on(emptyStats)},
		{"the lane tells waiting, in flight and delayed apart", on(counts)},
		{"no message in hand is older than the lane says, until it is deleted", on(oldestAge)},

		{"whatever happens to a lane, it stays in step with its model", walks},
	}
}

// Run holds a lane to every sentence, one subtest each.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, s := range Sentences() {
		t.Run(s.Text, func(t *testing.T) {
			t.Parallel()
			s.Check(t, h)
		})
	}
}

// on makes a check of what a sentence says about a fresh lane.
func on(says func(l *lane)) func(*testing.T, Harness) {
	return func(t *testing.T, h Harness) {
		h.bubble(t, func(t *testing.T) {
			t.Cleanup(func() {
				if t.Skipped() {
					t.Error("a lane may not skip a sentence")
				}
			})
			says(&lane{Lane: h.Open(t), t: t, poll: h.Poll})
		})
	}
}

func (h Harness) bubble(t *testing.T, body func(*testing.T)) {
	if h.Bubble == nil {
		body(t)
		return
	}
	h.Bubble(t, body)
}

// pass lets time go by, fake or real.
func pass(d time.Duration) { <-time.After(d) }
