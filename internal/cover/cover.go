// Package cover turns the bytes of a picture that a stranger uploaded into
// renditions for the web: upright, in sRGB, on white, without metadata, never
// larger than the original. It is pure: bytes in, bytes out.
//
// Everything is decided by content. What a file claims about itself is read from
// its header first, and a file that claims too much is refused before anything
// is decoded. Libraries that start goroutines (imaging) see only pixels that were
// decoded and checked before, since a panic over there could not be recovered.
package cover

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"io"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"acervo/internal/fault"
)

const (
	// MaxBytes is the size of the largest original that is taken, 32 MiB.
	MaxBytes = 32 << 20
	// MaxTime is how long a picture may take from its turn on, its reading included. The
	// slowest that are taken are done within a few seconds.
	MaxTime = 30 * time.Second
	// Memory is what a process needs that makes renditions and does nothing else, in bytes:
	// its soft limit (GOMEMLIMIT). With the program itself, which Go does not count, it
	// stays below 300 MiB.
	Memory = 290 << 20
)

const (
	maxSide       = 16_384
	maxPixels     = 25_000_000
	maxJPEGPixels = 50_000_000

	// maxMemory is what one picture may hold at a time in bytes, its file
	// included, as estimated from its header. With what a process needs besides
	// it stays below Memory.
	maxMemory = 272 << 20
)

// Widths are those of renditions, in pixels from small to large. A picture gets
// those that do not exceed its own; one below the smallest gets its own.
func Widths() []int { return []int{96, 320, 640, 1200} }

// Rendition is a picture made of the original, a JPEG in sRGB.
type Rendition struct {
	Width, Height int // pixels
	JPEG          []byte
}

// Result is what became of an original, and what was found out about it. The same
// bytes give the same result.
type Result struct {
	SHA256        string // of the original, in hexadecimal
	Format        Format
	Width, Height int     // pixels of the original held upright
	Orientation   int     // as Exif counts them, 1 to 8; 1 when nothing was said
	Profile       Profile // what the colour profile was good for
	Renditions    []Rendition
	Blurhash      string // https://blurha.sh, of the smallest rendition
	Color         string // the dominant colour, #rrggbb
}

// Renderer makes renditions of one picture at a time, since each may take all
// the memory that is meant for pictures. It is safe for concurrent use.
type Renderer struct{ turn chan struct{} }

// New returns a renderer. A process needs one; its soft memory limit should leave
// Memory for it.
func New() *Renderer { return &Renderer{turn: make(chan struct{}, 1)} }

// Render reads an original of size bytes and makes its renditions. Its errors are
// TooLarge for what takes too much, MediaType for what is no picture of a format
// that is taken, Invalid for one that is damaged or of another length, each with a
// detail that its owner understands; and Unavailable when ctx or MaxTime ends first.
func (r *Renderer) Render(ctx context.Context, original io.Reader, size int64) (Result, error) {
	if size > MaxBytes {
		return Result{}, fault.New(fault.TooLarge, "the file has %d bytes; at most %d are taken", size, MaxBytes)
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return Result{}, outOfTime(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, MaxTime)
	defer cancel()
	data, err := readAll(ctx, original, size)
	if err != nil {
		return Result{}, err
	}
	result, err := recovering(func() (Result, error) { return render(ctx, data) })
	if fault.Is(err, fault.Internal) {
		return Result{}, fault.Wrap(fault.Internal, err, "the picture cannot be rendered")
	}
	return result, err
}

// readAll reads exactly size bytes.
func readAll(ctx context.Context, r io.Reader, size int64) ([]byte, error) {
	data := make([]byte, max(size, 0)+1) // the last byte is there to stay empty
	n, err := io.ReadFull(patient{ctx, r}, data)
	switch {
	case ctx.Err() != nil:
		return nil, outOfTime(ctx)
	case err == nil, int64(n) < size && shortened(err):
		return nil, fault.New(fault.Invalid, "the file does not have the %d bytes that were promised", size)
	case !shortened(err):
		return nil, fault.Wrap(fault.KindOf(err), err, "the file cannot be read")
	}
	return data[:n], nil
}

func render(ctx context.Context, data []byte) (Result, error) {
	f, err := inspect(data)
	if err != nil {
		return Result{}, err
	}
	digest := sha256.Sum256(data)
	result := Result{
		SHA256: hex.EncodeToString(digest[:]),
		Format: f.format, Width: f.width, Height: f.height, Orientation: f.orientation,
	}
	if upright(f.orientation).transpose {
		result.Width, result.Height = f.height, f.width
	}
	img, err := decode(ctx, f)
	if err != nil {
		return Result{}, err
	}
	var colours *transform
	if f.inked {
		f.inks, result.Profile = readInks(f.profile)
	} else {
		colours, result.Profile = readProfile(f.profile, f.coloured)
	}
	wanted := sizes(result.Width, result.Height)
	s := newSheet(f, img, wanted[0])
	if err := ctx.Err(); err != nil {
		return Result{}, outOfTime(ctx)
	}
	if colours != nil {
		s.convert(colours)
	}
	return finish(ctx, result, s, wanted)
}

// finish encodes the largest rendition, and makes each other from the one before.
func finish(ctx context.Context, result Result, s sheet, wanted []image.Point) (Result, error) {
	result.Renditions = make([]Rendition, len(wanted))
	for i, size := range wanted {
		if ctx.Err() != nil {
			return Result{}, outOfTime(ctx)
		}
		if i > 0 {
			s = s.resized(size)
		}
		encoded, err := encode(s.image())
		if err != nil {
			return Result{}, fault.Wrap(fault.Internal, err, "a rendition cannot be encoded")
		}
		result.Renditions[len(wanted)-1-i] = Rendition{Width: size.X, Height: size.Y, JPEG: encoded}
	}
	small := opaque(s.image())
	result.Blurhash, result.Color = blurhash(small), dominant(small)
	return result, nil
}

// sizes are those of the renditions of a picture, from large to small.
func sizes(width, height int) (all []image.Point) {
	for _, w := range Widths() {
		if w <= width {
			h := (height*w + width/2) / width
			all = append([]image.Point{{X: w, Y: max(h, 1)}}, all...)
		}
	}
	if all == nil {
		all = []image.Point{{X: width, Y: height}}
	}
	return all
}

// decode decodes a file whose header was found to be harmless.
func decode(ctx context.Context, f file) (image.Image, error) {
	detail := "the " + string(f.format) + " file is damaged"
	img, err := recovering(func() (image.Image, error) { return f.decode(patient{ctx, f.reader()}) })
	if f.passing > 0 {
		runtime.GC() // what has passed makes room for what comes
	}
	switch {
	case ctx.Err() != nil:
		return nil, outOfTime(ctx)
	case shortened(err):
		return nil, endsEarly(f.format)
	case err != nil:
		return nil, fault.Wrap(fault.Invalid, err, "%s", reason(detail, err))
	case img.Bounds().Size() != f.frame.Size():
		return nil, fault.New(fault.Invalid, "%s: its size is not the one it told", detail)
	}
	return img, nil
}

// recovering makes an error of a panic. Decoders meet bytes that nobody has thought
// of, and a worker must outlive them.
func recovering[T any](do func() (T, error)) (result T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}

func outOfTime(ctx context.Context) error {
	return fault.Wrap(fault.Unavailable, context.Cause(ctx), "the picture was not done in time")
}

func endsEarly(format Format) error {
	return fault.New(fault.Invalid, "the %s file ends too early: it is incomplete", format)
}

// patient reads in small pieces for as long as its context lasts, so that a
// decoder ends with it.
type patient struct {
	ctx context.Context //nolint:containedctx // a reader has no other way to hear of it
	r   io.Reader
}

// Read is io.Reader's.
func (p patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b[:min(len(b), 64<<10)])
}

// side tells a size to people.
func side(width, height int) string {
	return strconv.Itoa(width) + " × " + strconv.Itoa(height) + " pixels"
}
