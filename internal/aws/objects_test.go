package aws_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"

	"acervo/internal/aws"
	"acervo/internal/blob"
	"acervo/internal/blob/blobtest"
	"acervo/internal/book"
	"acervo/internal/fault"
)

// onS3 returns clients of the engine that make test-aws starts.
func onS3(t *testing.T) *aws.Clients {
	t.Helper()
	endpoint := os.Getenv("ACERVO_TEST_S3")
	if endpoint == "" {
		t.Skip("make test-aws runs this")
	}
	c, err := aws.NewClients(t.Context(), aws.Options{Region: "us-east-1", S3Endpoint: endpoint})
	ok(t, err)
	t.Cleanup(c.Close)
	return c
}

// bucket creates a bucket that nobody else uses.
func bucket(t *testing.T, c *aws.Clients) string {
	t.Helper()
	prefix := strings.ReplaceAll(uuid.NewString(), "-", "") + "-"
	ok(t, c.CreateBuckets(t.Context(), prefix))
	return prefix + aws.ObjectsBucket
}

// send makes an upload as a stranger does, without credentials.
func send(t *testing.T, u blob.Upload, body []byte) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), u.Method, u.URL, bytes.NewReader(body))
	ok(t, err)
	for name, value := range u.Headers {
		r.Header.Set(name, value)
	}
	alone := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := alone.Do(r)
	if err != nil {
		return err
	}
	said, err := io.ReadAll(res.Body)
	ok(t, err)
	ok(t, res.Body.Close())
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", res.Status, said)
	}
	return nil
}

func TestABucketKeepsTheContractOfObjects(t *testing.T) {
	t.Parallel()
	c := onS3(t)
	blobtest.Run(t, blobtest.Harness{
		Open: func(t *testing.T) blob.Store { t.Helper(); return c.Objects(bucket(t, c)) },
		Upload: func(t *testing.T, _ blob.Store, u blob.Upload, body []byte) error {
			t.Helper()
			return send(t, u, body)
		},
		Walks: 5,
	})
}

func TestAnUploadToAnotherPlaceOrForLongerThanSignedIsRefused(t *testing.T) {
	t.Parallel()
	c := onS3(t)
	o := c.Objects(bucket(t, c))
	signed, err := o.Sign(t.Context(), "originals/a/1", "image/jpeg", 9, time.Minute)
	ok(t, err)
	for what, change := range map[string]func(*url.URL, url.Values){
		"another key":    func(u *url.URL, _ url.Values) { u.Path = strings.Replace(u.Path, "a/1", "b/1", 1) },
		"another bucket": func(u *url.URL, _ url.Values) { u.Path = "/" + bucket(t, c) + "/originals/a/1" },
		"a longer time":  func(_ *url.URL, q url.Values) { q.Set("X-Amz-Expires", "3600") },
		"other headers":  func(_ *url.URL, q url.Values) { q.Set("X-Amz-SignedHeaders", "host") },
		"no signature":   func(_ *url.URL, q url.Values) { q.Del("X-Amz-Signature") },
	} {
		at, err := url.Parse(signed.URL)
		ok(t, err)
		query := at.Query()
		change(at, query)
		at.RawQuery = query.Encode()
		forged := signed
		forged.URL = at.String()
		if send(t, forged, []byte("a picture")) == nil {
			t.Errorf("%s was taken", what)
		}
	}
	unconditional := signed
	unconditional.Headers = map[string]string{"Content-Type": "image/jpeg"}
	if send(t, unconditional, []byte("a picture")) == nil {
		t.Error("an upload that may overwrite was taken")
	}
	ok(t, send(t, signed, []byte("a picture")))
}

func TestRenditionsAreKeptForGoodByWhoeverServesTheBucketAndNothingElseIs(t *testing.T) {
	t.Parallel()
	c := onS3(t)
	name := bucket(t, c)
	o := c.Objects(name)
	hash := strings.Repeat("a", 64)
	for key, want := range map[string]string{
		book.RenditionKey(hash, 640): "public, max-age=31536000, immutable", book.Renditions + hash + "/cover.json": "",
		"originals/" + hash: "", "imports/640.jpg": "",
	} {
		_, err := o.Put(t.Context(), key, "image/jpeg", strings.NewReader("a picture"))
		ok(t, err)
		out, err := c.S3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &name, Key: &key})
		ok(t, err)
		if got := sdk.ToString(out.CacheControl); got != want {
			t.Errorf("%s is kept for %q, want %q", key, got, want)
		}
	}
}

func TestTheContentTypeIsThatOfThePutOrTheUpload(t *testing.T) {
	t.Parallel()
	c := onS3(t)
	name := bucket(t, c)
	o := c.Objects(name)
	_, err := o.Put(t.Context(), "covers/a/640.jpg", "image/jpeg", strings.NewReader("a picture"))
	ok(t, err)
	u, err := o.Sign(t.Context(), "covers/a/96.jpg", "image/jpeg", 9, time.Minute)
	ok(t, err)
	ok(t, send(t, u, []byte("a picture")))
	for _, key := range []string{"covers/a/640.jpg", "covers/a/96.jpg"} {
		out, err := c.S3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &name, Key: &key})
		ok(t, err)
		if got := sdk.ToString(out.ContentType); got != "image/jpeg" {
			t.Errorf("%s is of the type %q", key, got)
		}
	}
}

func TestWhatOthersPutUnderNoKeyIsNotListedAndStopsNoList(t *testing.T) {
	t.Parallel()
	c := onS3(t)
	name := bucket(t, c)
	o := c.Objects(name)
	for _, key := range []string{"drop/a", "drop/.b", "drop/b:c", "drop/d", "top"} {
		_, err := c.S3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &name, Key: &key, Body: strings.NewReader("x")})
		ok(t, err)
	}
	var keys []string
	page := blob.Page{}
	for begun := false; !begun || page.Next != ""; begun = true {
		var err error
		page, err = o.List(t.Context(), "", page.Next, 1)
		ok(t, err)
		for _, object := range page.Objects {
			keys = append(keys, object.Key)
		}
	}
	if got := strings.Join(keys, " "); got != "drop/a drop/d" {
		t.Errorf("the list is %s", got)
	}
}

func TestABucketThatKeepsNoVersionsIsRefused(t *testing.T) {
	t.Parallel()
	c := onS3(t)
	name := uuid.NewString()
	_, err := c.S3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
	ok(t, err)
	if _, err := c.Objects(name).Put(t.Context(), "drop/a", "text/csv", strings.NewReader("x")); !fault.Is(err, fault.Internal) {
		t.Errorf("got %v, want fault.Internal", err)
	}
}

func TestCreatingTheBucketsAgainChangesNothing(t *testing.T) {
	t.Parallel()
	c := onS3(t)
	name := bucket(t, c)
	o := c.Objects(name)
	put, err := o.Put(t.Context(), "drop/a", "text/csv", strings.NewReader("x"))
	ok(t, err)
	ok(t, c.CreateBuckets(t.Context(), strings.TrimSuffix(name, aws.ObjectsBucket)))
	if stat, err := o.Stat(t.Context(), "drop/a"); err != nil || stat.Version != put.Version {
		t.Errorf("there is %+v (%v), want %+v", stat, err, put)
	}
}

// whole is a store that takes no notice of ranges.
type whole struct{}

func (whole) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: 3,
		Header: http.Header{"X-Amz-Version-Id": {"1"}, "Last-Modified": {"Sun, 29 Nov 2026 05:00:00 GMT"}},
		Body:   io.NopCloser(strings.NewReader("abc")),
	}, nil
}

func TestAPartIsNeverTheWhole(t *testing.T) {
	t.Parallel()
	c, err := aws.NewClients(t.Context(), aws.Options{Region: "us-east-1", Transport: whole{}})
	ok(t, err)
	t.Cleanup(c.Close)
	body, _, err := c.Objects("bucket").Get(t.Context(), "drop/a.csv", "", blob.Range{})
	ok(t, err)
	ok(t, body.Close())
	if _, _, err := c.Objects("bucket").Get(t.Context(), "drop/a.csv", "", blob.Range{Offset: 1, Length: 1}); !fault.Is(err, fault.Internal) {
		t.Errorf("got %v, want fault.Internal", err)
	}
}
