package main

import (
	"context"
	"fmt"
	"image"
	"image/draw"
	_ "image/png" // of what renditions are compared with
	"os"
	"path/filepath"
)

// liken tells how much of the likeness to full-size Lanczos is lost, at the width that
// loses most, where all that is lost by a JPEG of the same Lanczos counts as nothing.
func (c *covers) liken(ctx context.Context, p coverPicture) error {
	all := makers()
	plain := all[len(all)-1]
	if p.own || p.file == onePixel || c.missing[p.file] != "" || c.missing[p.file+ours] != "" || c.missing[p.file+plain.name] != "" {
		return nil
	}
	ideal := maker{"ideal", func(c *covers, picture, out string) [][]string {
		return [][]string{{filepath.Join(c.dir, "imaging"), picture, out, ".png"}}
	}}
	if _, err := c.make(ctx, ideal, p); err != nil {
		return err
	}
	lost := map[string]float64{}
	for _, width := range []int{1200, 640, 320, 96} {
		best, err := load(filepath.Join(c.out(ideal, p), fmt.Sprintf("w%d.png", width)))
		if err != nil {
			return err
		}
		like := map[string]float64{}
		for _, m := range all {
			picture, err := load(filepath.Join(c.out(m, p), fmt.Sprintf("w%d.jpg", width)))
			if err == nil {
				like[m.name] = ssim(picture, best)
			}
		}
		for name, v := range like {
			lost[name] = max(lost[name], like[plain.name]-v)
		}
	}
	c.table.add(p.file+" likeness", lost[ours], lost["sharp"])
	return nil
}

func load(name string) (*image.RGBA, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out := image.NewRGBA(img.Bounds())
	draw.Draw(out, out.Rect, img, out.Rect.Min, draw.Src)
	return out, nil
}

// ssim is the mean structural similarity of luma, over windows of 8 by 8 pixels (Wang and
// others, 2004); 0 for pictures of different sizes.
func ssim(a, b *image.RGBA) float64 {
	if a.Rect != b.Rect {
		return 0
	}
	x, y, width := luma(a), luma(b), a.Rect.Dx()
	total, n := 0.0, 0.0
	for top := 0; top+8 <= a.Rect.Dy(); top += 4 {
		for left := 0; left+8 <= width; left += 4 {
			total, n = total+window(x[top*width+left:], y[top*width+left:], width), n+1
		}
	}
	return total / n
}

func window(x, y []float64, stride int) float64 {
	var sx, sy, sxx, syy, sxy float64
	for i := range 64 {
		a, b := x[i/8*stride+i%8], y[i/8*stride+i%8]
		sx, sy, sxx, syy, sxy = sx+a, sy+b, sxx+a*a, syy+b*b, sxy+a*b
	}
	mx, my := sx/64, sy/64
	vx, vy, vxy := sxx/64-mx*mx, syy/64-my*my, sxy/64-mx*my
	const c1, c2 = 0.01 * 255 * 0.01 * 255, 0.03 * 255 * 0.03 * 255
	return (2*mx*my + c1) * (2*vxy + c2) / ((mx*mx + my*my + c1) * (vx + vy + c2))
}

func luma(m *image.RGBA) []float64 {
	all := make([]float64, 0, len(m.Pix)/4)
	for pix := m.Pix; len(pix) >= 4; pix = pix[4:] {
		all = append(all, 0.299*float64(pix[0])+0.587*float64(pix[1])+0.114*float64(pix[2]))
	}
	return all
}
