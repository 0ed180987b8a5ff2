package httpapi

import (
	"bytes"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"acervo/internal/book"
)

func TestABookIsEncodedAsItsViewIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "Água \"viva\"", "a\\b\nc\u2028", "<&>", "a\xffb"}))
		at := time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "at"))
		item := book.Item{
			ID: uuid.New(), Existence: book.Live, Version: rapid.Int64().Draw(t, "version"), CreatedAt: at, UpdatedAt: at,
			Draft: book.Draft{
				Title: text.Draw(t, "title"), Authors: rapid.SliceOf(text).Draw(t, "authors"), ISBN: text.Draw(t, "isbn"),
				Published: rapid.Int().Draw(t, "published"), Language: text.Draw(t, "language"),
				Description: text.Draw(t, "description"),
				Rating:      rapid.SampledFrom([]float64{0, 1, 4.5, 5, 3.0000000000000004, 1.1}).Draw(t, "rating"),
			},
		}
		if rapid.Bool().Draw(t, "priced") {
			item.Draft.Price = &book.Price{Amount: text.Draw(t, "amount"), Currency: text.Draw(t, "currency")}
		}
		if rapid.Bool().Draw(t, "covered") {
			item.Cover = &book.Cover{Renditions: []book.Rendition{{Width: 96, Height: 1}, {Width: 320, Height: 2}}, Blurhash: text.Draw(t, "blurhash"), Color: "#000000"}
		}
		view := (&API{}).viewBook(item)
		want, err := json.Marshal(view)
		got, failed := appendBook(nil, view)
		if (err == nil) != (failed == nil) {
			t.Fatalf("%+v fails with %v, want %v", item, failed, err)
		}
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("a book is encoded as\n%s, want\n%s", got, want)
		}
	})
}
