package cover

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math/bits"
	"os"
	"runtime"
	"slices"
	"testing"
)

// TestADecoderHoldsNoMoreThanWasTold runs by itself, since it looks at the memory of the
// whole process: whenever a decoder reads, and when it is done.
func TestADecoderHoldsNoMoreThanWasTold(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long under the race detector, for which there is nothing in it")
	}
	const side = 816 // 51 tiles of trees, so that there are enough
	rgb, deep := image.NewRGBA(image.Rect(0, 0, side, side)), image.NewNRGBA64(image.Rect(0, 0, side, side))
	for i := range rgb.Pix {
		rgb.Pix[i] = byte(i * i >> 7)
		deep.Pix[2*i] = byte(i)
	}
	drawing := image.NewPaletted(rgb.Rect, color.Palette{color.Black, color.White})
	for what, data := range map[string][]byte{
		"JPEG":              encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, rgb, nil) }),
		"progressive JPEG":  emptyJPEG(mSOF2, side, 0x22, 0x11, 0x11),
		"JPEG of 4:4:4":     emptyJPEG(mSOF0, side, 0x11, 0x11, 0x11),
		"JPEG of inks":      emptyJPEG(mSOF0, side, 0x11, 0x11, 0x11, 0x11),
		"PNG":               encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, rgb) }),
		"PNG of 16 bits":    encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, deep) }),
		"PNG of a palette":  encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, drawing) }),
		"GIF":               encoded(t, func(b *bytes.Buffer) error { return gif.Encode(b, drawing, nil) }),
		"WebP":              fixtureOf(t, "lossy.webp"),
		"WebP, lossless":    fixtureOf(t, "lossless.webp"),
		"WebP with alpha":   fixtureOf(t, "alpha.webp"),
		"WebP of all trees": treesWebP(side),
	} {
		f, err := inspect(data)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		held := watched(t, f, len(data)/50+1)
		const more = 1 << 19 // what a decoder takes for itself, whatever the picture
		told := f.memory + f.passing
		t.Logf("%s: %d KiB held, %d KiB told", what, held>>10, told>>10)
		if held > told+more {
			t.Errorf("%s: %d KiB were held where %d were told", what, held>>10, told>>10)
		}
	}
}

func encoded(t *testing.T, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func fixtureOf(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// watched decodes a file that it gives in pieces, and returns the most bytes that were in
// use meanwhile.
func watched(t *testing.T, f file, piece int) (most int64) {
	t.Helper()
	inUse := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := inUse()
	img, err := f.decode(watching{f.reader(), piece, func() { most = max(most, inUse()-before) }})
	if err != nil {
		t.Fatal(err)
	}
	most = max(most, inUse()-before)
	runtime.KeepAlive(img)
	return most
}

type watching struct {
	io.Reader
	piece int
	look  func()
}

func (w watching) Read(b []byte) (int, error) {
	w.look()
	return w.Reader.Read(b[:min(len(b), w.piece)])
}

// emptyJPEG is a picture of one colour, with components of these samplings: each block
// is one code for "as the last one" and one for "no more".
func emptyJPEG(frame byte, side int, samplings ...byte) []byte {
	segment := func(marker byte, body ...byte) []byte {
		return append([]byte{0xff, marker, 0, byte(len(body) + 2)}, body...)
	}
	table := func(class byte) []byte {
		return segment(mDHT, slices.Concat([]byte{class, 1}, make([]byte, 15), []byte{0})...)
	}
	head := binary.BigEndian.AppendUint16([]byte{8}, uint16(side))
	head = append(binary.BigEndian.AppendUint16(head, uint16(side)), byte(len(samplings)))
	scan, blocks := []byte{byte(len(samplings))}, 0
	wide := int(samplings[0] >> 4)
	for i, s := range samplings {
		head = append(head, byte(i+1), s, 0)
		scan = append(scan, byte(i+1), 0)
		blocks += int(s>>4) * int(s&15)
	}
	last := byte(63)
	if frame == mSOF2 {
		last = 0 // the first coefficient, and no others
	}
	units := (side + 8*wide - 1) / (8 * wide)
	return slices.Concat([]byte{0xff, mSOI}, segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...),
		segment(frame, head...), table(0), table(0x10), segment(mSOS, append(scan, 0, last, 0)...),
		make([]byte, units*units*blocks/4+1), []byte{0xff, mEOI})
}

// treesWebP is a lossless WebP of one colour with the most trees and the largest that the
// decoder takes, in half a megabyte: nearly all lengths of its codes are told as repeats
// (RFC 9649, section 3.7.2.1).
func treesWebP(side int) []byte {
	const groups, tile = 2600, 4 // tiles of 16 by 16 pixels
	w := &bitWriter{}
	w.put(0x2f, 8)
	w.put(side-1, 14)
	w.put(side-1, 14)
	w.put(0, 1+3+1)   // no alpha, the version, no transform
	w.put(1|11<<1, 5) // a cache of 2,048 colours
	w.put(1|(tile-2)<<1, 4)

	w.put(0, 1) // the picture of groups has no cache
	w.tree(256, 8, 280)
	w.tree(16, 4, 256)
	w.put(1, 4) // three trees of nothing but 0
	w.put(1, 4)
	w.put(1, 4)
	tiles := (side + 1<<tile - 1) >> tile
	for i := range tiles * tiles {
		w.code(i%groups&255, 8)
		w.code(i%groups>>8, 4)
	}
	for range groups {
		w.tree(2048, 11, 280+2048)
		for range 3 {
			w.tree(256, 8, 256)
		}
		w.tree(32, 5, 40)
	}
	w.code(90, 11) // a pixel
	for range 3 {
		w.code(200, 8)
	}
	for left := side*side - 1; left > 0; { // and copies of it
		n := min(left, 4096)
		w.length(n)
		w.code(1, 5) // of the pixel before
		left -= n
	}
	w.put(0, 7)
	return (&webpFile{still: []chunk{{"VP8L", w.out}}}).assemble(image.Pt(side, side))
}

// bitWriter writes bits from the lowest on.
type bitWriter struct {
	out  []byte
	bits uint64
	n    int
}

func (w *bitWriter) put(v, n int) {
	w.bits |= uint64(v) << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.bits))
		w.bits >>= 8
	}
}

// code writes a code of Huffman, which goes from the highest bit on.
func (w *bitWriter) code(v, n int) { w.put(int(bits.Reverse64(uint64(v))>>(64-n)), n) }

// tree writes a tree in which the first symbols have codes of one length.
func (w *bitWriter) tree(symbols, length, alphabet int) {
	order := []int{17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	lengths := max(slices.Index(order, length), slices.Index(order, 16)) + 1
	w.put(0|(lengths-4)<<1, 5)
	for _, l := range order[:lengths] {
		used := 0
		if l == length || l == 16 {
			used = 1
		}
		w.put(used, 3)
	}
	var repeats []int
	for left := symbols - 1; left > 0; {
		n := min(left, 6)
		if rest := left - n; rest > 0 && rest < 3 {
			n = 3
		}
		repeats, left = append(repeats, n), left-n
	}
	if symbols < alphabet {
		w.put(1|4<<1, 4) // how many lengths follow, in ten bits
		w.put(len(repeats)+1-2, 10)
	} else {
		w.put(0, 1)
	}
	w.put(0, 1)
	for _, n := range repeats {
		w.put(1|(n-3)<<1, 3)
	}
}

// length writes how many pixels are copies.
func (w *bitWriter) length(n int) {
	if n <= 4 {
		w.code(256+n-1, 11)
		return
	}
	high := bits.Len(uint(n-1)) - 1
	second := (n - 1) >> (high - 1) & 1
	w.code(256+2*high+second, 11)
	w.put((n-1)&(1<<(high-1)-1), high-1)
}
