package blobtest

import (
	"errors"
	"io"
	"strings"

	"acervo/internal/blob"
	"acervo/internal/fault"
)

func overwritten(s *store) {
	first := s.put(key, "a picture")
	second := s.put(key, "a drawing")
	if first.Version == second.Version {
		s.t.Errorf("two bodies are both version %s", first.Version)
	}
	s.has(key, "a drawing")
	stat, err := s.Stat(s.t.Context(), key)
	s.ok(err)
	if !same(stat, second) {
		s.t.Errorf("the current version is %+v, want %+v", stat, second)
	}
	got, err := s.read(key, second.Version, blob.Range{})
	s.ok(err)
	if got != "a drawing" {
		s.t.Errorf("the second version is %s", got)
	}
}

func sameAgain(s *store) {
	first := s.put(key, "a picture")
	s.put(key, "a drawing")
	s.put(key, "a picture")
	s.gone(first, "a picture", fault.Changed)
}

// gone checks that a version which is no longer the current one is read as it was,
// or fails so; the same of a part, and of what lies beyond the end.
func (s *store) gone(o blob.Object, was string, kind fault.Kind) {
	s.t.Helper()
	for _, part := range []blob.Range{{}, {Offset: 2, Length: 3}, {Offset: 1000}} {
		from := min(part.Offset, int64(len(was)))
		want := was[from:]
		if part.Length > 0 {
			want = want[:part.Length]
		}
		got, err := s.read(o.Key, o.Version, part)
		if err != nil {
			s.is(err, kind)
		} else if got != want {
			s.t.Errorf("%+v of an old version is %q, and was %q", part, got, want)
		}
	}
}

func oldVersion(s *store) {
	first := s.put(key, "a picture")
	second := s.put(key, "a drawing")
	third := s.put(key, "a longer picture")
	s.gone(first, "a picture", fault.Changed)
	s.gone(second, "a drawing", fault.Changed)
	got, err := s.read(key, third.Version, blob.Range{})
	s.ok(err)
	if got != "a longer picture" {
		s.t.Errorf("the current version is %s", got)
	}
}

func deletedVersion(s *store) {
	first := s.put(key, "a picture")
	s.delete(key)
	s.gone(first, "a picture", fault.NotFound)
}

func foreignVersion(s *store) {
	s.put(key, "a picture")
	foreign := s.put(other, "another picture").Version
	_, err := s.read(key, foreign, blob.Range{})
	s.is(err, fault.Changed, fault.NotFound)
}

// halfway reads half of a large object, lets something happen, and reads the rest.
func (s *store) halfway(happens func()) {
	s.t.Helper()
	whole := strings.Repeat("a picture", large/9)
	s.put(key, whole)
	body, _, err := s.Get(s.t.Context(), key, "", blob.Range{})
	s.ok(err)
	half := make([]byte, len(whole)/2)
	_, err = io.ReadFull(body, half)
	s.ok(err)
	happens()
	rest, err := io.ReadAll(body)
	s.ok(errors.Join(err, body.Close()))
	if string(half)+string(rest) != whole {
		s.t.Error("what was being read is no longer what it was")
	}
}

func overwrittenWhileRead(s *store) {
	s.halfway(func() { s.put(key, strings.Repeat("a drawing", large/9)) })
}

func deletedWhileRead(s *store) {
	s.halfway(func() { s.delete(key) })
}

func deletedOneVersion(s *store) {
	first := s.put(key, "first")
	second := s.put(key, "second")
	s.ok(s.DeleteVersion(s.t.Context(), key, first.Version))
	s.has(key, "second")
	s.ok(s.DeleteVersion(s.t.Context(), key, second.Version))
	s.hasNone(key)
	s.ok(s.DeleteVersion(s.t.Context(), key, second.Version))
	s.ok(s.DeleteVersion(s.t.Context(), other, second.Version))
	s.is(s.DeleteVersion(s.t.Context(), key, ""), fault.Invalid)
}
