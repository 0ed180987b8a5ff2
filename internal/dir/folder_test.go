package dir_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"acervo/internal/blob"
	"acervo/internal/dir"
	"acervo/internal/fault"
)

const plain = "application/octet-stream"

func put(t *testing.T, d *dir.Dir, key, body string) blob.Object {
	t.Helper()
	o, err := d.Put(t.Context(), key, plain, strings.NewReader(body))
	ok(t, err)
	return o
}

func read(t *testing.T, d *dir.Dir, key, version string) (string, error) {
	t.Helper()
	body, _, err := d.Get(t.Context(), key, version, blob.Range{})
	if err != nil {
		return "", err
	}
	got, err := io.ReadAll(body)
	return string(got), errors.Join(err, body.Close())
}

// write puts a file into the folder past the adapter.
func write(t *testing.T, at, name, text string) {
	t.Helper()
	ok(t, os.MkdirAll(filepath.Join(at, filepath.Dir(name)), 0o750))
	ok(t, os.WriteFile(filepath.Join(at, name), []byte(text), 0o600))
}

// files returns the paths of all files below a folder.
func files(t *testing.T, at string) (all []string) {
	t.Helper()
	ok(t, filepath.WalkDir(at, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, err = filepath.Rel(at, name)
			all = append(all, filepath.ToSlash(name))
		}
		return err
	}))
	return all
}

func keys(t *testing.T, d *dir.Dir) string {
	t.Helper()
	page, err := d.List(t.Context(), "", "", blob.MaxPage)
	ok(t, err)
	var all []string
	for _, o := range page.Objects {
		all = append(all, o.Key)
	}
	return strings.Join(all, " ")
}

func TestObjectsAndTheirVersionsOutliveTheProcess(t *testing.T) {
	t.Parallel()
	at := t.TempDir()
	ring := dir.NewKeyring(time.Now, dir.NewKey())
	d, err := dir.Open(dir.Options{Path: at, Uploads: uploads, Ring: ring, Now: time.Now})
	ok(t, err)
	o := put(t, d, "covers/a/640.jpg", "a picture")
	ok(t, d.Close())
	if got, err := read(t, open(t, at, ring), o.Key, o.Version); err != nil || got != "a picture" {
		t.Errorf("after a restart it is %q (%v)", got, err)
	}
}

func TestWhatAnEarlierProcessLeftHalfWrittenIsRemoved(t *testing.T) {
	t.Parallel()
	at := t.TempDir()
	write(t, at, ".incoming/half", "half a pic")
	d := open(t, at, dir.NewKeyring(time.Now, dir.NewKey()))
	if left := files(t, at); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	put(t, d, "covers/a", "a picture")
	if left := strings.Join(files(t, at), " "); left != "covers/a" {
		t.Errorf("after a put there is %s", left)
	}
}

func TestAFileThatWasCopiedIntoTheFolderIsAnObject(t *testing.T) {
	t.Parallel()
	at := t.TempDir()
	d := open(t, at, dir.NewKeyring(time.Now, dir.NewKey()))
	write(t, at, "drop/my books.csv", "isbn,title")
	if got := keys(t, d); got != "drop/my books.csv" {
		t.Errorf("the list is %q", got)
	}
	before, err := d.Stat(t.Context(), "drop/my books.csv")
	ok(t, err)
	write(t, at, "drop/my books.csv", "isbn,title,price")
	if _, err := read(t, d, before.Key, before.Version); !fault.Is(err, fault.Changed) {
		t.Errorf("of the file that was copied over it got %v, want fault.Changed", err)
	}
}

func TestWhatIsNoPlainFileUnderAKeyIsNoObject(t *testing.T) {
	t.Parallel()
	at, outside := t.TempDir(), t.TempDir()
	d := open(t, at, dir.NewKeyring(time.Now, dir.NewKey()))
	put(t, d, "drop/a", "mine")
	write(t, outside, "secret", "theirs")
	ok(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(at, "drop", "link")))
	ok(t, os.Symlink("a", filepath.Join(at, "drop", "near")))
	ok(t, os.Symlink(outside, filepath.Join(at, "drop", "folder")))
	ok(t, syscall.Mkfifo(filepath.Join(at, "drop", "pipe"), 0o600))
	for _, name := range []string{"drop/.hidden", "drop/a:b", "top", ".used/x.tmp"} {
		write(t, at, name, "no key")
	}
	ok(t, os.Mkdir(filepath.Join(at, "drop", "empty"), 0o750))

	if got := keys(t, d); got != "drop/a" {
		t.Errorf("the list is %q", got)
	}
	for _, key := range []string{"drop/link", "drop/near", "drop/pipe", "drop/empty"} {
		if _, err := read(t, d, key, ""); !fault.Is(err, fault.NotFound) {
			t.Errorf("reading %s got %v, want fault.NotFound", key, err)
		}
		ok(t, d.Delete(t.Context(), key))
		if _, err := os.Lstat(filepath.Join(at, key)); err != nil {
			t.Errorf("%s was deleted", key)
		}
	}
	if got, err := read(t, d, "drop/folder/secret", ""); err == nil {
		t.Errorf("out of the folder it read %q", got)
	}
	if _, err := d.Put(t.Context(), "drop/folder/secret", plain, strings.NewReader("mine")); err == nil {
		t.Error("it wrote out of the folder")
	}
	if _, err := d.Put(t.Context(), "drop/link", plain, strings.NewReader("mine")); err != nil {
		t.Errorf("a link does not give way: %v", err)
	}
	if theirs, _ := os.ReadFile(filepath.Join(outside, "secret")); string(theirs) != "theirs" {
		t.Errorf("outside there is now %q", theirs)
	}
}

func TestAPutThatFailsLeavesNoFile(t *testing.T) {
	t.Parallel()
	at := t.TempDir()
	d := open(t, at, dir.NewKeyring(time.Now, dir.NewKey()))
	put(t, d, "drop/a", "mine")
	if _, err := d.Put(t.Context(), "drop/a/b", plain, strings.NewReader("below")); !fault.Is(err, fault.Conflict) {
		t.Errorf("got %v, want fault.Conflict", err)
	}
	if left := strings.Join(files(t, at), " "); left != "drop/a" {
		t.Errorf("there is %s", left)
	}
}

func TestFoldersThatHoldNothingGoButTheFirst(t *testing.T) {
	t.Parallel()
	at := t.TempDir()
	d := open(t, at, dir.NewKeyring(time.Now, dir.NewKey()))
	for _, key := range []string{"covers/a/b/1", "covers/a/2", "drop/1"} {
		put(t, d, key, "x")
	}
	for _, key := range []string{"covers/a/b/1", "drop/1"} {
		ok(t, d.Delete(t.Context(), key))
	}
	for name, there := range map[string]bool{"covers/a/b": false, "covers/a": true, "drop": true} {
		if _, err := os.Stat(filepath.Join(at, name)); (err == nil) != there {
			t.Errorf("%s is there: %t", name, !there)
		}
	}
}

func TestPutsInOneMomentAreVersionsOfTheirOwn(t *testing.T) {
	t.Parallel()
	stopped := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	d, err := dir.Open(dir.Options{
		Path: t.TempDir(), Ring: dir.NewKeyring(time.Now, dir.NewKey()), Now: func() time.Time { return stopped },
	})
	ok(t, err)
	t.Cleanup(func() { ok(t, d.Close()) })
	seen := map[string]bool{}
	for range 5 {
		seen[put(t, d, "covers/a", "same").Version] = true
		stopped = stopped.Add(-time.Minute)
	}
	if len(seen) != 5 {
		t.Errorf("five puts are %d versions", len(seen))
	}
}

func TestAFolderThatCannotBeOpenedSaysSo(t *testing.T) {
	t.Parallel()
	at := t.TempDir()
	write(t, at, "file", "")
	if _, err := dir.Open(dir.Options{Path: filepath.Join(at, "file", "objects"), Now: time.Now}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want fault.Unavailable", err)
	}
}
