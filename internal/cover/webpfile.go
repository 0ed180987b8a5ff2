package cover

import (
	"bytes"
	"encoding/binary"
	"image"
	"io"

	"golang.org/x/image/webp"

	"acervo/internal/fault"
)

// chunk is one of a RIFF file.
type chunk struct {
	kind string
	body []byte
}

// webpFile is what the chunks of a WebP tell (RFC 9649).
type webpFile struct {
	extended      []byte  // the body of VP8X
	still         []chunk // the picture of a still file, the first frame of an animation
	frame         []byte  // the header of that frame
	exif, profile []byte
}

func inspectWebP(data []byte) (file, error) {
	w, err := readWebP(data)
	if err != nil {
		return file{}, err
	}
	f := file{orientation: max(readOrientation(w.exif), 1), profile: w.profile, coloured: true}
	size, err := w.layOut(&f)
	if err != nil {
		return file{}, err
	}
	still := w.assemble(size)
	config, err := webp.DecodeConfig(bytes.NewReader(still))
	if err != nil {
		return file{}, fault.Wrap(fault.Invalid, err, "the WebP file is damaged")
	}
	if size == (image.Point{}) {
		size = image.Pt(config.Width, config.Height)
		f.width, f.height = size.X, size.Y
		f.frame = image.Rect(0, 0, size.X, size.Y)
	}
	if size != image.Pt(config.Width, config.Height) {
		return file{}, fault.New(fault.Invalid, "the WebP file is damaged: its size is not the one it told")
	}
	f.parts, f.decode = [][]byte{still}, decodeWebP
	f.planes = len(w.still) == 1 && w.still[0].kind == "VP8 "
	f.memory, f.passing = w.memory(size, int64(len(data)))
	return f, nil
}

// readWebP walks the chunks of the file, of an animation those of its first frame.
func readWebP(data []byte) (w webpFile, err error) {
	size := int64(binary.LittleEndian.Uint32(data[4:]))
	if size < 4 || size > int64(len(data)-8) {
		return w, endsEarly(WebP)
	}
	chunks, ok := riffChunks(data[12 : 8+size])
	if !ok {
		return w, endsEarly(WebP)
	}
	for _, c := range chunks {
		switch {
		case c.kind == "VP8X" && w.extended == nil && len(c.body) == 10:
			w.extended = c.body
		case c.kind == "ANMF" && w.still == nil && len(c.body) >= 16:
			w.frame = c.body[:16]
			if w.still, ok = riffChunks(c.body[16:]); !ok {
				return w, endsEarly(WebP)
			}
			w.still = picture(w.still)
		case c.kind == "EXIF" && w.exif == nil:
			w.exif = c.body
		case c.kind == "ICCP" && w.profile == nil:
			w.profile = c.body
		}
	}
	if w.frame == nil {
		w.still = picture(chunks)
	}
	if len(w.still) == 0 {
		return w, fault.New(fault.Invalid, "the WebP file holds no picture")
	}
	return w, nil
}

// riffChunks splits a list of chunks; false when the last one is cut off.
func riffChunks(data []byte) (all []chunk, ok bool) {
	for len(data) > 0 {
		if len(data) < 8 {
			return nil, false
		}
		n := int64(binary.LittleEndian.Uint32(data[4:]))
		if n > int64(len(data)-8) {
			return nil, false
		}
		all = append(all, chunk{string(data[:4]), data[8 : 8+n]})
		data = skip(data, int(8+n+n&1))
	}
	return all, true
}

// picture keeps the first picture among chunks, with the alpha before it.
func picture(chunks []chunk) (still []chunk) {
	for _, c := range chunks {
		switch {
		case c.kind == "ALPH" && still == nil:
			still = []chunk{c}
		case c.kind == "VP8 ":
			return append(still, c)
		case c.kind == "VP8L":
			return []chunk{c} // which has its own alpha
		}
	}
	return nil
}

// layOut tells the file its canvas and returns the size of the picture on it, zero
// when only the picture knows.
func (w *webpFile) layOut(f *file) (image.Point, error) {
	if w.extended == nil {
		if w.frame != nil || len(w.still) > 1 {
			return image.Point{}, fault.New(fault.Invalid, "the WebP file is damaged: its header is missing")
		}
		return image.Point{}, nil
	}
	f.width, f.height = uint24(w.extended[4:])+1, uint24(w.extended[7:])+1
	f.frame = image.Rect(0, 0, f.width, f.height)
	if w.frame != nil {
		size := image.Pt(uint24(w.frame[6:])+1, uint24(w.frame[9:])+1)
		f.frame = image.Rectangle{Max: size}.Add(image.Pt(2*uint24(w.frame), 2*uint24(w.frame[3:])))
	}
	return f.frame.Size(), nil
}

// assemble writes a still file of nothing but the picture.
func (w *webpFile) assemble(size image.Point) []byte {
	var list bytes.Buffer
	list.WriteString("WEBP")
	if len(w.still) > 1 {
		header := make([]byte, 10)
		header[0] = 1 << 4 // there is alpha
		putUint24(header[4:], size.X-1)
		putUint24(header[7:], size.Y-1)
		putChunk(&list, chunk{"VP8X", header})
	}
	for _, c := range w.still {
		putChunk(&list, c)
	}
	var whole bytes.Buffer
	putChunk(&whole, chunk{"RIFF", list.Bytes()})
	return whole.Bytes()
}

// memory is what the decoder holds of its result and of the file, and what passes. Planes
// take a byte and a half a pixel, alpha another. What is lossless, as alpha mostly is, is
// decoded into four, with what its transforms need and the trees of its code, of which a
// file of half a megabyte can have all.
func (w *webpFile) memory(size image.Point, length int64) (held, passing int64) {
	const allTrees = 137 << 20 // 2,600 groups of five trees
	pixels := int64(size.X) * int64(size.Y)
	copies := 3 * length // the file put together, and the decoder's partitions
	switch {
	case w.still[0].kind == "VP8L":
		return copies + 4*pixels, allTrees + pixels
	case len(w.still) > 1:
		return copies + 3*pixels, allTrees + 2*pixels
	}
	return copies + 2*pixels, 0
}

// decodeWebP decodes, and gives planes the range that image.YCbCr has: those of
// VP8 leave room below black and above white (RFC 6386, section 9.2), which the
// decoder does not tell.
func decodeWebP(r io.Reader) (image.Image, error) {
	img, err := webp.Decode(r)
	switch m := img.(type) {
	case *image.YCbCr:
		fullRange(m)
	case *image.NYCbCrA:
		fullRange(&m.YCbCr)
	}
	return img, err
}

func fullRange(m *image.YCbCr) {
	var luma, chroma [256]byte
	for i := range 256 {
		luma[i] = clamp8((float64(i) - 16) * 255 / 219)
		chroma[i] = clamp8((float64(i)-128)*255/224 + 128)
	}
	for i, v := range m.Y {
		m.Y[i] = luma[v]
	}
	for i, v := range m.Cb {
		m.Cb[i] = chroma[v]
	}
	for i, v := range m.Cr {
		m.Cr[i] = chroma[v]
	}
}

func clamp8(v float64) byte { return byte(min(max(v+0.5, 0), 255)) }

func putChunk(b *bytes.Buffer, c chunk) {
	b.WriteString(c.kind)
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(c.body))))
	b.Write(c.body)
	if len(c.body)%2 == 1 {
		b.WriteByte(0)
	}
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

func putUint24(b []byte, v int) { b[0], b[1], b[2] = byte(v), byte(v>>8), byte(v>>16) }
