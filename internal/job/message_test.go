package job_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

func someDraft() *book.Draft {
	return &book.Draft{
		ID: someID(), Title: "Dom Casmurro", Authors: []string{"Machado de Assis"}, ISBN: "9780804429573", Published: 1899,
		Language: "pt-BR", Description: "a\n\"b\"", Rating: 4.5, Price: &book.Price{Amount: "39.90", Currency: "BRL"},
	}
}

// messages makes messages that have what their kind needs.
func messages() *rapid.Generator[job.Message] {
	tags := rapid.Custom(func(t *rapid.T) *book.Tags {
		if rapid.Bool().Draw(t, "any") {
			return &book.Tags{Any: true}
		}
		return &book.Tags{Versions: rapid.SliceOfN(rapid.Int64Min(-1), 1, 3).Draw(t, "versions")}
	})
	maybe := rapid.OneOf(rapid.Just[*book.Tags](nil), tags)
	return rapid.Custom(func(t *rapid.T) job.Message {
		m := job.Message{
			V: job.MessageVersion, Job: rapid.StringMatching(`[0-9a-v]{80}`).Draw(t, "job"),
			Generation: rapid.IntRange(1, 1000).Draw(t, "generation"), Kind: rapid.SampledFrom(kinds()).Draw(t, "kind"),
			BookID:      uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")),
			AcceptedAt:  time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "accepted")).UTC(),
			IfMatch:     maybe.Draw(t, "if match"),
			IfNoneMatch: maybe.Draw(t, "if none match"),
			Traceparent: rapid.SampledFrom([]string{"", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}).Draw(t, "trace"),
		}
		switch m.Kind {
		case job.Create, job.Replace:
			m.Draft = someDraft()
			if m.Kind == job.Replace {
				m.Version = rapid.Int64Range(0, 1<<40).Draw(t, "version")
			}
		case job.Update:
			m.Patch = book.Patch(`{"title":"x","rating":4.10,"price":null}`)
		case job.Delete:
		}
		return m
	})
}

func TestMessages(t *testing.T) {
	t.Parallel()
	t.Run("what was sent is what is read", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			sent := messages().Draw(t, "message")
			body, err := sent.Encode()
			if err != nil {
				t.Fatal(err)
			}
			got, err := job.DecodeMessage(body)
			if err != nil {
				t.Fatal(err)
			}
			again, err := got.Encode()
			if err != nil || !bytes.Equal(again, body) {
				t.Errorf("got %s, %v; want %s", again, err, body)
			}
			if !sameMessage(got, sent) {
				t.Errorf("got %+v, want %+v", got, sent)
			}
		})
	})
	t.Run("the version sent is this release's, whatever the message says", func(t *testing.T) {
		t.Parallel()
		body, err := job.Message{V: 7, Generation: 1, Kind: job.Delete}.Encode()
		if err != nil || !strings.HasPrefix(string(body), `{"v":1,`) {
			t.Errorf("got %s, %v", body, err)
		}
	})
	t.Run("one that says nothing of a version is as it was before there were any", func(t *testing.T) {
		t.Parallel()
		m, err := job.DecodeMessage([]byte(of("book.replace", `"draft":{"title":"x","authors":["x"]}`)))
		body, encoding := m.Encode()
		if err != nil || encoding != nil || m.Version != 0 || strings.Contains(string(body), `"version"`) {
			t.Errorf("got %s, %v, %v", body, err, encoding)
		}
	})
	t.Run("writes of one book are one group, and each generation has its own deduplication id", func(t *testing.T) {
		t.Parallel()
		m := job.Message{Job: "receipt", Generation: 2, BookID: someID()}
		if m.Group() != someID().String() || m.DedupID() != "receipt.2" {
			t.Errorf("got %q and %q", m.Group(), m.DedupID())
		}
	})
}

func sameMessage(a, b job.Message) bool {
	if (a.Draft == nil) != (b.Draft == nil) || a.Draft != nil && !a.Draft.Equal(*b.Draft) {
		return false
	}
	same := func(x, y any) bool {
		left, _ := json.Marshal(x)
		right, _ := json.Marshal(y)
		return bytes.Equal(left, right)
	}
	return a.Job == b.Job && a.Generation == b.Generation && a.Kind == b.Kind && a.BookID == b.BookID &&
		a.AcceptedAt.Equal(b.AcceptedAt) && string(a.Patch) == string(b.Patch) && a.Traceparent == b.Traceparent && a.Version == b.Version &&
		same(a.IfMatch, b.IfMatch) && same(a.IfNoneMatch, b.IfNoneMatch)
}

// of is a message of a kind with what it needs, but for these members.
func of(kind, members string) string {
	return `{"v":1,"job":"r","generation":1,"kind":"` + kind + `","book_id":"` + someID().String() + `",` + members + `}`
}

// unreadable are bodies that are no messages, and the kind of their fault.
func unreadable() []struct {
	name, body string
	want       fault.Kind
} {
	return []struct {
		name, body string
		want       fault.Kind
	}{
		{"one of a later version is left to a later release", `{"v":2,"job":7,"steps":[]}`, fault.Unavailable},
		{"one of a version before all is left alone too", `{"v":-1}`, fault.Unavailable},
		{"one of a later version may repeat names", `{"v":2,"x":1,"x":2}`, fault.Unavailable},
		{"nothing is not a message", ``, fault.Syntax},
		{"half a message is not one", `{"v":1,"job":"r","gen`, fault.Syntax},
		{"a message and more is not one", `{"v":1,"generation":1,"kind":"book.delete"} {}`, fault.Syntax},
		{"a list is not a message", `[1]`, fault.Syntax},
		{"a version that is no number is not one", `{"v":"1"}`, fault.Syntax},
		{"unknown names are refused", `{"v":1,"generation":1,"kind":"book.delete","colour":"red"}`, fault.Syntax},
		{"repeated names are refused", `{"v":1,"generation":1,"generation":2,"kind":"book.delete"}`, fault.Syntax},
		{"case counts in names", `{"v":1,"Generation":1,"kind":"book.delete"}`, fault.Syntax},
		{"no generation is refused", `{"v":1,"kind":"book.delete"}`, fault.Syntax},
		{"a generation of zero is refused", `{"v":1,"generation":0,"kind":"book.delete"}`, fault.Syntax},
		{"no kind is refused", `{"v":1,"generation":1}`, fault.Syntax},
		{"an unknown kind is refused", `{"v":1,"generation":1,"kind":"book.burn"}`, fault.Syntax},
		{"a create without a draft is refused", `{"v":1,"generation":1,"kind":"book.create","patch":{}}`, fault.Syntax},
		{"a replace without a draft is refused", `{"v":1,"generation":1,"kind":"book.replace","draft":null}`, fault.Syntax},
		{"a version of a create is refused", of("book.create", `"draft":{"title":"x","authors":["x"]},"version":7`), fault.Syntax},
		{"a version of a deletion is refused", of("book.delete", `"version":7`), fault.Syntax},
		{"a version below zero is refused", of("book.replace", `"draft":{"title":"x","authors":["x"]},"version":-1`), fault.Syntax},
		{"an update without a patch is refused", `{"v":1,"generation":1,"kind":"book.update"}`, fault.Syntax},
		{"an id that is no UUID is refused", `{"v":1,"generation":1,"kind":"book.delete","book_id":"7"}`, fault.Syntax},
		{"bytes that are not UTF-8 are refused", "{\"v\":1,\"generation\":1,\"kind\":\"book.delete\",\"job\":\"\xff\"}", fault.Syntax},
	}
}

func TestUnreadableMessages(t *testing.T) {
	t.Parallel()
	for _, c := range unreadable() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if m, err := job.DecodeMessage([]byte(c.body)); !fault.Is(err, c.want) {
				t.Errorf("got %+v, %v", m, err)
			}
		})
	}
}

func FuzzDecodeMessage(f *testing.F) {
	for _, c := range unreadable() {
		f.Add([]byte(c.body))
	}
	for _, m := range []job.Message{
		{Job: "r", Generation: 1, Kind: job.Create, BookID: someID(), AcceptedAt: july(), Draft: someDraft()},
		{Job: "r", Generation: 2, Kind: job.Update, BookID: someID(), AcceptedAt: july(), Patch: book.Patch(`{"title":"x"}`)},
		{Job: "r", Generation: 3, Kind: job.Delete, BookID: someID(), IfMatch: &book.Tags{Versions: []int64{7}}},
	} {
		body, err := m.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := job.DecodeMessage(body)
		if err != nil {
			if !fault.Is(err, fault.Syntax) && !fault.Is(err, fault.Unavailable) {
				t.Errorf("got %v", err)
			}
			return
		}
		if !jsontext.Value(body).IsValid() || m.Generation < 1 {
			t.Errorf("read: %q", body)
		}
		encoded, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := job.DecodeMessage(encoded)
		if err != nil || !sameMessage(again, m) {
			t.Errorf("%s came back as %+v, %v", encoded, again, err)
		}
	})
}
