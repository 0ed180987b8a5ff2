package cover

import "encoding/binary"

// readOrientation finds the orientation, 1 to 8, in an Exif block (CIPA DC-008,
// 4.6.2: a TIFF file, of which the first directory counts); 0 when there is none.
func readOrientation(exif []byte) int {
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
		const orientation, short = 0x0112, 3
		if order.Uint16(entries) == orientation {
			value := int(order.Uint16(entries[8:]))
			if order.Uint16(entries[2:]) != short || value > 8 {
				return 0
			}
			return value
		}
		entries = entries[12:]
	}
	return 0
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
