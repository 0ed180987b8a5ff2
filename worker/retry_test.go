package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/aws"
	"acervo/internal/book"
	"acervo/internal/config"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/work"
)

// house is a worker's engines, whose lane is worked only when asked, and what
// accepts onto it.
type house struct {
	*intake.Intake
	engines *aws.Engines
	runner  *work.Runner
	applier *work.Applier
	sent    *sent
}

// sent keeps the last message that went to a lane.
type sent struct {
	queue.Sender
	mu   sync.Mutex
	last queue.Message
}

func (s *sent) Send(ctx context.Context, m queue.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = m
	return s.Sender.Send(ctx, m)
}

func newHouse(t *testing.T) *house {
	t.Helper()
	place := aws.Place{
		Region:           "us-east-1",
		DynamoDBEndpoint: os.Getenv("ACERVO_TEST_DYNAMODB"), SQSEndpoint: os.Getenv("ACERVO_TEST_SQS"), S3Endpoint: os.Getenv("ACERVO_TEST_S3"),
		Prefix: "retry-" + strings.ToLower(rand.Text()) + "-", Create: true,
	}
	if place.DynamoDBEndpoint == "" || place.SQSEndpoint == "" {
		t.Skip("make test-aws runs this")
	}
	engines, err := aws.Open(t.Context(), place, aws.LaneOptions{Poll: time.Second})
	check(t, err)
	t.Cleanup(engines.Close)
	jobs := engines.Store.Jobs()
	s := &sent{Sender: engines.Writes}
	return &house{
		Intake: &intake.Intake{
			Ring: job.NewKeyring(time.Now, job.NewKey()), Lane: s, Gauge: engines.Writes, Jobs: jobs, Claims: jobs, Now: time.Now,
		},
		engines: engines,
		runner:  wire(config.Worker{Slots: queue.MaxBatch, Grace: time.Second}, engines, slog.New(slog.DiscardHandler)),
		applier: work.NewApplier(engines.Store.Books(), jobs, queue.Writes, time.Now),
		sent:    s,
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// submit accepts a write of a book under a title.
func (h *house) submit(t *testing.T, id uuid.UUID, title string) job.Receipt {
	t.Helper()
	j, _, err := h.Submit(t.Context(), intake.Write{
		Kind: job.Replace, BookID: id, Draft: &book.Draft{Title: title, Authors: []string{"A"}},
	})
	check(t, err)
	receipt, err := h.Ring.Verify(j.ID)
	check(t, err)
	return receipt
}

// dies submits a write that fails as often as a job may, and has it buried.
func (h *house) dies(t *testing.T, id uuid.UUID, title string) job.Receipt {
	t.Helper()
	receipt := h.submit(t, id, title)
	m, err := job.DecodeMessage(h.sent.last.Body)
	check(t, err)
	for range work.MaxAttempts {
		_, err := h.applier.Fail(t.Context(), m, errors.New("it fails"))
		check(t, err)
	}
	h.works(t)
	h.is(t, receipt, job.Dead)
	return receipt
}

// works does what is on the lane, until nothing comes any more.
func (h *house) works(t *testing.T) {
	t.Helper()
	for range 3 {
		check(t, h.runner.Once(t.Context(), t.Context()))
	}
	stats, err := h.engines.Writes.Stats(t.Context())
	check(t, err)
	if stats.Depth() != 0 {
		t.Errorf("on the lane there is still %+v", stats)
	}
}

func (h *house) is(t *testing.T, r job.Receipt, want job.State) {
	t.Helper()
	j, err := h.Status(t.Context(), r)
	check(t, err)
	if j.State != want {
		t.Errorf("the job is %s, want %s: %+v", j.State, want, j)
	}
}

// reads checks a book's version and title.
func (h *house) reads(t *testing.T, id uuid.UUID, version int64, title string) {
	t.Helper()
	item, err := h.engines.Store.Books().Get(t.Context(), id)
	check(t, err)
	if item.Version != version || item.Draft.Title != title {
		t.Errorf("the book has version %d and the title %q, want %d and %q", item.Version, item.Draft.Title, version, title)
	}
}

// All of it takes seconds, far less than the five minutes in which SQS takes a
// message of a known deduplication id for one that was sent before.
func TestADeadJobIsRetried(t *testing.T) {
	t.Parallel()
	t.Run("and applied, though its message was on the lane a moment ago", func(t *testing.T) {
		t.Parallel()
		h, id := newHouse(t), uuid.New()
		first := h.submit(t, id, "first")
		h.works(t)
		h.is(t, first, job.Succeeded)
		dead := h.dies(t, id, "second")
		h.reads(t, id, 1, "first")
		check(t, h.Retry(t.Context(), dead.ID, intake.Order{Who: "an operator"}))
		h.works(t)
		h.is(t, dead, job.Succeeded)
		h.reads(t, id, 2, "second")
	})
	t.Run("and applied once, however often it was asked for", func(t *testing.T) {
		t.Parallel()
		h, id := newHouse(t), uuid.New()
		dead := h.dies(t, id, "only")
		for range 2 {
			check(t, h.Retry(t.Context(), dead.ID, intake.Order{Who: "an operator"}))
		}
		h.works(t)
		h.is(t, dead, job.Succeeded)
		h.reads(t, id, 1, "only")
	})
	t.Run("after a newer write, and superseded", func(t *testing.T) {
		t.Parallel()
		h, id := newHouse(t), uuid.New()
		dead := h.dies(t, id, "older")
		newer := h.submit(t, id, "newer")
		h.works(t)
		h.is(t, newer, job.Succeeded)
		check(t, h.Retry(t.Context(), dead.ID, intake.Order{Who: "an operator"}))
		h.works(t)
		h.is(t, dead, job.Superseded)
		h.reads(t, id, 1, "newer")
	})
}
