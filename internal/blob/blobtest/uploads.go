package blobtest

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"acervo/internal/blob"
	"acervo/internal/fault"
)

const (
	picture  = "image/jpeg"
	contents = "a picture"
)

// upload is an upload of contents to key that was signed on an empty store.
type upload struct {
	*store
	blob.Upload
}

// signed makes a check of what a sentence says about such an upload.
func signed(says func(u *upload)) func(*testing.T, Harness) { return signedFor(time.Hour, says) }

func signedFor(expiry time.Duration, says func(u *upload)) func(*testing.T, Harness) {
	return on(func(s *store) {
		began := time.Now()
		u, err := s.Sign(s.t.Context(), key, picture, int64(len(contents)), expiry)
		s.ok(err)
		if u.Method != http.MethodPut || u.URL == "" || u.Headers["Content-Type"] != picture {
			s.t.Fatalf("signed %+v", u)
		}
		if u.ExpiresAt.Before(began.Add(expiry-time.Second)) || u.ExpiresAt.After(time.Now().Add(expiry+time.Second)) {
			s.t.Fatalf("signed for %v, and it expires %v after", expiry, u.ExpiresAt.Sub(began))
		}
		says(&upload{s, u})
	})
}

func (u *upload) send(body string) error {
	u.t.Helper()
	return u.upload(u.t, u.Store, u.Upload, []byte(body))
}

// refuses checks that an upload fails and that the store is as empty as it was.
func (u *upload) refuses(body string) {
	u.t.Helper()
	if err := u.send(body); err == nil {
		u.t.Errorf("%s was taken", show(body))
	}
	u.hasNone(key)
	u.lists("")
}

func uploaded(u *upload) {
	u.hasNone(key)
	u.ok(u.send(contents))
	u.has(key, contents)
	u.lists("", key)
}

func uploadedTwice(u *upload) {
	u.ok(u.send(contents))
	if err := u.send("a drawing"); err == nil {
		u.t.Error("it was taken twice")
	}
	u.has(key, contents)
}

func uploadedAtOnce(u *upload) {
	var wg sync.WaitGroup
	var taken atomic.Int32
	for range 8 {
		wg.Go(func() {
			if u.send(contents) == nil {
				taken.Add(1)
			}
		})
	}
	wg.Wait()
	if taken.Load() != 1 {
		u.t.Errorf("it was taken %d times", taken.Load())
	}
	u.has(key, contents)
}

func uploadedOver(u *upload) {
	u.put(key, "a drawing")
	if err := u.send(contents); err == nil {
		u.t.Error("it was taken")
	}
	u.has(key, "a drawing")
}

func longer(u *upload) {
	u.refuses(contents + "!")
	u.refuses(strings.Repeat(contents, 100_000))
}

func shorter(u *upload) {
	u.refuses(contents[1:])
	u.refuses("")
}

func otherType(u *upload) {
	for _, contentType := range []string{"text/html", "", "image/jpeg; charset=utf-8", "image/png"} {
		u.Headers = maps.Clone(u.Headers)
		u.Headers["Content-Type"] = contentType
		u.refuses(contents)
	}
}

func late(u *upload) {
	<-time.After(time.Until(u.ExpiresAt) + time.Second)
	u.refuses(contents)
}

func refusedFirst(u *upload) {
	u.refuses(contents + "!")
	u.ok(u.send(contents))
	u.has(key, contents)
}

func badUploads(s *store) {
	for what, try := range map[string]func() (blob.Upload, error){
		"nothing":       func() (blob.Upload, error) { return s.Sign(s.t.Context(), key, picture, 0, time.Minute) },
		"less":          func() (blob.Upload, error) { return s.Sign(s.t.Context(), key, picture, -1, time.Minute) },
		"too much":      func() (blob.Upload, error) { return s.Sign(s.t.Context(), key, picture, blob.MaxBytes+1, time.Minute) },
		"no type":       func() (blob.Upload, error) { return s.Sign(s.t.Context(), key, "", 1, time.Minute) },
		"no time":       func() (blob.Upload, error) { return s.Sign(s.t.Context(), key, picture, 1, 0) },
		"part seconds":  func() (blob.Upload, error) { return s.Sign(s.t.Context(), key, picture, 1, 1500*time.Millisecond) },
		"too much time": func() (blob.Upload, error) { return s.Sign(s.t.Context(), key, picture, 1, blob.MaxExpiry+time.Second) },
	} {
		if _, err := try(); !fault.Is(err, fault.Invalid) {
			s.t.Errorf("%s: got %v, want fault.Invalid", what, err)
		}
	}
}
