// Package arrive deals with objects that landed: it reads what S3 tells of them, and
// hands each to whoever deals with what lies below its prefix. On AWS the Lambdas use
// it, in one process the server itself.
package arrive

import (
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"acervo/internal/fault"
)

const (
	// maxEvent is the most bytes of an event: SQS and Lambda take no larger ones.
	maxEvent = 1 << 20
	// maxRecords is the most objects of one event. S3 sends one.
	maxRecords = 100
	// maxBucket and maxKey are S3's own bounds, in bytes.
	maxBucket = 255
	maxKey    = 1024
	// maxVersion is the most bytes of a version id.
	maxVersion = 1024
)

// Object is an object that landed.
type Object struct {
	Bucket string
	// Key is as it was put: S3 escapes it in events, which is undone here.
	Key string
	// Version names the bytes that landed. It is empty of a bucket without versions.
	Version string
	// Size is in bytes.
	Size int64
	// At is when it was there, by the engine's clock.
	At time.Time
}

// notification is an event of S3 as it sends it to SQS, to SNS and to Lambda
// (Event message structure, Amazon S3 User Guide). Members not named here change.
type notification struct {
	Event   string  `json:"Event"` // of a test event, which has no records
	Records []entry `json:"Records"`
}

type entry struct {
	EventName string `json:"eventName"`
	EventTime string `json:"eventTime"`
	S3        struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"`
			Size      int64  `json:"size"`
			VersionID string `json:"versionId"`
		} `json:"object"`
	} `json:"s3"`
}

// Decode reads an event of S3. Objects that went away are left out, and the test
// event, which S3 sends when it is set up, tells of none. What is no such event is
// fault.Syntax.
func Decode(event []byte) ([]Object, error) {
	if len(event) > maxEvent {
		return nil, fault.New(fault.Syntax, "the event has %d bytes, more than S3 sends", len(event))
	}
	var n notification
	if err := json.Unmarshal(event, &n, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, fault.Wrap(fault.Syntax, err, "the event cannot be read")
	}
	switch {
	case n.Event == "s3:TestEvent" && len(n.Records) == 0:
		return nil, nil
	case len(n.Records) == 0 || len(n.Records) > maxRecords:
		return nil, fault.New(fault.Syntax, "the event has %d records, not 1 to %d", len(n.Records), maxRecords)
	}
	var objects []Object
	for i, r := range n.Records {
		if !created(r.EventName) {
			continue
		}
		o, err := r.object()
		if err != nil {
			return nil, fault.Wrap(fault.Syntax, err, "record %d of the event cannot be read", i)
		}
		objects = append(objects, o)
	}
	return objects, nil
}

// created reports whether the event tells of an object that came. Its name begins
// with s3: where it is configured, and not where it is sent.
func created(name string) bool {
	const prefix = "ObjectCreated:"
	return len(name) > len(prefix) && (name[:len(prefix)] == prefix || len(name) > 3+len(prefix) && name[:3+len(prefix)] == "s3:"+prefix)
}

func (r entry) object() (Object, error) {
	o := Object{Bucket: r.S3.Bucket.Name, Version: r.S3.Object.VersionID, Size: r.S3.Object.Size}
	var err error
	if o.Key, err = url.QueryUnescape(r.S3.Object.Key); err != nil {
		return o, err
	}
	if o.At, err = time.Parse(time.RFC3339, r.EventTime); err != nil {
		return o, err
	}
	o.At = o.At.UTC()
	if o.Bucket == "" || len(o.Bucket) > maxBucket || o.Key == "" || len(o.Key) > maxKey || !utf8.ValidString(o.Key) ||
		len(o.Version) > maxVersion || o.Size < 0 {
		return o, fault.New(fault.Syntax, "it names no bucket, key and version that S3 could have")
	}
	return o, nil
}
