// Package dir keeps the port of objects in one folder: an object is a plain file
// whose path is its key, so that a file copied into the folder is an object too.
//
// A version is the size of the file and the time of its last change, which a put
// makes one of its own, to the microsecond. A file that others change without either
// changing is taken for what it was. Only the current version is kept. Names that
// begin with a dot are not keys: the folder's own are .incoming, where bodies are
// written before they get their names, and .used, which remembers uploads. Nothing
// follows a symbolic link out of the folder, and a link is no object.
package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"acervo/internal/fault"
)

const (
	incoming = ".incoming"
	used     = ".used"

	folderMode = 0o750
	fileMode   = 0o600
)

// Options say where the objects are.
type Options struct {
	// Path is the folder, made if it is missing.
	Path string
	// Folders are made from the start, for people to copy files into.
	Folders []string
	// Uploads is the address below which uploads are taken, such as /v1/uploads/.
	Uploads string
	// Ring signs uploads.
	Ring *Keyring
	Now  func() time.Time
}

// Dir keeps objects in a folder, which no other process may have open. It is a
// blob.Store and a blob.Inbox, and safe for concurrent use.
type Dir struct {
	root    *os.Root
	uploads string
	ring    *Keyring
	now     func() time.Time

	names sync.Mutex   // held while files get or lose their names
	last  atomic.Int64 // the time of the last put, in microseconds
}

// Open opens the folder, and removes what an earlier process left half written.
func Open(opts Options) (*Dir, error) {
	if err := os.MkdirAll(opts.Path, folderMode); err != nil {
		return nil, classify(err, "make the folder of the objects")
	}
	root, err := os.OpenRoot(opts.Path)
	if err != nil {
		return nil, classify(err, "open the folder of the objects")
	}
	d := &Dir{root: root, uploads: opts.Uploads, ring: opts.Ring, now: opts.Now}
	if err := d.tidy(opts.Folders); err != nil {
		return nil, errors.Join(classify(err, "tidy the folder of the objects"), root.Close())
	}
	return d, nil
}

// Close lets go of the folder. What is being read can be read to its end.
func (d *Dir) Close() error { return classify(d.root.Close(), "close the folder of the objects") }

func (d *Dir) tidy(folders []string) error {
	if err := d.root.RemoveAll(incoming); err != nil {
		return err
	}
	for _, name := range append([]string{incoming, used}, folders...) {
		if err := d.folder(name); err != nil {
			return err
		}
	}
	return d.forgetUploads()
}

// folder makes a folder and those above it, unless they are there, durably.
func (d *Dir) folder(name string) error {
	if name == "." {
		return nil
	}
	info, err := d.root.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return syscall.ENOTDIR
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	above := path.Dir(name)
	if err := d.folder(above); err != nil {
		return err
	}
	if err := d.root.Mkdir(name, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.sync(above)
}

// sync makes durable which names a folder holds.
func (d *Dir) sync(folder string) error {
	f, err := d.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// prune removes the folders above a key that hold nothing any more, but the first
// one: people copy files into it.
func (d *Dir) prune(key string) {
	for at := path.Dir(key); strings.Contains(at, "/"); at = path.Dir(at) {
		if d.root.Remove(at) != nil {
			return
		}
	}
}

// stamp returns a time of change that no other put of this process has.
func (d *Dir) stamp() time.Time {
	now := d.now().UnixMicro()
	for {
		last := d.last.Load()
		next := max(now, last+1)
		if d.last.CompareAndSwap(last, next) {
			return time.UnixMicro(next).UTC()
		}
	}
}

func versionOf(info fs.FileInfo) string {
	return fmt.Sprintf("%x-%x", info.ModTime().UnixNano(), info.Size())
}

// classify gives an error of the file system its kind: what the system itself says,
// such as a full disk, may pass once somebody has seen to it.
func classify(err error, format string, args ...any) error {
	kind := fault.Internal
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		kind = fault.Unavailable
	}
	return fault.Wrap(kind, err, format, args...)
}

// isAbsent reports whether a file is not there, or below another one.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// isTaken reports whether a name is that of a folder, or below that of a file.
func isTaken(err error) bool {
	return errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) || errors.Is(err, fs.ErrExist)
}
