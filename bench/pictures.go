package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// drawPictures makes the pictures that covers are measured with, see coverPictures. Those
// that Go cannot encode are made by vips, if it is there. They are the same on every
// machine, but for rounding.
func drawPictures(ctx context.Context, dir string) error {
	for _, p := range []struct {
		name          string
		width, height int
	}{
		{"3mp", 2048, 1536}, {"12mp", 4032, 3024}, {"24mp", 5664, 4248}, {"48mp", 8064, 6048},
	} {
		m, name := photograph(p.width, p.height), filepath.Join(dir, p.name)
		if err := write(name+".jpg", func(w io.Writer) error { return jpeg.Encode(w, m, &jpeg.Options{Quality: 90}) }); err != nil {
			return err
		}
		vips(ctx, "jpegsave", name+".jpg", name+"-progressive.jpg", "--Q=90", "--interlace", "--subsample-mode=on")
		if p.name == "12mp" {
			if err := write(name+".png", func(w io.Writer) error { return png.Encode(w, opaque(m)) }); err != nil {
				return err
			}
		}
	}
	if err := write(filepath.Join(dir, onePixel), func(w io.Writer) error {
		return jpeg.Encode(w, image.NewGray(image.Rect(0, 0, 1, 1)), nil)
	}); err != nil {
		return err
	}
	return drawMost(ctx, dir)
}

// drawMost makes pictures that take nearly as much memory as is allowed.
func drawMost(ctx context.Context, dir string) error {
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, c := range map[string]struct{ width, height, mode string }{
		"most-420.jpg": {"6700", "4950", "on"},
		"most-444.jpg": {"4800", "3450", "off"},
	} {
		vips(ctx, "crop", in("48mp.jpg"), in("part.v"), "0", "0", c.width, c.height)
		vips(ctx, "jpegsave", in("part.v"), in(name), "--Q=85", "--interlace", "--subsample-mode="+c.mode)
	}
	vips(ctx, "icc_transform", in("24mp.jpg"), in("most-cmyk.jpg"), "cmyk", "--input-profile=srgb")
	vips(ctx, "crop", in("12mp.png"), in("part.v"), "0", "0", "3900", "2700")
	vips(ctx, "webpsave", in("part.v"), in("most.webp"), "--lossless", "--effort=0")
	deep := image.NewNRGBA64(image.Rect(0, 0, 5000, 5000))
	for i := range deep.Pix {
		deep.Pix[i] = byte(i >> 9)
	}
	return write(in("most.png"), func(w io.Writer) error { return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, deep) })
}

// vips does what Go cannot. A picture that it does not make is missed later.
func vips(ctx context.Context, args ...string) {
	if out, err := exec.CommandContext(ctx, "vips", args...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "vips %s: %v\n%s", args[0], err, out)
	}
}

func opaque(m image.Image) *image.RGBA {
	out := image.NewRGBA(m.Bounds())
	draw.Draw(out, out.Rect, m, out.Rect.Min, draw.Src)
	return out
}

func write(name string, encode func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	return errors.Join(encode(w), w.Flush(), f.Close())
}

// photograph draws light and colour that change slowly, texture of every size, grain as a
// sensor has it, and lines of text: about 0.3 bytes a pixel at quality 90.
func photograph(width, height int) *image.YCbCr {
	m := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	rnd := rand.New(rand.NewPCG(uint64(width), uint64(height)))
	light := []noise{
		newNoise(rnd, width, height, float64(width)/3, 50),
		newNoise(rnd, width, height, float64(width)/24, 40),
		newNoise(rnd, width, height, float64(width)/200, 22),
		newNoise(rnd, width, height, 7, 14),
		newNoise(rnd, width, height, 2.3, 9),
	}
	paint(m.Y, m.YStride, rnd, 3.4, light)
	for _, plane := range [][]byte{m.Cb, m.Cr} {
		paint(plane, m.CStride, rnd, 1.2, []noise{
			newNoise(rnd, width/2, height/2, float64(width)/5, 40),
			newNoise(rnd, width/2, height/2, float64(width)/60, 14),
		})
	}
	inscribe(m)
	return m
}

func paint(plane []byte, stride int, rnd *rand.Rand, grain float64, layers []noise) {
	row := make([]float64, stride)
	for y := range len(plane) / stride {
		for x := range row {
			row[x] = 127.5 + grain*rnd.NormFloat64()
		}
		for _, n := range layers {
			n.add(row, float64(y))
		}
		for x, v := range row {
			plane[y*stride+x] = byte(min(max(v, 0), 255))
		}
	}
}

// noise is values at random on a lattice, and between them what is smooth.
type noise struct {
	cell    float64 // pixels between the points of the lattice
	columns int
	points  []float64
}

func newNoise(rnd *rand.Rand, width, height int, cell, loud float64) noise {
	columns, rows := int(float64(width)/cell)+3, int(float64(height)/cell)+3
	n := noise{cell: cell, columns: columns, points: make([]float64, columns*rows)}
	for i := range n.points {
		n.points[i] = loud * (2*rnd.Float64() - 1)
	}
	return n
}

func (n noise) add(row []float64, y float64) {
	top, down := math.Modf(y / n.cell)
	upper := n.points[int(top)*n.columns:][:n.columns]
	lower := n.points[(int(top)+1)*n.columns:][:n.columns]
	down = down * down * (3 - 2*down)
	at := func(i int) float64 { return upper[i] + (lower[i]-upper[i])*down }
	i, left, right := 0, at(0), at(1)
	for x := range row {
		v := float64(x) / n.cell
		if j := int(v); j != i {
			i, left, right = j, at(j), at(j+1)
		}
		v -= float64(i)
		row[x] += left + (right-left)*v*v*(3-2*v)
	}
}

// inscribe writes black lines over the lower right of a picture and one large white one, as
// on the cover of a book.
func inscribe(m *image.YCbCr) {
	const line = "Ao verme que primeiro roeu as frias carnes do meu cadaver"
	small := max(m.Rect.Dx()/1500, 1)
	for i := range 18 {
		letters(m, line, image.Pt(m.Rect.Dx()/2, m.Rect.Dy()/2+i*15*small), small, 20)
	}
	letters(m, "DOM CASMURRO", image.Pt(m.Rect.Dx()/12, m.Rect.Dy()/10), m.Rect.Dx()/120, 235)
}

// letters writes one line, each dot of its letters so many pixels large.
func letters(m *image.YCbCr, line string, at image.Point, size int, shade byte) {
	mask := image.NewAlpha(image.Rect(0, 0, 7*len(line), 13))
	d := font.Drawer{Dst: mask, Src: image.NewUniform(color.Opaque), Face: basicfont.Face7x13, Dot: fixed.P(0, 10)}
	d.DrawString(line)
	for y := range 13 * size {
		for x := range 7 * len(line) * size {
			if p := at.Add(image.Pt(x, y)); p.In(m.Rect) && mask.AlphaAt(x/size, y/size).A > 0 {
				m.Y[m.YOffset(p.X, p.Y)] = shade
			}
		}
	}
}
