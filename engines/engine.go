package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	patience = time.Minute           // for an engine to answer
	farewell = 5 * time.Second       // for a process to end by itself
	pause    = 20 * time.Millisecond // between two looks
)

// engine is a server of others and how to run it.
type engine struct {
	name      string
	variables []string // tell tests, and the doors, where it is
	ready     string   // a path that answers once the engine does
	status    int      // with this
	// at is where it is installed, and data a folder for what it keeps.
	command func(at, data string, port int) (args, env []string)
}

func engines() []engine {
	return []engine{
		{
			name:      "DynamoDB Local " + found(pomVersion, pom),
			variables: []string{"ACERVO_TEST_DYNAMODB", "ACERVO_DYNAMODB_ENDPOINT"},
			ready:     "/", status: http.StatusBadRequest, // it talks to signed requests only
			command: func(at, _ string, port int) (args, env []string) {
				return []string{
					"java", "-Xmx512m", "-Djava.library.path=" + filepath.Join(at, "lib"),
					"-cp", at + ":" + filepath.Join(at, "lib", "*"), "Launcher", "-inMemory", "-sharedDb", "-disableTelemetry", "-port", strconv.Itoa(port),
				}, nil
			},
		},
		{
			name:      "ministack " + found(requirementsVersion, requirements),
			variables: []string{"ACERVO_TEST_SQS", "ACERVO_SQS_ENDPOINT"},
			ready:     "/_ministack/health", status: http.StatusOK,
			command: func(at, _ string, port int) (args, env []string) {
				return []string{filepath.Join(at, "venv", "bin", "python"), filepath.Join(at, "launch.py")},
					[]string{"BIND_HOST=127.0.0.1", "GATEWAY_PORT=" + strconv.Itoa(port), "IOT_MTLS_ENABLED=0", "SFTP_ENABLED=0"}
			},
		},
		{
			name:      "versitygw " + gatewayVersion,
			variables: []string{"ACERVO_TEST_S3", "ACERVO_S3_ENDPOINT"},
			ready:     "/healthz", status: http.StatusOK,
			command: func(at, data string, port int) (args, env []string) {
				return []string{
					"sh", "-c", endWithInput, filepath.Join(at, "bin", "versitygw"),
					"--access", accessKey, "--secret", accessKey, "--region", region, "--health", "/healthz",
					"--port", "127.0.0.1:" + strconv.Itoa(port),
					"posix", "--versioning-dir", filepath.Join(data, "versions"), filepath.Join(data, "buckets"),
				}, nil
			},
		},
	}
}

// endWithInput is a script that runs its name, with its arguments, until its input ends.
const endWithInput = `mkdir buckets versions; "$0" "$@" & cat >/dev/null; kill $!; wait`

// running is an engine that answers.
type running struct {
	name, url string
	took      time.Duration // from its start to its first answer
	cmd       *exec.Cmd
	input     io.Closer // the engine ends with it, also when this process is killed
	ended     chan error
}

func (r *running) String() string {
	return fmt.Sprintf("%s on %s, ready in %.1f s", r.name, r.url, r.took.Seconds())
}

// start returns once the engine answers; at is where it is installed, and what it
// writes goes below data.
func (e engine) start(ctx context.Context, at, data string) (*running, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	args, env := e.command(at, data, port)
	r := &running{
		name: e.name, url: "http://127.0.0.1:" + strconv.Itoa(port),
		cmd: owned(context.WithoutCancel(ctx), args[0], args[1:]...), ended: make(chan error, 1),
	}
	said, err := os.CreateTemp(data, "log-*")
	if err != nil {
		return nil, err
	}
	defer said.Close()
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = data, said, said
	r.cmd.Env = append(append(os.Environ(), "TMPDIR="+data), env...)
	if r.input, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { r.ended <- r.cmd.Wait() }()
	if err := r.await(ctx, e); err != nil {
		r.stop()
		words, _ := os.ReadFile(said.Name())
		return nil, fmt.Errorf("%s: %w\n%s", e.name, err, words)
	}
	r.took = time.Since(began)
	return r, nil
}

// await asks until the engine answers, has ended or is given up.
func (r *running) await(ctx context.Context, e engine) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		if answers(ctx, r.url+e.ready, e.status) {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-r.ended:
			r.ended <- err
			return errors.Join(errors.New("it ended before it answered"), err)
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w", ctx.Err())
		}
	}
}

func answers(ctx context.Context, url string, status int) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == status
}

// stop ends the engine, by force if need be.
func (r *running) stop() {
	_ = r.input.Close()
	select {
	case _ = <-r.ended: // how it ends says nothing
	case <-time.After(farewell):
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
		_ = <-r.ended
	}
}

// owned is a command in a process group of its own, all of which is asked to end
// when ctx does, and made to if it does not.
func owned(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		time.AfterFunc(farewell, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	}
	return cmd
}

// freePort finds a port of loopback below those that the system hands to clients:
// asking one of those whether its server is up can reach the asker itself.
func freePort(ctx context.Context) (int, error) {
	var listen net.ListenConfig
	for range 100 {
		port := 20000 + rand.IntN(12000)
		listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("no free port from 20000 to 32000")
}
