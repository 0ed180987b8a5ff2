package cover

import (
	"encoding/binary"
	"image"
	"image/gif"

	"acervo/internal/fault"
)

// inspectGIF walks the blocks of a GIF to its end (GIF89a, appendix B). The first
// frame counts, on the whole canvas.
func inspectGIF(data []byte) (file, error) {
	if len(data) < 13 {
		return file{}, endsEarly(GIF)
	}
	f := file{
		width: int(binary.LittleEndian.Uint16(data[6:])), height: int(binary.LittleEndian.Uint16(data[8:])),
		orientation: 1, parts: [][]byte{data}, decode: gif.Decode,
	}
	rest, seen := skip(data[13:], gifTable(data[10])), false
	for {
		if len(rest) == 0 {
			return file{}, endsEarly(GIF)
		}
		kind := rest[0]
		switch kind {
		case ';': // the trailer
			if !seen {
				return file{}, fault.New(fault.Invalid, "the GIF file holds no picture")
			}
			return f, nil
		case '!': // an extension
			rest = gifBlocks(skip(rest, 2))
		case ',': // a frame
			if len(rest) < 11 {
				return file{}, endsEarly(GIF)
			}
			if !seen {
				seen, f.frame = true, gifFrame(rest)
				f.memory = int64(f.frame.Dx()) * int64(f.frame.Dy())
			}
			rest = gifBlocks(skip(rest, 10+gifTable(rest[9])+1))
		default:
			return file{}, fault.New(fault.Invalid, "the GIF file is damaged: it holds a block of an unknown kind")
		}
	}
}

func gifFrame(b []byte) image.Rectangle {
	at := func(i int) int { return int(binary.LittleEndian.Uint16(b[i:])) }
	return image.Rect(at(1), at(3), at(1)+at(5), at(3)+at(7))
}

// gifTable is the length of the colour table that the flags announce.
func gifTable(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// gifBlocks passes over sub-blocks and their terminator.
func gifBlocks(data []byte) []byte {
	for len(data) > 0 && data[0] != 0 {
		data = skip(data, 1+int(data[0]))
	}
	return skip(data, 1)
}

func skip(data []byte, n int) []byte { return data[min(n, len(data)):] }
