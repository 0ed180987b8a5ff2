// Package simtest is the simulator of a lane: it drives the real intake, the real
// workers and the stores of an adapter through random histories, one access at a
// time, with a fault wherever one can happen, and compares them with a small
// model after each command. Any adapter can join it.
package simtest

import (
	"time"

	"acervo/internal/book"
	"acervo/internal/job"
	"acervo/internal/queue"
)

// Lane is a lane with all its ports.
type Lane interface {
	queue.Sender
	queue.Receiver
	queue.Gauge
	queue.Control
}

// Stores are what one history is told on. Its books, jobs and keys are its own.
type Stores struct {
	Books  book.Store
	Bulk   book.Bulk // of the same books
	Jobs   job.Store
	Claims job.Claims
	// Lane is empty and nobody else's. It does not wait for messages: a receive
	// that finds none returns at once.
	Lane Lane
	// Restart ends the process that serves the stores and starts another one, which
	// knows nothing of the leases. Nil where the data would end with the process.
	Restart func() (Stores, error)
	// SentOnce tells that the lane stores no message twice in a history, not even
	// when the first was deleted in between.
	SentOnce bool
	// AgesInHand tells that the lane cannot know the age of every message.
	AgesInHand bool
}

// Open is what an adapter fills in to join. It is called for every history, and
// what it returns lives by the given clock, to the second.
type Open func(now func() time.Time) (Stores, error)
