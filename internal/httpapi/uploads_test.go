package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"acervo/internal/blob"
	"acervo/internal/blob/blobtest"
	"acervo/internal/dir"
	"acervo/internal/fault"
	"acervo/internal/httpapi"
)

const (
	pictureKey = "originals/a/1"
	pictureNow = "a picture"
)

// uploader is a folder of objects behind the real handler and a real connection.
type uploader struct {
	*dir.Dir
	at   string
	http *httptest.Server
}

func newUploader(t *testing.T, now func() time.Time) *uploader {
	t.Helper()
	u := &uploader{at: t.TempDir()}
	d, err := dir.Open(dir.Options{
		Path: u.at, Uploads: "/v1/uploads/", Ring: dir.NewKeyring(now, dir.NewKey()), Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	u.Dir = d
	api := &httpapi.API{Inbox: d, Now: now, Log: slog.New(slog.DiscardHandler)}
	u.http = httptest.NewServer(api.Handler())
	t.Cleanup(func() {
		u.http.Close()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return u
}

// sign signs an upload of the picture for a minute.
func (u *uploader) sign(t *testing.T) blob.Upload {
	t.Helper()
	signed, err := u.Sign(t.Context(), pictureKey, "image/jpeg", int64(len(pictureNow)), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// put sends a body to a path, without its length unless it is text, and returns the
// status, or zero if there is no answer.
func (u *uploader) put(t *testing.T, path, contentType string, body io.Reader) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, u.http.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := u.http.Client().Do(req)
	if err != nil {
		return 0
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	return res.StatusCode
}

// files counts the files that are in the folder, under whatever name.
func (u *uploader) files(t *testing.T) (n int) {
	t.Helper()
	if err := filepath.WalkDir(u.at, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			n++
		}
		return err
	}); err != nil && !errors.Is(err, fs.ErrNotExist) { // a body that is just being removed
		t.Fatal(err)
	}
	return n
}

// unknown hides the length of a body.
func unknown(body string) io.Reader { return io.MultiReader(strings.NewReader(body)) }

func TestAnUploadIsAnsweredByWhatItIs(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		contentType string
		body        io.Reader
		later       time.Duration
		forge       bool
		want        int
	}{
		"as signed":                     {body: strings.NewReader(pictureNow), want: http.StatusNoContent},
		"as signed, of unknown length":  {body: unknown(pictureNow), want: http.StatusNoContent},
		"longer":                        {body: strings.NewReader(pictureNow + "!"), want: http.StatusRequestEntityTooLarge},
		"longer, of unknown length":     {body: unknown(pictureNow + "!"), want: http.StatusRequestEntityTooLarge},
		"shorter":                       {body: strings.NewReader("a"), want: http.StatusForbidden},
		"shorter, of unknown length":    {body: unknown("a"), want: http.StatusForbidden},
		"without a body":                {body: http.NoBody, want: http.StatusForbidden},
		"of another type":               {body: strings.NewReader(pictureNow), contentType: "text/html", want: http.StatusUnsupportedMediaType},
		"after its expiry":              {body: strings.NewReader(pictureNow), later: time.Minute, want: http.StatusGone},
		"by a token that nobody signed": {body: strings.NewReader(pictureNow), forge: true, want: http.StatusForbidden},
	} {
		t.Run("an upload "+what, func(t *testing.T) {
			t.Parallel()
			clock := &clock{now: july()}
			u := newUploader(t, clock.Now)
			path := u.sign(t).URL
			if c.forge {
				path = path[:len(path)-2] + "AA"
			}
			if c.contentType == "" {
				c.contentType = "image/jpeg"
			}
			clock.advance(c.later)
			if got := u.put(t, path, c.contentType, c.body); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
			stored := c.want == http.StatusNoContent
			if _, err := u.Stat(t.Context(), pictureKey); (err == nil) != stored || !stored && u.files(t) > 0 {
				t.Errorf("in the folder there are %d files (%v)", u.files(t), err)
			}
		})
	}
}

func TestAnUploadIsTakenOnceAlsoWhenItsObjectWasDeleted(t *testing.T) {
	t.Parallel()
	u := newUploader(t, time.Now)
	path := u.sign(t).URL
	for _, want := range []int{http.StatusNoContent, http.StatusGone} {
		if got := u.put(t, path, "image/jpeg", strings.NewReader(pictureNow)); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	if err := u.Delete(t.Context(), pictureKey); err != nil {
		t.Fatal(err)
	}
	if got := u.put(t, path, "image/jpeg", strings.NewReader(pictureNow)); got != http.StatusGone {
		t.Errorf("got %d, want 410", got)
	}
}

// watched tells when an upload has ended, however it did.
type watched struct {
	blob.Inbox
	ended chan error
}

func (w *watched) Accept(ctx context.Context, token, contentType string, length int64, body io.Reader) (blob.Object, error) {
	o, err := w.Inbox.Accept(ctx, token, contentType, length, body)
	w.ended <- err
	return o, err
}

func TestAnUploadThatBreaksOffInTheMiddleLeavesNothing(t *testing.T) {
	t.Parallel()
	u := newUploader(t, time.Now)
	inbox := &watched{u.Dir, make(chan error, 1)}
	api := &httpapi.API{Inbox: inbox, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	server := httptest.NewServer(api.Handler())
	defer server.Close()

	path := u.sign(t).URL
	reader, writer := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(len(pictureNow))
	req.Header.Set("Content-Type", "image/jpeg")
	go func() {
		_, _ = writer.Write([]byte("a pic"))
		_ = writer.CloseWithError(errors.New("the line is dead"))
	}()
	if res, err := server.Client().Do(req); err == nil {
		_ = res.Body.Close()
		t.Errorf("half an upload was answered with %d", res.StatusCode)
	}
	if err := <-inbox.ended; err == nil {
		t.Error("half an upload was taken")
	}
	if n := u.files(t); n > 0 {
		t.Errorf("it left %d files", n)
	}
	if got := u.put(t, path, "image/jpeg", strings.NewReader(pictureNow)); got != http.StatusNoContent {
		t.Errorf("the second try got %d, want 204", got)
	}
}

func TestUploadsOverHTTPKeepTheContractOfObjects(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, blobtest.Harness{
		Open: func(t *testing.T) blob.Store { t.Helper(); return newUploader(t, time.Now) },
		Upload: func(t *testing.T, s blob.Store, signed blob.Upload, body []byte) error {
			t.Helper()
			u := s.(*uploader)
			if got := u.put(t, signed.URL, signed.Headers["Content-Type"], bytes.NewReader(body)); got != http.StatusNoContent {
				return fault.New(fault.Forbidden, "the answer was %d", got)
			}
			return nil
		},
		Walks: 1,
	})
}
