package book

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// ParseItem reads the JSON of an item, which json.Marshal has written. A page of a
// list reads one for every book, so what stands as it was written is walked
// through without a decoder, at a fifth of the price; any other JSON of an item
// has one. The item's strings share the memory of one copy of doc.
func ParseItem(doc []byte, into *Item) error {
	item := *into
	if w := (walk{string(doc)}); w.item(&item) && w.rest == "" {
		*into = item
		return nil
	}
	return json.Unmarshal(doc, into)
}

// walk goes through JSON in the order and form in which json.Marshal writes it.
// Each step reports whether the next part of the text is as it would be.
type walk struct{ rest string }

func (w *walk) item(i *Item) bool {
	ok := w.next(`{"id":`) && w.uuid(&i.ID) &&
		(!w.next(`,"existence":`) || w.text((*string)(&i.Existence))) &&
		(!w.next(`,"draft":`) || w.draft(&i.Draft))
	return ok && (!w.next(`,"created_at":`) || w.time(&i.CreatedAt)) && (!w.next(`,"updated_at":`) || w.time(&i.UpdatedAt)) &&
		(!w.next(`,"cover":`) || w.cover(i)) && (!w.next(`,"cover_job":`) || w.text(&i.CoverJob)) &&
		(!w.next(`,"accepted_at":`) || w.time(&i.AcceptedAt)) && (!w.next(`,"last_job":`) || w.text(&i.LastJob)) &&
		(!w.next(`,"last_job_version":`) || w.whole(&i.LastJobVersion)) && w.next(`}`)
}

func (w *walk) draft(d *Draft) bool {
	published := int64(d.Published)
	ok := w.next(`{"title":`) && w.text(&d.Title) && w.next(`,"authors":`) && w.texts(&d.Authors) &&
		(!w.next(`,"isbn":`) || w.text(&d.ISBN)) &&
		(!w.next(`,"published":`) || w.whole(&published)) &&
		(!w.next(`,"language":`) || w.text(&d.Language)) &&
		(!w.next(`,"description":`) || w.text(&d.Description)) &&
		(!w.next(`,"rating":`) || w.number(&d.Rating)) &&
		(!w.next(`,"price":`) || w.price(d)) && w.next(`}`)
	d.Published = int(published)
	return ok
}

func (w *walk) price(d *Draft) bool {
	d.Price = &Price{}
	return w.next(`{"amount":`) && w.text(&d.Price.Amount) && w.next(`,"currency":`) && w.text(&d.Price.Currency) && w.next(`}`)
}

func (w *walk) cover(i *Item) bool {
	c := &Cover{Renditions: []Rendition{}}
	i.Cover = c
	if !w.next(`{"sha256":`) || !w.text(&c.SHA256) || !w.next(`,"renditions":[`) {
		return false
	}
	for !w.next(`]`) {
		var width, height int64
		ok := (len(c.Renditions) == 0 || w.next(`,`)) && w.next(`{"width":`) && w.whole(&width) &&
			w.next(`,"height":`) && w.whole(&height) && w.next(`}`)
		if !ok {
			return false
		}
		c.Renditions = append(c.Renditions, Rendition{Width: int(width), Height: int(height)})
	}
	return w.next(`,"blurhash":`) && w.text(&c.Blurhash) && w.next(`,"color":`) && w.text(&c.Color) && w.next(`}`)
}

// next takes a piece of text, if it is what comes next.
func (w *walk) next(piece string) (ok bool) {
	w.rest, ok = strings.CutPrefix(w.rest, piece)
	return ok
}

// text takes a string.
func (w *walk) text(into *string) bool {
	if !w.next(`"`) {
		return false
	}
	end := strings.IndexByte(w.rest, '"')
	if end < 0 {
		return false
	}
	if strings.IndexByte(w.rest[:end], '\\') >= 0 {
		return w.escaped(into)
	}
	*into, w.rest = w.rest[:end], w.rest[end+1:]
	return true
}

// escaped takes a string whose quote has been taken and which has a backslash.
func (w *walk) escaped(into *string) bool {
	for i := 0; i < len(w.rest); i++ {
		switch w.rest[i] {
		case '\\':
			i++
		case '"':
			s, err := jsontext.AppendUnquote(nil, `"`+w.rest[:i+1])
			*into, w.rest = string(s), w.rest[i+1:]
			return err == nil
		}
	}
	return false
}

// texts takes an array of strings.
func (w *walk) texts(into *[]string) bool {
	*into = []string{}
	if !w.next(`[`) {
		return false
	}
	for !w.next(`]`) {
		if len(*into) > 0 && !w.next(`,`) {
			return false
		}
		var s string
		if !w.text(&s) {
			return false
		}
		*into = append(*into, s)
	}
	return true
}

// digits takes a number as it stands.
func (w *walk) digits() string {
	end := strings.IndexAny(w.rest, ",}")
	if end < 0 {
		return ""
	}
	digits := w.rest[:end]
	w.rest = w.rest[end:]
	return digits
}

func (w *walk) whole(into *int64) bool {
	n, err := strconv.ParseInt(w.digits(), 10, 64)
	*into = n
	return err == nil
}

func (w *walk) number(into *float64) bool {
	n, err := strconv.ParseFloat(w.digits(), 64)
	*into = n
	return err == nil
}

func (w *walk) uuid(into *uuid.UUID) bool {
	var s string
	ok := w.text(&s)
	id, valid := ParseID(s)
	*into = id
	return ok && valid
}

func (w *walk) time(into *time.Time) bool {
	var s string
	ok := w.text(&s)
	at, err := time.Parse(time.RFC3339Nano, s)
	*into = at
	return ok && err == nil
}
