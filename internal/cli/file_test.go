//go:build unix

package cli_test

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"acervo/internal/cli"
)

func TestWhatIsNoRegularFileIsRefusedAndNotWaitedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, socket := filepath.Join(dir, "pipe"), filepath.Join(dir, "s")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	for _, name := range []string{pipe, socket, dir} {
		for _, args := range [][]string{
			{"cover", "--out", filepath.Join(dir, "out"), name},
			{"book", "cover", "--url", "http://127.0.0.1:1", "x", name},
			{"import", "--url", "http://127.0.0.1:1", name},
		} {
			ended := make(chan outcome, 1)
			go func() { ended <- run(t, nil, args...) }()
			select {
			case o := <-ended:
				if cli.ExitCode(o.err) != 2 || !strings.Contains(o.err.Error(), name+" is no regular file") {
					t.Errorf("%q ends with %v", args, o.err)
				}
			case <-time.After(time.Minute):
				t.Errorf("%q waits for somebody who writes", args)
				// Whoever waits is let go, so that nothing is left behind.
				if w, err := syscall.Open(pipe, syscall.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
					_ = syscall.Close(w)
				}
				<-ended
			}
		}
	}
}
