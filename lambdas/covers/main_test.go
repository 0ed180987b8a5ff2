package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"debug/elf"
	"encoding/base64"
	"image"
	"image/jpeg"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"acervo/internal/arrive"
	"acervo/internal/aws"
	"acervo/internal/book"
	"acervo/internal/cover"
	"acervo/internal/e2etest"
	"acervo/internal/job"
	"acervo/internal/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMistakesAreToldAtOnce(t *testing.T) {
	t.Parallel()
	env := map[string]string{"ACERVO_PREFIX": "a b", "ACERVO_S3_ENDPOINT": "nowhere"}
	err := run(t.Context(), []string{"covers"}, func(name string) string { return env[name] }, io.Discard, func(any) { t.Error("it starts") })
	for _, flag := range []string{"--prefix", "--s3-endpoint", "--receipt-keys"} {
		if err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("got %v", err)
		}
	}
}

func TestTheBootstrapIsForTheMachineOfLambda(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bootstrap")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-tags", "lambda.norpc", "-o", file, ".")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program, err := elf.Open(file)
	check(t, err)
	defer func() { check(t, program.Close()) }()
	libraries, err := program.ImportedLibraries()
	if program.Machine != elf.EM_AARCH64 || program.Type != elf.ET_EXEC || err != nil || len(libraries) > 0 {
		t.Errorf("it is %s, %s and wants %v (%v)", program.Machine, program.Type, libraries, err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// site is what the function runs beside: a bucket that tells of what lands in it, and
// the stores.
type site struct {
	*aws.Engines
	bucket *e2etest.Bucket
	ring   *job.Keyring
	env    []string
	place  aws.Place
}

func newSite(t *testing.T) *site {
	t.Helper()
	ministack, dynamodb := os.Getenv("ACERVO_TEST_SQS"), os.Getenv("ACERVO_TEST_DYNAMODB")
	if ministack == "" || dynamodb == "" {
		t.Skip("make test-aws runs this")
	}
	prefix := "covers-" + strings.ToLower(rand.Text()[:12]) + "-"
	bucket, err := e2etest.NewBucket(t.Context(), ministack, prefix+"objects")
	check(t, err)
	key := job.NewKey()
	s := &site{bucket: bucket, ring: job.NewKeyring(time.Now, key), env: []string{
		"ACERVO_DYNAMODB_ENDPOINT=" + dynamodb, "ACERVO_SQS_ENDPOINT=" + ministack, "ACERVO_S3_ENDPOINT=" + ministack,
		"ACERVO_PREFIX=" + prefix, "ACERVO_RECEIPT_KEYS=" + base64.StdEncoding.EncodeToString(key.Secret),
	}}
	s.place = aws.Place{DynamoDBEndpoint: dynamodb, SQSEndpoint: ministack, S3Endpoint: ministack, Prefix: prefix, Create: true}
	s.Engines, err = aws.Open(t.Context(), s.place, aws.LaneOptions{Poll: time.Second})
	check(t, err)
	t.Cleanup(s.Close)
	return s
}

// uploaded puts a picture for a job of a book, and returns what S3 tells of it.
func (s *site) uploaded(t *testing.T, picture string) (r job.Receipt, event []byte) {
	t.Helper()
	var err error
	r, err = s.ring.Mint(job.CoverSet, uuid.New())
	check(t, err)
	event, err = s.bucket.Put(t.Context(), job.OriginalKey(r.ID), picture)
	for err == nil && !bytes.Contains(event, []byte(r.ID)) { // of what the function has put itself
		event, err = s.bucket.Next(t.Context())
	}
	check(t, err)
	return r, event
}

func (s *site) record(t *testing.T, r job.Receipt) (job.Record, bool) {
	t.Helper()
	rec, recorded, err := s.Store.Jobs().Get(t.Context(), r.ID)
	check(t, err)
	return rec, recorded
}

func photo(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	check(t, jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 1700, 1200)), nil))
	return b.String()
}

// TestTheFunctionMakesCovers runs the real bootstrap under a runtime API, and tells it
// by real events of the engine that stands in for S3.
func TestTheFunctionMakesCovers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	function := e2etest.LaunchLambda(t, e2etest.BuildLambda(t, "."), s.env)
	invoke := func(event []byte, fails bool) {
		t.Helper()
		if a := function.Invoke(event); a.Failed != fails {
			t.Errorf("failed: %v, %s\n%s", a.Failed, a.Body, function.Stderr.String())
		}
	}
	picture := photo(t)
	r, event := s.uploaded(t, picture)
	began := time.Now()
	invoke(event, false)
	t.Logf("cold start to the first event in %v, which took %v", function.Ready, time.Since(began))
	if rec, recorded := s.record(t, r); !recorded || rec.State != job.Queued {
		t.Errorf("its job is %+v (%v)", rec, recorded)
	}
	got, err := s.Writes.Receive(t.Context(), 1)
	if err != nil || len(got) != 1 {
		t.Fatalf("on the lane are %d jobs (%v)", len(got), err)
	}
	m, err := job.DecodeMessage(got[0].Body)
	if err != nil || m.Job != r.ID || m.Cover == nil || len(m.Cover.Renditions) != 4 || len(got[0].Body) > 2000 {
		t.Fatalf("the job is %+v in %d bytes (%v)", m, len(got[0].Body), err)
	}
	for _, rendition := range m.Cover.Renditions {
		if _, err := s.Objects.Stat(t.Context(), book.RenditionKey(m.Cover.SHA256, rendition.Width)); err != nil {
			t.Errorf("%d is not there: %v", rendition.Width, err)
		}
	}
	invoke(event, false) // told twice: the picture is gone

	refused, event := s.uploaded(t, "this is no picture")
	invoke(event, false)
	if rec, _ := s.record(t, refused); rec.State != job.Failed || rec.Error == nil || rec.Error.Detail == "" {
		t.Errorf("what is no picture is %+v", rec)
	}
	gone, event := s.uploaded(t, picture)
	check(t, s.Objects.Delete(t.Context(), job.OriginalKey(gone.ID)))
	invoke(bytes.ReplaceAll(event, []byte(`"versionId"`), []byte(`"otherId"`)), false)
	if _, recorded := s.record(t, gone); recorded {
		t.Error("a picture that is gone has a record")
	}
	invoke([]byte(`{"no":"event"}`), true)
}

// TestWhatTheFunctionGivesUpIsBuriedAndTriedAgain puts what Lambda puts into the queue
// of failures.
func TestWhatTheFunctionGivesUpIsBuriedAndTriedAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	covers := &arrive.Covers{
		Ring: s.ring, Jobs: s.Store.Jobs(), Books: s.Store.Books(), Lane: s.Writes, Objects: s.Objects,
		Renderer: cover.New(), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	router := &arrive.Router{Bucket: s.bucket.Name, Routes: []arrive.Route{{Prefix: job.Originals, Handler: covers}}, Log: covers.Log}
	r, event := s.uploaded(t, photo(t))
	for _, body := range [][]byte{[]byte("no failure at all"), e2etest.GivenUp(event, "the function ran out of memory")} { // the first is dropped
		check(t, s.CoversFailed.Send(t.Context(), queue.Message{Group: "x", DedupID: rand.Text(), Body: body}))
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&arrive.Failures{Queue: s.CoversFailed, Router: router, Idle: time.Millisecond, Log: covers.Log}).Run(ctx)
	}()
	err := e2etest.Poll(t.Context(), func() (bool, error) {
		stats, err := s.CoversFailed.Stats(t.Context())
		return stats.Depth() == 0, err
	})
	cancel()
	<-ended
	check(t, err)
	rec, _ := s.record(t, r)
	if rec.State != job.Dead || rec.Burial == nil || rec.Burial.Lane != arrive.CoversLane || rec.Burial.Cause != "the function ran out of memory" {
		t.Fatalf("its job is %+v (%+v)", rec, rec.Burial)
	}
	landed, err := covers.Again(t.Context(), r.ID)
	check(t, err)
	again, err := s.bucket.Next(t.Context())
	if err != nil || !bytes.Contains(again, []byte(landed.Version)) {
		t.Errorf("S3 tells of it by %s (%v)", again, err)
	}
}
