package dir

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"time"

	"acervo/internal/blob"
	"acervo/internal/fault"
)

// Sign implements blob.Store. The address is taken by Accept.
func (d *Dir) Sign(ctx context.Context, key, contentType string, bytes int64, expiry time.Duration) (blob.Upload, error) {
	if err := errors.Join(blob.CheckUpload(key, contentType, bytes, expiry), alive(ctx)); err != nil {
		return blob.Upload{}, err
	}
	t := terms{key: key, contentType: contentType, bytes: bytes, expiresAt: d.now().Add(expiry).Truncate(time.Second).UTC()}
	return blob.Upload{
		Method: http.MethodPut, URL: d.uploads + d.ring.mint(t),
		Headers: map[string]string{"Content-Type": contentType}, ExpiresAt: t.expiresAt,
	}, nil
}

// Accept implements blob.Inbox.
func (d *Dir) Accept(ctx context.Context, token, contentType string, length int64, body io.Reader) (blob.Object, error) {
	t, sum, err := d.ring.verify(token)
	if err != nil {
		return blob.Object{}, err
	}
	spent := path.Join(used, hex.EncodeToString(sum))
	if !d.now().Before(t.expiresAt) {
		return blob.Object{}, fault.New(fault.Gone, "The time for this upload is over.")
	}
	if err := errors.Join(d.unspent(t, spent), t.check(contentType, length), alive(ctx)); err != nil {
		return blob.Object{}, err
	}
	temp, err := d.write(ctx, body, t.bytes)
	if err != nil {
		return blob.Object{}, err
	}
	defer temp.discard()
	if err := t.check(contentType, temp.info.Size()); err != nil {
		return blob.Object{}, err
	}
	d.names.Lock()
	defer d.names.Unlock()
	if err := d.unspent(t, spent); err != nil { // another one may have been faster
		return blob.Object{}, err
	}
	if err := temp.publish(t.key); err != nil {
		return blob.Object{}, err
	}
	return object(t.key, temp.info), d.spend(spent, t.expiresAt)
}

// check refuses what is not as promised. A negative length is not known yet.
func (t terms) check(contentType string, length int64) error {
	switch {
	case contentType != t.contentType:
		return fault.New(fault.MediaType, "This upload is of the type %s.", t.contentType)
	case length > t.bytes:
		return fault.New(fault.TooLarge, "This upload was to have %d bytes, and at least %d were sent.", t.bytes, length)
	case length >= 0 && length < t.bytes:
		return fault.New(fault.UploadRefused, "This upload was to have %d bytes, and %d were sent.", t.bytes, length)
	}
	return nil
}

// unspent refuses an upload that was made: fault.Gone.
func (d *Dir) unspent(t terms, spent string) error {
	for _, name := range []string{spent, t.key} {
		_, err := d.root.Lstat(name)
		switch {
		case err == nil:
			return fault.New(fault.Gone, "This upload was made already.")
		case !isAbsent(err):
			return classify(err, "look for %s", name)
		}
	}
	return nil
}

// spend remembers that a token was used, until it would have expired: its object may
// be deleted before that. It comes after the object, whose being there is proof
// enough if the power fails in between.
func (d *Dir) spend(spent string, expiresAt time.Time) error {
	f, err := d.root.OpenFile(spent, os.O_CREATE|os.O_WRONLY, fileMode)
	if err == nil {
		err = errors.Join(f.Close(), d.root.Chtimes(spent, expiresAt, expiresAt), d.sync(used), d.forgetUploads())
	}
	return classify(err, "remember an upload")
}

// forgetUploads removes what is remembered of tokens that have expired.
func (d *Dir) forgetUploads() error {
	entries, err := d.entries(used)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && d.now().After(info.ModTime()) {
			err = d.root.Remove(path.Join(used, entry.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
