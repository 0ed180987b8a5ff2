package cover

import (
	"encoding/binary"
	"math"
)

// Profile says what the colour profile of an original was good for.
type Profile string

// What a profile can be good for. Profiles of three colours by a matrix and curves are
// converted, as cameras, phones and screens have them, those of grey by a curve, and those
// of four inks by a table, as printers have; the colours of a picture with another one are
// taken as they stand.
const (
	NoProfile Profile = ""
	SRGB      Profile = "sRGB"
	Converted Profile = "converted to sRGB"
	Ignored   Profile = "not understood"
)

// transform brings colours to sRGB: each through its curve to linear light, all
// three through a matrix, each through the curve of sRGB.
type transform struct {
	linear [3][256]int32 // 0 to full
	matrix [9]int32      // 1.0 is 1 << 12
	curve  [full + 1]byte
}

// full is linear light at its brightest. Two steps of it are less than one of a
// dark sRGB byte.
const full = 1<<14 - 1

func (t *transform) apply(r, g, b byte) (red, green, blue byte) {
	x, y, z, m := t.linear[0][r], t.linear[1][g], t.linear[2][b], &t.matrix
	return t.encoded(m[0]*x + m[1]*y + m[2]*z), t.encoded(m[3]*x + m[4]*y + m[5]*z), t.encoded(m[6]*x + m[7]*y + m[8]*z)
}

func (t *transform) encoded(v int32) byte { return t.curve[min(max((v+1<<11)>>12, 0), full)] }

// readProfile makes a transform of an ICC profile (ICC.1:2022) for a picture that has
// three colours or is grey; nil when colours stay as they are.
func readProfile(icc []byte, coloured bool) (*transform, Profile) {
	if len(icc) == 0 {
		return nil, NoProfile
	}
	parse := parseGrey
	if coloured {
		parse = parseProfile
	}
	t, ok := parse(icc)
	switch {
	case !ok:
		return nil, Ignored
	case t.changesNothing():
		return nil, SRGB
	}
	return t, Converted
}

func parseProfile(icc []byte) (*transform, bool) {
	if !isOf("RGB ", icc) {
		return nil, false
	}
	t := &transform{curve: curveOfSRGB()}
	var columns [3][3]float64
	for i, c := range []string{"r", "g", "b"} {
		column, ok := parseXYZ(tagOf(icc, c+"XYZ"))
		if !ok {
			return nil, false
		}
		columns[i] = column
		curve, ok := parseCurve(tagOf(icc, c+"TRC"))
		if !ok {
			return nil, false
		}
		t.linear[i] = lightOf(curve)
	}
	for row := range 3 {
		for col := range 3 {
			v := 0.0
			for i, m := range toSRGB()[row] {
				v += m * columns[col][i]
			}
			if math.Abs(v) > 8 { // three such products fit 32 bits
				return nil, false
			}
			t.matrix[3*row+col] = int32(math.Round(v * (1 << 12)))
		}
	}
	return t, true
}

// parseGrey reads a profile of one curve (8.3.4, monochrome input profiles). Its grey is
// that of its white, which becomes ours.
func parseGrey(icc []byte) (*transform, bool) {
	if !isOf("GRAY", icc) {
		return nil, false
	}
	curve, ok := parseCurve(tagOf(icc, "kTRC"))
	if !ok {
		return nil, false
	}
	linear := lightOf(curve)
	return &transform{
		linear: [3][256]int32{linear, linear, linear},
		matrix: [9]int32{0: 1 << 12, 4: 1 << 12, 8: 1 << 12},
		curve:  curveOfSRGB(),
	}, true
}

// isOf reports whether a profile is of these colours, and brings them to XYZ.
func isOf(colours string, icc []byte) bool {
	return len(icc) >= 132 && string(icc[36:40]) == "acsp" && string(icc[16:20]) == colours && string(icc[20:24]) == "XYZ "
}

// lightOf is the linear light of each byte.
func lightOf(curve func(float64) float64) (linear [256]int32) {
	for v := range linear {
		linear[v] = int32(math.Round(min(max(curve(float64(v)/255), 0), 1) * full))
	}
	return linear
}

// curveOfSRGB is the byte of each linear light.
func curveOfSRGB() (curve [full + 1]byte) {
	for v := range curve {
		curve[v] = clamp8(255 * encodeSRGB(float64(v)/full))
	}
	return curve
}

// toSRGB brings colours of the profile connection space (XYZ under D50) to linear
// sRGB: the inverse of the colorants in the sRGB v2 profile of the ICC.
func toSRGB() [3][3]float64 {
	return [3][3]float64{
		{3.1338561, -1.6168667, -0.4906146},
		{-0.9787684, 1.9161415, 0.0334540},
		{0.0719453, -0.2289914, 1.4052427},
	}
}

// changesNothing reports whether a profile means sRGB, up to rounding.
func (t *transform) changesNothing() bool {
	near := func(a, b byte) bool { return max(a, b)-min(a, b) <= 2 }
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				x, y, z := t.apply(byte(r), byte(g), byte(b))
				if !near(x, byte(r)) || !near(y, byte(g)) || !near(z, byte(b)) {
					return false
				}
			}
		}
	}
	return true
}

// tagOf finds the data of a tag, nil when it is missing or lies outside.
func tagOf(icc []byte, name string) []byte {
	table := icc[132:]
	for range binary.BigEndian.Uint32(icc[128:]) {
		if len(table) < 12 {
			return nil
		}
		if string(table[:4]) == name {
			at, n := int64(binary.BigEndian.Uint32(table[4:])), int64(binary.BigEndian.Uint32(table[8:]))
			if at+n > int64(len(icc)) {
				return nil
			}
			return icc[at : at+n]
		}
		table = table[12:]
	}
	return nil
}

func parseXYZ(tag []byte) (xyz [3]float64, ok bool) {
	if len(tag) < 20 || string(tag[:4]) != "XYZ " {
		return xyz, false
	}
	for i := range xyz {
		xyz[i] = s15Fixed16(tag[8+4*i:])
	}
	return xyz, true
}

func s15Fixed16(b []byte) float64 { return float64(int32(binary.BigEndian.Uint32(b))) / (1 << 16) }

// parseCurve reads a tone curve, from 0…1 to linear 0…1.
func parseCurve(tag []byte) (func(float64) float64, bool) {
	if len(tag) < 12 {
		return nil, false
	}
	switch string(tag[:4]) {
	case "curv":
		return parseTable(tag)
	case "para":
		return parseFormula(tag)
	}
	return nil, false
}

// parseTable reads a curve of points, of one exponent, or none, which is linear
// (10.6).
func parseTable(tag []byte) (func(float64) float64, bool) {
	n, points := int64(binary.BigEndian.Uint32(tag[8:])), tag[12:]
	if 2*n > int64(len(points)) {
		return nil, false
	}
	point := func(i int) float64 { return float64(binary.BigEndian.Uint16(points[2*i:])) }
	switch n {
	case 0:
		return func(x float64) float64 { return x }, true
	case 1:
		gamma := point(0) / 256
		return func(x float64) float64 { return math.Pow(x, gamma) }, true
	}
	return func(x float64) float64 {
		at := x * float64(n-1)
		i := min(int(at), int(n-2))
		return (point(i) + (point(i+1)-point(i))*(at-float64(i))) / 65535
	}, true
}

// parseFormula reads a parametric curve (10.18). All five kinds are the last one
// with some parameters fixed.
func parseFormula(tag []byte) (func(float64) float64, bool) {
	kind := binary.BigEndian.Uint16(tag[8:])
	if kind > 4 {
		return nil, false
	}
	counts := [5]int{1, 3, 4, 5, 7}
	if len(tag) < 12+4*counts[kind] {
		return nil, false
	}
	var p [7]float64
	for i := range counts[kind] {
		p[i] = s15Fixed16(tag[12+4*i:])
	}
	gamma, a, b, c, d, e, f := p[0], p[1], p[2], p[3], p[4], p[5], p[6]
	switch kind {
	case 0:
		a = 1
	case 1, 2: // above -b/a a power, below it a constant, which is their third parameter or zero
		e, f = c, c
		c, d = 0, -b/a
	}
	return func(x float64) float64 {
		y := c*x + f
		if x >= d {
			y = math.Pow(a*x+b, gamma) + e
		}
		if math.IsNaN(y) {
			return 0
		}
		return y
	}, true
}

// encodeSRGB is the curve of sRGB from linear light (IEC 61966-2-1).
func encodeSRGB(v float64) float64 {
	if v <= 0.0031308 {
		return 12.92 * v
	}
	return 1.055*math.Pow(v, 1/2.4) - 0.055
}

func decodeSRGB(v float64) float64 {
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}
