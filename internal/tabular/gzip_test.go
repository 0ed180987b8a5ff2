package tabular_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"acervo/internal/fault"
	"acervo/internal/tabular"
)

func gzipped(tb testing.TB, parts ...[]byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	for _, part := range parts {
		w := gzip.NewWriter(&b)
		if _, err := w.Write(part); err != nil {
			tb.Fatal(err)
		}
		if err := w.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestExpand(t *testing.T) {
	t.Parallel()
	raw := generated(5000)
	zip := gzipped(t, raw)
	bomb := gzipped(t, make([]byte, 32<<20))
	for _, c := range []struct {
		name string
		zip  []byte
		most int64
		want string
		kind fault.Kind
		give int // at least
	}{
		{"a gzipped list", zip, 0, "", "", len(raw)},
		{"members one after the other", gzipped(t, raw, raw), 0, "", "", 2 * len(raw)},
		{"exactly as much as is allowed", zip, int64(len(raw)), "", "", len(raw)},
		{"one byte more than is allowed", zip, int64(len(raw)) - 1, "expanded_size", fault.TooLarge, len(raw) - 1},
		{"a bomb", bomb, 0, "gzip_ratio", fault.TooLarge, 1 << 20},
		{"one that ends in the middle", zip[:len(zip)/2], 0, "gzip_truncated", fault.Invalid, 1},
		{"one that ends before its checksum", zip[:len(zip)-4], 0, "gzip_truncated", fault.Invalid, len(raw)},
		{"one that ends within its header", zip[:5], 0, "gzip_truncated", fault.Invalid, 0},
		{"one that is damaged", append(append([]byte{}, zip[:100]...), bytes.Repeat([]byte{0xFF}, 100)...), 0, "gzip_damaged", fault.Invalid, 0},
		{"one with another checksum", append(append([]byte{}, zip[:len(zip)-8]...), 1, 2, 3, 4, 5, 6, 7, 8), 0, "gzip_damaged", fault.Invalid, len(raw)},
		{"one that something follows", append(append([]byte{}, zip...), "title,author"...), 0, "gzip_trailing", fault.Invalid, len(raw)},
		{"no gzip", raw, 0, "gzip_damaged", fault.Invalid, 0},
		{"nothing", nil, 0, "gzip_truncated", fault.Invalid, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := io.ReadAll(tabular.Expand(iotest.HalfReader(bytes.NewReader(c.zip)), c.most))
			if refusals(err) != c.want || fault.KindOf(err) != c.kind || len(got) < c.give {
				t.Errorf("got %d bytes and %v, want %d and %q", len(got), err, c.give, c.want)
			}
			if c.most > 0 && int64(len(got)) > c.most {
				t.Errorf("got %d bytes of %d", len(got), c.most)
			}
		})
	}
	t.Run("a bomb is given up early, and an error of it is the one of its scan", func(t *testing.T) {
		t.Parallel()
		in := bytes.NewReader(bomb)
		if _, err := tabular.Scan(tabular.Expand(in, 0), tabular.Options{}); refusals(err) != "binary" && refusals(err) != "gzip_ratio" {
			t.Errorf("got %v", err)
		}
		if in.Len() < len(bomb)/2 {
			t.Errorf("%d of %d bytes are left", in.Len(), len(bomb))
		}
		if _, err := tabular.Scan(tabular.Expand(bytes.NewReader(zip[:len(zip)/2]), 0), tabular.Options{}); refusals(err) != "gzip_truncated" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an error of its reader is passed on", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("disk on fire")
		for _, n := range []int{0, 5, 1000} {
			in := io.MultiReader(bytes.NewReader(zip[:n]), iotest.ErrReader(broken))
			if _, err := io.ReadAll(tabular.Expand(in, 0)); !errors.Is(err, broken) {
				t.Errorf("after %d bytes: %v", n, err)
			}
		}
	})
}

func FuzzExpand(f *testing.F) {
	f.Add(gzipped(f, []byte("title,author\nA,B\n")), int64(10))
	f.Add(gzipped(f, make([]byte, 4<<20)), int64(0))
	f.Add([]byte{0x1F, 0x8B, 8, 0xFF}, int64(100))
	f.Fuzz(func(t *testing.T, zip []byte, most int64) {
		if most < 0 {
			return
		}
		n, err := io.Copy(io.Discard, tabular.Expand(bytes.NewReader(zip), most))
		if most > 0 && n > most || n > 1<<20+64<<10+200*int64(len(zip)) {
			t.Errorf("%d bytes came out of %d, where %d were allowed", n, len(zip), most)
		}
		if err != nil && fault.KindOf(err) == fault.Internal {
			t.Errorf("got %v", err)
		}
	})
}
