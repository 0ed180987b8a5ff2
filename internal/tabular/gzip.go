package tabular

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"acervo/internal/fault"
)

// Limits of what a gzipped file may become.
const (
	// MaxExpanded is the most bytes that Expand gives, unless told otherwise.
	MaxExpanded = 4 << 30
	// MaxRatio is how many times its compressed size a file may have. Lists of
	// books shrink to a fifth, the most monotonous ones to a fiftieth.
	MaxRatio = 200

	ratioSlack = 1 << 20 // bytes that are given before the ratio counts
)

// expander is a gzip reader with limits.
type expander struct {
	zip   *gzip.Reader
	in    *meter
	most  int64
	given int64
	err   error
}

// meter counts the bytes that pass, and hides io.ByteReader so that flate reads
// through a buffer of its own.
type meter struct {
	r io.Reader
	n int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	return n, err
}

// Expand reads a gzipped file (RFC 1952; several members are one after the
// other). It gives at most so many bytes, MaxExpanded when most is 0, and at most
// MaxRatio times those that it has read; more is fault.TooLarge. A file that ends
// too early or is damaged is fault.Invalid, once all that could be read has been
// given. Errors of r are passed on. Memory is bounded by 64 KiB and a little.
func Expand(r io.Reader, most int64) io.Reader {
	if most == 0 {
		most = MaxExpanded
	}
	return &expander{in: &meter{r: r}, most: most}
}

func (e *expander) Read(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	if e.zip == nil {
		zip, err := gzip.NewReader(e.in)
		if err != nil {
			e.err = e.told(err)
			return 0, e.err
		}
		e.zip = zip
	}
	room := e.most - e.given
	if int64(len(p)) > room+1 {
		p = p[:room+1] // one more shows that there is more
	}
	n, err := e.zip.Read(p)
	e.given += int64(n)
	switch {
	case e.given > e.most:
		n, e.err = n-1, refuse(fault.TooLarge, "expanded_size", fmt.Sprintf("it has more than %d bytes when expanded", e.most))
	case e.given > ratioSlack && e.given/MaxRatio > e.in.n:
		e.err = refuse(fault.TooLarge, "gzip_ratio", fmt.Sprintf("it expands to more than %d times its size; gzip it again, or import it as it is", MaxRatio))
	case err != nil:
		e.err = e.told(err)
	}
	return n, e.err
}

// told says what is wrong with the gzip, if that is what is wrong.
func (e *expander) told(err error) error {
	at := fmt.Sprintf(" (after %d compressed bytes)", e.in.n)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF) && e.zip == nil:
		return refuse(fault.Invalid, "gzip_truncated", "the gzip ends in the middle; copy it again"+at)
	case errors.Is(err, gzip.ErrHeader) && e.zip != nil:
		return refuse(fault.Invalid, "gzip_trailing", "something that is no gzip follows the gzip"+at)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), isCorrupt(err):
		return refuse(fault.Invalid, "gzip_damaged", "the gzip is damaged; copy it again"+at)
	default:
		return err
	}
}

func isCorrupt(err error) bool {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	return corrupt
}
