package dir

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"acervo/internal/blob"
	"acervo/internal/fault"
)

// Put implements blob.Store.
func (d *Dir) Put(ctx context.Context, key, contentType string, body io.ReadSeeker) (blob.Object, error) {
	if err := errors.Join(blob.CheckKey(key), blob.CheckType(contentType)); err != nil {
		return blob.Object{}, err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return blob.Object{}, fault.Wrap(fault.KindOf(err), err, "go to the beginning of the body of %s", key)
	}
	temp, err := d.write(ctx, body, blob.MaxBytes)
	if err != nil {
		return blob.Object{}, err
	}
	defer temp.discard()
	if temp.info.Size() > blob.MaxBytes {
		return blob.Object{}, fault.New(fault.TooLarge, "An object has at most %d bytes.", int64(blob.MaxBytes))
	}
	d.names.Lock()
	defer d.names.Unlock()
	if err := temp.publish(key); err != nil {
		return blob.Object{}, err
	}
	return object(key, temp.info), nil
}

// temp is a body that is on the disk and has no key yet.
type temp struct {
	dir  *Dir
	name string
	info fs.FileInfo
}

// write puts a body on the disk, or its first limit bytes and one more.
func (d *Dir) write(ctx context.Context, body io.Reader, limit int64) (*temp, error) {
	t := &temp{dir: d, name: path.Join(incoming, rand.Text())}
	f, err := d.root.OpenFile(t.name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return nil, classify(err, "make a file for a body")
	}
	err = errors.Join(t.fill(f, &source{ctx: ctx, body: io.LimitReader(body, limit+1)}), classify(f.Close(), "close the file of a body"))
	if err != nil {
		t.discard()
		return nil, err
	}
	return t, nil
}

func (t *temp) fill(f *os.File, from *source) error {
	_, err := io.Copy(f, from)
	if from.err != nil {
		return from.err
	}
	if err != nil {
		return classify(err, "write a body")
	}
	at := t.dir.stamp()
	if err := t.dir.root.Chtimes(t.name, at, at); err != nil {
		return classify(err, "stamp a body")
	}
	if err := f.Sync(); err != nil {
		return classify(err, "make a body durable")
	}
	t.info, err = f.Stat()
	return classify(err, "describe a body")
}

// publish gives the body its key, durably. The caller holds names.
func (t *temp) publish(key string) error {
	folder := path.Dir(key)
	err := t.dir.folder(folder)
	if err == nil {
		err = t.dir.root.Rename(t.name, key)
	}
	switch {
	case err != nil && isTaken(err):
		return fault.Wrap(fault.Conflict, err, "The key is that of a folder, or lies below another object.")
	case err != nil:
		return classify(err, "name %s", key)
	}
	return classify(t.dir.sync(folder), "make the name %s durable", key)
}

// discard removes the body if it has no key.
func (t *temp) discard() { _ = t.dir.root.Remove(t.name) }

// source is a body that ends with the context, and remembers its own error beside
// those of the disk.
type source struct {
	ctx  context.Context //nolint:containedctx // a reader has no other way to know
	body io.Reader
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	if err := alive(s.ctx); err != nil {
		s.err = err
		return 0, err
	}
	n, err := s.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = fault.Wrap(fault.Syntax, err, "The body broke off.")
	}
	return n, err
}

// alive refuses to work for a caller that does not wait.
func alive(ctx context.Context) error {
	return fault.Wrap(fault.Unavailable, ctx.Err(), "the caller did not wait")
}

// Stat implements blob.Store.
func (d *Dir) Stat(ctx context.Context, key string) (blob.Object, error) {
	if err := errors.Join(blob.CheckKey(key), alive(ctx)); err != nil {
		return blob.Object{}, err
	}
	info, err := d.find(key)
	if err != nil {
		return blob.Object{}, err
	}
	return object(key, info), nil
}

// find returns the file of a key, which nothing but a plain file can be.
func (d *Dir) find(key string) (fs.FileInfo, error) {
	info, err := d.root.Lstat(key)
	switch {
	case err != nil && isAbsent(err), err == nil && !info.Mode().IsRegular():
		return nil, fault.New(fault.NotFound, "There is no such object.")
	case err != nil:
		return nil, classify(err, "find %s", key)
	}
	return info, nil
}

// Get implements blob.Store.
func (d *Dir) Get(ctx context.Context, key, version string, part blob.Range) (io.ReadCloser, blob.Object, error) {
	if err := errors.Join(blob.CheckKey(key), part.Check(), alive(ctx)); err != nil {
		return nil, blob.Object{}, err
	}
	if _, err := d.find(key); err != nil { // opening a pipe would wait for its other end
		return nil, blob.Object{}, err
	}
	f, err := d.root.Open(key)
	switch {
	case err != nil && isAbsent(err):
		return nil, blob.Object{}, fault.New(fault.NotFound, "There is no such object.")
	case err != nil:
		return nil, blob.Object{}, classify(err, "open %s", key)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, blob.Object{}, errors.Join(classify(err, "describe %s", key), f.Close())
	}
	if version != "" && version != versionOf(info) {
		_ = f.Close()
		return nil, blob.Object{}, fault.New(fault.Changed, "The object has another version now.")
	}
	length := part.Length
	if length == 0 {
		length = info.Size() - part.Offset
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, part.Offset, length), f}, object(key, info), nil
}

func object(key string, info fs.FileInfo) blob.Object {
	return blob.Object{Key: key, Version: versionOf(info), Size: info.Size(), ModifiedAt: info.ModTime().UTC()}
}

// Delete implements blob.Store.
func (d *Dir) Delete(ctx context.Context, key string) error { return d.remove(ctx, key, "") }

// DeleteVersion implements blob.Store.
func (d *Dir) DeleteVersion(ctx context.Context, key, version string) error {
	if version == "" {
		return fault.New(fault.Invalid, "A version is named.")
	}
	return d.remove(ctx, key, version)
}

// remove removes an object, in this version unless it is empty.
func (d *Dir) remove(ctx context.Context, key, version string) error {
	if err := errors.Join(blob.CheckKey(key), alive(ctx)); err != nil {
		return err
	}
	d.names.Lock()
	defer d.names.Unlock()
	info, err := d.find(key)
	if err != nil { // removing would take an empty folder too
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		return err
	}
	if version != "" && version != versionOf(info) {
		return nil
	}
	if err := d.root.Remove(key); err != nil && !isAbsent(err) {
		return classify(err, "remove %s", key)
	}
	if err := d.sync(path.Dir(key)); err != nil {
		return classify(err, "make the removal of %s durable", key)
	}
	d.prune(key)
	return nil
}
