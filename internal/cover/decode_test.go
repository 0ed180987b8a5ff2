package cover

import (
	"bytes"
	"context"
	"image"
	"io"
	"strings"
	"testing"

	"acervo/internal/fault"
)

func TestDecoders(t *testing.T) {
	t.Parallel()
	t.Run("one that gives another size than the header told is not believed", func(t *testing.T) {
		t.Parallel()
		f := file{format: PNG, frame: image.Rect(0, 0, 10, 10), decode: func(io.Reader) (image.Image, error) {
			return image.NewGray(image.Rect(0, 0, 10, 11)), nil
		}}
		if _, err := decode(t.Context(), f); !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
	})
	t.Run("one reads nothing more when its time is over", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		var read int
		f := file{format: PNG, parts: [][]byte{{1}, {2}}, decode: func(r io.Reader) (image.Image, error) {
			one := make([]byte, 1)
			for {
				n, err := r.Read(one)
				read += n
				if err != nil {
					return nil, err
				}
				cancel()
			}
		}}
		if _, err := decode(ctx, f); !fault.Is(err, fault.Unavailable) || read != 1 {
			t.Errorf("%d bytes were read: %v", read, err)
		}
	})
}

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
