package cover

import "math"

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
	sums := make([]uint16, p.w) // of at most 17 rows
	for y := range out.h {
		if kx == 2 && ky == 2 && 2*y+1 < p.h {
			averageFour(out.row(y), p.row(2*y), p.row(2*y+1))
			continue
		}
		clear(sums)
		rows := min(ky, p.h-y*ky)
		for r := range rows {
			addRow(sums, p.row(y*ky+r))
		}
		average(out.row(y), sums, kx, rows)
	}
	return out
}

// newPlane makes an empty plane for a picture of this size.
func newPlane(width, height float64) plane {
	w, h := int(math.Ceil(width)), int(math.Ceil(height))
	return plane{pix: make([]byte, w*h), stride: w, w: w, h: h, width: width, height: height}
}

// averageFour is the case of most photographs, in a fifth of the time.
func averageFour(out, upper, lower []byte) {
	lower = lower[:len(upper)]
	for x := 0; x+1 < len(upper); x += 2 {
		out[x/2] = byte((uint(upper[x]) + uint(upper[x+1]) + uint(lower[x]) + uint(lower[x+1]) + 2) / 4)
	}
	if last := len(upper) - 1; last%2 == 0 {
		out[last/2] = byte((uint(upper[last]) + uint(lower[last]) + 1) / 2)
	}
}

func addRow(sums []uint16, row []byte) {
	sums = sums[:len(row)]
	for x, v := range row {
		sums[x] += uint16(v)
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

// resized resamples with a Lanczos kernel of three lobes, in fixed point, to a
// picture of this size; mirrored if asked.
func (p plane) resized(width, height float64, flipX, flipY bool) plane {
	narrow := newPlane(width, p.height)
	across := newKernel(p.width, p.w, width, narrow.w, flipX)
	for y := 0; y < p.h; y += 2 {
		next := min(y+1, p.h-1)
		across.along(narrow.row(y), narrow.row(next), p.row(y), p.row(next))
	}
	out := newPlane(width, height)
	down := newKernel(p.height, p.h, height, out.h, flipY)
	sums := make([]int32, out.w)
	for y := range out.h {
		down.over(out.row(y), sums, narrow, y)
	}
	return out
}

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
	first   []int
	weights []int32
	taps    int
}

// newKernel makes the weights that bring a length of n samples to one of m. At the
// edges what would reach outside is left out.
func newKernel(from float64, n int, to float64, m int, flip bool) kernel {
	scale := from / to
	wide := max(scale, 1)
	taps := min(2*int(math.Ceil(lobes*wide))+1, n)
	k := kernel{first: make([]int, m), weights: make([]int32, m*taps), taps: taps}
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
			k.weights[i*taps+t] = int32(math.Round(w / sum * one))
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

// along resamples two rows, so that each weight is loaded once for both.
func (k kernel) along(out, below, row, next []byte) {
	below = below[:len(out)]
	for i := range out {
		weights := k.weights[i*k.taps:][:k.taps]
		first := k.first[i]
		a, b := row[first:][:len(weights)], next[first:][:len(weights)]
		upper, lower := int32(one/2), int32(one/2)
		for t, w := range weights {
			upper += w * int32(a[t])
			lower += w * int32(b[t])
		}
		out[i], below[i] = rounded(upper), rounded(lower)
	}
}

// over makes row y of rows, four of them at a time.
func (k kernel) over(out []byte, sums []int32, rows plane, y int) {
	for x := range sums {
		sums[x] = one / 2
	}
	weights := k.weights[y*k.taps:][:k.taps]
	for first := k.first[y]; len(weights) > 0; first += 4 {
		var w [4]int32
		n := copy(w[:], weights)
		weights = weights[n:]
		row := func(i int) []byte { return rows.row(first + min(i, n-1))[:len(sums)] }
		a, b, c, d := row(0), row(1), row(2), row(3)
		for x := range sums {
			sums[x] += w[0]*int32(a[x]) + w[1]*int32(b[x]) + w[2]*int32(c[x]) + w[3]*int32(d[x])
		}
	}
	for x, sum := range sums {
		out[x] = rounded(sum)
	}
}

// rounded is the byte nearest to a sum, which has a half added.
func rounded(sum int32) byte {
	return byte(min(max(sum>>14, 0), 255))
}
