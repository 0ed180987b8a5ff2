package dir_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"acervo/internal/blob"
	"acervo/internal/dir"
	"acervo/internal/fault"
)

const (
	picture  = "image/jpeg"
	contents = "a picture"
	key      = "originals/a/1"
)

// token signs an upload of contents to key for a minute.
func token(t *testing.T, d *dir.Dir) string {
	t.Helper()
	u, err := d.Sign(t.Context(), key, picture, int64(len(contents)), time.Minute)
	ok(t, err)
	return u.URL[len(uploads):]
}

// accept makes an upload of declared length.
func accept(ctx context.Context, d *dir.Dir, token string, body io.Reader) error {
	return take(ctx, d, token, picture, int64(len(contents)), body)
}

// take makes an upload, of which the object is looked at elsewhere.
func take(ctx context.Context, d *dir.Dir, token, contentType string, length int64, body io.Reader) error {
	_, err := d.Accept(ctx, token, contentType, length, body)
	return err
}

func TestAnUploadIsDescribedAsItLies(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	got, err := d.Accept(t.Context(), token(t, d), picture, -1, strings.NewReader(contents))
	ok(t, err)
	if want, err := d.Stat(t.Context(), key); err != nil || got != want {
		t.Errorf("got %+v, want %+v (%v)", got, want, err)
	}
}

func is(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("got %v, want %s", err, kind)
	}
}

func TestAnUploadThatIsNotAsSignedIsRefusedByItsKind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := t.TempDir()
		d := open(t, at, dir.NewKeyring(time.Now, dir.NewKey()))
		token := token(t, d)
		for _, length := range []int64{-1, 9} { // undeclared, and declared wrong
			is(t, take(t.Context(), d, token, picture, length, strings.NewReader("a picture!")), fault.TooLarge)
			is(t, take(t.Context(), d, token, picture, length, strings.NewReader("a pic")), fault.UploadRefused)
		}
		is(t, take(t.Context(), d, token, picture, 10, nil), fault.TooLarge) // the body is not even read
		is(t, take(t.Context(), d, token, picture, 8, nil), fault.UploadRefused)
		is(t, take(t.Context(), d, token, "text/html", 9, nil), fault.MediaType)
		if left := files(t, at); len(left) > 0 {
			t.Errorf("refused uploads left %v", left)
		}
		ok(t, take(t.Context(), d, token, picture, -1, strings.NewReader(contents)))
		is(t, accept(t.Context(), d, token, nil), fault.Gone)
	})
}

func TestAnUploadThatBreaksOffLeavesNothingAndCanBeMadeAgain(t *testing.T) {
	t.Parallel()
	at := t.TempDir()
	d := open(t, at, dir.NewKeyring(time.Now, dir.NewKey()))
	token := token(t, d)
	broken := io.MultiReader(strings.NewReader("a pic"), iotest.ErrReader(errors.New("reset by peer")))
	is(t, accept(t.Context(), d, token, broken), fault.Syntax)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	is(t, accept(ctx, d, token, strings.NewReader(contents)), fault.Unavailable)
	if left := files(t, at); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	ok(t, accept(t.Context(), d, token, strings.NewReader(contents)))
}

// during is a body in the middle of which something happens.
func during(happens func()) io.Reader {
	return io.MultiReader(strings.NewReader(contents[:4]), readerFunc(func([]byte) (int, error) {
		happens()
		return 0, io.EOF
	}), strings.NewReader(contents[4:]))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAnUploadThatBeganInTimeMayEndLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := fresh(t)
		first, late := token(t, d), token(t, d)
		ok(t, accept(t.Context(), d, first, during(func() { <-time.After(time.Hour) })))
		ok(t, d.Delete(t.Context(), key))
		is(t, accept(t.Context(), d, late, strings.NewReader(contents)), fault.Gone)
	})
}

func TestTheFasterOfTwoUploadsStands(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	token := token(t, d)
	is(t, accept(t.Context(), d, token, during(func() {
		ok(t, accept(t.Context(), d, token, strings.NewReader(contents)))
	})), fault.Gone)
}

func TestAnUploadIsSpentAlsoAfterItsObjectWasDeletedAndTheProcessEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at, ring := t.TempDir(), dir.NewKeyring(time.Now, dir.NewKey())
		d, err := dir.Open(dir.Options{Path: at, Uploads: uploads, Ring: ring, Now: time.Now})
		ok(t, err)
		spent := token(t, d)
		ok(t, accept(t.Context(), d, spent, strings.NewReader(contents)))
		ok(t, d.Delete(t.Context(), key))
		is(t, accept(t.Context(), d, spent, strings.NewReader(contents)), fault.Gone)
		ok(t, d.Close())

		d = open(t, at, ring)
		is(t, accept(t.Context(), d, spent, strings.NewReader(contents)), fault.Gone)
		ok(t, accept(t.Context(), d, token(t, d), strings.NewReader(contents))) // signed anew

		<-time.After(2 * time.Minute)
		ok(t, d.Delete(t.Context(), key))
		ok(t, accept(t.Context(), d, token(t, d), strings.NewReader(contents)))
		if left := files(t, at); len(left) != 2 { // the object and its token
			t.Errorf("what has expired is still remembered: %v", left)
		}
	})
}

func TestATokenThatWasNotSignedHereIsForbidden(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	good := token(t, d)
	raw, err := base64.RawURLEncoding.DecodeString(good)
	ok(t, err)
	forged := []string{"", "x", good[:len(good)-1], good + "A", strings.Repeat("A", 10_000), token(t, fresh(t))}
	for i := range raw {
		raw[i] ^= 1
		forged = append(forged, base64.RawURLEncoding.EncodeToString(raw))
		raw[i] ^= 1
	}
	for n := range raw {
		forged = append(forged, base64.RawURLEncoding.EncodeToString(raw[:n]))
	}
	for _, token := range forged {
		is(t, accept(t.Context(), d, token, strings.NewReader(contents)), fault.UploadRefused)
	}
	ok(t, accept(t.Context(), d, good, strings.NewReader(contents)))
}

func TestARetiredKeyTakesWhatItSignedUntilThatHasExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		old := dir.NewKey()
		before := open(t, t.TempDir(), dir.NewKeyring(time.Now, old))
		first, second := token(t, before), token(t, before)
		old.RetiredAt = time.Now()
		after := open(t, t.TempDir(), dir.NewKeyring(time.Now, dir.NewKey(), old))
		ok(t, accept(t.Context(), after, first, strings.NewReader(contents)))
		<-time.After(blob.MaxExpiry + time.Second)
		is(t, accept(t.Context(), after, second, nil), fault.UploadRefused)
	})
}

func FuzzATokenIsOneThatWasSignedOrForbidden(f *testing.F) {
	ring := dir.NewKeyring(time.Now, dir.NewKey())
	d, err := dir.Open(dir.Options{Path: f.TempDir(), Ring: ring, Now: time.Now})
	if err != nil {
		f.Fatal(err)
	}
	u, err := d.Sign(f.Context(), key, picture, 9, time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(u.URL)
	f.Add(base64.RawURLEncoding.EncodeToString(make([]byte, 60)))
	f.Fuzz(func(t *testing.T, token string) {
		if token != u.URL {
			is(t, take(t.Context(), d, token, picture, 9, nil), fault.UploadRefused)
		}
	})
}
