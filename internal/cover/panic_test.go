package cover

import (
	"bytes"
	"image"
	"io"
	"strings"
	"testing"

	"acervo/internal/fault"
)

func TestPanics(t *testing.T) {
	t.Parallel()
	t.Run("a decoder that panics has met a damaged picture", func(t *testing.T) {
		t.Parallel()
		f := file{format: PNG, decode: func(io.Reader) (image.Image, error) { panic("index out of range") }}
		_, err := decode(t.Context(), f)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "index out of range") {
			t.Error(err)
		}
	})
	t.Run("one of ours is a bug, and the next picture has its turn", func(t *testing.T) {
		t.Parallel()
		r := New()
		_, err := recovering(func() (Result, error) { panic("one of ours") })
		if !fault.Is(err, fault.Internal) {
			t.Error(err)
		}
		if _, err := r.Render(t.Context(), bytes.NewReader(nil), 0); !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
	})
}
