package cover

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"acervo/internal/fault"
)

// file is what the header of a picture tells, and how to decode it.
type file struct {
	format        Format
	width, height int             // of the canvas as it is stored
	frame         image.Rectangle // where on the canvas the picture lies
	orientation   int             // 1 to 8
	profile       []byte          // ICC, nil when there is none
	coloured      bool            // neither grey nor of inks: a profile of three colours fits, or else one of grey
	inked         bool            // of four inks
	inks          *inks           // what their profile says, nil when they are taken as they stand
	memory        int64           // bytes that the decoder holds at most, its result included
	passing       int64           // bytes that it holds besides, all of which are free when it is done
	planes        bool            // the decoder gives planes of luma and chroma, or of luma alone

	parts  [][]byte // what the decoder reads
	decode func(io.Reader) (image.Image, error)
}

func (f file) reader() io.Reader {
	readers := make([]io.Reader, len(f.parts))
	for i, part := range f.parts {
		readers[i] = bytes.NewReader(part)
	}
	return io.MultiReader(readers...)
}

// inspect reads the header of a file and refuses what must not be decoded.
func inspect(data []byte) (f file, err error) {
	format := Sniff(data[:min(len(data), maxHead)])
	switch format {
	case JPEG:
		f, err = inspectJPEG(data)
	case PNG:
		f, err = inspectPNG(data)
	case GIF:
		f, err = inspectGIF(data)
	case WebP:
		f, err = inspectWebP(data)
	default:
		return file{}, notTaken(format, len(data))
	}
	if err != nil {
		return file{}, err
	}
	f.format = format
	return f, f.tolerable(int64(len(data)))
}

func notTaken(format Format, size int) error {
	const taken = "covers are taken as JPEG, PNG, GIF or WebP"
	switch {
	case size == 0:
		return fault.New(fault.Invalid, "the file is empty")
	case format == "":
		return fault.New(fault.MediaType, "this is no picture in a known format; %s", taken)
	}
	return fault.New(fault.MediaType, "this is a file in the format %s; %s", format, taken)
}

// tolerable refuses what takes too much, and what has no pixels.
func (f file) tolerable(size int64) error {
	most := maxPixels
	if f.format == JPEG {
		most = maxJPEGPixels
	}
	told := side(f.width, f.height)
	switch {
	case f.width <= 0 || f.height <= 0 || f.frame.Empty():
		return fault.New(fault.Invalid, "the picture has no pixels: it says it has %s", told)
	case f.width > maxSide || f.height > maxSide:
		return fault.New(fault.TooLarge, "the picture has %s; no side may have more than %d", told, maxSide)
	case f.width*f.height > most:
		return fault.New(fault.TooLarge, "the picture has %s; a %s may have %d million in all", told, f.format, most/1_000_000)
	case !f.frame.In(image.Rect(0, 0, f.width, f.height)):
		return fault.New(fault.Invalid, "the picture lies outside of its canvas of %s", told)
	}
	if wanted := size + f.memory + max(f.passing, f.workspace()); wanted > maxMemory {
		return fault.New(fault.TooLarge,
			"the picture has %s, which as they are stored take %d MiB of memory, and %d are given; a smaller or simpler file will do",
			told, (wanted+1<<20-1)>>20, maxMemory>>20)
	}
	return nil
}

// workspace is what making the largest rendition holds besides the decoded
// picture, in bytes.
func (f file) workspace() int64 {
	largest, k := f.largest(), f.shrink()
	w, h := (f.width+k-1)/k, (f.height+k-1)/k
	perPixel := 4 // RGBA
	if f.planes {
		perPixel = 3 // at most
	}
	return int64(perPixel) * (int64(w*h) + int64(largest.X*h) + 2*int64(largest.X*largest.Y))
}

// largest is the size of the largest rendition, turned as the file is stored.
func (f file) largest() image.Point {
	if upright(f.orientation).transpose {
		size := sizes(f.height, f.width)[0]
		return image.Pt(size.Y, size.X)
	}
	return sizes(f.width, f.height)[0]
}

// shrink is by how much the picture is shrunk by averaging before it is resized:
// to no less than 1.6 times the largest rendition, or fine detail would be lost.
func (f file) shrink() int { return boxFactor(float64(f.width), f.largest().X) }

func boxFactor(from float64, to int) int { return max(1, int(from/(1.6*float64(to)))) }

// shortened reports whether an error says that there were too few bytes.
func shortened(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// reason adds what a decoder does not support, which is worth knowing.
func reason(detail string, err error) string {
	if what, ok := errors.AsType[jpeg.UnsupportedError](err); ok {
		return "this kind of JPEG is not supported: " + string(what)
	}
	if what, ok := errors.AsType[png.UnsupportedError](err); ok {
		return "this kind of PNG is not supported: " + string(what)
	}
	return detail
}
