package blobtest

import (
	"slices"
	"time"

	"acervo/internal/blob"
	"acervo/internal/fault"
)

func emptyList(s *store) {
	s.lists("")
	s.lists("covers/")
	s.lists("../")
	s.lists("/")
}

// scattered are keys whose order differs from that of a walk through folders.
func (s *store) scattered() []string {
	keys := []string{
		"a/b", "a/b-c", "a/b.c", "a/bc", "a/c/d", "a/c-/d", "a/c0", "a-/b", "a0/b", "b/c/d/e", "b/c/d/f", "b/c/d-", "B/c", "ä/b", "日/本",
	}
	for _, key := range keys {
		s.put(key, key)
	}
	slices.Sort(keys)
	return keys
}

func listOrder(s *store) { s.lists("", s.scattered()...) }

func listDescribes(s *store) {
	s.put(key, "a picture")
	put := s.put(key, "a longer picture")
	s.put(other, "another one")
	s.delete(other)
	all := s.list("", blob.MaxPage)
	if len(all) != 1 || all[0].Key != key || all[0].Version != "" || all[0].Size != put.Size {
		s.t.Fatalf("the list is %+v, want %+v", all, put)
	}
	if off := all[0].ModifiedAt.Sub(put.ModifiedAt).Abs(); off > time.Minute {
		s.t.Errorf("put at %v and listed with %v", put.ModifiedAt, all[0].ModifiedAt)
	}
}

func prefixes(s *store) {
	keys := s.scattered()
	for _, prefix := range []string{"a", "a/", "a/b", "a/c/", "a/c", "a/c0", "b/c/d", "b/c/d/", "b/c/d/e", "b/c/d/e/", "c", "ä", "日/本"} {
		var want []string
		for _, key := range keys {
			if len(key) >= len(prefix) && key[:len(prefix)] == prefix {
				want = append(want, key)
			}
		}
		s.lists(prefix, want...)
	}
}

func pages(s *store) {
	keys := s.scattered()
	for limit := 1; limit <= len(keys)+1; limit++ {
		if got := keysOf(s.list("", limit)); !slices.Equal(got, keys) {
			s.t.Errorf("in pages of %d there is %q, want %q", limit, got, keys)
		}
	}
	if got := keysOf(s.list("a/c", 1)); !slices.Equal(got, []string{"a/c-/d", "a/c/d", "a/c0"}) {
		s.t.Errorf("one by one under a prefix there is %q", got)
	}
}

func listAfter(s *store) {
	keys := s.scattered()
	for _, after := range append([]string{"0", "a", "a/", "a/b-", "a/c/", "a/c/e", "a/z", "b/c/d/e/f", "zz", "日/本/語"}, keys...) {
		page, err := s.List(s.t.Context(), "", after, blob.MaxPage)
		s.ok(err)
		from := 0
		for from < len(keys) && keys[from] <= after {
			from++
		}
		if got := keysOf(page.Objects); !slices.Equal(got, keys[from:]) {
			s.t.Errorf("after %q there is %q, want %q", after, got, keys[from:])
		}
	}
}

func badPages(s *store) {
	for _, limit := range []int{-1, 0, blob.MaxPage + 1} {
		_, err := s.List(s.t.Context(), "", "", limit)
		s.is(err, fault.Invalid)
	}
}
