package cover

import (
	"bytes"
	"encoding/binary"
)

// readOrientation finds the orientation, 1 to 8, in an Exif block (CIPA DC-008,
// 4.6.2: a TIFF file, of which the first directory counts); 0 when there is none.
// Some write before it in PNG and WebP what only JPEG wants there.
func readOrientation(exif []byte) int {
	exif = bytes.TrimPrefix(exif, []byte("Exif\x00\x00"))
	if len(exif) < 8 {
		return 0
	}
	var order binary.ByteOrder
	switch string(exif[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	at := int64(order.Uint32(exif[4:]))
	if at > int64(len(exif)-2) {
		return 0
	}
	entries := exif[at+2:]
	for range order.Uint16(exif[at:]) {
		if len(entries) < 12 {
			return 0
		}
		const orientation = 0x0112
		if order.Uint16(entries) == orientation {
			return orientationOf(order, entries)
		}
		entries = entries[12:]
	}
	return 0
}

// orientationOf reads the entry: a SHORT, as it has to be, or one LONG, as some
// write it.
func orientationOf(order binary.ByteOrder, entry []byte) int {
	const short, long = 3, 4
	var value uint32
	switch kind, count := order.Uint16(entry[2:]), order.Uint32(entry[4:]); {
	case kind == short:
		value = uint32(order.Uint16(entry[8:]))
	case kind == long && count == 1:
		value = order.Uint32(entry[8:])
	}
	if value > 8 {
		return 0
	}
	return int(value)
}

// turn is what sets a picture upright: it is mirrored first, then its rows become
// columns.
type turn struct{ flipX, flipY, transpose bool }

// upright is the turn that undoes an orientation.
func upright(orientation int) turn {
	switch orientation {
	case 2:
		return turn{flipX: true}
	case 3:
		return turn{flipX: true, flipY: true}
	case 4:
		return turn{flipY: true}
	case 5:
		return turn{transpose: true}
	case 6: // a quarter clockwise
		return turn{flipY: true, transpose: true}
	case 7:
		return turn{flipX: true, flipY: true, transpose: true}
	case 8: // a quarter counterclockwise
		return turn{flipX: true, transpose: true}
	}
	return turn{}
}
