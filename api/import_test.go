package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"acervo/internal/aws"
	"acervo/internal/client"
	"acervo/internal/drop"
	"acervo/internal/e2etest"
)

// library is the edition on AWS as one who imports sees it: an API, a worker, and the
// function that reads what is dropped. It is told of objects in the words of S3; that
// a real event is understood is proved in lambdas/drops, whose engine knows no ranges.
type library struct {
	*client.Client
	objects  *aws.Objects
	store    *aws.Store
	bucket   string
	function *e2etest.Lambda
	worker   *e2etest.Process
	// The programs, and what they run with.
	dir, bootstrap string
	env            []string
}

func newLibrary(t *testing.T) *library {
	t.Helper()
	place := aws.Place{
		DynamoDBEndpoint: os.Getenv("ACERVO_TEST_DYNAMODB"), SQSEndpoint: os.Getenv("ACERVO_TEST_SQS"), S3Endpoint: os.Getenv("ACERVO_TEST_S3"),
		Prefix: "imports-" + strings.ToLower(rand.Text()[:12]) + "-", Create: true,
	}
	if place.SQSEndpoint == "" || place.DynamoDBEndpoint == "" || place.S3Endpoint == "" {
		t.Skip("make test-aws runs this")
	}
	engines, err := aws.Open(t.Context(), place, aws.LaneOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engines.Close)
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	l := &library{objects: engines.Objects, store: engines.Store, bucket: place.Prefix + aws.ObjectsBucket, dir: t.TempDir()}
	l.env = []string{
		"ACERVO_DYNAMODB_ENDPOINT=" + place.DynamoDBEndpoint, "ACERVO_SQS_ENDPOINT=" + place.SQSEndpoint,
		"ACERVO_S3_ENDPOINT=" + place.S3Endpoint, "ACERVO_PREFIX=" + place.Prefix,
		"ACERVO_ADDR=127.0.0.1:0", "ACERVO_KEY=" + operator, "ACERVO_RECEIPT_KEYS=" + base64.StdEncoding.EncodeToString(key),
		"ACERVO_LEASE=" + lease.String(),
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", l.dir, ".", "../worker").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	api := e2etest.Launch(t, filepath.Join(l.dir, "api"), l.env)
	if l.Client, err = client.New(client.Options{URL: api.Greeting("The API serves"), Key: operator}); err != nil {
		t.Fatal(err)
	}
	l.bootstrap = e2etest.BuildLambda(t, "../lambdas/drops")
	l.newWorker(t)
	l.newFunction(t)
	return l
}

func (l *library) newWorker(t *testing.T) {
	t.Helper()
	l.worker = e2etest.Launch(t, filepath.Join(l.dir, "worker"), l.env)
	l.worker.Greeting("The worker's health")
}

func (l *library) newFunction(t *testing.T) {
	t.Helper()
	l.function = e2etest.LaunchLambda(t, l.bootstrap, l.env)
}

// event tells of an object.
func (l *library) event(key string) []byte {
	return fmt.Appendf(nil, `{"Records":[{"eventName":"ObjectCreated:Put","eventTime":%q,"s3":{"bucket":{"name":%q},"object":{"key":%q,"size":1}}}]}`,
		time.Now().UTC().Format(time.RFC3339Nano), l.bucket, url.QueryEscape(key))
}

// arrives tells the function of an object.
func (l *library) arrives(t *testing.T, key string) {
	t.Helper()
	if a := l.function.Invoke(l.event(key)); a.Failed {
		t.Fatalf("the function fails: %s", a.Body)
	}
}

// uploads uploads an announced file, and tells of it.
func (l *library) uploads(t *testing.T, i client.Import, u client.Upload, text string) {
	t.Helper()
	if err := l.Upload(t.Context(), u, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	l.arrives(t, drop.Folder+i.ID+"/"+i.Filename)
}

// ended waits for the end of an import.
func (l *library) ended(t *testing.T, id string) client.Import {
	t.Helper()
	i, err := l.Watch(t.Context(), id, func(client.Import) {})
	if err != nil {
		t.Fatal(err)
	}
	if r := i.Rows; r.Total == nil || *r.Total != r.Done() {
		t.Errorf("of its rows there are %+v", r)
	}
	return i
}

func TestAFileIsImportedAndWhatFailedIsCorrectedAndDroppedAgain(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	const spoilt = "título;escritor\r\nDom Casmurro;Machado de Assis\r\n;Anônimo\r\nIracema;José de Alencar\r\n"
	i, upload, err := l.Announce(t.Context(), client.Announcement{Filename: "livros.csv", Bytes: int64(len(spoilt))})
	if err != nil {
		t.Fatal(err)
	}
	l.uploads(t, i, upload, spoilt)
	i = l.ended(t, i.ID)
	if i.State != drop.CompletedWithErrors || i.Rows.OK != 2 || i.Rows.Failed != 1 {
		t.Errorf("it is %+v", i)
	}
	var failed bytes.Buffer
	if err := l.FailedRows(t.Context(), i.ID, &failed); err != nil {
		t.Fatal(err)
	}
	corrected := strings.Replace(failed.String(), `"";"Anônimo"`, `"Poemas";"Anônimo"`, 1)
	if _, err := l.objects.Put(t.Context(), "drop/failed.csv", "text/csv", strings.NewReader(corrected)); err != nil {
		t.Fatal(err)
	}
	l.arrives(t, "drop/failed.csv")
	for again, err := range l.Imports(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if again.Filename != "failed.csv" {
			continue
		}
		again = l.ended(t, again.ID)
		if again.State != drop.Succeeded || again.Rows.OK != 1 {
			t.Errorf("corrected it is %+v", again)
		}
	}
	var titles []string
	for b, err := range l.Books(t.Context(), client.Listing{}) {
		if err != nil {
			t.Fatal(err)
		}
		titles = append(titles, b.Title)
	}
	slices.Sort(titles)
	if !slices.Equal(titles, []string{"Dom Casmurro", "Iracema", "Poemas"}) {
		t.Errorf("the books are %q", titles)
	}
}

func TestAPlanIsAppliedByTheAPI(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	const text = "title,author\nA,B\nC,D\n"
	i, upload, err := l.Announce(t.Context(), client.Announcement{Filename: "a.csv", Bytes: int64(len(text)), Mode: drop.Plan})
	if err != nil {
		t.Fatal(err)
	}
	l.uploads(t, i, upload, text)
	i, err = l.Watch(t.Context(), i.ID, func(client.Import) {})
	if err != nil || i.State != drop.Planned || i.Plan == nil || i.Plan.Creates != 2 || len(i.Plan.Samples) != 2 {
		t.Fatalf("it is %+v, %v", i, err)
	}
	if _, err := l.ApplyImport(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	i = l.ended(t, i.ID)
	if i.State != drop.Succeeded || i.Rows.OK != 2 {
		t.Errorf("applied it is %+v", i)
	}
}
