package cover_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"acervo/internal/cover"
	"acervo/internal/fault"
)

// zeroHeight makes the height of a JPEG zero, which a DNL marker might tell later.
func zeroHeight(data []byte) []byte {
	data = bytes.Clone(data)
	at := bytes.Index(data, []byte{0xff, 0xc0, 0, 17, 8})
	data[at+5], data[at+6] = 0, 0
	return data
}

// scansOf is a progressive JPEG with so many scans more, each of which does nothing.
func scansOf(t *testing.T, n int) []byte {
	t.Helper()
	data := fixture(t, "progressive.jpg")
	at := bytes.LastIndex(data, []byte{0xff, 0xd9})
	// One component, its coefficients 1 to 63, all zero: the code for an end of block
	// over all blocks would do, and so does whatever the decoder makes of nothing.
	scan := segment(0xda, []byte{1, 1, 0, 1, 1, 0})
	return append(append(data[:at:at], bytes.Repeat(scan, n)...), 0xff, 0xd9)
}

func gifOf(canvas [2]uint16, frame ...[4]uint16) []byte {
	b := []byte("GIF89a")
	b = binary.LittleEndian.AppendUint16(b, canvas[0])
	b = binary.LittleEndian.AppendUint16(b, canvas[1])
	b = append(b, 0x80, 0, 0, 0, 0, 0, 255, 255, 255)
	for _, f := range frame {
		b = append(b, ',')
		for _, v := range f {
			b = binary.LittleEndian.AppendUint16(b, v)
		}
		b = append(b, 0, 2, 2, 0x4c, 0x01, 0)
	}
	return append(b, ';')
}

func end() []byte { return pngChunk("IEND", nil) }

func TestRefused(t *testing.T) {
	t.Parallel()
	photo := asJPEG(t, cornered(400, 300))
	drawing := asPNG(t, cornered(40, 30))
	bomb := append([]byte("x\x00\x00"), deflated(t, make([]byte, 5<<20))...)
	for _, c := range []struct {
		name string
		data []byte
		kind fault.Kind
		tell string // part of the reason
	}{
		{"zero bytes", nil, fault.Invalid, "empty"},
		{"one byte", []byte{0xff}, fault.MediaType, "no picture"},
		{"a text file named .jpg", []byte("Dear reader,\nthis is no picture.\n"), fault.MediaType, "JPEG, PNG, GIF or WebP"},
		{"HTML", []byte("<!DOCTYPE html><html><script>alert(1)</script></html>"), fault.MediaType, "HTML"},
		{"SVG", []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`), fault.MediaType, "SVG"},
		{"SVG that begins with a long comment", []byte("<?xml version=\"1.0\"?>\n<!-- " + strings.Repeat("licence ", 250) + "-->\n<svg/>"), fault.MediaType, "SVG"},
		{"PostScript", []byte("%!PS-Adobe-3.0 EPSF-3.0\n"), fault.MediaType, "PostScript"},
		{"TIFF, little endian", []byte("II*\x00\x08\x00\x00\x00"), fault.MediaType, "TIFF"},
		{"TIFF, big endian", []byte("MM\x00*\x00\x00\x00\x08"), fault.MediaType, "TIFF"},
		{"BMP", []byte("BM\x00\x00\x00\x00"), fault.MediaType, "BMP"},
		{"HEIC", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), fault.MediaType, "HEIC"},
		{"AVIF", []byte("\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avif"), fault.MediaType, "AVIF"},
		{"a film", []byte("\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42"), fault.MediaType, "MP4"},
		{"PDF", []byte("%PDF-1.7\n"), fault.MediaType, "PDF"},
		{"a PDF that is a JPEG further down", append([]byte("%PDF-1.7\n"), photo...), fault.MediaType, "PDF"},

		{"a JPEG of zero height", zeroHeight(photo), fault.Invalid, "no pixels"},
		{"a JPEG of nothing but its first bytes", []byte("\xff\xd8\xff"), fault.Invalid, "too early"},
		{"a JPEG of a beginning and an end", hollow(), fault.Invalid, "no picture"},
		{"a JPEG with two frame headers", withSegments(photo, segment(0xc0, []byte{8, 0, 9, 0, 9, 1, 1, 0x11, 0})), fault.Invalid, "two pictures"},
		{"a JPEG whose frame header is short", withSegments(photo, segment(0xc0, []byte{8, 0, 9})), fault.Invalid, "wrong length"},
		{"an arithmetically coded JPEG", withSegments(hollow(), segment(0xc9, []byte{8, 0, 9, 0, 9, 1, 1, 0x11, 0})), fault.Invalid, "not supported"},
		{"a JPEG of 12 bits", bytes.Replace(photo, []byte{0xff, 0xc0, 0, 17, 8}, []byte{0xff, 0xc0, 0, 17, 12}, 1), fault.Invalid, "precision"},
		{"a JPEG of 65,500 × 20", jpegHeader(65500, 20, 0x22, 0xc0), fault.TooLarge, "16384"},
		{"a JPEG of 51 million pixels", jpegHeader(10200, 5000, 0x22, 0xc0), fault.TooLarge, "50 million"},
		{"a progressive JPEG of 49 million pixels", jpegHeader(9800, 5000, 0x22, 0xc2), fault.TooLarge, "MiB of memory, and 272 are given"},
		{"a progressive JPEG of 1,300 × 16,384, whose renditions are as tall", jpegHeader(1300, 16384, 0x22, 0xc2), fault.TooLarge, "take 374 MiB"},
		{"a JPEG with a thousand scans", scansOf(t, 1000), fault.TooLarge, "scans"},
		{"a JPEG with 33 scans", scansOf(t, 33-10), fault.TooLarge, "scans"},
		{"a sequential JPEG with five scans", bytes.Replace(photo, []byte{0xff, 0xd9}, append(bytes.Repeat(segment(0xda, []byte{1, 1, 0, 0, 63, 0}), 4), 0xff, 0xd9), 1), fault.TooLarge, "scans"},

		{"a PNG that claims 100,000 × 100,000 in 69 bytes", append(pngHeader(100_000, 100_000, 8, 6, 0), append(pngChunk("IDAT", []byte{0x78, 0x9c, 3, 0, 0, 0, 0, 1, 0, 0, 0, 0}), end()...)...), fault.TooLarge, "100000"},
		{"a PNG of 50,000 × 50,000 at one bit", append(pngHeader(50_000, 50_000, 1, 0, 0), end()...), fault.TooLarge, "50000"},
		{"a PNG of 12,000 × 12,000 at 64 bits", append(pngHeader(12_000, 12_000, 16, 6, 0), end()...), fault.TooLarge, "25 million"},
		{"an interlaced PNG of 5,000 × 5,000 at 64 bits", append(pngHeader(5_000, 5_000, 16, 6, 1), end()...), fault.TooLarge, "memory"},
		{"a PNG of no width", append(pngHeader(0, 10, 8, 6, 0), end()...), fault.Invalid, "no pixels"},
		{"a PNG of no height", append(pngHeader(10, 0, 8, 6, 0), end()...), fault.Invalid, "no pixels"},
		{"a PNG of a negative width", append(pngHeader(1<<31, 10, 8, 6, 0), end()...), fault.Invalid, "no pixels"},
		{"a PNG with two headers", append(pngHeader(9, 9, 8, 6, 0), drawing[8:]...), fault.Invalid, "two headers"},
		{"a PNG without a header", append([]byte("\x89PNG\r\n\x1a\n"), drawing[33:]...), fault.Invalid, "header"},
		{"a PNG with a wrong checksum", flipped(drawing, len(drawing)-20), fault.Invalid, "damaged"},
		{"a PNG with 300 texts", withChunks(drawing, bytes.Repeat(pngChunk("tEXt", []byte("a\x00b")), 300)), fault.TooLarge, "metadata"},
		{"a PNG whose profile unpacks to 5 MB", withChunks(drawing, pngChunk("iCCP", bomb)), fault.TooLarge, "profile"},

		{"a GIF canvas of 65,535 × 65,535", gifOf([2]uint16{65535, 65535}, [4]uint16{0, 0, 1, 1}), fault.TooLarge, "65535"},
		{"a GIF canvas of nothing", gifOf([2]uint16{0, 0}, [4]uint16{0, 0, 1, 1}), fault.Invalid, "no pixels"},
		{"a GIF frame of nothing", gifOf([2]uint16{9, 9}, [4]uint16{0, 0, 0, 5}), fault.Invalid, "no pixels"},
		{"a GIF frame that leaves the canvas", gifOf([2]uint16{9, 9}, [4]uint16{5, 5, 5, 5}), fault.Invalid, "outside"},
		{"a GIF without a frame", gifOf([2]uint16{9, 9}), fault.Invalid, "no picture"},
		{"a GIF with an unknown block", append(gifOf([2]uint16{9, 9})[:19], "?"...), fault.Invalid, "unknown kind"},
		{"a GIF that is a script too", []byte("GIF89a/*\x00\x00\x80\x00\x00*/=alert(1)//;"), fault.Invalid, "GIF"},

		{"a WebP canvas of 16 million × 16 million", webpOf(extended(0, 1<<24, 1<<24), fixture(t, "red.webp")[12:]), fault.Invalid, "size"},
		{"a WebP animation on a canvas of 30,000 × 30,000", webpOf(extended(2, 30_000, 30_000), frameOf(0, 0, 96, 64, fixture(t, "red.webp")[12:])), fault.TooLarge, "30000"},
		{"a WebP frame that leaves its canvas", webpOf(extended(2, 96, 64), frameOf(2, 0, 96, 64, fixture(t, "red.webp")[12:])), fault.Invalid, "outside"},
		{"a WebP frame of another size than it says", webpOf(extended(2, 96, 64), frameOf(0, 0, 94, 64, fixture(t, "red.webp")[12:])), fault.Invalid, "size"},
		{"a WebP frame without a canvas", webpOf(frameOf(0, 0, 96, 64, fixture(t, "red.webp")[12:])), fault.Invalid, "header"},
		{"a WebP without a picture", webpOf(extended(0, 96, 64)), fault.Invalid, "no picture"},
		{"a WebP of nothing", webpOf(), fault.Invalid, "no picture"},
	} {
		t.Run(c.name+" is refused with a reason", func(t *testing.T) {
			t.Parallel()
			_, err := try(t, c.data)
			if !fault.Is(err, c.kind) || !strings.Contains(detail(err), c.tell) {
				t.Errorf("got %v, %v", fault.KindOf(err), err)
			}
		})
	}
}

// hollow is a JPEG of nothing.
func hollow() []byte { return []byte{0xff, 0xd8, 0xff, 0xd9} }

func detail(err error) string {
	if e, isFault := errors.AsType[*fault.Error](err); isFault {
		return e.Detail
	}
	return ""
}

// jpegHeader is a JPEG of three components that ends after its first scan header.
func jpegHeader(width, height uint16, sampling, marker byte) []byte {
	body := binary.BigEndian.AppendUint16([]byte{8}, height)
	body = binary.BigEndian.AppendUint16(body, width)
	body = append(body, 3, 1, sampling, 0, 2, 0x11, 0, 3, 0x11, 0)
	return withSegments(hollow(), segment(marker, body), segment(0xda, []byte{3, 1, 0, 2, 0, 3, 0, 0, 63, 0}))
}

func flipped(data []byte, i int) []byte {
	data = bytes.Clone(data)
	data[i] ^= 0x55
	return data
}

// everyFormat is a good picture of each format.
func everyFormat(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, name := range []string{
		"plain.jpg", "progressive.jpg", "cmyk-adobe.jpg", "cmyk-plain.jpg", "ycck.jpg", "grey.jpg", "p3.jpg",
		"alpha.png", "palette.png", "p3.png", "palette.gif", "animated.gif",
		"lossy.webp", "lossless.webp", "alpha.webp", "animated.webp", "p3.webp",
	} {
		all[name] = fixture(t, name)
	}
	return all
}

func TestTruncation(t *testing.T) {
	t.Parallel()
	for name, data := range everyFormat(t) {
		t.Run(name+" cut off anywhere is refused as incomplete", func(t *testing.T) {
			t.Parallel()
			for tenth := range 10 {
				n := len(data) * tenth / 10
				_, err := try(t, data[:n])
				if !fault.Is(err, fault.Invalid) || n > 32 && !strings.Contains(detail(err), "ends too early") {
					t.Errorf("after %d of %d bytes: %v", n, len(data), err)
				}
			}
			if _, err := try(t, data[:len(data)-1]); !fault.Is(err, fault.Invalid) {
				t.Errorf("without its last byte: %v", err)
			}
		})
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	for name, data := range everyFormat(t) {
		t.Run("every byte of "+name+" may be wrong", func(t *testing.T) {
			t.Parallel()
			step := 1 + len(data)/200
			if testing.Short() {
				step *= 5
			}
			for i := 0; i < len(data); i += step {
				result, err := try(t, flipped(data, i))
				switch kind := fault.KindOf(err); kind {
				case "":
					if len(result.Renditions) == 0 {
						t.Errorf("byte %d: no renditions", i)
					}
				case fault.Invalid, fault.MediaType, fault.TooLarge:
					if detail(err) == "" {
						t.Errorf("byte %d: no reason", i)
					}
				default:
					t.Errorf("byte %d: %v, %v", i, kind, err)
				}
			}
		})
	}
	t.Run("a damaged profile is passed over", func(t *testing.T) {
		t.Parallel()
		data := fixture(t, "p3.jpg")
		at := bytes.Index(data, []byte("acsp"))
		if got := render(t, flipped(data, at)).Profile; got != cover.Ignored {
			t.Errorf("it was %q", got)
		}
	})
	t.Run("an index beyond the palette ends in a picture or a reason", func(t *testing.T) {
		t.Parallel()
		data := fixture(t, "palette.png")
		at := bytes.Index(data, []byte("PLTE"))
		short := append(bytes.Clone(data[:at-4]), pngChunk("PLTE", []byte{1, 2, 3})...)
		n := int(binary.BigEndian.Uint32(data[at-4:]))
		short = append(short, data[at+8+n:]...)
		if _, err := try(t, short); err != nil && !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
	})
}

func TestReading(t *testing.T) {
	t.Parallel()
	photo := asJPEG(t, cornered(40, 30))
	size := int64(len(photo))
	for name, promised := range map[string]int64{
		"longer than promised": size - 1, "shorter than promised": size + 1, "promised to be empty": 0,
		"promised to be less than nothing": -5,
	} {
		t.Run("a file "+name+" is refused", func(t *testing.T) {
			t.Parallel()
			_, err := cover.New().Render(t.Context(), bytes.NewReader(photo), promised)
			if !fault.Is(err, fault.Invalid) || !strings.Contains(detail(err), "promised") {
				t.Error(err)
			}
		})
	}
	t.Run("a file that is too long is refused before a byte is read", func(t *testing.T) {
		t.Parallel()
		_, err := cover.New().Render(t.Context(), iotest.ErrReader(errors.New("it was read")), cover.MaxBytes+1)
		if !fault.Is(err, fault.TooLarge) {
			t.Error(err)
		}
	})
	t.Run("an error of the reader keeps its kind", func(t *testing.T) {
		t.Parallel()
		_, err := cover.New().Render(t.Context(), iotest.ErrReader(fault.New(fault.NotFound, "no such object")), size)
		if !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
	t.Run("a reader that gives a byte at a time does", func(t *testing.T) {
		t.Parallel()
		_, err := cover.New().Render(t.Context(), iotest.OneByteReader(bytes.NewReader(photo)), size)
		ok(t, err)
	})
}

func TestTime(t *testing.T) {
	t.Parallel()
	photo := asJPEG(t, cornered(400, 300))
	t.Run("a context that has ended is no fault of the picture", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := cover.New().Render(ctx, bytes.NewReader(photo), int64(len(photo)))
		if !fault.Is(err, fault.Unavailable) || !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Run("one that ends while the file is read ends the reading", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		endless := readFunc(func(b []byte) (int, error) {
			cancel()
			return len(b), nil
		})
		_, err := cover.New().Render(ctx, endless, cover.MaxBytes)
		if !fault.Is(err, fault.Unavailable) {
			t.Error(err)
		}
	})
	t.Run("a picture has half a minute from its turn on, and no more", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r, began := cover.New(), time.Now()
			after := func(wait time.Duration) io.Reader {
				return io.MultiReader(readFunc(func([]byte) (int, error) {
					time.Sleep(wait)
					return 0, io.EOF
				}), bytes.NewReader(photo))
			}
			first := make(chan error)
			go func() {
				_, err := r.Render(t.Context(), after(cover.MaxTime+time.Second), int64(len(photo)))
				first <- err
			}()
			synctest.Wait()
			_, err := r.Render(t.Context(), after(cover.MaxTime-time.Second), int64(len(photo)))
			if err := <-first; !fault.Is(err, fault.Unavailable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the first: %v", err)
			}
			if err != nil || time.Since(began) != 2*cover.MaxTime {
				t.Errorf("the second, after %v: %v", time.Since(began), err)
			}
		})
	})
	t.Run("one picture is done at a time, and who waits can give up", func(t *testing.T) {
		t.Parallel()
		r := cover.New()
		entered, leave := make(chan struct{}), make(chan struct{})
		slow := io.MultiReader(readFunc(func([]byte) (int, error) {
			close(entered)
			<-leave
			return 0, io.EOF
		}), bytes.NewReader(photo))
		done := make(chan error)
		go func() {
			_, err := r.Render(t.Context(), slow, int64(len(photo)))
			done <- err
		}()
		<-entered
		ctx, cancel := context.WithCancel(t.Context())
		untouched := readFunc(func([]byte) (int, error) { return 0, errors.New("it was read while another was done") })
		go cancel()
		if _, err := r.Render(ctx, untouched, 5); !fault.Is(err, fault.Unavailable) {
			t.Error(err)
		}
		close(leave)
		ok(t, <-done)
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

func TestSniff(t *testing.T) {
	t.Parallel()
	for name, data := range everyFormat(t) {
		want := map[string]cover.Format{"jpg": cover.JPEG, "png": cover.PNG, "gif": cover.GIF, "ebp": cover.WebP}[name[len(name)-3:]]
		t.Run(fmt.Sprintf("%s is %s by its first bytes", name, want), func(t *testing.T) {
			t.Parallel()
			if got := cover.Sniff(data[:16]); got != want {
				t.Errorf("it is %q", got)
			}
		})
	}
}

// TestAnimationsAreStill renders animations, of which only the first frame should cost anything.
func TestAnimationsAreStill(t *testing.T) {
	t.Parallel()
	palette := color.Palette{color.Black, color.White}
	frames := &gif.GIF{Config: image.Config{Width: 100, Height: 100, ColorModel: palette}}
	for i := range 50 {
		frame := image.NewPaletted(image.Rect(0, 0, 100, 100), palette)
		for p := range frame.Pix {
			frame.Pix[p] = byte(min(i, 1))
		}
		frames.Image, frames.Delay = append(frames.Image, frame), append(frames.Delay, 1)
	}
	var b bytes.Buffer
	ok(t, gif.EncodeAll(&b, frames))
	small := decoded(t, render(t, b.Bytes()).Renditions[0])
	if got := mean(small, small.Bounds()); apart(got, [3]int{}) > 2 {
		t.Errorf("it is %v", got)
	}
}

func TestAnimatedPNG(t *testing.T) {
	t.Parallel()
	t.Run("is its still picture, however many frames follow", func(t *testing.T) {
		t.Parallel()
		still := asPNG(t, cornered(96, 64))
		frame := append(pngChunk("fcTL", make([]byte, 26)), pngChunk("fdAT", make([]byte, 9))...)
		moving := withChunks(still, pngChunk("acTL", make([]byte, 8)), bytes.Repeat(frame, 300))
		a, b := render(t, still).Renditions[0].JPEG, render(t, moving).Renditions[0].JPEG
		if !bytes.Equal(a, b) {
			t.Error("it is another picture")
		}
	})
}
