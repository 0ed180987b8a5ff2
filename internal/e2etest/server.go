package e2etest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Patience bounds every wait for a process or for jobs; nothing comes near it.
const Patience = time.Minute

// Server is the API at a URL, asked with a key.
type Server struct {
	URL, Key string
	HTTP     *http.Client
	// Troubled takes answers of 500 and more for none: the engines behind the server
	// fail now and then.
	Troubled bool
}

// NewServer returns a server that is asked over connections of its own, which are
// closed with the test.
func NewServer(t *testing.T, url, key string, connections int) *Server {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: connections, ExpectContinueTimeout: Patience}
	t.Cleanup(transport.CloseIdleConnections)
	return &Server{URL: url, Key: key, HTTP: &http.Client{Transport: transport, Timeout: Patience}}
}

// Answer is a response. An answer whose body was cut off has its head all the same.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

func (a *Answer) String() string {
	if a == nil {
		return "no answer"
	}
	return fmt.Sprintf("%d %s", a.Status, a.Body)
}

// Call sends a request with the key.
func (s *Server) Call(ctx context.Context, method, path, body string) (*Answer, error) {
	return s.Send(ctx, method, path, strings.NewReader(body))
}

// Send is Call with a body that may take its time, and headers: name, value, and
// so on.
func (s *Server) Send(ctx context.Context, method, path string, body io.Reader, headers ...string) (*Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, body)
	if err != nil {
		return nil, err
	}
	for pair := range slices.Chunk(headers, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	req.Header.Set("Authorization", "Bearer "+s.Key)
	req.Header.Set("Content-Type", "application/json")
	res, err := s.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	a := &Answer{Status: res.StatusCode, Header: res.Header}
	a.Body, err = io.ReadAll(res.Body)
	err = errors.Join(err, res.Body.Close())
	if s.Troubled && a.Status >= http.StatusInternalServerError {
		return nil, fmt.Errorf("%s %s: %v", method, path, a)
	}
	return a, err
}

// Get reads a document.
func (s *Server) Get(ctx context.Context, path string, v any) (*Answer, error) {
	a, err := s.Call(ctx, http.MethodGet, path, "")
	if err == nil && a.Status == http.StatusOK {
		err = json.Unmarshal(a.Body, v)
	}
	return a, err
}

// JobSeen is what the tests look at of a job.
type JobSeen struct {
	State       string
	BookID      string `json:"book_id"`
	BookVersion int64  `json:"book_version"`
	Error       struct{ Status int }
}

// Ended reports whether the job has come to its end.
func (j JobSeen) Ended() bool { return j.State != "queued" && j.State != "retrying" }

// Await asks for the job at a path until it has ended.
func (s *Server) Await(ctx context.Context, path string) (seen JobSeen, err error) {
	err = Poll(ctx, func() (bool, error) {
		seen = JobSeen{}
		a, err := s.Get(ctx, path, &seen)
		if a == nil && s.Troubled {
			return false, nil
		}
		if err == nil && a.Status != http.StatusOK {
			err = fmt.Errorf("%s answers %v", path, a)
		}
		return seen.Ended(), err
	})
	return seen, err
}

// Poll asks until the answer is yes, with growing pauses and not for ever.
func Poll(ctx context.Context, done func() (bool, error)) error {
	deadline := time.After(Patience)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		if yes, err := done(); yes || err != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-deadline:
			return fmt.Errorf("not within %s", Patience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
