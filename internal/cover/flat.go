package cover

import (
	"image"
	"image/draw"

	"github.com/disintegration/imaging"
)

// flat is a sheet in RGB, for pictures that were not decoded into planes or that
// may be transparent. Its alpha is 255 everywhere.
type flat struct{ pix *image.NRGBA }

// newFlat puts a picture on white, shrinks it, resizes it and sets it upright. What
// imaging sees, whose goroutines nobody could recover, is only ever our own RGB.
func newFlat(f file, img image.Image, size image.Point) *flat {
	t := upright(f.orientation)
	if t.transpose {
		size = image.Pt(size.Y, size.X)
	}
	pix := imaging.Resize(opaqueOf(f, img), size.X, size.Y, imaging.Lanczos)
	if t.flipX {
		pix = imaging.FlipH(pix)
	}
	if t.flipY {
		pix = imaging.FlipV(pix)
	}
	if t.transpose {
		pix = imaging.Transpose(pix)
	}
	return &flat{pix}
}

func opaqueOf(f file, img image.Image) *image.NRGBA {
	if m, ok := img.(*image.CMYK); ok && f.inks != nil {
		return f.inks.shown(m, f.shrink())
	}
	return onWhite(f, img, f.shrink())
}

// onWhite draws the frame where it belongs on a white canvas, a few rows at a time,
// and averages blocks of k by k pixels of that. What does not fill a block makes
// some of them larger, so that nothing moves.
func onWhite(f file, img image.Image, k int) *image.NRGBA {
	canvas, op := image.Rect(0, 0, f.width, f.height), draw.Over
	if m, ok := img.(interface{ Opaque() bool }); ok && m.Opaque() {
		op = draw.Src // which is several times faster
	}
	if k == 1 {
		out := image.NewRGBA(canvas)
		paint(out, f, img, op)
		return &image.NRGBA{Pix: out.Pix, Stride: out.Stride, Rect: out.Rect}
	}
	out := image.NewNRGBA(image.Rect(0, 0, f.width/k, max(f.height/k, 1)))
	columns, rows := edges(f.width, out.Rect.Dx()), edges(f.height, out.Rect.Dy())
	strip := image.NewRGBA(image.Rect(0, 0, f.width, 2*k))
	for y := range out.Rect.Dy() {
		strip.Rect = image.Rect(0, rows[y], f.width, rows[y+1])
		paint(strip, f, img, op)
		average4(out.Pix[y*out.Stride:][:out.Stride], strip, columns)
	}
	return out
}

// edges are where blocks begin when a length is split into n, and where the last
// one ends.
func edges(length, n int) []int {
	all := make([]int, n+1)
	for i := range all {
		all[i] = (i*length + n/2) / n
	}
	return all
}

// paint draws the part of the canvas that a strip shows.
func paint(strip *image.RGBA, f file, img image.Image, op draw.Op) {
	if op == draw.Over || !strip.Rect.In(f.frame) {
		draw.Draw(strip, strip.Rect, image.White, image.Point{}, draw.Src)
	}
	to := strip.Rect.Intersect(f.frame)
	draw.Draw(strip, to, img, img.Bounds().Min.Add(to.Min).Sub(f.frame.Min), op)
}

// average4 averages the four bytes of the pixels of each block in a strip.
func average4(out []byte, strip *image.RGBA, columns []int) {
	rows := strip.Rect.Dy()
	for x := range len(out) / 4 {
		from, to := columns[x], columns[x+1]
		var a, b, c, d uint32
		for y := range rows {
			pix := strip.Pix[y*strip.Stride+4*from:][:4*(to-from)]
			for ; len(pix) >= 4; pix = pix[4:] {
				a, b, c, d = a+uint32(pix[0]), b+uint32(pix[1]), c+uint32(pix[2]), d+uint32(pix[3])
			}
		}
		n := uint32((to - from) * rows)
		pix := out[4*x:][:4]
		pix[0], pix[1], pix[2], pix[3] = byte((a+n/2)/n), byte((b+n/2)/n), byte((c+n/2)/n), byte((d+n/2)/n)
	}
}

func (s *flat) resized(size image.Point) sheet {
	return &flat{imaging.Resize(s.pix, size.X, size.Y, imaging.Lanczos)}
}

// image is RGBA for the encoder's sake, which is slow with any other RGB. Where
// alpha is 255 the two are the same.
func (s *flat) image() image.Image {
	return &image.RGBA{Pix: s.pix.Pix, Stride: s.pix.Stride, Rect: s.pix.Rect}
}

func (s *flat) convert(t *transform) {
	for pix := s.pix.Pix; len(pix) >= 4; pix = pix[4:] {
		pix[0], pix[1], pix[2] = t.apply(pix[0], pix[1], pix[2])
	}
}
