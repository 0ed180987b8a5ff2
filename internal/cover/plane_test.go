package cover

import (
	"bytes"
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
			p = p.resized(length("new width"), length("new height"), rapid.Bool().Draw(t, "flip x"), rapid.Bool().Draw(t, "flip y"))
			if want := bytes.Repeat([]byte{v}, p.w*p.h); !bytes.Equal(p.pix, want) {
				t.Fatalf("%d became %v", v, p.pix)
			}
		})
	})
	t.Run("a plane mirrored is the mirror of the plane", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			side := rapid.IntRange(1, 40)
			p := newPlane(float64(side.Draw(t, "width")), float64(side.Draw(t, "height")))
			copy(p.pix, rapid.SliceOfN(rapid.Byte(), len(p.pix), len(p.pix)).Draw(t, "pixels"))
			width, height := float64(side.Draw(t, "new width")), float64(side.Draw(t, "new height"))
			a, b := p.resized(width, height, false, false), p.resized(width, height, true, true)
			for i, v := range a.pix {
				if w := b.pix[len(b.pix)-1-i]; max(v, w)-min(v, w) > 1 { // a rounding apart
					t.Fatalf("sample %d is %d, its mirror %d", i, v, w)
				}
			}
		})
	})
}
