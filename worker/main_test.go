package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheDoor(t *testing.T) {
	t.Parallel()
	nothing := func(string) string { return "" }
	t.Run("lists its options and ends well when asked for help", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		if err := run(t.Context(), []string{"door", "--help"}, nothing, &out); err != nil || !strings.Contains(out.String(), "ACERVO_PREFIX") {
			t.Errorf("got %v and %q", err, out.String())
		}
	})
	t.Run("does not start without the keys of receipts, by which it buries what the function covers gave up", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		err := run(t.Context(), []string{"door"}, nothing, &out)
		if err == nil || !strings.Contains(err.Error(), "receipt-keys") || out.Len() > 0 {
			t.Errorf("got %v and %q", err, out.String())
		}
	})
	t.Run("does not start with a mistake", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		if err := run(t.Context(), []string{"door", "--addr", "nowhere"}, nothing, &out); err == nil || out.Len() > 0 {
			t.Errorf("got %v and %q", err, out.String())
		}
	})
}
