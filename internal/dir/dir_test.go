package dir_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"acervo/internal/blob"
	"acervo/internal/blob/blobtest"
	"acervo/internal/dir"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const uploads = "/v1/uploads/"

// open opens the objects of a folder.
func open(t *testing.T, at string, ring *dir.Keyring) *dir.Dir {
	t.Helper()
	d, err := dir.Open(dir.Options{Path: at, Uploads: uploads, Ring: ring, Now: time.Now})
	ok(t, err)
	t.Cleanup(func() { ok(t, d.Close()) })
	return d
}

// fresh opens a folder that nobody else uses.
func fresh(t *testing.T) *dir.Dir {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "objects"), dir.NewKeyring(time.Now, dir.NewKey()))
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// send makes an upload as the API does for a stranger.
func send(t *testing.T, s blob.Store, u blob.Upload, body []byte) error {
	t.Helper()
	token := u.URL[len(uploads):]
	_, err := s.(blob.Inbox).Accept(t.Context(), token, u.Headers["Content-Type"], int64(len(body)), bytes.NewReader(body))
	return err
}

func TestAFolderKeepsTheContractOfObjects(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, blobtest.Harness{
		Open:   func(t *testing.T) blob.Store { t.Helper(); return fresh(t) },
		Upload: send,
		Bubble: synctest.Test,
		Walks:  40,
	})
}
