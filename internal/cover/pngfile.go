package cover

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image"
	"image/png"
	"io"

	"acervo/internal/fault"
)

const (
	maxPNGExtras = 256     // chunks besides those of the picture
	maxProfile   = 4 << 20 // bytes of a profile, unpacked
)

func inspectPNG(data []byte) (file, error) {
	f := file{orientation: 1, parts: [][]byte{data}, decode: png.Decode}
	extras, ends := 0, false
	for rest := data[8:]; !ends; {
		kind, body, after, ok := pngChunk(rest)
		if !ok {
			return file{}, endsEarly(PNG)
		}
		rest = after
		if f.width == 0 && (kind != "IHDR" || len(body) != 13) {
			return file{}, fault.New(fault.Invalid, "the PNG file is damaged: it does not begin with its header")
		}
		switch kind {
		case "IHDR":
			if f.width != 0 {
				return file{}, fault.New(fault.Invalid, "the PNG file is damaged: it has two headers")
			}
			if err := f.pngHeader(body); err != nil {
				return file{}, err
			}
		case "IDAT", "PLTE", "tRNS", "fcTL", "fdAT": // the latter are of further frames
		case "IEND":
			ends = true
		default:
			extras++
			if extras > maxPNGExtras {
				return file{}, fault.New(fault.TooLarge, "the PNG file holds more than %d pieces of metadata", maxPNGExtras)
			}
			if err := f.pngExtra(kind, body); err != nil {
				return file{}, err
			}
		}
	}
	return f, nil
}

// pngChunk splits the first chunk off (PNG, third edition, 5.3). The decoder
// looks at checksums.
func pngChunk(data []byte) (kind string, body, rest []byte, ok bool) {
	if len(data) < 12 {
		return "", nil, nil, false
	}
	n := int64(binary.BigEndian.Uint32(data))
	if n > int64(len(data)-12) {
		return "", nil, nil, false
	}
	return string(data[4:8]), data[8 : 8+n], data[12+n:], true
}

func (f *file) pngHeader(b []byte) error {
	width, height := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	if width == 0 || width > 1<<31-1 || height > 1<<31-1 {
		return fault.New(fault.Invalid, "the picture has no pixels: it says it has %s", side(int(width), int(height)))
	}
	f.width, f.height = int(width), int(height)
	f.frame = image.Rect(0, 0, f.width, f.height)
	depth, colour, interlaced := b[8], b[9], b[12] != 0
	f.coloured = colour&2 != 0
	perPixel := int64(4)
	if colour == 3 { // a palette
		perPixel = 1
	}
	if depth == 16 {
		perPixel = 8
	}
	if interlaced { // each pass is a picture of its own, of which the last has half the pixels
		perPixel *= 2
	}
	if f.width <= maxSide && f.height <= maxSide {
		f.memory = perPixel * int64(f.width*f.height)
	}
	return nil
}

func (f *file) pngExtra(kind string, body []byte) (err error) {
	switch {
	case kind == "eXIf":
		f.orientation = max(readOrientation(body), 1)
	case kind == "iCCP" && f.profile == nil: // only the first counts: unpacking takes time
		f.profile, err = unpackProfile(body)
	}
	return err
}

// unpackProfile unpacks what follows the name of a profile. A damaged one is
// empty, and passed over as browsers do.
func unpackProfile(body []byte) ([]byte, error) {
	_, packed, _ := bytes.Cut(body, []byte{0})
	if len(packed) == 0 || packed[0] != 0 {
		return []byte{}, nil
	}
	z, err := zlib.NewReader(bytes.NewReader(packed[1:]))
	if err != nil {
		return []byte{}, nil //nolint:nilerr // the picture is good without
	}
	profile, err := io.ReadAll(io.LimitReader(z, maxProfile+1))
	if len(profile) > maxProfile {
		return nil, fault.New(fault.TooLarge, "the colour profile of the PNG file has more than %d bytes", maxProfile)
	}
	if err != nil {
		return []byte{}, nil //nolint:nilerr // the picture is good without
	}
	return profile, nil
}
