package main

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/aws"
	"acervo/internal/config"
	"acervo/internal/drop"
	"acervo/internal/e2etest"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/tabular"
)

func TestAnImportThatNobodyHasSentIsSentByTheWorker(t *testing.T) {
	t.Parallel()
	prefix := "unsent-" + strings.ToLower(rand.Text()[:12]) + "-"
	place := config.AWS{
		DynamoDBEndpoint: os.Getenv("ACERVO_TEST_DYNAMODB"), SQSEndpoint: os.Getenv("ACERVO_TEST_SQS"), S3Endpoint: os.Getenv("ACERVO_TEST_S3"),
		Prefix: prefix, Bucket: prefix + aws.ObjectsBucket, Create: true,
	}
	if place.SQSEndpoint == "" || place.DynamoDBEndpoint == "" || place.S3Endpoint == "" {
		t.Skip("make test-aws runs this")
	}
	engines, err := aws.Open(t.Context(), aws.Place(place), aws.LaneOptions{})
	check(t, err)
	t.Cleanup(engines.Close)
	imports := wireSender(engines)
	id := unsentImport(t, imports)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	c := config.Worker{
		AWS: place, Addr: "127.0.0.1:0", Lease: time.Minute, ReceiptKeys: []job.Key{job.NewKey()}, Slots: 1, ImportSlots: 1, Grace: time.Minute,
	}
	ended := make(chan error, 1)
	go func() { ended <- tuning{unsent: 10 * time.Millisecond}.serve(ctx, c, io.Discard) }()
	i, err := imports.Drops.Get(ctx, id)
	for begin := time.Now(); err == nil && !i.State.Terminal() && time.Since(begin) < e2etest.Patience; {
		<-time.After(100 * time.Millisecond)
		i, err = imports.Drops.Get(ctx, id)
	}
	check(t, err)
	if i.State != drop.Succeeded || i.Applied.Counts.OK != 2 {
		t.Errorf("it is %s with %+v", i.State, i.Applied.Counts)
	}
	stop()
	check(t, <-ended)
}

// unsentImport is one that was read and whose sender died before it sent anything.
func unsentImport(t *testing.T, imports *intake.Imports) uuid.UUID {
	t.Helper()
	const text = "title,author\nIracema,José de Alencar\nLucíola,José de Alencar\n"
	id := uuid.New()
	object, err := imports.Objects.Put(t.Context(), drop.TextKey(id), intake.UploadType, strings.NewReader(text))
	check(t, err)
	plan, err := tabular.Scan(strings.NewReader(text), tabular.Options{})
	check(t, err)
	check(t, imports.KeepPlan(t.Context(), id, plan))
	now := imports.Now().UTC().Truncate(time.Millisecond)
	check(t, imports.Drops.Create(t.Context(), drop.Import{
		ID: id, Filename: "a.csv.gz", State: drop.Queued, Mode: drop.Apply, Key: "drop/a.csv.gz", Text: object.Key, TextVersion: object.Version,
		SubmittedAt: now, ArrivedAt: now, Total: plan.Rows, Chunks: len(plan.Chunks),
	}))
	return id
}
