package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"acervo/internal/e2etest"
)

// asAcervo in the environment makes the test binary be Acervo, so that the tests
// run real processes of the code under test, with the race detector if they have it.
const (
	asAcervo  = "TEST_BINARY_IS_ACERVO"
	inTrouble = asAcervo + "=troubled" // see troubled
	unlimited = "ACERVO_RATE_BOOK=0"   // for tests that write one book as fast as they can
)

// patience bounds every wait for a process or for jobs; nothing comes near it.
const patience = e2etest.Patience

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

// launch runs Acervo, see e2etest.Launch.
func launch(t *testing.T, env []string, args ...string) *e2etest.Process {
	t.Helper()
	return e2etest.Launch(t, os.Args[0], append([]string{asAcervo + "=1"}, env...), args...)
}

// server is a process that answers, and a client of it.
type server struct {
	*e2etest.Process
	*e2etest.Server
}

// serveDir starts a server over a directory, on a free port of loopback.
func serveDir(t *testing.T, dir string, env []string, flags ...string) *server {
	t.Helper()
	p := launch(t, env, append([]string{"serve", "--data", dir, "--addr", "127.0.0.1:0"}, flags...)...)
	p.Greeting("Stop it with") // which is printed last
	return &server{p, e2etest.NewServer(t, p.Greeting("Acervo serves"), p.Greeting("Operator key"), inFlight)}
}

// dataDir is a data directory that does not exist yet.
func dataDir(t *testing.T) string { return filepath.Join(t.TempDir(), "data") }
