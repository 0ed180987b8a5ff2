package cover_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"acervo/internal/cover"
)

// photograph is gradients, grain, hard edges and fine lines, the same every time.
func photograph(w, h int) *image.NRGBA {
	rnd := rand.New(rand.NewPCG(1, 2))
	wave := func(v float64) float64 { return 127 + 90*math.Sin(v) }
	return drawn(w, h, func(x, y int) color.NRGBA {
		u, v := float64(x)/float64(w), float64(y)/float64(h)
		c := [3]float64{wave(5*u + 2*v), wave(4*v + 1), wave(7 * (u + v))}
		switch {
		case u > 0.6 && v > 0.5 && (x/61+y/47)%2 == 0: // a chessboard
			c = [3]float64{200, 60, 50}
		case u < 0.4 && v > 0.4 && v < 0.8 && (y/12)%3 == 0 && (x/5)%3 != 0: // something like text
			c = [3]float64{20, 20, 30}
		}
		grain := rnd.NormFloat64() * 5
		return color.NRGBA{clamped(c[0] + grain), clamped(c[1] + grain), clamped(c[2] + grain), 255}
	})
}

func clamped(v float64) uint8 { return uint8(min(max(math.Round(v), 0), 255)) }

// channels are the planes of a picture as floating numbers, and what becomes of
// them in the plainest way: Lanczos with three lobes, from the full size at once.
type channels struct {
	w, h int
	pix  [3][]float64
}

func channelsOf(img image.Image) channels {
	b := img.Bounds()
	c := channels{w: b.Dx(), h: b.Dy()}
	for i := range c.pix {
		c.pix[i] = make([]float64, c.w*c.h)
	}
	for i, pix := 0, rgba(img).Pix; len(pix) > 0; i, pix = i+1, pix[4:] {
		for ch := range c.pix {
			c.pix[ch][i] = float64(pix[ch])
		}
	}
	return c
}

// transposed makes rows of columns.
func (c channels) transposed() channels {
	return c.mapped(c.h, c.w, func(x, y int) (int, int) { return y, x })
}

func (c channels) mapped(w, h int, from func(x, y int) (int, int)) channels {
	out := channels{w: w, h: h}
	for i := range out.pix {
		out.pix[i] = make([]float64, w*h)
		for y := range h {
			for x := range w {
				fx, fy := from(x, y)
				out.pix[i][y*w+x] = c.pix[i][fy*c.w+fx]
			}
		}
	}
	return out
}

// upright turns a stored picture as its orientation says.
func (c channels) upright(orientation int) channels {
	w, h := c.w, c.h
	switch orientation {
	case 2:
		return c.mapped(w, h, func(x, y int) (int, int) { return w - 1 - x, y })
	case 3:
		return c.mapped(w, h, func(x, y int) (int, int) { return w - 1 - x, h - 1 - y })
	case 4:
		return c.mapped(w, h, func(x, y int) (int, int) { return x, h - 1 - y })
	case 5:
		return c.transposed()
	case 6:
		return c.mapped(h, w, func(x, y int) (int, int) { return y, h - 1 - x })
	case 7:
		return c.mapped(h, w, func(x, y int) (int, int) { return w - 1 - y, h - 1 - x })
	case 8:
		return c.mapped(h, w, func(x, y int) (int, int) { return w - 1 - y, x })
	}
	return c
}

func (c channels) narrowed(w int) channels {
	out := channels{w: w, h: c.h}
	scale := float64(c.w) / float64(w)
	for i := range out.pix {
		out.pix[i] = make([]float64, w*c.h)
	}
	for x := range w {
		centre := (float64(x)+0.5)*scale - 0.5
		first, last := max(int(math.Ceil(centre-3*scale)), 0), min(int(math.Floor(centre+3*scale)), c.w-1)
		var weights []float64
		sum := 0.0
		for s := first; s <= last; s++ {
			weights = append(weights, kernel((float64(s)-centre)/scale))
			sum += weights[s-first]
		}
		for i := range out.pix {
			for y := range c.h {
				v := 0.0
				for t, weight := range weights {
					v += weight * c.pix[i][y*c.w+first+t]
				}
				out.pix[i][y*w+x] = v / sum
			}
		}
	}
	return out
}

func kernel(x float64) float64 {
	sinc := func(x float64) float64 {
		if x == 0 {
			return 1
		}
		return math.Sin(math.Pi*x) / (math.Pi * x)
	}
	if math.Abs(x) >= 3 {
		return 0
	}
	return sinc(x) * sinc(x/3)
}

func (c channels) resized(w, h int) *image.RGBA {
	small := c.narrowed(w).transposed().narrowed(h).transposed()
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		for ch := range 3 {
			out.Pix[4*i+ch] = clamped(small.pix[ch][i])
		}
		out.Pix[4*i+3] = 255
	}
	return out
}

// ssim is the mean structural similarity of luma, over windows of 8 by 8 pixels
// (Wang and others, 2004).
func ssim(a, b image.Image) float64 {
	x, y := luma(a), luma(b)
	w, h := a.Bounds().Dx(), a.Bounds().Dy()
	total, n := 0.0, 0
	for top := 0; top+8 <= h; top += 4 {
		for left := 0; left+8 <= w; left += 4 {
			var sx, sy, sxx, syy, sxy float64
			for i := range 64 {
				at := (top+i/8)*w + left + i%8
				sx, sy = sx+x[at], sy+y[at]
				sxx, syy, sxy = sxx+x[at]*x[at], syy+y[at]*y[at], sxy+x[at]*y[at]
			}
			mx, my := sx/64, sy/64
			vx, vy, vxy := sxx/64-mx*mx, syy/64-my*my, sxy/64-mx*my
			const c1, c2 = 0.01 * 255 * 0.01 * 255, 0.03 * 255 * 0.03 * 255
			total += (2*mx*my + c1) * (2*vxy + c2) / ((mx*mx + my*my + c1) * (vx + vy + c2))
			n++
		}
	}
	return total / float64(n)
}

func luma(img image.Image) (all []float64) {
	for pix := rgba(img).Pix; len(pix) > 0; pix = pix[4:] {
		all = append(all, 0.299*float64(pix[0])+0.587*float64(pix[1])+0.114*float64(pix[2]))
	}
	return all
}

func rgba(img image.Image) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Draw(out, out.Rect, img, img.Bounds().Min, draw.Src)
	return out
}

// distance is the mean distance of colours in CIELAB (ΔE*ab, CIE 1976), of which
// about two can be seen, over a fifth of the pixels.
func distance(a, b image.Image) float64 {
	p, q := rgba(a).Pix, rgba(b).Pix
	sum, n := 0.0, 0
	for i := 0; i < len(p); i += 5 * 4 {
		x, y := lab(p[i:]), lab(q[i:])
		sum += math.Sqrt((x[0]-y[0])*(x[0]-y[0]) + (x[1]-y[1])*(x[1]-y[1]) + (x[2]-y[2])*(x[2]-y[2]))
		n++
	}
	return sum / float64(n)
}

func lab(pix []byte) [3]float64 {
	var linear [3]float64
	for i, v := range pix[:3] {
		linear[i] = math.Pow((float64(v)/255+0.055)/1.055, 2.4)
		if v <= 10 {
			linear[i] = float64(v) / 255 / 12.92
		}
	}
	r, g, b := linear[0], linear[1], linear[2]
	f := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (24389.0/27*t + 16) / 116
	}
	x := f((0.4124*r + 0.3576*g + 0.1805*b) / 0.9505)
	y := f(0.2126*r + 0.7152*g + 0.0722*b)
	z := f((0.0193*r + 0.1192*g + 0.9505*b) / 1.089)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

func recoded(t *testing.T, img image.Image) image.Image {
	t.Helper()
	var b bytes.Buffer
	ok(t, jpeg.Encode(&b, img, &jpeg.Options{Quality: 82}))
	out, err := jpeg.Decode(&b)
	ok(t, err)
	return out
}

// asGoodAs holds a picture to the ideal one: it is as near to it as the ideal one
// is after its own JPEG.
func asGoodAs(t *testing.T, got, ideal image.Image) {
	t.Helper()
	again := recoded(t, ideal)
	mine, best := ssim(got, ideal), ssim(again, ideal)
	far, least := distance(got, ideal), distance(again, ideal)
	t.Logf("width %d: SSIM %.4f of %.4f, distance %.2f of %.2f", got.Bounds().Dx(), mine, best, far, least)
	if !(mine >= best-0.005) || !(far <= least+0.5) {
		t.Errorf("width %d: SSIM %.4f where %.4f is possible, distance %.2f where %.2f is", got.Bounds().Dx(), mine, best, far, least)
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	brief := []string{"a JPEG shrunk by two", "a JPEG of just a width", "a PNG shrunk by two"}
	for _, c := range []struct {
		name          string
		width, height int
		orientation   int
		encode        func(*testing.T, image.Image) []byte
	}{
		{"a JPEG resized at once", 1801, 603, 1, asJPEG},
		{"a JPEG shrunk by two", 4001, 401, 1, asJPEG},
		{"a JPEG shrunk by three", 5999, 603, 1, asJPEG},
		{"a JPEG barely larger than its largest rendition", 1210, 407, 1, asJPEG},
		{"a JPEG of just a width", 640, 427, 1, asJPEG},
		{"a mirrored JPEG of odd sizes", 1401, 601, 2, asJPEG},
		{"a JPEG upside down", 1401, 601, 3, asJPEG},
		{"a JPEG on its side", 601, 1401, 6, asJPEG},
		{"a JPEG on its other side", 601, 1401, 8, asJPEG},
		{"a JPEG on its side, mirrored", 601, 1401, 7, asJPEG},
		{"a grey JPEG", 1401, 601, 1, func(t *testing.T, img image.Image) []byte {
			t.Helper()
			return asJPEG(t, greyOf(img))
		}},
		{"a PNG resized at once", 1801, 603, 1, asPNG},
		{"a PNG shrunk by two", 4001, 401, 1, asPNG},
		{"a PNG shrunk by three", 5999, 603, 1, asPNG},
	} {
		t.Run(c.name+" is as good as full-size Lanczos", func(t *testing.T) {
			t.Parallel()
			if testing.Short() && !slices.Contains(brief, c.name) {
				t.Skip("takes long")
			}
			data := c.encode(t, photograph(c.width, c.height))
			source, _, err := image.Decode(bytes.NewReader(data))
			ok(t, err)
			full := channelsOf(source).upright(c.orientation)
			if c.orientation > 1 {
				data = withSegments(data, segment(0xe1, []byte("Exif\x00\x00"), exif(binary.BigEndian, c.orientation)))
			}
			for _, r := range render(t, data).Renditions {
				asGoodAs(t, decoded(t, r), full.resized(r.Width, r.Height))
			}
		})
	}
}

// Averaging blocks blurs what is almost as fine as the rendition can show: had it shrunk
// these pictures by three, and not by two, a sixth of their contrast would be gone.
func TestFineLinesKeepTheirContrast(t *testing.T) {
	t.Parallel()
	lines := drawn(3900, 130, func(x, _ int) color.NRGBA {
		v := clamped(127.5 + 100*math.Sin(2*math.Pi*float64(x)/8.5)) // 2.6 pixels in the largest rendition
		return color.NRGBA{v, v, v, 255}
	})
	ideal := contrast(channelsOf(lines).resized(1200, 40))
	for name, encode := range map[string]func(*testing.T, image.Image) []byte{"JPEG": asJPEG, "PNG": asPNG} {
		t.Run("of a "+name, func(t *testing.T) {
			t.Parallel()
			largest := render(t, encode(t, lines)).Renditions[3]
			if got := contrast(decoded(t, largest)); got < 0.9*ideal {
				t.Errorf("it is %.1f where %.1f is possible", got, ideal)
			}
		})
	}
}

// contrast is by how much luma differs from the grey in the middle.
func contrast(img image.Image) float64 {
	sum, all := 0.0, luma(img)
	for _, v := range all {
		sum += math.Abs(v - 127.5)
	}
	return sum / float64(len(all))
}

func greyOf(img image.Image) *image.Gray {
	out := image.NewGray(img.Bounds())
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			out.Set(x, y, img.At(x, y))
		}
	}
	return out
}

// The references are Pillow's (testdata/README.md): profiles applied by littleCMS, on
// white, resized with its own Lanczos.
func TestGoldenOfOtherSoftware(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"golden-p3.jpg", "golden-alpha.png"} {
		t.Run(name+" is as good as what other software makes of it", func(t *testing.T) {
			t.Parallel()
			for _, r := range render(t, fixture(t, name)).Renditions {
				asGoodAs(t, decoded(t, r), reference(t, name, r.Width))
			}
		})
	}
	t.Run("and would not be without its profile", func(t *testing.T) {
		t.Parallel()
		data := bytes.Replace(fixture(t, "golden-p3.jpg"), profileOf(t, "golden-p3.jpg"), nil, 1)
		for _, r := range render(t, data).Renditions {
			if far := distance(decoded(t, r), reference(t, "golden-p3.jpg", r.Width)); far < 5 {
				t.Errorf("width %d: distance %.2f", r.Width, far)
			}
		}
	})
}

func reference(t *testing.T, name string, width int) image.Image {
	t.Helper()
	name = fmt.Sprintf("%s.%d.png", name[:len(name)-len(".jpg")], width)
	img, err := png.Decode(bytes.NewReader(fixture(t, name)))
	ok(t, err)
	return img
}

func TestSubsampling(t *testing.T) {
	t.Parallel()
	source := photograph(601, 401)
	for _, ratio := range []image.YCbCrSubsampleRatio{
		image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410,
	} {
		for _, orientation := range []int{1, 3, 6, 8} {
			if testing.Short() && orientation != 6 {
				continue
			}
			t.Run(fmt.Sprintf("planes of %v and orientation %d give the colours of the whole", ratio, orientation), func(t *testing.T) {
				t.Parallel()
				planes := planesOf(source, ratio)
				full := channelsOf(planes).upright(orientation)
				size := image.Pt(320, (320*full.h+full.w/2)/full.w)
				got := cover.Resized(planes, orientation, size)
				ideal := full.resized(size.X, size.Y)
				if s, d := ssim(got, ideal), distance(got, ideal); s < 0.997 || d > 3 {
					t.Errorf("SSIM %.4f, distance %.2f", s, d)
				}
			})
		}
	}
}

// planesOf averages chroma as the ratio says. The planes lie within larger ones, as
// the decoder leaves them.
func planesOf(img image.Image, ratio image.YCbCrSubsampleRatio) *image.YCbCr {
	b := img.Bounds()
	m := image.NewYCbCr(image.Rect(0, 0, b.Dx()+13, b.Dy()+11), ratio).SubImage(b).(*image.YCbCr)
	counts := make([]int, len(m.Cb))
	cb, cr := make([]int, len(m.Cb)), make([]int, len(m.Cb))
	for y := range b.Dy() {
		for x := range b.Dx() {
			c := rgb(img.At(x, y))
			yy, u, v := color.RGBToYCbCr(uint8(c[0]), uint8(c[1]), uint8(c[2]))
			m.Y[m.YOffset(x, y)] = yy
			at := m.COffset(x, y)
			counts[at]++
			cb[at] += int(u)
			cr[at] += int(v)
		}
	}
	for i, n := range counts {
		if n > 0 {
			m.Cb[i], m.Cr[i] = uint8(cb[i]/n), uint8(cr[i]/n)
		}
	}
	return m
}
