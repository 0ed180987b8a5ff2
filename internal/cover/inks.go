package cover

import (
	"encoding/binary"
	"image"
	"math"
)

// inks brings four inks to sRGB as the profile of a printer has it: each through a
// curve, all four through a table of the colours that some of their mixtures have.
type inks struct {
	at    [4][256]int32 // where in the table an amount of ink lies, in 1/256 of a step
	grid  int           // steps of the table along each axis, at least two
	table []int32       // red, green and blue of each mixture in 1/256, black changing fastest
}

// maxGrid keeps the table below five megabytes; those of printers have 9 to 17 steps.
const maxGrid = 25

// readInks reads a profile of version 2 (ICC.1:2022, 10.10 and 10.11), whose colours are
// in Lab; nil when it is none.
func readInks(icc []byte) (*inks, Profile) {
	if len(icc) == 0 {
		return nil, NoProfile
	}
	if len(icc) < 132 || string(icc[36:40]) != "acsp" || string(icc[16:20]) != "CMYK" || string(icc[20:24]) != "Lab " {
		return nil, Ignored
	}
	for _, intent := range []string{"A2B0", "A2B1"} { // perceptual first, as in browsers
		if k, ok := parseInks(tagOf(icc, intent)); ok {
			return k, Converted
		}
	}
	return nil, Ignored
}

func parseInks(tag []byte) (*inks, bool) {
	if len(tag) < 52 || tag[8] != 4 || tag[9] != 3 || tag[10] < 2 || tag[10] > maxGrid {
		return nil, false
	}
	grid, read, width, entries, exits := int(tag[10]), eighth, 1, 256, 256
	rest := tag[48:]
	switch string(tag[:4]) {
	case "mft1":
	case "mft2":
		read, width = sixteenth, 2
		entries, exits = int(binary.BigEndian.Uint16(tag[48:])), int(binary.BigEndian.Uint16(tag[50:]))
		rest = tag[52:]
	default:
		return nil, false
	}
	mixtures := grid * grid * grid * grid
	if entries < 2 || exits < 2 || len(rest) < width*(4*entries+3*mixtures+3*exits) {
		return nil, false
	}
	k := &inks{grid: grid, table: make([]int32, 3*mixtures)}
	for i := range k.at {
		for v := range k.at[i] {
			where := curve(read, rest[width*i*entries:], entries, float64(v)/255)
			k.at[i][v] = int32(math.Round(where * float64(grid-1) * 256))
		}
	}
	mixed, out := rest[4*width*entries:], rest[width*(4*entries+3*mixtures):]
	for i := 0; i < len(k.table); i += 3 {
		var lab [3]float64
		for c := range lab {
			lab[c] = curve(read, out[width*c*exits:], exits, read(mixed, i+c))
		}
		rgb := fromLab(lab, width)
		copy(k.table[i:], rgb[:])
	}
	return k, true
}

// eighth and sixteenth read numbers of 8 and 16 bits as 0 to 1.
func eighth(b []byte, i int) float64    { return float64(b[i]) / 255 }
func sixteenth(b []byte, i int) float64 { return float64(binary.BigEndian.Uint16(b[2*i:])) / 65535 }

// curve interpolates between n points.
func curve(read func([]byte, int) float64, points []byte, n int, x float64) float64 {
	at := x * float64(n-1)
	i := min(int(at), n-2)
	left, right := read(points, i), read(points, i+1)
	return left + (right-left)*(at-float64(i))
}

// fromLab brings what 0 to 1 stand for in Lab (with 16 bits 0xff00 is 100 of lightness, 6.3.4.2)
// to sRGB. What sRGB cannot show is below 0 or above 255: it is cut off only after mixing.
func fromLab(v [3]float64, width int) (rgb [3]int32) {
	most := 255.0
	if width == 2 {
		most = 65535.0 / 256
	}
	l, a, b := v[0]*most*100/255, v[1]*most-128, v[2]*most-128
	f := func(t float64) float64 {
		if t > 6.0/29 {
			return t * t * t
		}
		return (t - 4.0/29) * 108 / 841
	}
	y := (l + 16) / 116
	xyz := [3]float64{0.9642 * f(y+a/500), f(y), 0.8249 * f(y-b/200)}
	for i, row := range toSRGB() {
		linear := row[0]*xyz[0] + row[1]*xyz[1] + row[2]*xyz[2]
		rgb[i] = int32(math.Round(255 * 256 * math.Copysign(encodeSRGB(math.Abs(linear)), linear)))
	}
	return rgb
}

// mix is the colour of inks: that of five mixtures of the table which stand around them,
// from the one with less of each to the one with more of each, where the ink with the
// largest part of a step left to go is stepped up first.
func (k *inks) mix(cmyk []byte) (rgb [3]byte) {
	var part [4]int32
	var step [4]int
	at, stride := 0, 3
	for i := 3; i >= 0; i-- {
		where := k.at[i][cmyk[i]]
		low := min(int(where>>8), k.grid-2)
		part[i], step[i] = where-int32(low)<<8, stride
		at, stride = at+low*stride, stride*k.grid
	}
	for i := 1; i < 4; i++ { // sorted, the largest first
		for j := i; j > 0 && part[j] > part[j-1]; j-- {
			part[j], part[j-1] = part[j-1], part[j]
			step[j], step[j-1] = step[j-1], step[j]
		}
	}
	weight := 256 - part[0]
	var sum [3]int32
	for i := 0; ; i++ {
		for c := range sum {
			sum[c] += weight * k.table[at+c]
		}
		if i == 4 {
			break
		}
		at += step[i]
		weight = part[i]
		if i < 3 {
			weight -= part[i+1]
		}
	}
	for c, v := range sum {
		rgb[c] = byte(min(max((v+1<<15)>>16, 0), 255))
	}
	return rgb
}

// shown averages blocks of k by k pixels, as dots of ink do to the eye, and tells their
// colours.
func (k *inks) shown(m *image.CMYK, by int) *image.NRGBA {
	width, height := m.Rect.Dx(), m.Rect.Dy()
	out := image.NewNRGBA(image.Rect(0, 0, width/by, max(height/by, 1)))
	columns, rows := edges(width, out.Rect.Dx()), edges(height, out.Rect.Dy())
	for y := range out.Rect.Dy() {
		block := &image.RGBA{Pix: m.Pix[rows[y]*m.Stride:], Stride: m.Stride, Rect: image.Rect(0, rows[y], width, rows[y+1])}
		row := out.Pix[y*out.Stride:][:out.Stride]
		average4(row, block, columns)
		for ; len(row) > 0; row = row[4:] {
			rgb := k.mix(row)
			row[0], row[1], row[2], row[3] = rgb[0], rgb[1], rgb[2], 255
		}
	}
	return out
}
