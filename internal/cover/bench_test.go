package cover

import (
	"image"
	"testing"
)

// The parts of what a photograph of 12 megapixels costs, besides its decoder.
func BenchmarkSheet(b *testing.B) {
	m := image.NewYCbCr(image.Rect(0, 0, 4000, 3000), image.YCbCrSubsampleRatio420)
	for i := range m.Y {
		m.Y[i] = byte(i*7 + i/4000*13)
	}
	f := file{width: 4000, height: 3000, frame: m.Rect, orientation: 1, format: JPEG}
	wanted := sizes(4000, 3000)
	p := planesOf(m)[0]
	b.Run("shrink", func(b *testing.B) {
		for b.Loop() {
			p.shrunk(2, 2)
		}
	})
	half := p.shrunk(2, 2)
	b.Run("resize", func(b *testing.B) {
		for b.Loop() {
			newResampling(half, 1200, 900, false, false).of(half)
		}
	})
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			newSheet(f, m, wanted[0])
		}
	})
	first := newSheet(f, m, wanted[0])
	b.Run("cascade", func(b *testing.B) {
		for b.Loop() {
			s := first
			for _, size := range wanted[1:] {
				s = s.resized(size)
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			if _, err := encode(first.image()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
