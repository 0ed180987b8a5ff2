package cover

import (
	"bytes"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/webp"

	"acervo/internal/fault"
)

// seed gives a fuzzer the pictures of one format, and pieces of them.
func seed(f *testing.F, extension string) {
	f.Helper()
	names, err := filepath.Glob("testdata/*" + extension)
	if err != nil || len(names) == 0 {
		f.Fatalf("no pictures: %v", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
}

// honest checks what the header of a file said: a refusal has a reason, and what
// is not refused is within limits.
func honest(t *testing.T, f file, err error, size int) {
	t.Helper()
	if err != nil {
		switch fault.KindOf(err) {
		case fault.Invalid, fault.TooLarge, fault.MediaType:
		default:
			t.Errorf("a picture is refused with %v", err)
		}
		return
	}
	err = f.tolerable(int64(size))
	if err == nil && (f.width < 1 || f.height < 1 || f.width*f.height > maxJPEGPixels || f.frame.Empty()) {
		t.Errorf("taken: %+v", f)
	}
	if f.orientation < 1 || f.orientation > 8 {
		t.Errorf("orientation %d", f.orientation)
	}
	if f.memory < 0 || f.passing < 0 {
		t.Errorf("%d and %d bytes of memory", f.memory, f.passing)
	}
}

func FuzzJPEG(f *testing.F) {
	seed(f, ".jpg")
	plain := fixtureOf(f, "plain.jpg")
	f.Add([]byte("\xff\xd8\xff\xff\xff\xda\x00\x02\xff\xd9"))
	at := bytes.Index(plain, []byte{0xff, 0xc0, 0, 17, 8}) + 5
	f.Add(slices.Concat(plain[:at], []byte{0, 0}, plain[at+2:])) // no height: the decoder takes it
	f.Fuzz(func(t *testing.T, data []byte) {
		if Sniff(data) != JPEG {
			return
		}
		file, err := inspectJPEG(data)
		honest(t, file, err, len(data))
		// What the standard decoder takes was understood in the same way.
		config, bad := jpeg.DecodeConfig(bytes.NewReader(data))
		if area := config.Width * config.Height; bad != nil || area > 1<<16 || area == 0 {
			return // too slow, or refused by its size
		}
		img, bad := jpeg.Decode(bytes.NewReader(data))
		if bad != nil {
			return
		}
		if err != nil && !strings.Contains(err.Error(), "scans") {
			t.Fatalf("the decoder takes it: %v", err)
		}
		if err == nil && img.Bounds() != file.frame {
			t.Errorf("the decoder says %v, the header %v", img.Bounds(), file.frame)
		}
	})
}

func FuzzPNG(f *testing.F) {
	seed(f, ".png")
	f.Fuzz(func(t *testing.T, data []byte) {
		if Sniff(data) != PNG {
			return
		}
		file, err := inspectPNG(data)
		honest(t, file, err, len(data))
		config, bad := png.DecodeConfig(bytes.NewReader(data))
		if bad == nil && err == nil && (config.Width != file.width || config.Height != file.height) {
			t.Errorf("the decoder says %d × %d, the header %v", config.Width, config.Height, file.frame)
		}
	})
}

func FuzzGIF(f *testing.F) {
	seed(f, ".gif")
	f.Add([]byte("GIF89a\x09\x00\x09\x00\x00\x00\x00,\x05\x00\x05\x00\x05\x00\x05\x00\x00\x02\x02\x4c\x01\x00;"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if Sniff(data) != GIF {
			return
		}
		file, err := inspectGIF(data)
		honest(t, file, err, len(data))
		config, bad := gif.DecodeConfig(bytes.NewReader(data))
		if bad != nil || err != nil || config.Width*config.Height > 1<<16 {
			return
		}
		if img, bad := gif.Decode(bytes.NewReader(data)); bad == nil && img.Bounds() != file.frame && !file.frame.Empty() {
			t.Errorf("the decoder says %v, the header %v", img.Bounds(), file.frame)
		}
	})
}

func FuzzWebP(f *testing.F) {
	seed(f, ".webp")
	f.Fuzz(func(t *testing.T, data []byte) {
		if Sniff(data) != WebP {
			return
		}
		file, err := inspectWebP(data)
		honest(t, file, err, len(data))
		config, bad := webp.DecodeConfig(bytes.NewReader(data))
		if bad == nil && err == nil && file.frame.Min.X+file.frame.Min.Y == 0 && config.Width*config.Height != file.width*file.height {
			t.Errorf("the decoder says %d × %d, the header %v", config.Width, config.Height, file.frame)
		}
	})
}

func FuzzExif(f *testing.F) {
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"))
	f.Add([]byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"))
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x04\x00\x01\x00\x00\x00\x06\x00\x00\x00"))
	f.Add([]byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x04\x00\x00\x00\x01\x00\x00\x00\x06"))
	f.Add([]byte("II*\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o := readOrientation(data); o < 0 || o > 8 {
			t.Errorf("orientation %d", o)
		}
	})
}

func FuzzProfile(f *testing.F) {
	for _, name := range []string{"p3.jpg", "p3-table.jpg", "adobergb.jpg", "prophoto.jpg", "grey-mac.jpg"} {
		f.Add(profileIn(f, name))
	}
	f.Add(printer(f))
	f.Add(inBytes(printer(f)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if inks, found := readInks(data); (inks != nil) != (found == Converted) {
			t.Errorf("%v with %q", inks != nil, found)
		} else if inks != nil {
			for v := range 256 {
				inks.mix([]byte{byte(v), byte(255 - v), byte(v * 7), byte(v * 31)})
			}
		}
		for _, coloured := range []bool{true, false} {
			colours, found := readProfile(data, coloured)
			if (colours != nil) != (found == Converted) {
				t.Errorf("%v with %q", colours != nil, found)
			}
			if colours != nil {
				for v := range 256 { // nothing overflows, nothing leaves its table
					colours.apply(byte(v), byte(255-v), byte(v*7))
				}
			}
		}
		if _, err := unpackProfile(data); err != nil && !fault.Is(err, fault.TooLarge) {
			t.Error(err)
		}
	})
}

// FuzzRender takes whole files, small enough to be done at once.
func FuzzRender(f *testing.F) {
	for _, extension := range []string{".jpg", ".png", ".gif", ".webp"} {
		seed(f, extension)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, err := inspect(data); err == nil && file.width*file.height > 1<<15 {
			return
		}
		result, err := New().Render(t.Context(), bytes.NewReader(data), int64(len(data)))
		switch kind := fault.KindOf(err); kind {
		case "":
			if len(result.Renditions) == 0 || result.Blurhash == "" || len(result.Color) != 7 {
				t.Errorf("%+v", result)
			}
		case fault.Invalid, fault.MediaType, fault.TooLarge:
		default:
			t.Errorf("%v: %v", kind, err)
		}
	})
}
