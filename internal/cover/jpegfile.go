package cover

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"

	"acervo/internal/fault"
)

// Every scan of a progressive JPEG may cost a pass over all coefficients, however
// few bytes it has. Encoders write 10 scans, for CMYK 18; a sequential JPEG needs
// one for each component.
const (
	maxScans           = 32
	maxSequentialScans = 4
)

// Markers of ITU-T T.81, table B.1.
const (
	mSOF0  = 0xc0
	mSOF1  = 0xc1
	mSOF2  = 0xc2
	mDHT   = 0xc4
	mJPG   = 0xc8
	mDAC   = 0xcc
	mSOF15 = 0xcf
	mRST0  = 0xd0
	mRST7  = 0xd7
	mSOI   = 0xd8
	mEOI   = 0xd9
	mSOS   = 0xda
	mAPP1  = 0xe1
	mAPP2  = 0xe2
	mAPP14 = 0xee
)

// markers is what the markers of a JPEG tell.
type markers struct {
	frame       []byte // the body of the frame header
	progressive bool
	scans       int
	adobe       bool
	transformed bool // by what Adobe's marker says
	orientation int
	profile     [256][]byte // its pieces by their numbers
	ends        bool        // the file goes on to its end
}

func inspectJPEG(data []byte) (file, error) {
	m, err := readMarkers(data)
	switch {
	case err != nil:
		return file{}, err
	case !m.ends:
		return file{}, endsEarly(JPEG)
	case m.frame == nil || m.scans == 0:
		return file{}, fault.New(fault.Invalid, "the JPEG file holds no picture")
	}
	f := file{
		width:       int(binary.BigEndian.Uint16(m.frame[3:])),
		height:      int(binary.BigEndian.Uint16(m.frame[1:])),
		orientation: max(m.orientation, 1),
		profile:     bytes.Join(m.profile[:], nil),
		coloured:    len(m.frame) == 6+3*3,
		inked:       len(m.frame) == 6+3*4,
		parts:       [][]byte{data},
		decode:      jpeg.Decode,
	}
	f.frame = image.Rect(0, 0, f.width, f.height)
	f.memory, f.planes = m.memory(int64(f.width*f.height)), m.planes()
	if f.inked && !m.adobe {
		f.parts = withAdobe(data)
	}
	return f, nil
}

// readMarkers walks the segments up to the end of the image, as the standard
// decoder does: whatever is no marker between them is passed over.
func readMarkers(data []byte) (m markers, err error) {
	for rest := data[2:]; ; {
		i := bytes.IndexByte(rest, 0xff)
		if i < 0 || i+1 >= len(rest) {
			return m, nil
		}
		marker := rest[i+1]
		switch {
		case marker == 0xff: // the first of the two was filling
			rest = rest[i+1:]
			continue
		case marker == 0, marker >= mRST0 && marker <= mRST7: // within a scan
			rest = rest[i+2:]
			continue
		case marker == mEOI:
			m.ends = true
			return m, nil
		}
		rest = rest[i+2:]
		if len(rest) < 2 {
			return m, nil
		}
		n := int(binary.BigEndian.Uint16(rest))
		if n < 2 || n > len(rest) {
			return m, nil
		}
		if err := m.segment(marker, rest[2:n]); err != nil {
			return m, err
		}
		rest = rest[n:]
	}
}

func (m *markers) segment(marker byte, body []byte) error {
	switch {
	case marker == mSOS:
		m.scans++
		if m.scans > maxSequentialScans && !m.progressive || m.scans > maxScans {
			return fault.New(fault.TooLarge, "the JPEG file has more scans than a picture needs")
		}
	case marker >= mSOF0 && marker <= mSOF15 && marker != mDHT && marker != mJPG && marker != mDAC:
		return m.start(marker, body)
	case marker == mAPP1 && bytes.HasPrefix(body, []byte("Exif\x00")) && len(body) > 6 && m.orientation == 0:
		m.orientation = readOrientation(body[6:])
	case marker == mAPP2 && bytes.HasPrefix(body, []byte("ICC_PROFILE\x00")) && len(body) > 14:
		m.profile[body[12]] = body[14:]
	case marker == mAPP14 && bytes.HasPrefix(body, []byte("Adobe")) && len(body) >= 12:
		m.adobe, m.transformed = true, body[11] != 0
	}
	return nil
}

// start takes a frame header.
func (m *markers) start(marker byte, body []byte) error {
	switch {
	case m.frame != nil:
		return fault.New(fault.Invalid, "the JPEG file is damaged: it holds two pictures in one")
	case marker > mSOF2:
		return fault.New(fault.Invalid, "this kind of JPEG is not supported: lossless, hierarchical or arithmetic coding")
	case len(body) < 6 || len(body) != 6+3*int(body[5]):
		return fault.New(fault.Invalid, "the JPEG file is damaged: its frame header has a wrong length")
	}
	m.frame, m.progressive = body, marker == mSOF2
	return nil
}

// planes reports whether the decoder leaves the picture in planes.
func (m *markers) planes() bool {
	switch n := len(m.frame) / 3; n - 2 {
	case 1:
		return true
	case 3:
		return !m.rgb()
	}
	return false
}

// rgb reports whether the three components may be red, green and blue; the decoder
// then makes RGBA of them.
func (m *markers) rgb() bool {
	return m.adobe && !m.transformed || m.frame[6] == 'R' && m.frame[9] == 'G' && m.frame[12] == 'B'
}

// memory is what the standard decoder holds for so many pixels: a byte a sample,
// four more in progressive ones, and four a pixel where it makes RGBA or CMYK.
func (m *markers) memory(pixels int64) int64 {
	var samples, most int64
	for c := m.frame[6:]; len(c) > 0; c = c[3:] {
		n := int64(c[1]>>4) * int64(c[1]&15)
		samples, most = samples+n, max(most, n)
	}
	most = max(most, 1)
	perSample := int64(1)
	if m.progressive {
		perSample = 5
	}
	held := (pixels*samples + most - 1) / most * perSample
	if !m.planes() {
		held += 4 * pixels
	}
	return held
}

// withAdobe gives a file of four components the marker without which the standard
// decoder does not take it. Its inks then count as inverted, as in every browser.
func withAdobe(data []byte) [][]byte {
	return [][]byte{data[:2], []byte("\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"), data[2:]}
}
