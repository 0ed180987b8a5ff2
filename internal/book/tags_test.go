package book_test

import (
	"slices"
	"testing"

	"acervo/internal/book"
)

func TestParseTags(t *testing.T) {
	t.Parallel()
	const none = -1 // the version that no book has
	for _, c := range []struct {
		name, value string
		weak        bool
		want        book.Tags
	}{
		{"a tag names a version", `"v7"`, false, book.Tags{Versions: []int64{7}}},
		{"a list names several", `"v7", "v8","v9"`, false, book.Tags{Versions: []int64{7, 8, 9}}},
		{"a star names any", `*`, false, book.Tags{Any: true}},
		{"a star may stand in space", " \t* ", true, book.Tags{Any: true}},
		{"tabs and spaces surround tags", " \"v1\"\t, \t\"v2\" ", false, book.Tags{Versions: []int64{1, 2}}},
		{"empty elements of a list are ignored", `, "v1",, ,"v2",`, false, book.Tags{Versions: []int64{1, 2}}},
		{"a weak tag counts for If-None-Match", `W/"v7"`, true, book.Tags{Versions: []int64{7}}},
		{"a weak tag never matches for If-Match", `W/"v7", "v8"`, false, book.Tags{Versions: []int64{none, 8}}},
		{
			"a tag of others names no version", `"abc", "7", "v", "", "v07", "v+7", "v 7", "V7", "vv7"`, true,
			book.Tags{Versions: []int64{none, none, none, none, none, none, none, none, none}},
		},
		{"a tag of others may hold a comma", `"a,b", "v7"`, false, book.Tags{Versions: []int64{none, 7}}},
		{"a tag of others may be what a star is not", `"*"`, false, book.Tags{Versions: []int64{none}}},
		{"a tag of others may be beyond ASCII", "\"caf\xe9\"", false, book.Tags{Versions: []int64{none}}},
		{"a version beyond all numbers names none", `"v99999999999999999999"`, false, book.Tags{Versions: []int64{none}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, ok := book.ParseTags(c.value, c.weak)
			if !ok || got.Any != c.want.Any || !slices.Equal(got.Versions, c.want.Versions) {
				t.Errorf("got %+v, %v; want %+v", got, ok, c.want)
			}
		})
	}
	for _, c := range []struct{ name, value string }{
		{"nothing is malformed", ``},
		{"commas alone are malformed", ` , ,`},
		{"no quotes are malformed", `v7`},
		{"one quote is malformed", `"v7`},
		{"a lone quote is malformed", `"`},
		{"a quote too many is malformed", `"v7""`},
		{"no comma between tags is malformed", `"v7" "v8"`},
		{"a star in a list is malformed", `*, "v7"`},
		{"two stars are malformed", `*, *`},
		{"a small w is malformed", `w/"v7"`},
		{"a space after W/ is malformed", `W/ "v7"`},
		{"a weak star is malformed", `W/*`},
		{"single quotes are malformed", `'v7'`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := book.ParseTags(c.value, true); ok {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	some, anything := book.Tags{Versions: []int64{3, 7, -1}}, book.Tags{Any: true}
	for _, c := range []struct {
		name      string
		got, want bool
	}{
		{"a version among them matches", some.Match(7), true},
		{"a version between them does not match", some.Match(5), false},
		{"any version matches a star", anything.Match(5), true},
		{"no version matches none", book.Tags{}.Match(0), false},
		{"a later one is above", some.Above(6), true},
		{"the latest itself is not above", some.Above(7), false},
		{"a star is above nothing", anything.Above(1), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.got != c.want {
				t.Errorf("got %v", c.got)
			}
		})
	}
	t.Run("the tag of a version reads as that version", func(t *testing.T) {
		t.Parallel()
		got, ok := book.ParseTags(book.Tag(1<<62), false)
		if book.Tag(7) != `"v7"` || !ok || !got.Match(1<<62) {
			t.Errorf("got %s, %+v, %v", book.Tag(7), got, ok)
		}
	})
}
