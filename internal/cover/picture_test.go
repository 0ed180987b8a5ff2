package cover_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"slices"
	"testing"

	"acervo/internal/cover"
)

const plainDigest = "f52d88beeae77d981d8978022ad68837aee1573f0ee0d2209f68b000a5514999"

func asPNG(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	ok(t, png.Encode(&b, img))
	return b.Bytes()
}

// upright says where the four corners of a stored picture belong (CIPA DC-008,
// table 6): top left, top right, bottom left, bottom right.
func upright() [9][4]int {
	return [9][4]int{
		0: {0, 1, 2, 3}, // nothing is said
		1: {0, 1, 2, 3},
		2: {1, 0, 3, 2},
		3: {3, 2, 1, 0},
		4: {2, 3, 0, 1},
		5: {0, 2, 1, 3},
		6: {2, 0, 3, 1},
		7: {3, 1, 2, 0},
		8: {1, 3, 0, 2},
	}
}

// lossless is the picture in a WebP, whose encoder is not ours, in a chart of
// patches: its corners are patches 0, 5, 18 and 23.
func lossless(t *testing.T) (picture []byte, corners [4][3]int) {
	t.Helper()
	data := fixture(t, "lossless.webp")
	return data[12:], [4][3]int{{255, 0, 0}, {255, 255, 0}, {255, 255, 255}, {0, 0, 0}}
}

func TestOrientation(t *testing.T) {
	t.Parallel()
	picture, webpCorners := lossless(t)
	var drawnCorners [4][3]int
	for i, c := range corners() {
		drawnCorners[i] = rgb(c)
	}
	xmp := segment(0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta/>"))
	photo, grey := asJPEG(t, cornered(301, 203)), asPNG(t, cornered(301, 203))
	for name, c := range map[string]struct {
		corners [4][3]int
		make    func(order binary.AppendByteOrder, orientation int) []byte
	}{
		"JPEG": {drawnCorners, func(order binary.AppendByteOrder, o int) []byte {
			return withSegments(photo, segment(0xe1, []byte("Exif\x00\x00"), exif(order, o)))
		}},
		"JPEG with XMP before its Exif": {drawnCorners, func(order binary.AppendByteOrder, o int) []byte {
			return withSegments(photo, xmp, segment(0xe1, []byte("Exif\x00\x00"), exif(order, o)), xmp)
		}},
		"PNG": {drawnCorners, func(order binary.AppendByteOrder, o int) []byte {
			return withChunks(grey, pngChunk("eXIf", exif(order, o)))
		}},
		"PNG as some write it": {drawnCorners, func(order binary.AppendByteOrder, o int) []byte {
			return withChunks(grey, pngChunk("eXIf", append([]byte("Exif\x00\x00"), exif(order, o)...)))
		}},
		"JPEG with a long": {drawnCorners, func(order binary.AppendByteOrder, o int) []byte {
			return withSegments(photo, segment(0xe1, []byte("Exif\x00\x00"), longExif(order, o)))
		}},
		"PNG with a long": {drawnCorners, func(order binary.AppendByteOrder, o int) []byte {
			return withChunks(grey, pngChunk("eXIf", longExif(order, o)))
		}},
		"WebP with a long": {webpCorners, func(order binary.AppendByteOrder, o int) []byte {
			return webpOf(extended(1<<3, 192, 128), picture, riff("EXIF", longExif(order, o)))
		}},
		"WebP": {webpCorners, func(order binary.AppendByteOrder, o int) []byte {
			return webpOf(extended(1<<3, 192, 128), picture, riff("EXIF", exif(order, o)))
		}},
		"WebP as some write it": {webpCorners, func(order binary.AppendByteOrder, o int) []byte {
			return webpOf(extended(1<<3, 192, 128), picture, riff("EXIF", []byte("Exif\x00\x00"), exif(order, o)))
		}},
	} {
		for o := range 9 {
			for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
				t.Run(fmt.Sprintf("a %s of orientation %d, %v, stands upright", name, o, order), func(t *testing.T) {
					t.Parallel()
					result := render(t, c.make(order, o))
					if result.Orientation != max(o, 1) {
						t.Errorf("orientation %d", result.Orientation)
					}
					if wide := result.Width > result.Height; wide != (o < 5) {
						t.Errorf("it has %d × %d pixels", result.Width, result.Height)
					}
					for _, r := range result.Renditions {
						img := decoded(t, r)
						for i, from := range upright()[o] {
							spot := image.Rect(0, 0, 6, 6).Add(image.Pt(i%2*(r.Width-12)+3, i/2*(r.Height-12)+3))
							if got := mean(img, spot); apart(got, c.corners[from]) > 8 {
								t.Errorf("corner %d at width %d is %v, it should be %v", i, r.Width, got, c.corners[from])
							}
						}
					}
				})
			}
		}
	}
	t.Run("the first Exif of a JPEG counts", func(t *testing.T) {
		t.Parallel()
		six, three := exif(binary.LittleEndian, 6), exif(binary.LittleEndian, 3)
		two := withSegments(photo, segment(0xe1, []byte("Exif\x00\x00"), six), segment(0xe1, []byte("Exif\x00\x00"), three))
		if got := render(t, two).Orientation; got != 6 {
			t.Errorf("it is %d", got)
		}
	})
	t.Run("an orientation that there is not is none", func(t *testing.T) {
		t.Parallel()
		strange := map[string][]byte{"a long of 65542": longExif(binary.BigEndian, 65536+6), "a long of 1<<31": longExif(binary.LittleEndian, 1<<31)}
		for _, o := range []int{9, 255, 65535} {
			strange[fmt.Sprint(o)] = exif(binary.LittleEndian, o)
		}
		two := longExif(binary.LittleEndian, 6)
		two[len(two)-4-12+4] = 2 // of which the value would stand elsewhere
		strange["two longs"] = two
		for name, block := range strange {
			if got := render(t, withSegments(photo, segment(0xe1, []byte("Exif\x00\x00"), block))).Orientation; got != 1 {
				t.Errorf("%s is %d", name, got)
			}
		}
	})
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		width, height  int
		widths         []int
		smallestHeight int
	}{
		{"a large picture gets all", 1300, 650, []int{96, 320, 640, 1200}, 48},
		{"a picture of just a width gets that", 320, 480, []int{96, 320}, 144},
		{"nothing is enlarged", 319, 100, []int{96}, 30},
		{"a picture smaller than all keeps its size", 50, 70, []int{50}, 70},
		{"a single pixel is a picture", 1, 1, []int{1}, 1},
		{"a wide ribbon keeps a pixel of height", 2000, 3, []int{96, 320, 640, 1200}, 1},
		{"a tall ribbon stays as it is", 3, 2000, []int{3}, 2000},
	} {
		for kind, data := range map[string][]byte{
			"in planes": asJPEG(t, drawn(c.width, c.height, plain(corners()[0]))),
			"in RGB":    asPNG(t, drawn(c.width, c.height, plain(corners()[0]))),
		} {
			t.Run(c.name+", "+kind, func(t *testing.T) {
				t.Parallel()
				result := render(t, data)
				if got := widths(result); !slices.Equal(got, c.widths) {
					t.Errorf("widths %v", got)
				}
				if got := result.Renditions[0].Height; got != c.smallestHeight {
					t.Errorf("the smallest has height %d", got)
				}
				for _, r := range result.Renditions {
					if got := mean(decoded(t, r), image.Rect(0, 0, r.Width, r.Height)); apart(got, rgb(corners()[0])) > 4 {
						t.Errorf("width %d has the colour %v", r.Width, got)
					}
				}
			})
		}
	}
}

func TestWhatIsInside(t *testing.T) {
	t.Parallel()
	t.Run("the same bytes give the same result, from any renderer", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"p3.jpg", "alpha.webp", "palette.gif"} {
			a, b := render(t, fixture(t, name)), render(t, fixture(t, name))
			for i := range a.Renditions {
				if !bytes.Equal(a.Renditions[i].JPEG, b.Renditions[i].JPEG) {
					t.Errorf("%s: rendition %d differs", name, i)
				}
			}
			if a.SHA256 != b.SHA256 || a.Blurhash != b.Blurhash || a.Color != b.Color {
				t.Errorf("%s: %+v and %+v", name, a, b)
			}
		}
	})
	t.Run("the digest is that of the original", func(t *testing.T) {
		t.Parallel()
		// sha256sum testdata/plain.jpg
		if got := render(t, fixture(t, "plain.jpg")).SHA256; got != plainDigest {
			t.Errorf("it is %s", got)
		}
	})
	t.Run("metadata and what is hidden behind the picture stay behind", func(t *testing.T) {
		t.Parallel()
		const secret = "<script>alert(1)</script>"
		photo := asJPEG(t, cornered(400, 300))
		for name, data := range map[string][]byte{
			"a comment":     withSegments(photo, segment(0xfe, []byte(secret))),
			"Exif":          withSegments(photo, segment(0xe1, []byte("Exif\x00\x00"), exif(binary.BigEndian, 3), []byte(secret))),
			"a tail":        append(bytes.Clone(photo), secret...),
			"a text of PNG": withChunks(asPNG(t, cornered(400, 300)), pngChunk("tEXt", []byte("Comment\x00"+secret))),
			"a tail of PNG": append(asPNG(t, cornered(400, 300)), secret...),
		} {
			for _, r := range render(t, data).Renditions {
				if bytes.Contains(r.JPEG, []byte("script")) || bytes.Contains(r.JPEG, []byte("Exif")) {
					t.Errorf("%s is in width %d", name, r.Width)
				}
			}
		}
	})
	t.Run("renditions are small: chroma is halved", func(t *testing.T) {
		t.Parallel()
		for _, data := range [][]byte{asJPEG(t, cornered(400, 300)), asPNG(t, cornered(400, 300))} {
			for _, r := range render(t, data).Renditions {
				m, isPlanes := decoded(t, r).(*image.YCbCr)
				if !isPlanes || m.SubsampleRatio != image.YCbCrSubsampleRatio420 {
					t.Errorf("width %d is a %T", r.Width, decoded(t, r))
				}
			}
		}
	})
	t.Run("their quality is 82", func(t *testing.T) {
		t.Parallel()
		for _, r := range render(t, asJPEG(t, cornered(400, 300))).Renditions {
			// The first steps for luma, 16, 11 and 12 (T.81, table K.1, in zigzag), at 200 - 2 × 82 per cent.
			at := bytes.Index(r.JPEG, []byte{0xff, 0xdb})
			if got := r.JPEG[at+5 : at+8]; !bytes.Equal(got, []byte{6, 4, 4}) {
				t.Errorf("width %d is quantised by %v", r.Width, got)
			}
		}
	})
	t.Run("the dominant colour is the most frequent, not the mean", func(t *testing.T) {
		t.Parallel()
		img := drawn(200, 100, func(x, _ int) color.NRGBA {
			if x < 120 {
				return color.NRGBA{200, 16, 48, 255}
			}
			return color.NRGBA{20, 200, 20, 255}
		})
		var got [3]int
		if _, err := fmt.Sscanf(render(t, asPNG(t, img)).Color, "#%02x%02x%02x", &got[0], &got[1], &got[2]); err != nil || apart(got, [3]int{200, 16, 48}) > 4 {
			t.Errorf("it is %v, %v", got, err)
		}
	})
}

func TestTransparency(t *testing.T) {
	t.Parallel()
	nothing := color.NRGBA{0, 0, 0, 0}
	half := func(x, _ int) color.NRGBA {
		if x < 100 {
			return nothing
		}
		return color.NRGBA{200, 0, 0, 255}
	}
	wide := image.NewNRGBA64(image.Rect(0, 0, 200, 100))
	for y := range 100 {
		for x := range 200 {
			wide.Set(x, y, half(x, y))
		}
	}
	palette := image.NewPaletted(image.Rect(0, 0, 200, 100), color.Palette{nothing, color.NRGBA{200, 0, 0, 255}})
	for i := range palette.Pix {
		palette.Pix[i] = byte(i % 200 / 100)
	}
	var animation bytes.Buffer
	ok(t, gif.Encode(&animation, palette, nil))
	for name, data := range map[string][]byte{
		"PNG":                       asPNG(t, drawn(200, 100, half)),
		"PNG of 16 bits":            asPNG(t, wide),
		"PNG with a palette":        asPNG(t, palette),
		"GIF":                       animation.Bytes(),
		"large PNG, shrunk at once": asPNG(t, drawn(4000, 2000, func(x, y int) color.NRGBA { return half(x/20, y) })),
	} {
		t.Run("what is transparent in a "+name+" is white", func(t *testing.T) {
			t.Parallel()
			for _, r := range render(t, data).Renditions {
				img := decoded(t, r)
				left, right := image.Rect(0, 0, r.Width/2-8, r.Height), image.Rect(r.Width/2+8, 0, r.Width, r.Height)
				if got := mean(img, left); apart(got, [3]int{255, 255, 255}) > 2 {
					t.Errorf("the left half of width %d is %v", r.Width, got)
				}
				if got := mean(img, right); apart(got, [3]int{200, 0, 0}) > 5 {
					t.Errorf("the right half of width %d is %v", r.Width, got)
				}
			}
		})
	}
	t.Run("an edge to nothing has no dark rim", func(t *testing.T) {
		t.Parallel()
		img := drawn(200, 100, func(x, _ int) color.NRGBA {
			if x < 101 {
				return nothing
			}
			return color.NRGBA{255, 255, 255, 255}
		})
		small := decoded(t, render(t, asPNG(t, img)).Renditions[0])
		if got := mean(small, image.Rect(44, 0, 52, 48)); apart(got, [3]int{255, 255, 255}) > 2 {
			t.Errorf("it is %v", got)
		}
	})
}

func TestDepths(t *testing.T) {
	t.Parallel()
	deep, grey, grey16 := image.NewRGBA64(image.Rect(0, 0, 200, 100)), image.NewGray(image.Rect(0, 0, 200, 100)), image.NewGray16(image.Rect(0, 0, 200, 100))
	for y := range 100 {
		for x := range 200 {
			deep.SetRGBA64(x, y, color.RGBA64{uint16(x) * 327, 0x8000, 0x4000, 0xffff})
			grey.SetGray(x, y, color.Gray{byte(x)})
			grey16.SetGray16(x, y, color.Gray16{uint16(x) << 8})
		}
	}
	for name, c := range map[string]struct {
		img  image.Image
		want [3]int // in the middle
	}{
		"16 bits a channel": {deep, [3]int{128, 128, 64}},
		"grey":              {grey, [3]int{100, 100, 100}},
		"grey of 16 bits":   {grey16, [3]int{100, 100, 100}},
	} {
		t.Run("a PNG of "+name+" keeps its colours", func(t *testing.T) {
			t.Parallel()
			small := decoded(t, render(t, asPNG(t, c.img)).Renditions[0])
			if got := mean(small, image.Rect(44, 10, 52, 38)); apart(got, c.want) > 4 {
				t.Errorf("its middle is %v", got)
			}
		})
	}
}

func TestCanvas(t *testing.T) {
	t.Parallel()
	red, white := [3]int{200, 0, 0}, [3]int{255, 255, 255}
	// The picture covers the right lower quarter of a canvas of 192 by 128.
	quarter := func(t *testing.T, data []byte) {
		t.Helper()
		result := render(t, data)
		if result.Width != 192 || result.Height != 128 {
			t.Fatalf("it has %d × %d pixels", result.Width, result.Height)
		}
		small := decoded(t, result.Renditions[0])
		for i, want := range [4][3]int{white, white, white, red} {
			spot := image.Rect(4, 4, 44, 28).Add(image.Pt(i%2*48, i/2*32))
			if got := mean(small, spot); apart(got, want) > 5 {
				t.Errorf("quarter %d is %v", i, got)
			}
		}
	}
	t.Run("a first frame smaller than the canvas of its GIF lies where it belongs", func(t *testing.T) {
		t.Parallel()
		palette := color.Palette{color.NRGBA{200, 0, 0, 255}, color.NRGBA{0, 0, 200, 255}}
		first, second := image.NewPaletted(image.Rect(96, 64, 192, 128), palette), image.NewPaletted(image.Rect(0, 0, 192, 128), palette)
		for i := range second.Pix {
			second.Pix[i] = 1
		}
		var b bytes.Buffer
		ok(t, gif.EncodeAll(&b, &gif.GIF{
			Image: []*image.Paletted{first, second}, Delay: []int{1, 1},
			Config: image.Config{Width: 192, Height: 128, ColorModel: palette},
		}))
		quarter(t, b.Bytes())
	})
	for _, c := range []struct {
		name   string
		chunks func(t *testing.T) []byte
	}{
		{"lossless", func(t *testing.T) []byte { return fixture(t, "red.webp")[12:] }},
		{"lossy", func(t *testing.T) []byte { return fixture(t, "red-lossy.webp")[12:] }},
		{"with alpha", func(t *testing.T) []byte { return fixture(t, "red-alpha.webp")[12+18:] }},
	} {
		t.Run("and so does that of an animated WebP, "+c.name, func(t *testing.T) {
			t.Parallel()
			quarter(t, webpOf(extended(1<<1|1<<4, 192, 128), riff("ANIM", make([]byte, 6)),
				frameOf(96, 64, 96, 64, c.chunks(t)), frameOf(0, 0, 192, 128, fixture(t, "lossy.webp")[12:])))
		})
	}
	t.Run("a picture without a canvas of its own has its own size", func(t *testing.T) {
		t.Parallel()
		if r := render(t, fixture(t, "red.webp")); r.Width != 96 || r.Height != 64 || r.Format != cover.WebP {
			t.Errorf("%+v", r)
		}
	})
}
