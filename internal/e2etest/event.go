package e2etest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Bucket is a bucket of ministack, which tells a queue of whatever is put into it,
// as S3 does. Ministack looks at no signature, so plain HTTP will do.
type Bucket struct {
	Name string

	engine, queue string
}

// NewBucket makes a bucket that keeps versions, on the ministack at a URL.
func NewBucket(ctx context.Context, engine, name string) (*Bucket, error) {
	b := &Bucket{Name: name, engine: engine, queue: name + "-told"}
	_, err := b.sqs(ctx, "CreateQueue", fmt.Sprintf(`{"QueueName":%q}`, b.queue))
	for _, step := range []struct{ path, body string }{
		{"", ""},
		{"?versioning", `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`},
		{"?notification", `<NotificationConfiguration><QueueConfiguration><Queue>arn:aws:sqs:us-east-1:000000000000:` + b.queue +
			`</Queue><Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>`},
	} {
		if err == nil {
			_, err = b.call(ctx, http.MethodPut, "/"+name+step.path, "s3", "", step.body)
		}
	}
	return b, err
}

// Put puts an object under a key that is escaped as in a URL, and returns the event
// that tells of it.
func (b *Bucket) Put(ctx context.Context, key, body string) (event []byte, err error) {
	if _, err := b.call(ctx, http.MethodPut, "/"+b.Name+"/"+key, "s3", "", body); err != nil {
		return nil, err
	}
	return b.told(ctx)
}

// Next takes the next event, also of what others have put.
func (b *Bucket) Next(ctx context.Context) (event []byte, err error) { return b.told(ctx) }

// GivenUp is what Lambda puts into the queue of failures for an event that its function
// has failed for this reason, however often it was tried (AWS Lambda Developer Guide,
// "Capturing records of Lambda asynchronous invocations").
func GivenUp(event []byte, why string) []byte {
	return fmt.Appendf(nil, `{"version":"1.0","timestamp":"2026-01-01T00:00:00.000Z",
		"requestContext":{"requestId":"1","functionArn":"arn","condition":"RetriesExhausted","approximateInvokeCount":3},
		"requestPayload":%s,"responseContext":{"statusCode":200,"functionError":"Unhandled"},"responsePayload":{"errorMessage":%q}}`, event, why)
}

func (b *Bucket) call(ctx context.Context, method, path, service, target, body string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, b.engine+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Close = true // no connection outlives its test
	req.Header.Set("Authorization",
		"AWS4-HMAC-SHA256 Credential=engines/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	if target != "" {
		req.Header.Set("X-Amz-Target", "AmazonSQS."+target)
		req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // it is read to its end
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s answers %d %s", method, path, res.StatusCode, answer)
	}
	return answer, err
}

func (b *Bucket) sqs(ctx context.Context, action, body string) ([]byte, error) {
	return b.call(ctx, http.MethodPost, "/", "sqs", action, body)
}

// told takes the next event off the queue of the bucket. The first message of all
// is S3's own test, which is not about an object.
func (b *Bucket) told(ctx context.Context) ([]byte, error) {
	for range 10 {
		url := b.engine + "/000000000000/" + b.queue
		answer, err := b.sqs(ctx, "ReceiveMessage", fmt.Sprintf(`{"QueueUrl":%q,"WaitTimeSeconds":5}`, url))
		if err != nil {
			return nil, err
		}
		var got struct {
			Messages []struct{ Body, ReceiptHandle string }
		}
		if err := json.Unmarshal(answer, &got); err != nil {
			return nil, err
		}
		for _, m := range got.Messages {
			if _, err := b.sqs(ctx, "DeleteMessage", fmt.Sprintf(`{"QueueUrl":%q,"ReceiptHandle":%q}`, url, m.ReceiptHandle)); err != nil {
				return nil, err
			}
			if !strings.Contains(m.Body, "s3:TestEvent") {
				return []byte(m.Body), nil
			}
		}
	}
	return nil, errors.New("nobody told of the object")
}
