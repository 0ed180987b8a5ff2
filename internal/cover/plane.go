package cover

import (
	"encoding/binary"
	"math"
)

// plane is one channel of a picture, a byte a sample.
type plane struct {
	pix    []byte
	stride int
	w, h   int // samples
	// The picture's own size in samples: the last ones may reach over its edge.
	width, height float64
}

func (p plane) row(y int) []byte { return p.pix[y*p.stride:][:p.w] }

// shrunk averages blocks of kx by ky samples.
func (p plane) shrunk(kx, ky int) plane {
	if kx == 1 && ky == 1 {
		return p
	}
	out := newPlane(p.width/float64(kx), p.height/float64(ky))
	sums := make([]uint16, (p.w+7)&^7) // of at most 17 rows
	words := make([]uint64, len(sums)/4)
	for y := range out.h {
		if kx == 2 && ky == 2 && 2*y+1 < p.h {
			averageFour(out.row(y), p.row(2*y), p.row(2*y+1))
			continue
		}
		rows := min(ky, p.h-y*ky)
		for r := range rows {
			addRow(words, p.row(y*ky+r))
		}
		unpack(sums, words)
		average(out.row(y), sums[:p.w], kx, rows)
	}
	return out
}

// newPlane makes an empty plane for a picture of this size.
func newPlane(width, height float64) plane {
	w, h := int(math.Ceil(width)), int(math.Ceil(height))
	return plane{pix: make([]byte, w*h), stride: w, w: w, h: h, width: width, height: height}
}

// halves of a word are every second of its bytes, each with room for a sum.
const halves = 0x00ff00ff00ff00ff

// averageFour is the case of most photographs: eight samples of each row at a time.
func averageFour(out, upper, lower []byte) {
	for len(upper) >= 8 && len(lower) >= 8 && len(out) >= 4 {
		a, b := binary.LittleEndian.Uint64(upper), binary.LittleEndian.Uint64(lower)
		v := a&halves + a>>8&halves + b&halves + b>>8&halves + 0x0002000200020002
		v = v >> 2 & halves
		v = (v | v>>8) & 0x0000ffff0000ffff
		binary.LittleEndian.PutUint32(out, uint32(v|v>>16))
		out, upper, lower = out[4:], upper[8:], lower[8:]
	}
	for x := range out {
		next := min(2*x+1, len(upper)-1) // the last column may be half as wide
		out[x] = byte((uint(upper[2*x]) + uint(upper[next]) + uint(lower[2*x]) + uint(lower[next]) + 2) / 4)
	}
}

// addRow adds a row to sums of which each word holds four: those of the even samples
// of eight in one word, those of the odd ones in the next.
func addRow(words []uint64, row []byte) {
	for len(row) >= 8 && len(words) >= 2 {
		v := binary.LittleEndian.Uint64(row)
		words[0] += v & halves
		words[1] += v >> 8 & halves
		row, words = row[8:], words[2:]
	}
	for x, v := range row {
		words[x%2] += uint64(v) << (x / 2 * 16)
	}
}

// unpack brings sums in order, and makes the words zero.
func unpack(sums []uint16, words []uint64) {
	for len(sums) >= 8 && len(words) >= 2 {
		even, odd := words[0], words[1]
		words[0], words[1] = 0, 0
		sums[0], sums[1], sums[2], sums[3] = uint16(even), uint16(odd), uint16(even>>16), uint16(odd>>16)
		sums[4], sums[5], sums[6], sums[7] = uint16(even>>32), uint16(odd>>32), uint16(even>>48), uint16(odd>>48)
		sums, words = sums[8:], words[2:]
	}
}

// average divides sums over k columns and so many rows; the last column may be
// narrower.
func average(out []byte, sums []uint16, k, rows int) {
	inverse := uint32(1<<24) / uint32(k*rows) // 255 times this fits 32 bits
	for x := range out {
		if len(sums) < k {
			k = len(sums)
			inverse = 1 << 24 / uint32(k*rows)
		}
		var sum uint32
		for _, v := range sums[:k] {
			sum += uint32(v)
		}
		out[x] = byte((sum*inverse + 1<<23) >> 24)
		sums = sums[k:]
	}
}

// resampling brings planes from one size to another with a Lanczos kernel of three
// lobes, in fixed point.
type resampling struct{ across, down kernel }

// newResampling is for planes like p; the picture is mirrored if asked.
func newResampling(p plane, width, height float64, flipX, flipY bool) resampling {
	return resampling{
		across: newKernel(p.width, p.w, width, flipX),
		down:   newKernel(p.height, p.h, height, flipY),
	}
}

func (r resampling) of(p plane) plane { return r.down.along(r.across.along(p)) }

// transposed makes rows of columns.
func (p plane) transposed() plane {
	out := newPlane(p.height, p.width)
	for y := range p.h {
		for x, v := range p.row(y) {
			out.pix[x*out.stride+y] = v
		}
	}
	return out
}

const (
	lobes = 3
	one   = 1 << 14 // a weight of 1
)

// kernel has the weights of one axis: those of sample i are weights[i*taps:][:taps],
// for the samples from first[i] on.
type kernel struct {
	to      float64 // the length that it makes
	first   []int
	weights []uint64 // as two's complement
	taps    int
}

// newKernel makes the weights that bring a length of n samples to another. At the edges
// what would reach outside is left out.
func newKernel(from float64, n int, to float64, flip bool) kernel {
	scale, m := from/to, int(math.Ceil(to))
	wide := max(scale, 1)
	taps := min(int(2*lobes*wide)+1, n)
	k := kernel{to: to, first: make([]int, m), weights: make([]uint64, m*taps), taps: taps}
	exact := make([]float64, taps)
	for i := range m {
		centre := (float64(i) + 0.5) * scale
		if flip {
			centre = from - centre
		}
		first := min(max(int(math.Ceil(centre-lobes*wide-0.5)), 0), n-taps)
		k.first[i] = first
		sum := 0.0
		for t := range exact {
			exact[t] = lanczos((float64(first+t) + 0.5 - centre) / wide)
			sum += exact[t]
		}
		for t, w := range exact {
			k.weights[i*taps+t] = uint64(int64(math.Round(w / sum * one)))
		}
	}
	return k
}

func lanczos(x float64) float64 {
	switch {
	case x == 0:
		return 1
	case x <= -lobes || x >= lobes:
		return 0
	}
	x *= math.Pi
	return lobes * math.Sin(x) * math.Sin(x/lobes) / (x * x)
}

// along resamples rows, and makes columns of them: done twice, both axes are resampled and
// the picture stands as before.
func (k kernel) along(p plane) plane {
	stride := (p.h + 3) &^ 3
	out := plane{
		pix: make([]byte, stride*len(k.first)), stride: stride,
		w: p.h, h: len(k.first), width: p.height, height: k.to,
	}
	rows := make([]four, p.w)
	for y := 0; y < p.h; y += 4 {
		row := func(i int) []byte { return p.row(min(y+i, p.h-1)) }
		gather(rows, row(0), row(1), row(2), row(3))
		for i, first := range k.first {
			upper, lower := weighted(rows[first:], k.weights[i*k.taps:][:k.taps])
			binary.LittleEndian.PutUint32(out.pix[i*stride+y:], rounded(upper)|rounded(lower)<<16)
		}
	}
	return out
}

// four are samples of four rows, two in the halves of each word.
type four struct{ upper, lower uint64 }

func gather(rows []four, a, b, c, d []byte) {
	a, b, c, d = a[:len(rows)], b[:len(rows)], c[:len(rows)], d[:len(rows)]
	for x := range rows {
		rows[x] = four{uint64(a[x]) | uint64(b[x])<<32, uint64(c[x]) | uint64(d[x])<<32}
	}
}

// weighted sums samples up, with a half added. Inlined it would share its registers with
// what is around it, and take twice as long.
//
//go:noinline
func weighted(rows []four, weights []uint64) (upper, lower uint64) {
	const half = one/2 | one/2<<32
	upper, lower = half, half
	rows = rows[:len(weights)]
	for t, w := range weights {
		upper += w * rows[t].upper
		lower += w * rows[t].lower
	}
	return upper, lower
}

// rounded are the bytes nearest to the two sums in a word, which have a half added. A
// negative lower one has borrowed from the upper.
func rounded(sums uint64) uint32 {
	low := int32(sums)
	high := int32((sums - uint64(low)) >> 32)
	return clamped(low>>14) | clamped(high>>14)<<8
}

func clamped(v int32) uint32 { return uint32(min(max(v, 0), 255)) }
