package e2etest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Lambda is the bootstrap of a function, run by a runtime API that stands in for
// Lambda's own (AWS, "Using the Lambda runtime API for custom runtimes"): one event
// at a time, the next one when the last has its answer.
type Lambda struct {
	*Process

	t      *testing.T
	events chan lambdaEvent
	ready  chan struct{} // takes one for each event that is asked for
	ended  chan LambdaAnswer
	began  time.Time
	Ready  time.Duration // from the start of the process until it asked for its first event
}

type lambdaEvent struct {
	id   string
	body []byte
}

// LambdaAnswer is what a function says of an event: that it is done, or its error.
type LambdaAnswer struct {
	Failed bool
	Body   []byte
}

// BuildLambda builds the function in a package for this machine, and returns its
// bootstrap.
func BuildLambda(t *testing.T, pkg string) string {
	t.Helper()
	bootstrap := filepath.Join(t.TempDir(), "bootstrap")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-tags", "lambda.norpc", "-o", bootstrap, pkg).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bootstrap
}

// LaunchLambda starts a bootstrap and returns when it asks for its first event. Env
// is as in Launch.
func LaunchLambda(t *testing.T, bootstrap string, env []string) *Lambda {
	t.Helper()
	l := &Lambda{t: t, events: make(chan lambdaEvent), ready: make(chan struct{}), ended: make(chan LambdaAnswer, 1)}
	stopped := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case l.ready <- struct{}{}:
		case <-stopped:
			return
		}
		select {
		case e := <-l.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", e.id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(Patience).UnixMilli(), 10))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:test")
			_, _ = w.Write(e.body)
		case <-stopped:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{how}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.ended <- LambdaAnswer{Failed: r.PathValue("how") != "response", Body: body}
		w.WriteHeader(http.StatusAccepted)
	})
	api := httptest.NewServer(mux)
	t.Cleanup(func() { close(stopped); api.Close() })
	l.began = time.Now()
	l.Process = Launch(t, bootstrap, append(env,
		"AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(api.URL, "http://"), "AWS_LAMBDA_FUNCTION_NAME=test", "_LAMBDA_SERVER_PORT=0"))
	l.await()
	l.Ready = time.Since(l.began)
	return l
}

func (l *Lambda) await() {
	l.t.Helper()
	select {
	case <-l.ready:
		return
	case <-l.Exited:
	case <-time.After(Patience):
	}
	l.t.Fatalf("the function does not ask for an event:\n%s%s", l.Stdout.String(), l.Stderr.String())
}

// Begin hands an event to the function, which the test is about to kill: what becomes
// of it is not told.
func (l *Lambda) Begin(event []byte) {
	l.t.Helper()
	select {
	case l.events <- lambdaEvent{fmt.Sprintf("event-%d", time.Now().UnixNano()), event}:
	case <-l.Exited:
		l.t.Fatalf("the function has ended:\n%s", l.Stderr.String())
	}
}

// Invoke hands an event to the function and returns once it has said what became
// of it and asked for the next one.
func (l *Lambda) Invoke(event []byte) LambdaAnswer {
	l.t.Helper()
	l.Begin(event)
	var answer LambdaAnswer
	select {
	case answer = <-l.ended:
	case <-l.Exited:
		l.t.Fatalf("the function ended over an event:\n%s", l.Stderr.String())
	case <-time.After(Patience):
		l.t.Fatal("the function does not answer")
	}
	l.await()
	return answer
}
