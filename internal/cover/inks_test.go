package cover

import (
	"bytes"
	"encoding/binary"
	"image"
	"slices"
	"testing"
)

// printer is the profile of a printer, of a table at 144.
func printer(tb testing.TB) []byte {
	tb.Helper()
	return profileIn(tb, "cmyk-print.jpg")
}

// profileIn is the profile in a JPEG.
func profileIn(tb testing.TB, name string) []byte {
	tb.Helper()
	m, err := readMarkers(fixtureOf(tb, name))
	if err != nil {
		tb.Fatal(err)
	}
	return bytes.Join(m.profile[:], nil)
}

func TestInks(t *testing.T) {
	t.Parallel()
	good := printer(t)
	for name, spoil := range map[string]func(icc []byte) []byte{
		"is cut off":                 func(icc []byte) []byte { return icc[:len(icc)-1] },
		"ends before its table":      func(icc []byte) []byte { return icc[:131] },
		"is of three inks":           func(icc []byte) []byte { icc[144+8] = 3; return icc },
		"makes four colours":         func(icc []byte) []byte { icc[144+9] = 4; return icc },
		"has a table of one mixture": func(icc []byte) []byte { icc[144+10] = 1; return icc },
		"has a table of many":        func(icc []byte) []byte { icc[144+10] = 26; return sized(append(icc, make([]byte, 26*26*26*26*6)...)) },
		"has a table of a new kind":  func(icc []byte) []byte { copy(icc[144:], "mAB "); return icc },
		"has curves of one point":    func(icc []byte) []byte { icc[144+48], icc[144+49] = 0, 1; return icc },
		"is of a screen":             func(icc []byte) []byte { copy(icc[16:], "RGB "); return icc },
	} {
		t.Run("a profile that "+name+" is not understood", func(t *testing.T) {
			t.Parallel()
			if k, found := readInks(spoil(bytes.Clone(good))); k != nil || found != Ignored {
				t.Errorf("it was %q", found)
			}
		})
	}
	t.Run("a table of bytes says what one of words does", func(t *testing.T) {
		t.Parallel()
		words, _ := readInks(good)
		narrow, found := readInks(inBytes(good))
		if found != Converted {
			t.Fatalf("it is %q", found)
		}
		for i := range 256 {
			cmyk := []byte{byte(i), byte(i * 7), byte(i * 31), byte(i * 3)}
			a, b := words.mix(cmyk), narrow.mix(cmyk)
			for c := range a {
				if d := int(a[c]) - int(b[c]); max(d, -d) > 4 { // of bytes of Lab
					t.Errorf("%v is %v and %v", cmyk, a, b)
				}
			}
		}
	})
	t.Run("blocks of one colour have that colour", func(t *testing.T) {
		t.Parallel()
		k, _ := readInks(good)
		m := image.NewCMYK(image.Rect(0, 0, 11, 7))
		for i := range m.Pix {
			m.Pix[i] = []byte{30, 200, 90, 10}[i%4]
		}
		want := k.mix(m.Pix)
		for by := range 4 {
			out := k.shown(m, by+1)
			for pix := range slices.Chunk(out.Pix, 4) {
				if !bytes.Equal(pix, []byte{want[0], want[1], want[2], 255}) {
					t.Fatalf("by %d it is %v, not %v", by+1, pix, want)
				}
			}
		}
	})
}

// inBytes makes the table of a profile one of bytes (lut8Type), whose curves have 256
// points.
func inBytes(icc []byte) []byte {
	const mixtures = 9 * 9 * 9 * 9
	out := bytes.Clone(icc[:144+48])
	copy(out[144:], "mft1")
	words := icc[144+52:]
	for i := range 4*256 + 3*mixtures {
		v := int(words[2*i])<<8 | int(words[2*i+1])
		scale := 257.0
		if i >= 4*256 {
			scale = 256 // in Lab 0xff00 stands for what 0xff does
		}
		out = append(out, byte(min(float64(v)/scale+0.5, 255)))
	}
	for range 3 {
		for v := range 256 {
			out = append(out, byte(v))
		}
	}
	return sized(out)
}

// sized tells a profile how long its table is.
func sized(icc []byte) []byte {
	binary.BigEndian.PutUint32(icc[140:], uint32(len(icc)-144))
	return icc
}
