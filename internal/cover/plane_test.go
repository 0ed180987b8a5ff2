package cover

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestPlanes(t *testing.T) {
	t.Parallel()
	t.Run("one colour stays that colour, in any size", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			side, quarters := rapid.IntRange(1, 70), rapid.IntRange(0, 3)
			length := func(name string) float64 {
				return float64(side.Draw(t, name)) - float64(quarters.Draw(t, name+" less"))/4
			}
			p, v := newPlane(length("width"), length("height")), rapid.Byte().Draw(t, "value")
			for i := range p.pix {
				p.pix[i] = v
			}
			factor := rapid.IntRange(1, 17)
			p = p.shrunk(factor.Draw(t, "across"), factor.Draw(t, "down"))
			flipX, flipY := rapid.Bool().Draw(t, "flip x"), rapid.Bool().Draw(t, "flip y")
			p = newResampling(p, length("new width"), length("new height"), flipX, flipY).of(p)
			for y := range p.h {
				if want := bytes.Repeat([]byte{v}, p.w); !bytes.Equal(p.row(y), want) {
					t.Fatalf("%d became %v in row %d", v, p.row(y), y)
				}
			}
		})
	})
	t.Run("a plane shrunk has the mean of each block", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			p := drawPlane(t)
			factor := rapid.SampledFrom([]int{1, 2, 2, 2, 3, 4, 17})
			kx, ky := factor.Draw(t, "across"), factor.Draw(t, "down")
			out := p.shrunk(kx, ky)
			for y := range out.h {
				for x, v := range out.row(y) {
					sum, n := 0, 0
					for row := y * ky; row < min((y+1)*ky, p.h); row++ {
						for _, w := range p.row(row)[x*kx : min((x+1)*kx, p.w)] {
							sum, n = sum+int(w), n+1
						}
					}
					if math.Abs(float64(sum)/float64(n)-float64(v)) > 0.501 {
						t.Fatalf("%d of row %d is %d, of a sum of %d of %d", x, y, v, sum, n)
					}
				}
			}
		})
	})
	t.Run("words of two sums hold what each sum is alone", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			p := drawPlane(t)
			k := newKernel(p.width, p.w, float64(rapid.IntRange(1, 60).Draw(t, "to")), rapid.Bool().Draw(t, "flip"))
			out := k.along(p)
			for i, first := range k.first {
				for y := range p.h {
					sum := 1 << 13
					for tap, w := range k.weights[i*k.taps:][:k.taps] {
						sum += int(w) * int(p.row(y)[first+tap])
					}
					if got, want := int(out.row(i)[y]), min(max(sum>>14, 0), 255); got != want {
						t.Fatalf("sample %d of row %d is %d, not %d", i, y, got, want)
					}
				}
			}
		})
	})
	t.Run("a sum below zero takes nothing from the other in its word", func(t *testing.T) {
		t.Parallel()
		below := -1
		if got := rounded(uint64(200*one<<32 + below)); got != 200<<8 {
			t.Errorf("they are %#x", got)
		}
	})
	t.Run("a plane mirrored is the mirror of the plane", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			p, side := drawPlane(t), rapid.IntRange(1, 40)
			width, height := float64(side.Draw(t, "new width")), float64(side.Draw(t, "new height"))
			a, b := newResampling(p, width, height, false, false).of(p), newResampling(p, width, height, true, true).of(p)
			for y := range a.h {
				row, mirror := a.row(y), b.row(b.h-1-y)
				for x, v := range row {
					if w := mirror[len(mirror)-1-x]; max(v, w)-min(v, w) > 1 { // a rounding apart
						t.Fatalf("sample %d of row %d is %d, its mirror %d", x, y, v, w)
					}
				}
			}
		})
	})
}

// drawPlane is a plane of edges as hard as they can be, and of what lies between.
func drawPlane(t *rapid.T) plane {
	side := rapid.IntRange(1, 40)
	p := newPlane(float64(side.Draw(t, "width")), float64(side.Draw(t, "height")))
	value := rapid.OneOf(rapid.SampledFrom([]byte{0, 255}), rapid.Byte())
	copy(p.pix, rapid.SliceOfN(value, len(p.pix), len(p.pix)).Draw(t, "pixels"))
	return p
}
