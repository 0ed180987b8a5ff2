package cover

import "image"

// Resized is the first rendition of planes, before it is encoded.
func Resized(m *image.YCbCr, orientation int, size image.Point) image.Image {
	f := file{width: m.Rect.Dx(), height: m.Rect.Dy(), frame: m.Rect, orientation: orientation, format: JPEG}
	return newSheet(f, m, size).image()
}
