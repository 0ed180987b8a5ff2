package cover

import (
	"image"
	"image/color"
	"testing"
)

// chart is the chart of testdata/make.py.
func chart() *image.RGBA {
	patches := []color.RGBA{
		{255, 0, 0, 255},
		{0, 255, 0, 255},
		{0, 0, 255, 255},
		{0, 255, 255, 255},
		{255, 0, 255, 255},
		{255, 255, 0, 255},
		{200, 40, 40, 255},
		{40, 160, 60, 255},
		{40, 60, 200, 255},
		{220, 170, 140, 255},
		{120, 80, 60, 255},
		{90, 120, 160, 255},
		{250, 128, 20, 255},
		{130, 40, 150, 255},
		{180, 220, 60, 255},
		{30, 110, 110, 255},
		{240, 180, 190, 255},
		{70, 70, 20, 255},
		{255, 255, 255, 255},
		{200, 200, 200, 255},
		{150, 150, 150, 255},
		{90, 90, 90, 255},
		{40, 40, 40, 255},
		{0, 0, 0, 255},
	}
	img := image.NewRGBA(image.Rect(0, 0, 192, 128))
	for y := range 128 {
		for x := range 192 {
			img.SetRGBA(x, y, patches[y/32*6+x/32])
		}
	}
	return img
}

func TestBlurhash(t *testing.T) {
	t.Parallel()
	// What blurhash 1.1.5 on PyPI says of the chart, with 4 by 3 components and, its
	// rows made columns, with 3 by 4.
	t.Run("a wide picture has the hash that other software gives it", func(t *testing.T) {
		t.Parallel()
		if got := blurhash(chart()); got != "LYJHaW=_{]{nx^4-#NvnyXb_-gNN" {
			t.Errorf("it is %s", got)
		}
	})
	t.Run("so has a tall one", func(t *testing.T) {
		t.Parallel()
		wide := chart()
		tall := image.NewRGBA(image.Rect(0, 0, 128, 192))
		for y := range 192 {
			for x := range 128 {
				tall.Set(x, y, wide.At(y, x))
			}
		}
		if got := blurhash(tall); got != "TYJHaWx^yX=_4-b_{]#N-g{nvnNN" {
			t.Errorf("it is %s", got)
		}
	})
}
