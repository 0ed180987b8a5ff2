package sqlite

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// recorder is the file system of the operating system for SQLite, with a trace
// of all that a loss of power could undo and of what the application was told
// meanwhile. A sync goes into the trace and no further, since it is for a
// simulated loss to say what the disk keeps.
type recorder struct {
	vfs.VFS
	dir  string
	name string // under which SQLite knows the recorder

	mu     sync.Mutex
	trace  []event
	inodes map[string]int // by path, of the files that are there
	last   int            // inode given
}

// event is one step of a trace.
type event struct {
	op    op
	inode int    // a name that is deleted and made again stands for another file
	name  string // of a create or a delete
	off   int64  // where it was written; the size of a truncate
	data  []byte
	start image
	ack   func(*ledger)
}

type op string

const (
	opStart    op = "start" // of every trace
	opCreate   op = "create"
	opDelete   op = "delete"
	opWrite    op = "write"
	opTruncate op = "truncate"
	opSync     op = "sync"
	opSyncDir  op = "sync directory"
	opAck      op = "acknowledge"
)

// newRecorder makes a directory of an image, which it takes for durable, and
// records what happens there until it is closed.
func newRecorder(dir string, start image) (*recorder, error) {
	if err := start.put(dir); err != nil {
		return nil, err
	}
	r := &recorder{VFS: vfs.Find(""), dir: dir, name: "recorder:" + dir, inodes: map[string]int{}}
	for _, name := range start.names() {
		r.last++
		r.inodes[filepath.Join(dir, name)] = r.last
	}
	r.trace = []event{{op: opStart, start: start}}
	vfs.Register(r.name, r)
	return r, nil
}

func (r *recorder) close() error {
	vfs.Unregister(r.name)
	return os.RemoveAll(r.dir)
}

// note does an operation and puts it in the trace, both as one step, so that the
// trace has the order in which things happened.
func (r *recorder) note(do func() error, events ...event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := do(); err != nil {
		return err
	}
	r.trace = append(r.trace, events...)
	return nil
}

// told puts into the trace what the application learnt just now.
func (r *recorder) told(ack func(*ledger)) {
	_ = r.note(func() error { return nil }, event{op: opAck, ack: ack})
}

func (r *recorder) create(path string) {
	r.last++
	r.inodes[path] = r.last
	r.trace = append(r.trace, event{op: opCreate, inode: r.last, name: filepath.Base(path)})
}

// OpenFilename is vfs.VFSFilename's. Files without a name are SQLite's scratch
// paper, of which nothing is to last.
func (r *recorder) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	file, out, err := vfsutil.WrapOpenFilename(r.VFS, name, flags)
	path := name.String()
	if err != nil || path == "" {
		return file, out, err
	}
	if _, known := r.inodes[path]; !known {
		r.create(path)
	}
	const journal = vfs.OPEN_MAIN_JOURNAL | vfs.OPEN_SUPER_JOURNAL | vfs.OPEN_WAL
	return &recordedFile{
		File: file, rec: r, inode: r.inodes[path],
		syncDir: flags&vfs.OPEN_CREATE != 0 && flags&journal != 0,
	}, out, nil
}

// Delete is vfs.VFS's.
func (r *recorder) Delete(path string, syncDir bool) error {
	events := []event{{op: opDelete, name: filepath.Base(path)}}
	if syncDir {
		events = append(events, event{op: opSyncDir})
	}
	return r.note(func() error {
		delete(r.inodes, path)
		return r.VFS.Delete(path, false)
	}, events...)
}

// recordedFile is a file of a recorder.
type recordedFile struct {
	vfs.File
	rec   *recorder
	inode int
	// syncDir is set until the first sync of a journal or a log that may have
	// been made by this open: with it the file system that is wrapped syncs the
	// directory too (vfsFile.Sync of go-sqlite3, after unixSync of SQLite). No
	// other sync of a file is taken to make its name durable.
	syncDir bool
}

func (f *recordedFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.rec.note(func() error {
		n, err = f.File.WriteAt(p, off)
		return err
	}, event{op: opWrite, inode: f.inode, off: off, data: bytes.Clone(p)})
	return n, err
}

func (f *recordedFile) Truncate(size int64) error {
	return f.rec.note(func() error { return f.File.Truncate(size) }, event{op: opTruncate, inode: f.inode, off: size})
}

func (f *recordedFile) Sync(vfs.SyncFlag) error {
	events := []event{{op: opSync, inode: f.inode}}
	if f.syncDir {
		f.syncDir = false
		events = append(events, event{op: opSyncDir})
	}
	return f.rec.note(func() error {
		for range 100 { // a sync takes its time, in which writers queue up for the next commit
			runtime.Gosched()
		}
		return nil
	}, events...)
}

// SizeHint makes the file as long as it is going to be, never shorter.
func (f *recordedFile) SizeHint(size int64) error {
	if now, err := f.Size(); err != nil || size <= now {
		return err
	}
	return f.Truncate(size)
}

// SharedMemory is the index of the log. It is not in the trace: after a loss of
// power SQLite makes it anew from the log.
func (f *recordedFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }

func (f *recordedFile) HasMoved() (bool, error) { return vfsutil.WrapHasMoved(f.File) }

// DeviceCharacteristics leaves out the atomic batches, which are not recorded.
func (f *recordedFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return f.File.DeviceCharacteristics() &^ vfs.IOCAP_BATCH_ATOMIC
}

// disk is a directory as a trace has left it: what is sure to be there, and what
// a loss of power may take.
type disk struct {
	files map[int]*diskFile
	names map[string][]int // what a name stood for since the last sync of the directory, oldest first; 0 is no file
}

// diskFile is the content at the last sync and what was done since.
type diskFile struct {
	sure  []byte
	loose []event
}

func newDisk() *disk { return &disk{files: map[int]*diskFile{}, names: map[string][]int{}} }

func (d *disk) step(e event) {
	file := d.files[e.inode]
	switch e.op {
	case opStart:
		for i, name := range e.start.names() {
			d.files[i+1] = &diskFile{sure: slices.Clone(e.start[name])}
			d.names[name] = []int{i + 1}
		}
	case opCreate:
		d.files[e.inode] = &diskFile{}
		d.rename(e.name, e.inode)
	case opDelete:
		d.rename(e.name, 0)
	case opWrite, opTruncate:
		file.loose = append(file.loose, e)
	case opSync:
		for _, done := range file.loose {
			file.sure = done.apply(file.sure)
		}
		file.loose = nil
	case opSyncDir:
		for name, stood := range d.names {
			d.names[name] = stood[len(stood)-1:]
		}
	}
}

func (d *disk) rename(name string, inode int) {
	if d.names[name] == nil {
		d.names[name] = []int{0}
	}
	d.names[name] = append(d.names[name], inode)
}

// image is the content of a directory by file name.
type image map[string][]byte

func (img image) names() []string { return slices.Sorted(maps.Keys(img)) }

// lose cuts the power and returns what the disk may hold then. Every name stands
// for something that it stood for since the directory was synced last, and every
// file has lost something, or nothing, of what was done to it since its own last
// sync.
func (d *disk) lose(rng *rand.Rand) image {
	img := image{}
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		stood := d.names[name]
		if inode := stood[rng.IntN(len(stood))]; inode != 0 {
			img[name] = d.files[inode].lose(rng)
		}
	}
	if rng.IntN(2) == 0 {
		img["acervo.db-shm"] = event{off: 32 << 10}.spoil(nil, rng) // the index of the log may be anything
	}
	return img
}

// sector is the most bytes that a disk writes all or not at all. That it leaves
// those beside a write alone is what SQLite calls powersafe overwrite, and
// believes of every disk unless told otherwise.
const sector = 512

// lose keeps nothing, everything, the first writes with the last one torn, some
// writes, or some sectors of all.
func (f *diskFile) lose(rng *rand.Rand) []byte {
	torn, some, junk := rng.IntN(len(f.loose)+1), rng.Float64(), rng.IntN(2) == 0
	odds := []func(i int) float64{ // that a sector of the i-th write is kept
		func(int) float64 { return 0 },
		func(int) float64 { return 1 },
		func(i int) float64 { return min(1, max(0, float64(torn-i)+0.5)) },
		func(int) float64 { return float64(rng.IntN(2)) },
		func(int) float64 { return some },
	}[rng.IntN(5)]
	data := slices.Clone(f.sure)
	for i, e := range f.loose {
		kept := odds(i)
		for _, piece := range e.sectors() {
			switch {
			case rng.Float64() < kept:
				data = piece.apply(data)
			case junk && e.op == opWrite:
				data = piece.spoil(data, rng)
			}
		}
	}
	return data
}

// sectors splits a write where the disk does.
func (e event) sectors() (pieces []event) {
	if e.op != opWrite {
		return []event{e}
	}
	for off, data := e.off, e.data; len(data) > 0; {
		n := min(int64(len(data)), sector-off%sector)
		pieces = append(pieces, event{op: opWrite, off: off, data: data[:n]})
		off, data = off+n, data[n:]
	}
	return pieces
}

// apply does a write or a truncate to the content of a file.
func (e event) apply(data []byte) []byte {
	end := e.off + int64(len(e.data))
	if grow := end - int64(len(data)); grow > 0 {
		data = append(data, make([]byte, grow)...)
	}
	if e.op == opTruncate {
		return data[:e.off]
	}
	copy(data[e.off:], e.data)
	return data
}

// spoil grows the file as the write would have, but leaves there what the disk
// held before.
func (e event) spoil(data []byte, rng *rand.Rand) []byte {
	for end := int(e.off) + len(e.data); len(data) < end; {
		data = append(data, byte(rng.Uint32()))
	}
	return data
}

func (img image) put(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, data := range img {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// beginnings counts how often the log was begun anew, from its header on.
func beginnings(trace []event) (n int) {
	logs := map[int]bool{}
	for _, e := range trace {
		switch {
		case e.op == opCreate && e.name == "acervo.db-wal":
			logs[e.inode] = true
		case e.op == opWrite && e.off == 0 && logs[e.inode]:
			n++
		}
	}
	return n
}
