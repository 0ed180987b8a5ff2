package blobtest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"acervo/internal/blob"
	"acervo/internal/fault"
)

// plain is the content type where none matters.
const plain = "application/octet-stream"

// store is a store under test, with the calls that sentences are made of.
type store struct {
	blob.Store
	t      *testing.T
	upload func(*testing.T, blob.Store, blob.Upload, []byte) error
}

// put puts a body, and checks what holds for every put.
func (s *store) put(key, body string) blob.Object {
	s.t.Helper()
	o, err := s.Put(s.t.Context(), key, plain, bytes.NewReader([]byte(body)))
	s.ok(err)
	if o.Key != key || o.Version == "" || o.Size != int64(len(body)) {
		s.t.Fatalf("%d bytes under %s were put as %+v", len(body), key, o)
	}
	return o
}

// read reads a range of a version whole.
func (s *store) read(key, version string, part blob.Range) (string, error) {
	body, _, err := s.Get(s.t.Context(), key, version, part)
	if err != nil {
		return "", err
	}
	read, err := io.ReadAll(body)
	return string(read), errors.Join(err, body.Close())
}

// has checks that the current version is this body.
func (s *store) has(key, body string) {
	s.t.Helper()
	got, err := s.read(key, "", blob.Range{})
	s.ok(err)
	if got != body {
		s.t.Fatalf("%s is %s, want %s", key, show(got), show(body))
	}
}

// hasNone checks that there is no object under the key.
func (s *store) hasNone(key string) {
	s.t.Helper()
	_, err := s.Stat(s.t.Context(), key)
	s.is(err, fault.NotFound)
	_, err = s.read(key, "", blob.Range{})
	s.is(err, fault.NotFound)
}

func (s *store) delete(key string) {
	s.t.Helper()
	s.ok(s.Delete(s.t.Context(), key))
}

// list returns all objects with this prefix, in pages of so many.
func (s *store) list(prefix string, limit int) (all []blob.Object) {
	s.t.Helper()
	after := ""
	for {
		page, err := s.List(s.t.Context(), prefix, after, limit)
		s.ok(err)
		if len(page.Objects) > limit {
			s.t.Fatalf("a page of %d has %d objects", limit, len(page.Objects))
		}
		all = append(all, page.Objects...)
		if page.Next == "" {
			return all
		}
		if page.Next <= after {
			s.t.Fatalf("the page after %q is followed by the one after %q", after, page.Next)
		}
		after = page.Next
	}
}

// lists checks that these keys, and no others, have this prefix, in this order.
func (s *store) lists(prefix string, keys ...string) {
	s.t.Helper()
	if got := keysOf(s.list(prefix, blob.MaxPage)); !slices.Equal(got, keys) {
		s.t.Fatalf("under %q there is %q, want %q", prefix, got, keys)
	}
}

func (s *store) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// is checks that an error is of one of these kinds.
func (s *store) is(err error, kinds ...fault.Kind) {
	s.t.Helper()
	if !slices.Contains(kinds, fault.KindOf(err)) {
		s.t.Fatalf("got %v, want %v", err, kinds)
	}
}

func keysOf(objects []blob.Object) (keys []string) {
	for _, o := range objects {
		keys = append(keys, o.Key)
	}
	return keys
}

// show cuts a body short.
func show(body string) string {
	if len(body) > 40 {
		return body[:40] + "…"
	}
	return body
}
