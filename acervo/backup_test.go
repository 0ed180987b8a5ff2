package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"acervo/internal/cli"
)

func TestBackup(t *testing.T) {
	t.Parallel()
	t.Run("holds every write that was acknowledged before it began, while others go on", func(t *testing.T) {
		t.Parallel()
		dir, file := dataDir(t), filepath.Join(t.TempDir(), "backup.tar")
		s := serveDir(t, dir, []string{unlimited})
		sh := shell{dir: dir}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var jobs []string // in the order of their answers
		var mu sync.Mutex
		acked := func() int { mu.Lock(); defer mu.Unlock(); return len(jobs) }
		var writers sync.WaitGroup
		for range 4 {
			writers.Go(func() {
				for ctx.Err() == nil {
					a, err := s.Call(ctx, http.MethodPost, "/v1/books", aBook)
					if err != nil || a.Status != http.StatusAccepted {
						continue
					}
					mu.Lock()
					jobs = append(jobs, a.Header.Get("Location"))
					mu.Unlock()
				}
			})
		}
		for acked() < 100 {
			<-time.After(time.Millisecond)
		}
		before, after := 0, 0
		for try := 0; after == before; try++ { // a quick one may fall between two writes
			if try == 20 {
				t.Fatal("nobody wrote while twenty backups were made")
			}
			_ = os.Remove(file)
			before = acked()
			sh.must(t, "backup", file)
			after = acked()
		}
		stop()
		writers.Wait()
		if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
			t.Errorf("the backup is %v, %v", info, err)
		}
		other := shell{dir: dataDir(t)}
		other.must(t, "restore", file)
		restored := serveDir(t, other.dir, []string{unlimited})
		if restored.Key == s.Key {
			t.Error("the operator key came with the backup")
		}
		for _, path := range jobs[:before] {
			if j, err := restored.Await(t.Context(), path); err != nil || j.State != "succeeded" || j.BookVersion != 1 {
				t.Fatalf("%s is %+v, %v", path, j, err)
			}
		}
	})
	t.Run("is made and restored without a server too, with the keys that were made", func(t *testing.T) {
		t.Parallel()
		dir, file := dataDir(t), filepath.Join(t.TempDir(), "backup.tar")
		s := serveDir(t, dir, nil)
		made := shell{dir: dir}.parsed(t, "key", "add", "ci", "--role", "operator")
		s.Terminate()
		shell{dir: dir}.must(t, "backup", file)
		other := shell{dir: dataDir(t)}
		if err := os.Mkdir(other.dir, 0o700); err != nil { // one that is empty will do
			t.Fatal(err)
		}
		other.must(t, "restore", file)
		serveDir(t, other.dir, nil)
		other.env = map[string]string{"ACERVO_KEY": fmt.Sprint(made["key"])}
		wantIn(t, other.must(t, "key", "list"), "ci")
	})
	t.Run("never takes the place of a file", func(t *testing.T) {
		t.Parallel()
		dir, _ := graveyard(t, 1)
		file := filepath.Join(t.TempDir(), "backup.tar")
		if err := os.WriteFile(file, []byte("dear to somebody"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, code := (shell{dir: dir}).run(t, "backup", file); code != 1 {
			t.Errorf("it ends with %d", code)
		}
		if content, err := os.ReadFile(file); err != nil || string(content) != "dear to somebody" {
			t.Errorf("the file now says %q, %v", content, err)
		}
	})
	t.Run("of nothing is none, and leaves nothing behind", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		if _, code := (shell{dir: dataDir(t)}).run(t, "backup", filepath.Join(folder, "backup.tar")); code != 3 {
			t.Errorf("it ends with %d", code)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("it leaves %v, %v", left, err)
		}
	})
}

// packed is a tar file of names and contents.
func packed(t *testing.T, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		content := h.Uname // which carries it here
		h.Uname, h.Mode, h.Size = "", 0o600, int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRestore(t *testing.T) {
	t.Parallel()
	source, _ := graveyard(t, 1)
	good := filepath.Join(t.TempDir(), "good.tar")
	shell{dir: source}.must(t, "backup", good)
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	database, err := os.ReadFile(filepath.Join(source, "acervo.db"))
	if err != nil {
		t.Fatal(err)
	}
	entry := func(name, content string) tar.Header {
		return tar.Header{Name: name, Uname: content, Typeflag: tar.TypeReg}
	}
	about := entry("manifest.json", `{"format":1,"made_at":"2026-07-01T12:00:00Z"}`)
	spoilt := strings.Repeat("x", 5000)
	for name, content := range map[string][]byte{
		"that is empty":                        nil,
		"that is no tar":                       bytes.Repeat([]byte("x"), 4096),
		"that was cut off":                     whole[:len(whole)/2],
		"without a manifest":                   packed(t, entry("acervo.db", string(database))),
		"of a later format":                    packed(t, entry("manifest.json", `{"format":2}`), entry("acervo.db", string(database))),
		"whose manifest is none":               packed(t, entry("manifest.json", `]`), entry("acervo.db", string(database))),
		"without a database":                   packed(t, about),
		"that wants to write elsewhere":        packed(t, about, entry("../../acervo.db", string(database))),
		"whose database is a link":             packed(t, about, tar.Header{Name: "acervo.db", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}),
		"with more than there should be":       packed(t, about, entry("acervo.db", string(database)), entry("operator.key", "x")),
		"whose database is none":               packed(t, about, entry("acervo.db", spoilt)),
		"whose database is damaged":            packed(t, about, entry("acervo.db", string(database[:8192])+spoilt[:4096]+string(database[12288:]))),
		"whose database is of a later release": packed(t, about, entry("acervo.db", ofLaterRelease(t, database))),
	} {
		t.Run("a file "+name+" makes no directory", func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			file := filepath.Join(t.TempDir(), "backup.tar")
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if printed, code := (shell{dir: filepath.Join(parent, "data")}).run(t, "restore", file); code != 1 {
				t.Errorf("it ends with %d: %s", code, printed)
			}
			if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
				t.Errorf("it leaves %v, %v", left, err)
			}
		})
	}
	t.Run("a directory that holds something is left as it is", func(t *testing.T) {
		t.Parallel()
		dir, _ := graveyard(t, 2)
		before, err := os.ReadFile(filepath.Join(dir, "acervo.db"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = shell{dir: dir}.try(t.Context(), "restore", good)
		after, readErr := os.ReadFile(filepath.Join(dir, "acervo.db"))
		if cli.ExitCode(err) != 1 || readErr != nil || !bytes.Equal(before, after) {
			t.Errorf("it ends with %v; %v", err, readErr)
		}
	})
	t.Run("a file that there is not is not found", func(t *testing.T) {
		t.Parallel()
		if _, code := (shell{dir: dataDir(t)}).run(t, "restore", good+"x"); code != 3 {
			t.Errorf("it ends with %d", code)
		}
	})
}

// ofLaterRelease is a database that says it was written by a later release.
func ofLaterRelease(t *testing.T, database []byte) string {
	t.Helper()
	b := bytes.Clone(database)
	b[63] = 99 // the last byte of user_version, at offset 60 of the header
	return string(b)
}

func TestSampleListAndExport(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	wantIn(t, sh.must(t, "sample"), "Added 64 books; 0 were there")
	wantIn(t, sh.must(t, "sample", "--json"), `{"added":0,"there":64}`)
	list := sh.must(t, "book", "list", "--author", "eca", "--limit", "3")
	wantIn(t, list, "A Cidade e as Serras", "There are more")
	if strings.Count(list, "\n") != 5 {
		t.Errorf("three books are\n%s", list)
	}
	if n := strings.Count(sh.must(t, "book", "list", "--limit", "0", "--json"), "\n"); n != 64 {
		t.Errorf("all books are %d", n)
	}
	wantIn(t, sh.must(t, "book", "list", "--author", "SAMUEL t"), "Lyrical Ballads", "William Wordsworth; Samuel Taylor Coleridge")
	if _, code := sh.run(t, "book", "list", "--author", "a", "--title", "b"); code != 1 {
		t.Errorf("two filters end with %d", code)
	}
	if _, code := sh.run(t, "export"); code != 2 {
		t.Errorf("an export of no format ends with %d", code)
	}
	ids := map[string]bool{}
	for line := range strings.Lines(sh.must(t, "export", "--ndjson")) {
		var b struct {
			ID, Title string
			Version   int
		}
		if err := json.Unmarshal([]byte(line), &b); err != nil || b.Version != 1 || b.Title == "" {
			t.Errorf("%v: %s", err, line)
		}
		if one := sh.must(t, "book", "get", b.ID, "--json"); one != line {
			t.Errorf("exported\n%s, but it is\n%s", line, one)
		}
		ids[b.ID] = true
	}
	if len(ids) != 64 {
		t.Errorf("%d books were exported", len(ids))
	}
}

func TestAnExportIsTakenBackWholeAndOnce(t *testing.T) {
	t.Parallel()
	from, to := newShell(t), newShell(t)
	from.must(t, "sample")
	export := from.must(t, "export", "--ndjson")
	file := filepath.Join(t.TempDir(), "books.ndjson")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(export)
	wantIn(t, to.must(t, "import", file, "--json"), `{"written":64,"unchanged":0,"failed":0,"covers":0,"covers_failed":0,"covers_missing":0,"faults":[]}`)
	if got := to.must(t, "export", "--ndjson"); plainExport(t, got) != plainExport(t, export) {
		t.Error("what was taken back is not what was exported")
	}
	wantIn(t, to.must(t, "import", file), "Wrote 0 books and uploaded 0 covers; 64 books were so already, 0 lines were not taken.")

	lines := strings.SplitAfterN(export, "\n", 3)
	changed := strings.Replace(lines[0], `"rating":null`, `"rating":4.5`, 1)
	write(changed + "not JSON\n\n" + `{"id":"x","title":"t"}` + "\n" + strings.Replace(lines[1], `"title":`, `"titel":`, 1) + lines[2])
	out, code := to.run(t, "import", file)
	wantIn(t, out, "line 2: ", "line 4: ", "line 5: ", "Wrote 1 books and uploaded 0 covers; 62 books were so already, 3 lines were not taken.")
	if code != 1 {
		t.Errorf("an import with faults ends with %d", code)
	}
}

// plainExport is an export without what a server adds.
func plainExport(t *testing.T, export string) string {
	t.Helper()
	return regexp.MustCompile(`,"(created_at|updated_at)":[^,}]*`).ReplaceAllString(export, "")
}
