package arrive_test

import (
	"strings"
	"testing"

	"acervo/internal/arrive"
	"acervo/internal/fault"
)

const ofLambda = `{"version":"1.0","timestamp":"2026-01-01T00:00:00.000Z","requestContext":{"requestId":"1","functionArn":"arn:aws:lambda:x",` +
	`"condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":` + ofAmazon + `,"responseContext":{"statusCode":200,` +
	`"executedVersion":"$LATEST","functionError":"Unhandled"},"responsePayload":{"errorMessage":"out of memory","errorType":"Runtime.ExitError"}}`

func TestWhatLambdaGaveUpIsReadWithItsReason(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ body, why string }{
		"of a destination":           {ofLambda, "out of memory"},
		"of one that did not answer": {strings.Replace(ofLambda, `"errorMessage":"out of memory",`, "", 1), "RetriesExhausted"},
		"of a dead-letter queue":     {ofAmazon, "gave up"},
	} {
		objects, why, err := arrive.DecodeFailure([]byte(c.body))
		if err != nil || len(objects) != 1 || objects[0].Key != "drop/Preços 100%.csv" || !strings.Contains(why.Error(), c.why) {
			t.Errorf("%s: got %+v, %v (%v)", what, objects, why, err)
		}
	}
	for _, body := range []string{"", "x", "{}", `{"requestPayload":{}}`, `{"requestPayload":"x"}`, strings.Repeat(" ", 2<<20)} {
		if _, _, err := arrive.DecodeFailure([]byte(body)); !fault.Is(err, fault.Syntax) {
			t.Errorf("%.40q: got %v", body, err)
		}
	}
}

func FuzzAFailureIsReadOrRefused(f *testing.F) {
	f.Add([]byte(ofLambda))
	f.Add([]byte(ofAmazon))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, why, err := arrive.DecodeFailure(body)
		if err != nil && !fault.Is(err, fault.Syntax) || err == nil && why == nil {
			t.Errorf("got %v and %v", why, err)
		}
	})
}
