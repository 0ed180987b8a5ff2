package sqlite

import (
	"path/filepath"
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// trouble is what a disk answers to each operation that it fails. An operation
// that it has no answer for never fails.
type trouble map[op]error

// opGrow and opIndex are operations that no trace has: making a file as long as
// it is going to be, and mapping the index of the log.
const (
	opGrow  op = "grow"
	opIndex op = "map the index"
)

func fullDisk() trouble {
	return trouble{opCreate: sqlite3.CANTOPEN, opWrite: sqlite3.FULL, opGrow: sqlite3.FULL, opIndex: sqlite3.CANTOPEN}
}

func failingDisk() trouble {
	return trouble{
		opCreate: sqlite3.CANTOPEN, opDelete: sqlite3.IOERR_DELETE, opWrite: sqlite3.IOERR_WRITE, opGrow: sqlite3.IOERR_WRITE,
		opTruncate: sqlite3.IOERR_TRUNCATE, opSync: sqlite3.IOERR_FSYNC, opIndex: sqlite3.CANTOPEN,
	}
}

// faulty is the file system of the operating system for SQLite, of which one
// operation fails, or all from there on until it is mended. Syncs are free: the
// power stays on.
type faulty struct {
	vfs.VFS
	name    string
	trouble trouble
	at      int  // the operation that fails first, counted from zero
	lasting bool // so do those after it

	mu     sync.Mutex
	begun  int // operations that could have failed
	failed int
	mended bool
}

func (f *faulty) step(o op) error {
	err := f.trouble[o]
	if err == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.begun
	f.begun++
	if f.mended || n < f.at || n > f.at && !f.lasting {
		return nil
	}
	f.failed++
	return err
}

func (f *faulty) mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mended = true
}

func (f *faulty) failures() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// OpenFilename is vfs.VFSFilename's.
func (f *faulty) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if flags&vfs.OPEN_CREATE != 0 {
		if err := f.step(opCreate); err != nil {
			return nil, flags, err
		}
	}
	file, out, err := vfsutil.WrapOpenFilename(f.VFS, name, flags)
	if err != nil {
		return nil, out, err
	}
	index := vfsutil.WrapSharedMemory(file)
	if index != nil && f.step(opIndex) != nil {
		index = vfs.NewSharedMemory(filepath.Join(name.String(), "nowhere"), flags)
	}
	return &faultyFile{file, f, index}, out, nil
}

// Delete is vfs.VFS's.
func (f *faulty) Delete(path string, syncDir bool) error {
	if err := f.step(opDelete); err != nil {
		return err
	}
	return f.VFS.Delete(path, syncDir)
}

type faultyFile struct {
	vfs.File
	fs    *faulty
	index vfs.SharedMemory
}

// WriteAt leaves half of what it fails to write.
func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.step(opWrite); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], off)
		return n, err
	}
	return f.File.WriteAt(p, off)
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.fs.step(opTruncate); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Sync(vfs.SyncFlag) error { return f.fs.step(opSync) }

func (f *faultyFile) SizeHint(size int64) error {
	if err := f.fs.step(opGrow); err != nil {
		return err
	}
	return vfsutil.WrapSizeHint(f.File, size)
}

func (f *faultyFile) SharedMemory() vfs.SharedMemory { return f.index }

func (f *faultyFile) HasMoved() (bool, error) { return vfsutil.WrapHasMoved(f.File) }
