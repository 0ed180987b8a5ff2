package dir

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"acervo/internal/blob"
	"acervo/internal/fault"
)

// List implements blob.Store. It reads each folder whole in which it looks.
func (d *Dir) List(ctx context.Context, prefix, after string, limit int) (blob.Page, error) {
	if err := errors.Join(blob.CheckPage(prefix, after, limit), alive(ctx)); err != nil {
		return blob.Page{}, err
	}
	q := &query{prefix: prefix, after: after, limit: limit}
	if err := d.walk(ctx, ".", q); err != nil {
		return blob.Page{}, err
	}
	page := blob.Page{Objects: q.found}
	if len(page.Objects) > limit {
		page.Objects = page.Objects[:limit]
		page.Next = page.Objects[limit-1].Key
	}
	return page, nil
}

// Nameless lists the files below a folder whose paths are no keys: what others have
// copied there under names that no object can have. Names that begin with a dot are
// left out, as everywhere. A list tells at most limit of them.
func (d *Dir) Nameless(ctx context.Context, folder string, limit int) ([]blob.Object, error) {
	q := &query{prefix: folder, limit: limit, nameless: true}
	if err := errors.Join(alive(ctx), d.walk(ctx, strings.TrimSuffix(folder, "/"), q)); err != nil {
		return nil, err
	}
	return q.found[:min(len(q.found), limit)], nil
}

// Compose gives a file the name that it has in normal form C, as keys have it: macOS
// leaves accents beside their letters. fault.Invalid when that is no key either,
// fault.Conflict when another file has it.
func (d *Dir) Compose(ctx context.Context, name string) error {
	key := norm.NFC.String(name)
	if err := errors.Join(blob.CheckKey(key), alive(ctx)); err != nil {
		return err
	}
	d.names.Lock()
	defer d.names.Unlock()
	old, err := d.root.Lstat(name)
	if err != nil {
		return classify(err, "find %s", name)
	}
	if taken, err := d.root.Lstat(key); err == nil && !os.SameFile(old, taken) {
		return fault.New(fault.Conflict, "There is another file of this name.")
	}
	if err := d.folder(path.Dir(key)); err != nil {
		return classify(err, "make the folder of %s", key)
	}
	if err := d.root.Rename(name, key); err != nil {
		return classify(err, "rename %s", name)
	}
	return classify(d.sync(path.Dir(key)), "make the name of %s durable", key)
}

// query is a list that is being made. It is done with one object more than asked
// for, which proves that there is a next page.
type query struct {
	prefix, after string
	limit         int
	nameless      bool // wants what is no key instead
	found         []blob.Object
}

func (q *query) done() bool { return len(q.found) > q.limit }

// below reports whether keys that begin so, with the name of a folder and its slash,
// can be in the list.
func (q *query) below(folder string) bool {
	if len(folder) > blob.MaxKey || !strings.HasPrefix(folder, q.prefix) && !strings.HasPrefix(q.prefix, folder) {
		return false
	}
	return folder > q.after || strings.HasPrefix(q.after, folder)
}

// walk adds what is in a folder to a list, in the order of the bytes of the keys.
func (d *Dir) walk(ctx context.Context, folder string, q *query) error {
	entries, err := d.entries(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if q.done() {
			return nil
		}
		if err := alive(ctx); err != nil {
			return err
		}
		at := path.Join(folder, entry.Name())
		switch {
		case strings.HasPrefix(entry.Name(), "."):
		case entry.IsDir() && q.below(at+"/"):
			err = d.walk(ctx, at, q)
		case entry.Type().IsRegular():
			err = q.add(at, entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entries returns what is in a folder, in the order in which its keys come: a
// folder's name is followed by a slash. A folder that is gone is empty.
func (d *Dir) entries(folder string) ([]fs.DirEntry, error) {
	f, err := d.root.Open(folder)
	if err != nil {
		if isAbsent(err) {
			return nil, nil
		}
		return nil, classify(err, "open the folder %s", folder)
	}
	entries, err := f.ReadDir(-1)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, classify(err, "read the folder %s", folder)
	}
	name := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(name(a), name(b)) })
	return entries, nil
}

// add adds a file to a list if it belongs there.
func (q *query) add(key string, entry fs.DirEntry) error {
	if !strings.HasPrefix(key, q.prefix) || key <= q.after || (blob.CheckKey(key) != nil) != q.nameless {
		return nil // what is no key is left out, or asked for
	}
	info, err := entry.Info()
	if err == nil {
		o := object(key, info)
		if !q.nameless {
			o.Version = ""
		}
		q.found = append(q.found, o)
	} else if !isAbsent(err) { // it may have gone since the folder was read
		return classify(err, "describe %s", key)
	}
	return nil
}
