package main

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"acervo/internal/config"
	"acervo/internal/e2etest"
)

// aPhoto is a file that is a picture.
func aPhoto(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 400, 300)), nil); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "photo.jpg")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// coverOf is the address of the smallest picture of a book, empty for none.
func (s shell) coverOf(t *testing.T, id string) string {
	t.Helper()
	c, _ := s.parsed(t, "book", "get", id)["cover"].(map[string]any)
	if c == nil {
		return ""
	}
	return c["renditions"].([]any)[0].(map[string]any)["url"].(string)
}

func TestACoverIsUploadedShownAndRemovedFromTheCommandLine(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	s, sh := serveDir(t, dir, nil), shell{dir: dir}
	id, _ := sh.parsed(t, "book", "add", "--title", "Dom Casmurro", "--author", "Machado de Assis")["id"].(string)
	sh.must(t, "book", "cover", id, aPhoto(t))
	at := sh.coverOf(t, id)
	if a, err := s.Call(t.Context(), http.MethodGet, at, ""); err != nil || a.Status != http.StatusOK {
		t.Errorf("%s is %v (%v)", at, a, err)
	}
	for _, args := range [][]string{{"book", "get", id}, {"book", "cover", id, aPhoto(t)}} {
		// 400 pixels are the original's, and 320 the largest picture
		wantIn(t, sh.must(t, args...), "cover ", "http://127.0.0.1:", strings.Replace(at, "/96.", "/320.", 1)+", mostly #")
	}
	text := filepath.Join(t.TempDir(), "text.jpg")
	if err := os.WriteFile(text, []byte("this is no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sh.try(t.Context(), "book", "cover", id, text); err == nil || !strings.Contains(err.Error(), "no picture") {
		t.Errorf("a text is refused with %v", err)
	}
	if sh.coverOf(t, id) != at {
		t.Error("what was refused has changed the cover")
	}
	sh.must(t, "book", "cover", id, "--rm")
	if sh.coverOf(t, id) != "" {
		t.Error("it is still there")
	}
	for _, args := range [][]string{{"book", "cover", id}, {"book", "cover", id, text, "--rm"}, {"book", "cover", id, text, "--if-version", "1"}} {
		if _, code := sh.run(t, args...); code != 2 {
			t.Errorf("%q ends with %d", args, code)
		}
	}
}

func TestAServerHasASoftLimitOfMemory(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = serve(ctx, config.Serve{Data: dataDir(t), Addr: "127.0.0.1:0"}, io.Discard) // how it ends does not matter
	if limit := debug.SetMemoryLimit(-1); limit > 512<<20 && os.Getenv("GOMEMLIMIT") == "" {
		t.Errorf("it is %d MiB", limit>>20)
	}
}

func TestABackupHoldsCoversAndPicturesThatWait(t *testing.T) {
	t.Parallel()
	dir, file := dataDir(t), filepath.Join(t.TempDir(), "backup.tar")
	serveDir(t, dir, nil)
	sh, other := shell{dir: dir}, shell{dir: dataDir(t)}
	id, _ := sh.parsed(t, "book", "add", "--title", "Dom Casmurro", "--author", "Machado de Assis")["id"].(string)
	sh.must(t, "book", "cover", id, aPhoto(t))
	waits := filepath.Join("originals", "a-picture-that-nobody-asked-for")
	if err := os.WriteFile(filepath.Join(dir, waits), []byte("it waits"), 0o600); err != nil {
		t.Fatal(err)
	}
	sh.must(t, "backup", file)
	other.must(t, "restore", file)
	if got, err := os.ReadFile(filepath.Join(other.dir, waits)); err != nil || string(got) != "it waits" {
		t.Errorf("what waits is %q (%v)", got, err)
	}
	s := serveDir(t, other.dir, nil)
	at := other.coverOf(t, id)
	if a, err := s.Call(t.Context(), http.MethodGet, at, ""); err != nil || a.Status != http.StatusOK || at == "" {
		t.Errorf("%s is %v (%v)", at, a, err)
	}
}

func TestASpentUploadThatABackupDoesNotRememberDoesNothing(t *testing.T) {
	t.Parallel()
	dir, file := dataDir(t), filepath.Join(t.TempDir(), "backup.tar")
	s := serveDir(t, dir, nil)
	sh, other := shell{dir: dir}, shell{dir: dataDir(t)}
	id, _ := sh.parsed(t, "book", "add", "--title", "Dom Casmurro", "--author", "Machado de Assis")["id"].(string)
	photo, err := os.ReadFile(aPhoto(t))
	if err != nil {
		t.Fatal(err)
	}
	photo = append(photo, 'a')
	o := offered(t, s, id, len(photo))
	if got := o.put(t, s, photo); got != http.StatusNoContent {
		t.Fatalf("the upload is answered with %d", got)
	}
	if j, err := s.Await(t.Context(), o.job); err != nil || j.State != "succeeded" {
		t.Fatal(j, err)
	}
	sh.must(t, "backup", file)
	other.must(t, "restore", file)
	restored := serveDir(t, other.dir, nil)
	want := other.must(t, "book", "get", id, "--json")
	photo[len(photo)-1] = 'b'
	if got := o.put(t, restored, photo); got != http.StatusNoContent { // of another SHA-256
		t.Fatalf("a spent upload is answered with %d after the restore: tell ARCHITECTURE", got)
	}
	// The next picture is dealt with after that one, since they go in turn.
	next, _ := other.parsed(t, "book", "add", "--title", "Iracema", "--author", "José de Alencar")["id"].(string)
	other.must(t, "book", "cover", next, aPhoto(t))
	err = e2etest.Poll(t.Context(), func() (bool, error) {
		left, err := os.ReadDir(filepath.Join(other.dir, "originals"))
		return len(left) == 0, err
	})
	if got := other.must(t, "book", "get", id, "--json"); got != want || err != nil {
		t.Errorf("it made\n%s of\n%s (%v)", got, want, err)
	}
}
