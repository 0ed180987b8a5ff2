package cover

import (
	"fmt"
	"image"
	"math"
	"strings"
)

// blurhash sums a picture up in 28 characters (github.com/woltapp/blurhash,
// Algorithm.md): the mean colour and the lowest frequencies, more of them along
// the longer side.
func blurhash(m *image.RGBA) string {
	nx, ny := 4, 3
	if m.Rect.Dy() > m.Rect.Dx() {
		nx, ny = 3, 4
	}
	factors := frequencies(m, nx, ny)
	loudest := 0.0
	for _, f := range factors[1:] {
		loudest = max(loudest, math.Abs(f[0]), math.Abs(f[1]), math.Abs(f[2]))
	}
	scale := int(min(max(math.Floor(loudest*166-0.5), 0), 82))

	var b strings.Builder
	base83(&b, nx-1+(ny-1)*9, 1)
	base83(&b, scale, 1)
	mean := 0
	for _, v := range factors[0] {
		mean = mean<<8 | int(math.Round(255*encodeSRGB(min(max(v, 0), 1))))
	}
	base83(&b, mean, 4)
	for _, f := range factors[1:] {
		value := 0
		for _, v := range f {
			v /= float64(scale+1) / 166
			quantised := math.Floor(math.Copysign(math.Sqrt(math.Abs(v)), v)*9 + 9.5)
			value = value*19 + int(min(max(quantised, 0), 18))
		}
		base83(&b, value, 2)
	}
	return b.String()
}

// frequencies are the first nx by ny terms of a cosine transform in linear light.
func frequencies(m *image.RGBA, nx, ny int) [][3]float64 {
	var linear [256]float64
	for v := range linear {
		linear[v] = decodeSRGB(float64(v) / 255)
	}
	width, height := m.Rect.Dx(), m.Rect.Dy()
	across, down := waves(nx, width), waves(ny, height)
	out := make([][3]float64, nx*ny)
	for y := range height {
		for x := range width {
			pix := m.Pix[m.PixOffset(x, y):]
			r, g, b := linear[pix[0]], linear[pix[1]], linear[pix[2]]
			for i := range out {
				basis := across[i%nx][x] * down[i/nx][y]
				out[i][0] += basis * r
				out[i][1] += basis * g
				out[i][2] += basis * b
			}
		}
	}
	for i := range out {
		norm := 2.0
		if i == 0 {
			norm = 1
		}
		for c := range out[i] {
			out[i][c] *= norm / float64(width*height)
		}
	}
	return out
}

func waves(n, length int) [][]float64 {
	all := make([][]float64, n)
	for i := range all {
		all[i] = make([]float64, length)
		for x := range all[i] {
			all[i][x] = math.Cos(math.Pi * float64(i) * float64(x) / float64(length))
		}
	}
	return all
}

func base83(b *strings.Builder, value, digits int) {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
	divisor := 1
	for range digits - 1 {
		divisor *= len(alphabet)
	}
	for ; divisor > 0; divisor /= len(alphabet) {
		b.WriteByte(alphabet[value/divisor%len(alphabet)])
	}
}

// dominant is the mean of the most frequent colours: those that share the upper
// three bits of red, green and blue.
func dominant(m *image.RGBA) string {
	var counts [512]int
	var sums [512][3]int
	most := 0
	for pix := m.Pix; len(pix) >= 4; pix = pix[4:] {
		r, g, b := int(pix[0]), int(pix[1]), int(pix[2])
		bin := r>>5<<6 | g>>5<<3 | b>>5
		counts[bin]++
		sums[bin][0] += r
		sums[bin][1] += g
		sums[bin][2] += b
		if counts[bin] > counts[most] {
			most = bin
		}
	}
	n := max(counts[most], 1)
	return fmt.Sprintf("#%02x%02x%02x", sums[most][0]/n, sums[most][1]/n, sums[most][2]/n)
}
