package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"acervo/internal/aws"
	"acervo/internal/drop"
	"acervo/internal/e2etest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMistakesAreToldAtOnce(t *testing.T) {
	t.Parallel()
	env := map[string]string{"ACERVO_PREFIX": "a b", "ACERVO_S3_ENDPOINT": "nowhere"}
	err := run(t.Context(), []string{"drops"}, func(name string) string { return env[name] }, io.Discard, func(any) { t.Error("it starts") })
	if err == nil || !strings.Contains(err.Error(), "--prefix") || !strings.Contains(err.Error(), "--s3-endpoint") {
		t.Errorf("got %v", err)
	}
}

// TestTheFunctionReadsWhatIsDropped runs the real bootstrap under a runtime API, and
// tells it by real events of the engine that stands in for S3.
func TestTheFunctionReadsWhatIsDropped(t *testing.T) {
	t.Parallel()
	ministack, dynamodb := os.Getenv("ACERVO_TEST_SQS"), os.Getenv("ACERVO_TEST_DYNAMODB")
	if ministack == "" || dynamodb == "" {
		t.Skip("make test-aws runs this")
	}
	prefix := "drops-" + strings.ToLower(rand.Text()[:12]) + "-"
	bucket, err := e2etest.NewBucket(t.Context(), ministack, prefix+"objects")
	if err != nil {
		t.Fatal(err)
	}
	engines, err := aws.Open(t.Context(), aws.Place{
		DynamoDBEndpoint: dynamodb, SQSEndpoint: ministack, S3Endpoint: ministack, Prefix: prefix, Create: true,
	}, aws.LaneOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer engines.Close()
	function := e2etest.LaunchLambda(t, e2etest.BuildLambda(t, "."), []string{
		"ACERVO_DYNAMODB_ENDPOINT=" + dynamodb, "ACERVO_SQS_ENDPOINT=" + ministack, "ACERVO_S3_ENDPOINT=" + ministack, "ACERVO_PREFIX=" + prefix,
	})
	put := func(key, body string) []byte {
		event, err := bucket.Put(t.Context(), key, body)
		for err == nil && !bytes.Contains(event, []byte("drop/")) { // of what the function has put itself
			if a := function.Invoke(event); a.Failed {
				t.Errorf("what is no drop failed: %s", a.Body)
			}
			event, err = bucket.Next(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		return event
	}
	var list strings.Builder
	list.WriteString("título;escritor\n")
	for i := range 700 {
		fmt.Fprintf(&list, "Livro %d;Alguém\n", i)
	}

	event := put("drop/lista%20de%20livros%20%C3%A9%2010%25.csv", list.String())
	if a := function.Invoke(event); a.Failed {
		t.Fatalf("the event failed: %s", a.Body)
	}
	i := imported(t, engines, "drop/lista de livros é 10%.csv")
	if i.State != drop.Queued || i.Total != 700 || i.Chunks != 2 || i.StartedAt.IsZero() || i.Version == "" {
		t.Errorf("the import is %+v", i)
	}
	if a := function.Invoke(event); a.Failed {
		t.Errorf("the event told twice failed: %s", a.Body)
	}
	if again := imported(t, engines, i.Key); again.Revision != i.Revision {
		t.Errorf("told twice it was changed: %+v", again)
	}
	if n := chunks(t, engines, i); n != 2 {
		t.Errorf("%d chunks are on the lane", n)
	}

	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte(list.String() + "Mais um;Alguém\n"))
	_ = w.Close()
	if a := function.Invoke(put("drop/a.csv.gz", zipped.String())); a.Failed {
		t.Errorf("a gzipped file failed: %s", a.Body)
	}
	if i := imported(t, engines, "drop/a.csv.gz"); i.State != drop.Queued || i.Total != 701 || i.Text != drop.TextKey(i.ID) || i.TextVersion == "" {
		t.Errorf("the gzipped one is %+v", i)
	}

	if a := function.Invoke(put("drop/a.xlsx", "PK\x03\x04....[Content_Types].xml....xl/workbook.xml")); a.Failed {
		t.Errorf("a workbook failed the function: %s", a.Body)
	}
	if i := imported(t, engines, "drop/a.xlsx"); i.State != drop.Failed || !strings.Contains(i.Error.Detail, "save the sheet as CSV") {
		t.Errorf("the workbook is %+v", i)
	}
	gone := put("drop/gone.csv", list.String())
	if err := engines.Objects.Delete(t.Context(), "drop/gone.csv"); err != nil {
		t.Fatal(err)
	}
	if a := function.Invoke(gone); a.Failed {
		t.Errorf("a file that is gone failed the function: %s", a.Body)
	}
	if a := function.Invoke([]byte(`{"no":"event"}`)); !a.Failed {
		t.Error("what is no event is taken for done")
	}
}

// imported is the import of a key.
func imported(t *testing.T, engines *aws.Engines, key string) drop.Import {
	t.Helper()
	all, _, err := engines.Store.Drops().List(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Key == key {
			i, err = engines.Store.Drops().Get(t.Context(), i.ID)
			if err != nil {
				t.Fatal(err)
			}
			return i
		}
	}
	t.Fatalf("there is no import of %s among %d", key, len(all))
	return drop.Import{}
}

// chunks counts the chunks of an import that are on the lane.
func chunks(t *testing.T, engines *aws.Engines, i drop.Import) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), e2etest.Patience)
	defer cancel()
	seen := map[int]bool{}
	for len(seen) < i.Chunks && ctx.Err() == nil {
		got, err := engines.Imports.Receive(ctx, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range got {
			c, err := drop.DecodeChunk(d.Body)
			if err != nil || c.Import != i.ID || c.Key != i.Key || c.Version != i.Version {
				t.Errorf("a chunk is %+v, %v", c, err)
			}
			seen[c.Number] = true
		}
	}
	return len(seen)
}
