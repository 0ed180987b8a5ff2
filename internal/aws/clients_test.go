package aws_test

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"acervo/internal/aws"
	"acervo/internal/fault"
)

// eager asks the body of a request for more after the SDK has closed it, as net/http
// does when the engine answers before it has looked for the end of the body.
type eager struct{ err error }

func (e *eager) RoundTrip(r *http.Request) (*http.Response, error) {
	closed := r.Body.Close()
	_, e.err = io.Copy(io.Discard, r.Body)
	return nil, errors.Join(closed, errors.New("the connection is gone"))
}

func TestAnEngineThatAnswersEarlyKeepsItsConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &eager{}
		c, err := aws.NewClients(t.Context(), aws.Options{Region: "us-east-1", Transport: e})
		ok(t, err)
		l := c.Lane("https://sqs.us-east-1.amazonaws.com/1/writes.fifo", aws.LaneOptions{})
		if err := l.Send(t.Context(), message("a", "a1")); !fault.Is(err, fault.Unavailable) {
			t.Errorf("got %v, want fault.Unavailable", err)
		}
		if e.err != nil {
			t.Errorf("the body failed after its end, which takes the connection with it: %v", e.err)
		}
	})
}
