package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := run(t.Context(), t.TempDir(), []string{"true"}, io.Discard)
	for _, tool := range []string{"javac", "mvn", "python3"} {
		if err == nil || !strings.Contains(err.Error(), tool+" is missing") {
			t.Errorf("%s is not named: %v", tool, err)
		}
	}
}

// listener is a writer that calls heard at that word.
type listener struct {
	said  bytes.Buffer
	heard func()
}

func (l *listener) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("heard")) {
		l.heard()
	}
	return l.said.Write(p)
}

// engined runs a script beside the engines, which are installed if this test was
// itself given some. At the word heard it is stopped, if so wished.
func engined(t *testing.T, stop bool, script string) (code int, said string, err error) {
	t.Helper()
	if os.Getenv("ACERVO_TEST_SQS") == "" {
		t.Skip("make test-aws runs this")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out := &listener{heard: func() {
		if stop {
			cancel()
		}
	}}
	code, err = run(ctx, filepath.Join("..", dir), []string{"sh", "-c", script}, out)
	return code, out.said.String(), err
}

// gone reports an engine of the output that still listens.
func gone(t *testing.T, said string) {
	t.Helper()
	var urls int
	for word := range strings.FieldsSeq(strings.ReplaceAll(said, ",", " ")) {
		at, err := url.Parse(word)
		if err != nil || at.Scheme != "http" {
			continue
		}
		urls++
		if conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", at.Host); err == nil {
			_ = conn.Close()
			t.Errorf("%s still listens", word)
		}
	}
	if urls != 3 {
		t.Errorf("%d engines in %q", urls, said)
	}
}

func TestACommandRunsBesideTheEngines(t *testing.T) {
	t.Parallel()
	t.Run("its code and its words are handed on, and the engines end with it", func(t *testing.T) {
		t.Parallel()
		code, said, err := engined(t, false, `test -n "$ACERVO_TEST_DYNAMODB" && echo heard; exit 7`)
		if code != 7 || err != nil || !strings.Contains(said, "heard") {
			t.Errorf("got %d, %v, %q", code, err, said)
		}
		gone(t, said)
	})
	t.Run("when it is stopped, so are the command and all that it started", func(t *testing.T) {
		t.Parallel()
		// Its end is noticed when nobody holds its output any more.
		_, said, err := engined(t, true, "sleep 1000 & echo heard; wait")
		if err == nil {
			t.Error("it ended well")
		}
		gone(t, said)
	})
}
