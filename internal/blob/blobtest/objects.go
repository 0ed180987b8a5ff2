package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"acervo/internal/blob"
	"acervo/internal/fault"
)

const (
	key   = "originals/1f0a/01"
	other = "originals/1f0a/02"
	large = 8 << 20 // more than the buffers between a store and its reader hold
)

func readAsPut(s *store) {
	s.put(key, "a picture")
	s.put(other, "another one")
	s.has(key, "a picture")
	s.has(other, "another one")
}

func anyBytes(s *store) {
	for _, body := range []string{"", "\x00", "\r\n\xff\xfe", strings.Repeat("acervo", large/6)} {
		s.put(key, body)
		s.has(key, body)
	}
}

func fromTheBeginning(s *store) {
	body := strings.NewReader("a picture")
	_, err := body.Seek(3, io.SeekStart)
	s.ok(err)
	o, err := s.Put(s.t.Context(), key, plain, body)
	s.ok(err)
	if o.Size != int64(len("a picture")) {
		s.t.Errorf("put as %+v", o)
	}
	s.has(key, "a picture")
}

func described(s *store) {
	began := time.Now()
	put := s.put(key, "a picture")
	stat, err := s.Stat(s.t.Context(), key)
	s.ok(err)
	body, got, err := s.Get(s.t.Context(), key, "", blob.Range{Offset: 2, Length: 3})
	s.ok(err)
	s.ok(body.Close())
	if !same(put, stat) || !same(stat, got) {
		s.t.Errorf("put %+v, stat %+v, get %+v", put, stat, got)
	}
	// An engine may have a clock of its own, of whole seconds.
	if off := stat.ModifiedAt.Sub(began); off < -time.Minute || off > time.Minute {
		s.t.Errorf("put at %v, and modified at %v", began, stat.ModifiedAt)
	}
}

// same compares two descriptions. What is put may be told its time before the engine
// has cut it to its precision.
func same(a, b blob.Object) bool {
	off := a.ModifiedAt.Sub(b.ModifiedAt).Abs()
	return a.Key == b.Key && a.Version == b.Version && a.Size == b.Size && off < time.Minute
}

func absent(s *store) {
	s.hasNone(key)
	s.put(key, "a picture")
	s.hasNone(other)
	s.hasNone("originals/1f0a") // what others call a folder
	s.hasNone(key + "/below")
	_, err := s.read(other, "", blob.Range{Offset: 2})
	s.is(err, fault.NotFound)
}

func ranges(s *store) {
	v := s.put(key, "0123456789").Version
	for _, version := range []string{"", v} {
		for want, part := range map[string]blob.Range{
			"0123456789": {}, "56789": {Offset: 5}, "567": {Offset: 5, Length: 3}, "0": {Length: 1}, "9": {Offset: 9, Length: 1},
		} {
			s.reads(version, part, want)
		}
	}
}

func beyondTheEnd(s *store) {
	v := s.put(key, "0123456789").Version
	s.reads(v, blob.Range{Offset: 7, Length: 100}, "789")
	s.reads(v, blob.Range{Offset: 10}, "")
	s.reads(v, blob.Range{Offset: 10, Length: 1}, "")
	s.reads("", blob.Range{Offset: 1 << 60, Length: 1 << 62}, "")
	s.put(key, "")
	s.reads("", blob.Range{}, "")
	s.reads("", blob.Range{Length: 5}, "")
}

// reads checks what a range of key is, and that the whole is described with it.
func (s *store) reads(version string, part blob.Range, want string) {
	s.t.Helper()
	stat, err := s.Stat(s.t.Context(), key)
	s.ok(err)
	body, o, err := s.Get(s.t.Context(), key, version, part)
	s.ok(err)
	got, err := io.ReadAll(body)
	s.ok(errors.Join(err, body.Close()))
	if string(got) != want || !same(o, stat) {
		s.t.Errorf("%+v is %q of %+v, want %q of %+v", part, got, o, want, stat)
	}
}

func negativeRange(s *store) {
	s.put(key, "a picture")
	for _, part := range []blob.Range{{Offset: -1}, {Length: -1}, {Offset: -1, Length: 1}} {
		_, err := s.read(key, "", part)
		s.is(err, fault.Invalid)
	}
}

func deleted(s *store) {
	s.put(key, "a picture")
	s.put(other, "another one")
	s.delete(key)
	s.hasNone(key)
	s.lists("", other)
}

func deletedTwice(s *store) {
	s.delete(key)
	s.put(key, "a picture")
	s.delete(key)
	s.delete(key)
	s.delete("nowhere/at/all")
}

func putAgain(s *store) {
	first := s.put(key, "a picture")
	s.delete(key)
	if again := s.put(key, "a picture of the same size"[:9]); again.Version == first.Version {
		s.t.Errorf("twice the version %s", again.Version)
	}
	s.has(key, "a picture")
}

// failing is a body whose end cannot be read.
type failing struct{ *bytes.Reader }

func (f failing) Read(p []byte) (int, error) {
	if f.Len() < large/2 {
		return 0, errors.New("the disk is gone")
	}
	return f.Reader.Read(p)
}

func failingBody(s *store) {
	if _, err := s.Put(s.t.Context(), key, plain, failing{bytes.NewReader(make([]byte, large))}); err == nil {
		s.t.Error("half a body was put")
	}
	s.hasNone(key)
	s.lists("")
}

func failingOverwrite(s *store) {
	before := s.put(key, "a picture")
	if _, err := s.Put(s.t.Context(), key, plain, failing{bytes.NewReader(make([]byte, large))}); err == nil {
		s.t.Error("half a body was put")
	}
	s.has(key, "a picture")
	_, err := s.read(key, before.Version, blob.Range{})
	s.ok(err)
}

func cancelled(s *store) {
	s.put(other, "another one")
	ctx, cancel := context.WithCancel(s.t.Context())
	cancel()
	_, err := s.Put(ctx, key, plain, strings.NewReader("a picture"))
	s.is(err, fault.Unavailable)
	_, err = s.Stat(ctx, other)
	s.is(err, fault.Unavailable)
	_, _, err = s.Get(ctx, other, "", blob.Range{})
	s.is(err, fault.Unavailable)
	s.is(s.Delete(ctx, other), fault.Unavailable)
	_, err = s.List(ctx, "", "", 1)
	s.is(err, fault.Unavailable)
	s.lists("", other)
}

// body is one of many bodies that can be told from parts of others.
func body(n int) string { return strings.Repeat(string(rune('a'+n)), 1000*(n+1)) }

func isBody(s string) bool {
	return s != "" && s == body(int(s[0]-'a'))
}

func concurrentPuts(s *store) {
	var wg sync.WaitGroup
	versions := make([]string, 8)
	for n := range versions {
		wg.Go(func() {
			o, err := s.Put(s.t.Context(), key, plain, strings.NewReader(body(n)))
			if err != nil {
				s.t.Error(err)
			}
			versions[n] = o.Version
		})
	}
	wg.Wait()
	last, err := s.Stat(s.t.Context(), key)
	s.ok(err)
	got, err := s.read(key, last.Version, blob.Range{})
	s.ok(err)
	for n, version := range versions {
		if (version == last.Version) != (got == body(n)) {
			s.t.Errorf("body %d is version %s, and %s is %s", n, version, last.Version, show(got))
		}
	}
}

func readWhilePut(s *store) {
	s.put(key, body(0))
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for range 4 {
				if _, err := s.Put(s.t.Context(), key, plain, strings.NewReader(body(n))); err != nil {
					s.t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 8 {
				if got, err := s.read(key, "", blob.Range{}); err != nil || !isBody(got) {
					s.t.Errorf("read %s (%v)", show(got), err)
				}
			}
		})
	}
	wg.Wait()
}

func neighbours(s *store) {
	var wg sync.WaitGroup
	for n := range 4 {
		mine := "covers/1f0a/deep/" + string(rune('a'+n))
		wg.Go(func() {
			for range 8 {
				if _, err := s.Put(s.t.Context(), mine, plain, strings.NewReader(body(n))); err != nil {
					s.t.Error(err)
				}
				if got, err := s.read(mine, "", blob.Range{}); err != nil || got != body(n) {
					s.t.Errorf("%s is %s (%v)", mine, show(got), err)
				}
				if err := s.Delete(s.t.Context(), mine); err != nil {
					s.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	s.lists("")
}
