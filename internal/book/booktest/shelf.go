package booktest

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"acervo/internal/book"
)

// RunShelf holds a store to what book.Shelf promises. Open is as for Run, and settle
// waits until every write that has returned is seen; nil when it always is.
func RunShelf(t *testing.T, open func(t *testing.T) (Harness, book.Shelf), settle func()) {
	t.Helper()
	t.Run("a cover is shown as long as a book has it, and by no other", func(t *testing.T) {
		t.Parallel()
		harness, shelf := open(t)
		s := &Suite{Harness: harness, t: t}
		shows := func(sha256 string, want bool) {
			t.Helper()
			if settle != nil {
				settle()
			}
			if got, err := shelf.Shows(t.Context(), sha256); err != nil || got != want {
				t.Errorf("shown: %v, want %v (%v)", got, want, err)
			}
		}
		hash := func() string { return strings.ReplaceAll(uuid.NewString()+uuid.NewString(), "-", "") }
		one, other := hash(), hash()
		shows(one, false)
		first, second := coverOf(one), coverOf(one)
		s.swap(book.Item{ID: first.ID}, first)
		s.swap(book.Item{ID: second.ID}, second)
		shows(one, true)
		shows(other, false)
		changed := first
		changed.Version, changed.Cover = 2, &book.Cover{SHA256: other}
		s.swap(first, changed)
		shows(one, true)
		shows(other, true)
		gone := second
		gone.Version, gone.Existence, gone.Cover = 2, book.Tombstone, nil
		s.swap(second, gone)
		shows(one, false)
		bare := changed
		bare.Version, bare.Cover = 3, nil
		s.swap(changed, bare)
		shows(other, false)
	})
}

// coverOf is a book that shows a cover.
func coverOf(sha256 string) book.Item {
	return book.Item{
		ID: uuid.New(), Existence: book.Live, Version: 1, Draft: book.Draft{Title: "A", Authors: []string{"B"}},
		Cover: &book.Cover{SHA256: sha256, Renditions: []book.Rendition{{Width: 96, Height: 64}}}, CoverJob: "a job",
	}
}
