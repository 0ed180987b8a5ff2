package work

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
)

// foreign is how long a message rests that another release may read.
const foreign = time.Minute

// settling bounds the writing down of a failed attempt.
const settling = 5 * time.Second

// Writes handles the deliveries of the writes lane. It is a Handler.
type Writes struct {
	Applier *Applier
	Log     *slog.Logger
}

// Do is Handler's.
func (w *Writes) Do(ctx context.Context, d queue.Delivery) error {
	m, err := decode(d)
	switch {
	case fault.Is(err, fault.Unavailable):
		return err
	case err != nil:
		w.Log.ErrorContext(ctx, "a message cannot be read and is buried", "message", d.DedupID, "error", err)
		return w.Applier.BuryUnreadable(ctx, envelope(d), d.Body, err)
	default:
		return w.Applier.Apply(ctx, m, d.Body, d.Receives)
	}
}

// Failed is Handler's: the one table from kinds to what becomes of a delivery.
// Everything that is not listed is an attempt that failed.
func (w *Writes) Failed(ctx context.Context, d queue.Delivery, why error) Outcome {
	m, err := decode(d)
	if fault.Is(err, fault.Unavailable) {
		w.Log.WarnContext(ctx, "a message of another release rests", "message", d.DedupID, "error", err)
		return Outcome{Delay: foreign}
	}
	if err != nil {
		m = envelope(d)
	}
	return w.settle(ctx, d, m, why)
}

// settle says what becomes of a delivery that failed for this reason.
func (w *Writes) settle(ctx context.Context, d queue.Delivery, m job.Message, why error) Outcome {
	switch fault.KindOf(why) {
	case fault.Unavailable:
		w.Log.WarnContext(ctx, "the store is down", "job", m.Job, "error", why)
		w.interrupted(ctx, d, m)
		return Outcome{Delay: backoff(d.Receives), Down: true}
	case fault.Throttled:
		w.interrupted(ctx, d, m)
		return Outcome{Delay: backoff(d.Receives)}
	default:
		return w.attemptFailed(ctx, d, m, why)
	}
}

// interrupted takes back the start of a job, which may fail as the job has: ten
// in a row would have to, to bury it.
func (w *Writes) interrupted(ctx context.Context, d queue.Delivery, m job.Message) {
	ctx, cancel := context.WithTimeout(ctx, settling)
	defer cancel()
	if err := w.Applier.Interrupted(ctx, m, d.Receives); err != nil {
		w.Log.WarnContext(ctx, "a start could not be taken back", "job", m.Job, "error", err)
	}
}

// attemptFailed writes a failed attempt down.
func (w *Writes) attemptFailed(ctx context.Context, d queue.Delivery, m job.Message, why error) Outcome {
	ctx, cancel := context.WithTimeout(ctx, settling)
	defer cancel()
	w.Log.WarnContext(ctx, "an attempt failed", "job", m.Job, "receives", d.Receives, "error", why)
	delay, err := w.Applier.Fail(ctx, m, why)
	if err != nil {
		w.Log.WarnContext(ctx, "the failed attempt could not be recorded", "job", m.Job, "error", err)
		return Outcome{Delay: backoff(d.Receives), Down: fault.Is(err, fault.Unavailable)}
	}
	return Outcome{Delay: delay}
}

// decode reads the message of a delivery and checks that it is the one that its
// envelope names.
func decode(d queue.Delivery) (job.Message, error) {
	if d.Damaged {
		return job.Message{}, fault.New(fault.Damaged, "the message is damaged: its checksum is wrong")
	}
	m, err := job.DecodeMessage(d.Body)
	if err == nil && (m.Group() != d.Group || m.DedupID() != d.DedupID) {
		err = fault.New(fault.Damaged, "the message is of another group or job than its envelope")
	}
	return m, err
}

// envelope is what can be told of a message without reading it.
func envelope(d queue.Delivery) job.Message {
	m := job.Message{Job: d.DedupID, Generation: 1}
	if id, generation, ok := strings.Cut(d.DedupID, "."); ok {
		if n, err := strconv.Atoi(generation); err == nil && n > 0 {
			m.Job, m.Generation = id, n
		}
	}
	if id, err := uuid.Parse(d.Group); err == nil {
		m.BookID = id
	}
	return m
}

// backoff is how long to wait after failure n: up to a second, doubling up to a
// minute, at random so that those who failed together do not return together.
func backoff(n int) time.Duration {
	most := min(time.Minute, time.Second<<min(max(n, 1)-1, 10))
	return most/2 + rand.N(most/2)
}
