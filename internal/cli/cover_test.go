package cli_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"acervo/internal/cover"
)

func photo(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, width, height)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCover(t *testing.T) {
	t.Parallel()
	t.Run("it writes the renditions that apply, and tells what it found", func(t *testing.T) {
		t.Parallel()
		out := filepath.Join(t.TempDir(), "a", "b")
		o := run(t, nil, "cover", file(t, "picture", photo(t, 700, 350)), "--out", out)
		if o.err != nil {
			t.Fatal(o.err)
		}
		var report struct {
			SHA256      string
			Format      string
			Width       int
			Height      int
			Orientation int
			Profile     string
			Blurhash    string
			Color       string
			Renditions  []struct {
				File                 string
				Width, Height, Bytes int
			}
		}
		if err := json.Unmarshal([]byte(o.stdout), &report, json.MatchCaseInsensitiveNames(true), json.RejectUnknownMembers(true)); err != nil {
			t.Fatalf("%v in %s", err, o.stdout)
		}
		if len(report.SHA256) != 64 || report.Format != "JPEG" || report.Width != 700 || report.Height != 350 ||
			report.Orientation != 1 || report.Color != "#000000" || len(report.Blurhash) != 28 {
			t.Errorf("%+v", report)
		}
		var names []string
		for _, r := range report.Renditions {
			names = append(names, r.File)
			data, err := os.ReadFile(filepath.Join(out, r.File))
			if err != nil {
				t.Fatal(err)
			}
			config, err := jpeg.DecodeConfig(bytes.NewReader(data))
			if err != nil || config.Width != r.Width || config.Height != r.Height || len(data) != r.Bytes || r.Height != r.Width/2 {
				t.Errorf("%+v is %+v in %d bytes, %v", r, config, len(data), err)
			}
		}
		if !slices.Equal(names, []string{"w96.jpg", "w320.jpg", "w640.jpg"}) {
			t.Errorf("files %v", names)
		}
		if limit := debug.SetMemoryLimit(-1); limit > cover.Memory && os.Getenv("GOMEMLIMIT") == "" {
			t.Errorf("the soft limit of memory is %d", limit)
		}
	})
	for name, c := range map[string]struct {
		data []byte
		tell string
	}{
		"a text file named .jpg":    {[]byte("Dear reader"), "no picture"},
		"a picture that is cut off": {photo(t, 70, 35)[:300], "too early"},
		"an empty file":             {nil, "empty"},
	} {
		t.Run(name+" is refused with the reason, and nothing is written", func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "out")
			o := run(t, nil, "cover", file(t, "cover.jpg", c.data), "--out", out)
			if o.err == nil || !strings.Contains(o.err.Error(), c.tell) || o.stdout != "" {
				t.Errorf("got %v, printed %q", o.err, o.stdout)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("there is something")
			}
		})
	}
	for name, args := range map[string][]string{
		"no file":             {"cover", "--out", "x"},
		"two files":           {"cover", "--out", "x", "a", "b"},
		"no place for it all": {"cover", "a"},
		"a directory":         {"cover", "--out", "x", "."},
		"a file there is not": {"cover", "--out", "x", "nowhere.jpg"},
	} {
		t.Run(name+" is a mistake", func(t *testing.T) {
			t.Parallel()
			if o := run(t, nil, args...); o.err == nil {
				t.Errorf("printed %q", o.stdout)
			}
			if _, err := os.Stat("x"); err == nil {
				t.Error("it wrote something")
			}
		})
	}
}
