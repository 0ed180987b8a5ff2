package cover_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"acervo/internal/cover"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fixture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	ok(t, err)
	return data
}

// render renders what must be taken.
func render(t *testing.T, data []byte) cover.Result {
	t.Helper()
	result, err := try(t, data)
	ok(t, err)
	return result
}

func try(t *testing.T, data []byte) (cover.Result, error) {
	t.Helper()
	return cover.New().Render(t.Context(), bytes.NewReader(data), int64(len(data)))
}

func widths(result cover.Result) (all []int) {
	for _, r := range result.Renditions {
		all = append(all, r.Width)
	}
	return all
}

func decoded(t *testing.T, r cover.Rendition) image.Image {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(r.JPEG))
	ok(t, err)
	if img.Bounds() != image.Rect(0, 0, r.Width, r.Height) {
		t.Fatalf("a rendition of %d × %d decodes as %v", r.Width, r.Height, img.Bounds())
	}
	return img
}

// mean is the mean colour of a rectangle.
func mean(img image.Image, r image.Rectangle) [3]int {
	var sum [3]int
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			sum[0] += int(c.R)
			sum[1] += int(c.G)
			sum[2] += int(c.B)
		}
	}
	n := r.Dx() * r.Dy()
	return [3]int{sum[0] / n, sum[1] / n, sum[2] / n}
}

// apart is by how much two colours differ at most in one channel.
func apart(a, b [3]int) (most int) {
	for i := range a {
		most = max(most, a[i]-b[i], b[i]-a[i])
	}
	return most
}

func rgb(c color.Color) [3]int {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return [3]int{int(n.R), int(n.G), int(n.B)}
}

// drawn is a picture of this size whose pixels a function gives.
func drawn(w, h int, at func(x, y int) color.NRGBA) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, at(x, y))
		}
	}
	return img
}

func plain(c color.NRGBA) func(x, y int) color.NRGBA {
	return func(int, int) color.NRGBA { return c }
}

// corners are the colours of the quarters of cornered: top left, top right, bottom
// left, bottom right.
func corners() [4]color.NRGBA {
	return [4]color.NRGBA{{220, 30, 30, 255}, {30, 170, 40, 255}, {40, 50, 210, 255}, {240, 220, 60, 255}}
}

func cornered(w, h int) *image.NRGBA {
	return drawn(w, h, func(x, y int) color.NRGBA { return corners()[2*y/h*2+2*x/w] })
}

func asJPEG(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	ok(t, jpeg.Encode(&b, img, &jpeg.Options{Quality: 92}))
	return b.Bytes()
}

// withSegments puts segments behind the start of a JPEG.
func withSegments(data []byte, segments ...[]byte) []byte {
	return bytes.Join([][]byte{data[:2], bytes.Join(segments, nil), data[2:]}, nil)
}

func segment(marker byte, body ...[]byte) []byte {
	all := bytes.Join(body, nil)
	return append([]byte{0xff, marker, byte((len(all) + 2) >> 8), byte(len(all) + 2)}, all...)
}

// exif is a TIFF file of nothing but an orientation.
func exif(order binary.AppendByteOrder, orientation int) []byte {
	b := []byte("II*\x00")
	if order.String() == "BigEndian" {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2) // entries, of which the first is something else
	for _, e := range [][2]int{{0x0100, 4}, {0x0112, orientation}} {
		b = order.AppendUint16(b, uint16(e[0]))
		b = order.AppendUint16(b, 3)
		b = order.AppendUint32(b, 1)
		b = order.AppendUint16(b, uint16(e[1]))
		b = order.AppendUint16(b, 0)
	}
	return order.AppendUint32(b, 0)
}

// longExif is exif with the orientation as a LONG, as some write it.
func longExif(order binary.AppendByteOrder, orientation int) []byte {
	b := exif(order, 1)
	entry := b[len(b)-4-12:]
	long := order.AppendUint16(entry[:2:2], 4)
	long = order.AppendUint32(long, 1)
	copy(entry, order.AppendUint32(long, uint32(orientation)))
	return b
}

// withChunks puts chunks behind the header of a PNG.
func withChunks(data []byte, chunks ...[]byte) []byte {
	const header = 8 + 25
	return bytes.Join([][]byte{data[:header], bytes.Join(chunks, nil), data[header:]}, nil)
}

func pngChunk(kind string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

func pngHeader(width, height uint32, depth, colour, interlace byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, width)
	b = binary.BigEndian.AppendUint32(b, height)
	return append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", append(b, depth, colour, 0, 0, interlace))...)
}

// riff writes chunks, of which the last one may be of another length than it says.
func riff(kind string, bodies ...[]byte) []byte {
	body := bytes.Join(bodies, nil)
	b := binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(body)))
	b = append(b, body...)
	return append(b, make([]byte, len(body)%2)...)
}

func webpOf(chunks ...[]byte) []byte { return riff("RIFF", []byte("WEBP"), bytes.Join(chunks, nil)) }

func le24(v int) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16)} }

func extended(flags byte, w, h int) []byte {
	return riff("VP8X", []byte{flags, 0, 0, 0}, le24(w-1), le24(h-1))
}

// frameOf is a frame of an animation, at an even place.
func frameOf(x, y, w, h int, chunks ...[]byte) []byte {
	return riff("ANMF", le24(x/2), le24(y/2), le24(w-1), le24(h-1), le24(100), []byte{0}, bytes.Join(chunks, nil))
}

func deflated(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, err := z.Write(data)
	ok(t, err)
	ok(t, z.Close())
	return b.Bytes()
}
