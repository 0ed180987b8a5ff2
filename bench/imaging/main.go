// Command imaging makes the renditions of a picture as imaging's own documentation
// suggests: open, resize from full size to each width, save. It is what
// internal/cover is measured against, and no part of Acervo; a program of its own,
// so that its memory is that of nothing else.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/disintegration/imaging"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "imaging:", err)
		os.Exit(1)
	}
}

// run takes a file, a directory, and what the names of renditions end with: .jpg, or
// .png for what all others are compared with.
func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: imaging FILE DIR .jpg|.png")
	}
	img, err := imaging.Open(args[0], imaging.AutoOrientation(true))
	if err != nil {
		return err
	}
	for _, width := range []int{1200, 640, 320, 96} {
		if width > img.Bounds().Dx() {
			continue
		}
		name := filepath.Join(args[1], fmt.Sprintf("w%d%s", width, args[2]))
		if err := imaging.Save(imaging.Resize(img, width, 0, imaging.Lanczos), name, imaging.JPEGQuality(82)); err != nil {
			return err
		}
	}
	return nil
}
