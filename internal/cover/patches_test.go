package cover_test

import (
	"bytes"
	"encoding/csv"
	"image"
	"strconv"
	"testing"

	"acervo/internal/cover"
)

// The chart in testdata has six patches in a row and four rows.
const patchColumns = 6

// patches are the colours that other software sees in each file (testdata/make.py).
func patches(t *testing.T) map[string][][3]int {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(fixture(t, "patches.csv"))).ReadAll()
	ok(t, err)
	all := map[string][][3]int{}
	for _, row := range rows {
		var n [4]int
		for i := range n {
			n[i], err = strconv.Atoi(row[i+1])
			ok(t, err)
		}
		if n[0] != len(all[row[0]]) {
			t.Fatalf("row %v is out of order", row)
		}
		all[row[0]] = append(all[row[0]], [3]int(n[1:]))
	}
	return all
}

// patch is the middle of a patch in the rendition of 96 pixels.
func patch(i int) image.Rectangle {
	const side = 96 / patchColumns
	return image.Rect(4, 4, side-4, side-4).Add(image.Pt(i%patchColumns*side, i/patchColumns*side))
}

func TestColours(t *testing.T) {
	t.Parallel()
	want := patches(t)
	if len(want) != 26 {
		t.Fatalf("there are colours of %d files", len(want))
	}
	for name, colours := range want {
		t.Run(name+" looks as other software shows it", func(t *testing.T) {
			t.Parallel()
			result := render(t, fixture(t, name))
			small := decoded(t, result.Renditions[0])
			for i, c := range colours {
				// What is left is for two rounds of JPEG.
				if got := mean(small, patch(i)); apart(got, c) > 6 {
					t.Errorf("patch %d is %v, it should be %v", i, got, c)
				}
			}
		})
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	for name, profile := range map[string]cover.Profile{
		"plain.jpg": cover.NoProfile, "srgb.jpg": cover.SRGB,
		"p3.jpg": cover.Converted, "p3-table.jpg": cover.Converted, "adobergb.jpg": cover.Converted,
		"prophoto.jpg": cover.Converted, "cmyk-print.jpg": cover.Converted, "cmyk-adobe.jpg": cover.NoProfile, "p3.png": cover.Converted, "p3.webp": cover.Converted,
		"grey-mac.jpg": cover.Converted, "grey-dots.png": cover.Converted,
	} {
		t.Run("what the profile of "+name+" was good for is told", func(t *testing.T) {
			t.Parallel()
			if got := render(t, fixture(t, name)).Profile; got != profile {
				t.Errorf("it was %q", got)
			}
		})
	}
	want := patches(t)
	for name, other := range map[string]struct {
		without string
		least   int
	}{
		"p3.jpg": {"plain.jpg", 25}, "adobergb.jpg": {"plain.jpg", 25}, "prophoto.jpg": {"plain.jpg", 25}, "cmyk-print.jpg": {"cmyk-adobe.jpg", 25},
		"grey-mac.jpg": {"grey.jpg", 17}, "grey-dots.png": {"grey.jpg", 25},
	} {
		t.Run("these tests would notice if "+name+" lost its profile", func(t *testing.T) {
			t.Parallel()
			worst := 0
			for i, c := range want[name] {
				worst = max(worst, apart(c, want[other.without][i]))
			}
			if worst < other.least {
				t.Errorf("with and without differ by %d at most", worst)
			}
		})
	}
	t.Run("a printer's profile without a table is passed over", func(t *testing.T) {
		t.Parallel()
		icc := make([]byte, 200)
		copy(icc[16:], "CMYKLab ")
		copy(icc[36:], "acsp")
		data := withSegments(fixture(t, "cmyk-adobe.jpg"), segment(0xe2, []byte("ICC_PROFILE\x00\x01\x01"), icc))
		result := render(t, data)
		if result.Profile != cover.Ignored {
			t.Errorf("it was %q", result.Profile)
		}
		small := decoded(t, result.Renditions[0])
		for i, c := range want["cmyk-adobe.jpg"] {
			if got := mean(small, patch(i)); apart(got, c) > 6 {
				t.Errorf("patch %d is %v, it should be %v", i, got, c)
			}
		}
	})
	for name, data := range map[string][]byte{
		"cmyk-adobe.jpg": withSegments(fixture(t, "cmyk-adobe.jpg"), profileOf(t, "p3.jpg")),
		"ycck.jpg":       withSegments(fixture(t, "ycck.jpg"), profileOf(t, "p3.jpg")),
		"grey.jpg":       withSegments(fixture(t, "grey.jpg"), profileOf(t, "prophoto.jpg")),
	} {
		t.Run("a profile of three colours does not belong to "+name, func(t *testing.T) {
			t.Parallel()
			result := render(t, data)
			if result.Profile != cover.Ignored {
				t.Errorf("it was %q", result.Profile)
			}
			small := decoded(t, result.Renditions[0])
			for i, c := range want[name] {
				if got := mean(small, patch(i)); apart(got, c) > 6 {
					t.Errorf("patch %d is %v, it should be %v", i, got, c)
				}
			}
		})
	}
	t.Run("nor one of grey to a picture in colour", func(t *testing.T) {
		t.Parallel()
		result := render(t, withSegments(fixture(t, "plain.jpg"), profileOf(t, "grey-mac.jpg")))
		if result.Profile != cover.Ignored {
			t.Errorf("it was %q", result.Profile)
		}
	})
	t.Run("nor to a grey PNG", func(t *testing.T) {
		t.Parallel()
		icc := profileOf(t, "prophoto.jpg")[18:]
		grey := withChunks(asPNG(t, greyOf(cornered(96, 64))), pngChunk("iCCP", append([]byte("x\x00\x00"), deflated(t, icc)...)))
		if got := render(t, grey).Profile; got != cover.Ignored {
			t.Errorf("it was %q", got)
		}
	})
	t.Run("the first profile of a PNG is the only one, damaged or not", func(t *testing.T) {
		t.Parallel()
		good := pngChunk("iCCP", append([]byte("x\x00\x00"), deflated(t, profileOf(t, "p3.jpg")[18:])...))
		bad := pngChunk("iCCP", []byte("x\x00\x00nothing that was deflated"))
		picture := asPNG(t, cornered(96, 64))
		if got := render(t, withChunks(picture, good, bad)).Profile; got != cover.Converted {
			t.Errorf("with the good one first it was %q", got)
		}
		if got := render(t, withChunks(picture, bad, good)).Profile; got != cover.NoProfile {
			t.Errorf("with the damaged one first it was %q", got)
		}
	})
	t.Run("a profile in several segments is put together", func(t *testing.T) {
		t.Parallel()
		data, whole := fixture(t, "p3-table.jpg"), profileOf(t, "p3-table.jpg")
		icc := whole[18:]
		rest := bytes.Replace(data, whole, nil, 1)
		cut := len(icc) / 2
		first := segment(0xe2, []byte("ICC_PROFILE\x00\x01\x02"), icc[:cut])
		second := segment(0xe2, []byte("ICC_PROFILE\x00\x02\x02"), icc[cut:])
		for _, whole := range [][]byte{withSegments(rest, first, second), withSegments(rest, second, first)} {
			if got := render(t, whole).Profile; got != cover.Converted {
				t.Errorf("it was %q", got)
			}
		}
		if got := render(t, withSegments(rest, first)).Profile; got != cover.Ignored {
			t.Errorf("the first half alone was %q", got)
		}
	})
}

// profileOf is the segment of a JPEG that holds its whole profile, which begins 18 bytes
// into it.
func profileOf(t *testing.T, name string) []byte {
	t.Helper()
	data := fixture(t, name)
	at := bytes.Index(data, []byte("ICC_PROFILE\x00\x01\x01")) - 4
	n := 2 + int(data[at+2])<<8 + int(data[at+3])
	return data[at : at+n]
}
