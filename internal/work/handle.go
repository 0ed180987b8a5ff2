package work

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
)

// unreadable is how long a message rests that this release cannot read.
const unreadable = time.Minute

// Writes handles deliveries of the writes lane.
type Writes struct {
	Applier *Applier
	Log     *slog.Logger
}

// Handle is the Handle of a Runner.
func (w *Writes) Handle(ctx context.Context, d queue.Delivery) Outcome {
	m, err := decode(d)
	if err != nil {
		w.Log.ErrorContext(ctx, "a message cannot be read, it rests", "message", d.DedupID, "error", err)
		return Outcome{Delay: unreadable}
	}
	if err := w.Applier.Apply(ctx, m); err != nil {
		if ctx.Err() != nil { // interrupted is not failed
			return Outcome{}
		}
		w.Log.WarnContext(ctx, "an attempt failed, the job waits for another", "job", m.Job, "receives", d.Receives, "error", err)
		return Outcome{Delay: backoff(d.Receives)}
	}
	return Outcome{Done: true}
}

// decode reads the message of a delivery and checks that it is the one that its
// envelope names.
func decode(d queue.Delivery) (job.Message, error) {
	if d.Damaged {
		return job.Message{}, fault.New(fault.Internal, "the message is damaged: its checksum is wrong")
	}
	m, err := job.DecodeMessage(d.Body)
	if err == nil && (m.Group() != d.Group || m.DedupID() != d.DedupID) {
		err = fault.New(fault.Internal, "the message is of another group or job than its envelope")
	}
	return m, err
}

// backoff is how long to wait before try n+1: up to a second, doubling to a
// minute, at random so that those who failed together do not return together.
func backoff(n int) time.Duration {
	most := min(time.Minute, time.Second<<min(n-1, 10))
	return most/2 + rand.N(most/2)
}
