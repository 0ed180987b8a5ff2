package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asAcervo in the environment makes the test binary be Acervo, so that the tests
// run real processes of the code under test, with the race detector if they have it.
const (
	asAcervo  = "TEST_BINARY_IS_ACERVO"
	inTrouble = asAcervo + "=troubled" // see troubled
	unlimited = "ACERVO_RATE_BOOK=0"   // for tests that write one book as fast as they can
)

// patience bounds every wait for a process or for jobs; nothing comes near it.
const patience = time.Minute

func TestMain(m *testing.M) {
	if os.Getenv(asAcervo) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	go func() { // a process whose test is gone, however it ended, goes too
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	if os.Getenv(asAcervo) == "troubled" {
		if err := troubled(); err != nil {
			fmt.Fprintln(os.Stderr, "acervo:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	main()
	os.Exit(0)
}

// output gathers what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// process is a run of Acervo.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr output
	exited         chan struct{}
}

// launch runs Acervo with arguments and, of the variables named ACERVO_, only
// those in env. The process ends with the test at the latest.
func launch(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), os.Args[0], args...), exited: make(chan struct{})}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ACERVO_") {
			p.cmd.Env = append(p.cmd.Env, v)
		}
	}
	p.cmd.Env = append(append(p.cmd.Env, asAcervo+"=1"), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if _, err := p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait() // the state of the process says it all
	}()
	t.Cleanup(p.kill)
	return p
}

// wait returns the exit code of a process that is about to end, -1 for one that
// was killed.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.exited
		p.t.Errorf("the process did not end within %s", patience)
	}
	for line := range strings.Lines(p.stderr.String()) {
		if isTrouble(line) {
			p.t.Errorf("the process logged trouble, %s\nin\n%s", line, p.stderr.String())
			break
		}
	}
	return p.cmd.ProcessState.ExitCode()
}

// isTrouble reports whether a server that does well would not log this.
func isTrouble(line string) bool {
	return slices.ContainsFunc([]string{"DATA RACE", "panic", `"level":"ERROR"`}, func(sign string) bool { return strings.Contains(line, sign) })
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails when it has ended already
	p.wait()
}

// terminate is SIGTERM.
func (p *process) terminate() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Error(err)
	}
	return p.wait()
}

// pause stops the process for longer than its leases last, then lets it go on.
func (p *process) pause() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		p.t.Error(err)
	}
	<-time.After(shortLease * 5 / 4)
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		p.t.Error(err)
	}
}

// server is a process that answers, and a client of it.
type server struct {
	*process
	url, key string
	http     *http.Client
}

// serveDir starts a server over a directory, on a free port of loopback.
func serveDir(t *testing.T, dir string, env []string, flags ...string) *server {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: inFlight, ExpectContinueTimeout: patience}
	t.Cleanup(transport.CloseIdleConnections)
	s := &server{http: &http.Client{Transport: transport, Timeout: patience}}
	s.process = launch(t, env, append([]string{"serve", "--data", dir, "--addr", "127.0.0.1:0"}, flags...)...)
	err := poll(t.Context(), func() (bool, error) {
		select {
		case <-s.exited:
			return false, errors.New("it ended")
		default:
			return strings.Contains(s.stdout.String(), "Stop it with"), nil
		}
	})
	if err != nil {
		t.Fatalf("the server did not start: %v\n%s%s", err, s.stdout.String(), s.stderr.String())
	}
	s.url, s.key = s.greeting("Acervo serves"), s.greeting("Operator key")
	return s
}

// greeting returns what the server printed behind a label.
func (s *server) greeting(label string) string {
	_, rest, _ := strings.Cut(s.stdout.String(), label)
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

// answer is a response. An answer whose body was cut off has its head all the same.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) String() string {
	if a == nil {
		return "no answer"
	}
	return fmt.Sprintf("%d %s", a.status, a.body)
}

// call sends a request with the operator key.
func (s *server) call(ctx context.Context, method, path, body string) (*answer, error) {
	return s.send(ctx, method, path, strings.NewReader(body))
}

// send is call with a body that may take its time, and headers: name, value, and
// so on.
func (s *server) send(ctx context.Context, method, path string, body io.Reader, headers ...string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
	if err != nil {
		return nil, err
	}
	for pair := range slices.Chunk(headers, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	a := &answer{status: res.StatusCode, header: res.Header}
	a.body, err = io.ReadAll(res.Body)
	return a, errors.Join(err, res.Body.Close())
}

// get reads a document.
func (s *server) get(ctx context.Context, path string, v any) (*answer, error) {
	a, err := s.call(ctx, http.MethodGet, path, "")
	if err == nil && a.status == http.StatusOK {
		err = json.Unmarshal(a.body, v)
	}
	return a, err
}

// jobSeen is what the tests look at of a job.
type jobSeen struct {
	State       string
	BookID      string `json:"book_id"`
	BookVersion int64  `json:"book_version"`
	Error       struct{ Status int }
}

func (j jobSeen) ended() bool { return j.State != "queued" && j.State != "retrying" }

// await asks for the job at a path until it has ended.
func (s *server) await(ctx context.Context, path string) (seen jobSeen, err error) {
	err = poll(ctx, func() (bool, error) {
		seen = jobSeen{}
		a, err := s.get(ctx, path, &seen)
		if err == nil && a.status != http.StatusOK {
			err = fmt.Errorf("%s answers %v", path, a)
		}
		return seen.ended(), err
	})
	return seen, err
}

// poll asks until the answer is yes, with growing pauses and not for ever.
func poll(ctx context.Context, done func() (bool, error)) error {
	deadline := time.After(patience)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		if yes, err := done(); yes || err != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-deadline:
			return fmt.Errorf("not within %s", patience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// dataDir is a data directory that does not exist yet.
func dataDir(t *testing.T) string { return filepath.Join(t.TempDir(), "data") }
