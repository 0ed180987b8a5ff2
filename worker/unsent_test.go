package main

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"acervo/internal/aws"
	"acervo/internal/config"
	"acervo/internal/drop"
	"acervo/internal/e2etest"
	"acervo/internal/intake/intaketest"
	"acervo/internal/job"
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
	id := intaketest.Unsent(t, imports)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	c := config.Worker{
		AWS: place, Addr: "127.0.0.1:0", Lease: time.Minute, ReceiptKeys: []job.Key{job.NewKey()}, Slots: 1, ImportSlots: 1, Grace: time.Minute,
	}
	ended := make(chan error, 1)
	go func() { ended <- tuning{unsent: 10 * time.Millisecond}.serve(ctx, c, io.Discard) }()
	var i drop.Import
	check(t, e2etest.Poll(ctx, func() (ended bool, err error) {
		i, err = imports.Drops.Get(ctx, id)
		return i.State.Terminal(), err
	}))
	if i.State != drop.Succeeded || i.Applied.Counts.OK != 2 {
		t.Errorf("it is %s with %+v", i.State, i.Applied.Counts)
	}
	stop()
	check(t, <-ended)
}
