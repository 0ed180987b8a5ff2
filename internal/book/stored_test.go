package book

import (
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// drawItem is any item that a store may be given.
func drawItem(t *rapid.T) Item {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "Água \"viva\"", "a\\b\nc\u2028", "<&>", `\"`, `"`, `\`}))
	at := func(label string) time.Time {
		return time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, label)).UTC()
	}
	item := Item{ID: uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))}
	if rapid.Bool().Draw(t, "fence") {
		return item
	}
	item.Existence = rapid.SampledFrom([]Existence{Live, Tombstone}).Draw(t, "existence")
	item.CreatedAt, item.UpdatedAt, item.AcceptedAt = at("created"), at("updated"), at("accepted")
	item.LastJob, item.LastJobVersion = text.Draw(t, "job"), rapid.Int64().Draw(t, "version")
	item.Draft = Draft{
		Title: text.Draw(t, "title"), Authors: rapid.SliceOf(text).Draw(t, "authors"), ISBN: text.Draw(t, "isbn"),
		Published: rapid.Int().Draw(t, "published"), Language: text.Draw(t, "language"), Description: text.Draw(t, "description"),
		Rating: rapid.Float64().Draw(t, "rating"),
	}
	if rapid.Bool().Draw(t, "priced") {
		item.Draft.Price = &Price{Amount: text.Draw(t, "amount"), Currency: text.Draw(t, "currency")}
	}
	if rapid.Bool().Draw(t, "covered") {
		item.Cover = &Cover{SHA256: text.Draw(t, "sha256"), Renditions: []Rendition{}, Blurhash: text.Draw(t, "blurhash"), Color: text.Draw(t, "color")}
		for range rapid.IntRange(0, 4).Draw(t, "renditions") {
			item.Cover.Renditions = append(item.Cover.Renditions, Rendition{Width: rapid.Int().Draw(t, "width"), Height: rapid.Int().Draw(t, "height")})
		}
		item.CoverJob = text.Draw(t, "cover job")
	}
	return item
}

func TestAnItemIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		item := drawItem(t)
		doc, err := json.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		// The walk must take whatever json.Marshal writes, or it saves nothing.
		var walked, decoded Item
		if w := (walk{string(doc)}); !w.item(&walked) || w.rest != "" {
			t.Fatalf("%s is not walked through, but for %q", doc, w.rest)
		}
		if err := json.Unmarshal(doc, &decoded); err != nil || !reflect.DeepEqual(walked, decoded) {
			t.Fatalf("%s is read as %+v, want %+v (%v)", doc, walked, decoded, err)
		}
	})
}

func FuzzParseItem(f *testing.F) {
	const id = `{"id":"0197a6b0-0c7e-7000-8000-000000000001"`
	for _, s := range []string{
		id + `}`, id + `,"existence":"live","draft":{"title":"a","authors":["b","c"],"rating":4.5,"price":{"amount":"1","currency":"BRL"}},` +
			`"created_at":"2026-07-01T12:00:00Z","last_job":"x","last_job_version":1}`,
		id + ` , "draft":{"authors":[],"title":"\u00e9\n"}}`, id + `,"last_job_version":01}`, id + `,"draft":{"title":"a`, id + `,"draft":{"title":"a","authors":["b\`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var item, decoded Item
		err := ParseItem(doc, &item)
		if want := json.Unmarshal(doc, &decoded); want != nil {
			return // checksums, not the walk, keep what is no JSON away
		}
		if err != nil || !reflect.DeepEqual(item, decoded) {
			t.Errorf("%s is read as %+v, want %+v (%v)", doc, item, decoded, err)
		}
	})
}
