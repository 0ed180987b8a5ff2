package cover

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
)

const quality = 82

// sheet is a picture on its way through the renditions: upright, opaque, and no
// larger than the largest of them.
type sheet interface {
	// convert changes its colours in place.
	convert(*transform)
	// resized is a smaller sheet.
	resized(size image.Point) sheet
	// image is what can be encoded; it shares memory with the sheet.
	image() image.Image
}

// newSheet makes the largest rendition of a decoded picture: planes of a picture
// without transparency stay planes, anything else goes through RGB.
func newSheet(f file, img image.Image, size image.Point) sheet {
	whole := f.frame == image.Rect(0, 0, f.width, f.height)
	switch m := img.(type) {
	case *image.YCbCr:
		if whole {
			return newPlanar(planesOf(m), upright(f.orientation), size)
		}
	case *image.Gray:
		return newPlanar(planesOfGray(m), upright(f.orientation), size)
	}
	return newFlat(f, img, size)
}

// planar is a sheet of luma and, unless it is grey, chroma of half the size.
type planar struct {
	planes []plane // Y, Cb, Cr; or Y
	size   image.Point
}

func planesOf(m *image.YCbCr) []plane {
	r := m.Rect
	width, height := float64(r.Dx()), float64(r.Dy())
	sx, sy := subsampling(m.SubsampleRatio)
	luma := plane{
		pix: m.Y[m.YOffset(r.Min.X, r.Min.Y):], stride: m.YStride,
		w: r.Dx(), h: r.Dy(), width: width, height: height,
	}
	chroma := plane{
		pix: m.Cb[m.COffset(r.Min.X, r.Min.Y):], stride: m.CStride,
		w: (r.Dx() + sx - 1) / sx, h: (r.Dy() + sy - 1) / sy, width: width / float64(sx), height: height / float64(sy),
	}
	red := chroma
	red.pix = m.Cr[m.COffset(r.Min.X, r.Min.Y):]
	return []plane{luma, chroma, red}
}

func subsampling(ratio image.YCbCrSubsampleRatio) (x, y int) {
	switch ratio {
	case image.YCbCrSubsampleRatio444:
		return 1, 1
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	}
	panic("cover: a ratio of chroma that there is not")
}

func planesOfGray(m *image.Gray) []plane {
	r := m.Rect
	return []plane{{
		pix: m.Pix[m.PixOffset(r.Min.X, r.Min.Y):], stride: m.Stride,
		w: r.Dx(), h: r.Dy(), width: float64(r.Dx()), height: float64(r.Dy()),
	}}
}

// newPlanar shrinks, resizes and turns planes into a sheet of this size.
func newPlanar(planes []plane, t turn, size image.Point) *planar {
	out := &planar{size: size}
	if t.transpose {
		size = image.Pt(size.Y, size.X)
	}
	for i, p := range planes {
		width, height := share(size, i)
		planes[i] = p.shrunk(boxFactor(p.width, int(width+0.5)), boxFactor(p.height, int(height+0.5)))
	}
	out.planes = resized(planes, size, t)
	if t.transpose {
		for i, p := range out.planes {
			out.planes[i] = p.transposed()
		}
	}
	return out
}

// resized resamples the planes of a picture, and mirrors them. What is true of one plane of
// chroma is true of the other.
func resized(planes []plane, size image.Point, t turn) (all []plane) {
	var r resampling
	for i, p := range planes {
		if i < 2 {
			width, height := share(size, i)
			r = newResampling(p, width, height, t.flipX, t.flipY)
		}
		all = append(all, r.of(p))
	}
	return all
}

// share is the size of the i-th plane of a picture.
func share(size image.Point, i int) (width, height float64) {
	if i == 0 {
		return float64(size.X), float64(size.Y)
	}
	return float64(size.X) / 2, float64(size.Y) / 2
}

func (s *planar) resized(size image.Point) sheet {
	return &planar{planes: resized(s.planes, size, turn{}), size: size}
}

// image is what the encoder writes as it stands, 4:2:0.
func (s *planar) image() image.Image {
	luma, bounds := s.planes[0], image.Rectangle{Max: s.size}
	if len(s.planes) == 1 {
		return &image.Gray{Pix: luma.pix, Stride: luma.stride, Rect: bounds}
	}
	return &image.YCbCr{
		Y: luma.pix, Cb: s.planes[1].pix, Cr: s.planes[2].pix,
		YStride: luma.stride, CStride: s.planes[1].stride,
		SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: bounds,
	}
}

// convert changes the colours of the four pixels that share their chroma, and gives
// them the mean of their new chroma.
func (s *planar) convert(t *transform) {
	if len(s.planes) == 1 { // which is grey
		for i, v := range s.planes[0].pix {
			s.planes[0].pix[i], _, _ = t.apply(v, v, v)
		}
		return
	}
	luma, blue, red := s.planes[0], s.planes[1], s.planes[2]
	for cy := range blue.h {
		for cx := range blue.w {
			at := cy*blue.stride + cx
			var cb, cr, n int
			for y := 2 * cy; y < min(2*cy+2, luma.h); y++ {
				for x := 2 * cx; x < min(2*cx+2, luma.w); x++ {
					i := y*luma.stride + x
					yy, b, r := color.RGBToYCbCr(t.apply(color.YCbCrToRGB(luma.pix[i], blue.pix[at], red.pix[at])))
					luma.pix[i] = yy
					cb, cr, n = cb+int(b), cr+int(r), n+1
				}
			}
			blue.pix[at], red.pix[at] = byte((cb+n/2)/n), byte((cr+n/2)/n)
		}
	}
}

func encode(img image.Image) ([]byte, error) {
	var b bytes.Buffer
	err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality})
	return b.Bytes(), err
}

// opaque is the picture in RGB.
func opaque(img image.Image) *image.RGBA {
	if m, ok := img.(*image.RGBA); ok {
		return m
	}
	out := image.NewRGBA(img.Bounds())
	draw.Draw(out, out.Rect, img, img.Bounds().Min, draw.Src)
	return out
}
