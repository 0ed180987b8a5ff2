// Package blob is the port to objects: bytes under a key, put whole, read in
// ranges of one version, and uploaded by strangers to whom one upload was signed.
//
// It promises what a versioned bucket of Amazon S3 and a plain folder can both
// keep, and no more. Its contract suite is blobtest.
package blob

import (
	"context"
	"io"
	"mime"
	"strings"
	"time"
	"unicode/utf8"

	"acervo/internal/fault"
)

const (
	// MaxBytes is the most bytes that an object may have: what S3 takes in one put.
	MaxBytes = 5 << 30
	// MaxPage is the most objects that one list returns.
	MaxPage = 1000
	// MaxType is the most bytes that a content type may have.
	MaxType = 255
	// MinExpiry is the least time in which a signed upload may begin.
	MinExpiry = time.Second
	// MaxExpiry is the most. The credentials of a task on AWS end its signatures with
	// themselves, hours later.
	MaxExpiry = time.Hour
)

// Object is what is known of an object without reading it.
type Object struct {
	Key string
	// Version names these very bytes among all that were ever put under the key. It
	// is opaque, and empty in lists.
	Version string
	// Size is in bytes.
	Size int64
	// ModifiedAt is when it was put, by the engine's clock and to its precision.
	ModifiedAt time.Time
}

// Range is a part of an object: Length bytes from Offset on, or all of them up to
// the end for a Length of zero. What lies beyond the end is left out.
type Range struct {
	Offset, Length int64
}

// Check refuses a range of negative numbers: fault.Invalid.
func (r Range) Check() error {
	if r.Offset < 0 || r.Length < 0 {
		return fault.New(fault.Invalid, "A range begins at %d and has %d bytes.", r.Offset, r.Length)
	}
	return nil
}

// Page is a part of a list.
type Page struct {
	Objects []Object
	// Next is where the next page begins, empty after the last one. A page may be
	// empty and have a next one.
	Next string
}

// Store keeps objects. It is safe for concurrent use. A key, a range, a limit or a
// content type that breaks the rules is fault.Invalid; what may pass is
// fault.Unavailable or fault.Throttled.
//
// A key and one that continues it with a slash cannot both stand in a folder: the
// later put may be fault.Conflict. Whether keys that differ only in case are one is
// the disk's choice too. Nobody should make such keys.
type Store interface {
	// Put stores all of body, from its beginning, under a key, and overwrites what
	// was there. It is all or nothing: whoever reads meanwhile gets the old bytes or
	// the new ones, and an error leaves either, never parts. The object is durable when
	// Put returns. The content type is for those who serve the object past this port,
	// which itself does not tell it. An engine that others read from also tells them for
	// how long they may keep the object, which follows from its key.
	Put(ctx context.Context, key, contentType string, body io.ReadSeeker) (Object, error)

	// Stat describes the current version; fault.NotFound.
	Stat(ctx context.Context, key string) (Object, error)

	// Get reads a range of a version, or of the current one if version is empty,
	// and describes the whole. It reads that version or fails, never another: one that
	// was overwritten may be fault.Changed, and a key that was deleted fault.NotFound,
	// where an engine keeps no more than the current version. What is being read stays
	// whole when it is overwritten or deleted meanwhile. The caller closes it, and ends
	// ctx only after that.
	Get(ctx context.Context, key, version string, part Range) (io.ReadCloser, Object, error)

	// Delete removes the object, if there is one.
	Delete(ctx context.Context, key string) error

	// DeleteVersion removes a version of the object, if it is there. What was put after
	// it stays.
	DeleteVersion(ctx context.Context, key, version string) error

	// List returns objects whose keys begin with prefix, which need not end at a
	// slash, and come after another key, in the order of their bytes. It returns at
	// most limit of them, which is from 1 to MaxPage. What others put there under names
	// that are no keys is left out.
	List(ctx context.Context, prefix, after string, limit int) (Page, error)

	// Sign returns an upload of exactly so many bytes of exactly this type to a key
	// that has no object. It can be begun until it expires, and works once: what is
	// longer, shorter, of another type, later or second stores nothing. The bytes are
	// from 1 to MaxBytes, the expiry from MinExpiry to MaxExpiry, in whole seconds.
	Sign(ctx context.Context, key, contentType string, bytes int64, expiry time.Duration) (Upload, error)
}

// Upload is a request that its bearer may make, without other credentials.
type Upload struct {
	Method string
	// URL is absolute, or a path on the host of the API.
	URL string
	// Headers are to be sent as they are, beside Content-Length.
	Headers map[string]string
	// ExpiresAt is when it can no longer begin.
	ExpiresAt time.Time
}

// Inbox takes the uploads that a Store signed, where it has no server of its own.
type Inbox interface {
	// Accept stores the body of the upload that the token was minted for, and describes
	// the object that it has become. The length is the one declared, negative if none was.
	// A token that is not ours, or a body shorter than it was signed for, is
	// fault.UploadRefused; one that has expired or was used is fault.Gone; a longer body
	// is fault.TooLarge; another type is fault.MediaType. A refused or broken body leaves nothing behind and does not use
	// the token. After fault.Unavailable it may have been stored: trying again tells.
	Accept(ctx context.Context, token, contentType string, length int64, body io.Reader) (Object, error)
}

// CheckType refuses what is not a content type, parameters and all: fault.Invalid.
func CheckType(contentType string) error {
	if len(contentType) > MaxType {
		return fault.New(fault.Invalid, "A content type has at most %d bytes.", MaxType)
	}
	for _, r := range contentType {
		if r < ' ' || r > '~' {
			return fault.New(fault.Invalid, "A content type is made of printable ASCII.")
		}
	}
	media, _, err := mime.ParseMediaType(contentType)
	if kind, _, ok := strings.Cut(media, "/"); err != nil || !ok || kind == "" {
		return fault.New(fault.Invalid, "This is not a content type.")
	}
	return nil
}

// CheckPage refuses what List does not take: fault.Invalid.
func CheckPage(prefix, after string, limit int) error {
	if limit < 1 || limit > MaxPage {
		return fault.New(fault.Invalid, "A page has 1 to %d objects.", MaxPage)
	}
	if len(after) > maxForeign || !utf8.ValidString(after) {
		return fault.New(fault.Invalid, "This is nothing after which a page could begin.")
	}
	return checkText(prefix)
}

// CheckUpload refuses what Sign does not take: fault.Invalid.
func CheckUpload(key, contentType string, bytes int64, expiry time.Duration) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if err := CheckType(contentType); err != nil {
		return err
	}
	if bytes < 1 || bytes > MaxBytes {
		return fault.New(fault.Invalid, "An upload has 1 to %d bytes.", int64(MaxBytes))
	}
	if expiry < MinExpiry || expiry > MaxExpiry || expiry%time.Second != 0 {
		return fault.New(fault.Invalid, "An upload expires after %v to %v, in whole seconds.", MinExpiry, MaxExpiry)
	}
	return nil
}
