package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"acervo/internal/aws"
	"acervo/internal/config"
	"acervo/internal/drop"
	"acervo/internal/e2etest"
	"acervo/internal/job"
	"acervo/internal/queue"
)

// TestWhatTheFunctionDropsGaveUpEndsItsImport puts what Lambda puts into the queue of
// failures, with a real event of the bucket.
func TestWhatTheFunctionDropsGaveUpEndsItsImport(t *testing.T) {
	t.Parallel()
	ministack, dynamodb := os.Getenv("ACERVO_TEST_SQS"), os.Getenv("ACERVO_TEST_DYNAMODB")
	if ministack == "" || dynamodb == "" {
		t.Skip("make test-aws runs this")
	}
	prefix := "failures-" + strings.ToLower(rand.Text()[:12]) + "-"
	bucket, err := e2etest.NewBucket(t.Context(), ministack, prefix+aws.ObjectsBucket)
	check(t, err)
	engines, err := aws.Open(t.Context(), aws.Place{
		DynamoDBEndpoint: dynamodb, SQSEndpoint: ministack, S3Endpoint: ministack, Prefix: prefix, Create: true,
	}, aws.LaneOptions{Poll: time.Second})
	check(t, err)
	t.Cleanup(engines.Close)
	event, err := bucket.Put(t.Context(), "drop/lista%20%C3%A9.csv", "title,author\nA,B\n")
	check(t, err)
	for range 2 { // the second time nothing is left to be done
		check(t, engines.DropsFailed.Send(t.Context(), queue.Message{
			Group: "x", DedupID: rand.Text(), Body: e2etest.GivenUp(event, "the function ran out of memory"),
		}))
	}
	var told bytes.Buffer
	failuresDoneBy(t, engines, config.Worker{AWS: config.AWS{Bucket: bucket.Name}, ReceiptKeys: []job.Key{job.NewKey()}}, &told)

	all, _, err := engines.Store.Drops().List(t.Context(), "", 10)
	check(t, err)
	if len(all) != 1 || all[0].Key != "drop/lista é.csv" || all[0].State != drop.Failed || all[0].FinishedAt.IsZero() ||
		all[0].Error == nil || !strings.Contains(all[0].Error.Detail, "drop it again") || strings.Contains(all[0].Error.Detail, "memory") {
		t.Errorf("the imports are %+v", all)
	}
	if log := told.String(); strings.Count(log, "an import was given up") != 1 || !strings.Contains(log, "the function ran out of memory") {
		t.Errorf("operators are told %s", log)
	}
}

// failuresDoneBy has the failures of the functions dealt with as the worker does, until
// none is left.
func failuresDoneBy(t *testing.T, engines *aws.Engines, c config.Worker, told io.Writer) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var works sync.WaitGroup
	for _, failures := range wireFailures(c, engines, wireSender(engines), slog.New(slog.NewJSONHandler(told, nil))) {
		works.Go(func() { failures.Run(ctx) })
	}
	err := e2etest.Poll(ctx, func() (bool, error) {
		stats, err := engines.DropsFailed.Stats(ctx)
		return stats.Depth() == 0, err
	})
	cancel()
	works.Wait()
	check(t, err)
}
