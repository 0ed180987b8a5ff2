package arrive_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"acervo/internal/arrive"
	"acervo/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ofAmazon is the example of Amazon's user guide (Event message structure), with a key
// and a version of ours.
const ofAmazon = `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-west-2",
	"eventTime":"1970-01-01T00:00:00.123Z","eventName":"ObjectCreated:Put",
	"userIdentity":{"principalId":"AIDAJDPLRKLG7UEXAMPLE"},"requestParameters":{"sourceIPAddress":"172.16.0.1"},
	"responseElements":{"x-amz-request-id":"C3D13FE58DE4C810","x-amz-id-2":"FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD"},
	"s3":{"s3SchemaVersion":"1.0","configurationId":"covers","bucket":{"name":"acervo-objects","ownerIdentity":{"principalId":"A3NL1KOZZKExample"},
	"arn":"arn:aws:s3:::acervo-objects"},"object":{"key":"drop/Pre%C3%A7os+100%25.csv","size":1024,"eTag":"d41d8cd98f00b204e9800998ecf8427e",
	"versionId":"096fKKXTRTtl3on89fVO.nfljtsv6qko","sequencer":"0055AED6DCD90281E5"}}}]}`

func TestAnEventOfS3IsReadAsItIsSent(t *testing.T) {
	t.Parallel()
	got, err := arrive.Decode([]byte(ofAmazon))
	want := []arrive.Object{{
		Bucket: "acervo-objects", Key: "drop/Preços 100%.csv", Version: "096fKKXTRTtl3on89fVO.nfljtsv6qko", Size: 1024,
		At: time.Date(1970, 1, 1, 0, 0, 0, 123_000_000, time.UTC),
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhatTellsOfNothingThatCameIsPassedOver(t *testing.T) {
	t.Parallel()
	for what, event := range map[string]string{
		"the test event":         `{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2014-10-13T15:57:02.089Z","Bucket":"b","RequestId":"1","HostId":"2"}`,
		"an object that went":    strings.Replace(ofAmazon, "ObjectCreated:Put", "ObjectRemoved:Delete", 1),
		"a removal by lifecycle": strings.Replace(ofAmazon, "ObjectCreated:Put", "LifecycleExpiration:DeleteMarkerCreated", 1),
	} {
		if got, err := arrive.Decode([]byte(event)); err != nil || len(got) > 0 {
			t.Errorf("%s: got %v, %v", what, got, err)
		}
	}
}

func TestWhatIsNoEventIsRefused(t *testing.T) {
	t.Parallel()
	for what, event := range map[string]string{
		"nothing":             "",
		"no JSON":             "an event",
		"no records":          `{}`,
		"an empty list":       `{"Records":[]}`,
		"too many records":    `{"Records":[` + strings.Repeat(`{},`, 100) + `{}]}`,
		"too many bytes":      `{"Records":[],"x":"` + strings.Repeat("x", 1<<20) + `"}`,
		"a key badly escaped": strings.Replace(ofAmazon, "%C3%A7", "%C3%A", 1),
		"a key not in UTF-8":  strings.Replace(ofAmazon, "%C3%A7", "%C3", 1),
		"no key":              strings.Replace(ofAmazon, `"key":"drop/Pre%C3%A7os+100%25.csv",`, "", 1),
		"a long key":          strings.Replace(ofAmazon, "drop/", "drop/"+strings.Repeat("x", 1024), 1),
		"no bucket":           strings.Replace(ofAmazon, `"name":"acervo-objects",`, "", 1),
		"a size below zero":   strings.Replace(ofAmazon, `"size":1024`, `"size":-1`, 1),
		"no time":             strings.Replace(ofAmazon, "1970-01-01", "yesterday", 1),
	} {
		if got, err := arrive.Decode([]byte(event)); !fault.Is(err, fault.Syntax) {
			t.Errorf("%s: got %v, %v", what, got, err)
		}
	}
}

func FuzzAnEventIsReadOrRefused(f *testing.F) {
	f.Add([]byte(ofAmazon))
	f.Add([]byte(`{"Event":"s3:TestEvent"}`))
	f.Add([]byte(`{"Records":[{"eventName":"s3:ObjectCreated:Copy","eventTime":"2026-01-01T00:00:00Z","s3":{"bucket":{"name":"b"},"object":{"key":"%00"}}}]}`))
	f.Fuzz(func(t *testing.T, event []byte) {
		got, err := arrive.Decode(event)
		if err != nil && !fault.Is(err, fault.Syntax) {
			t.Errorf("got %v", err)
		}
		for _, o := range got {
			if o.Bucket == "" || o.Key == "" || len(o.Key) > 1024 || o.Size < 0 {
				t.Errorf("got %+v", o)
			}
		}
	})
}
