package arrive_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/arrive"
	"acervo/internal/blob"
	"acervo/internal/dir"
	"acervo/internal/drop"
	"acervo/internal/intake"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
)

func july() time.Time { return time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC) }

const list = "title,author\nDom Casmurro,Machado de Assis\nIracema,José de Alencar\n"

// lane keeps what was sent.
type lane struct {
	mu   sync.Mutex
	sent []drop.Chunk
}

func (l *lane) Send(_ context.Context, m queue.Message) error {
	c, err := drop.DecodeChunk(m.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, c)
	return err
}

// chunks are those that were sent, each once, in order.
func (l *lane) chunks() []drop.Chunk {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := slices.Clone(l.sent)
	slices.SortFunc(all, func(a, b drop.Chunk) int { return a.Number - b.Number })
	return slices.Compact(all)
}

// shelf is a splitter over a real folder.
type shelf struct {
	*arrive.Drops
	at      string // the folder
	objects *dir.Dir
	store   drop.Store
	lane    *lane
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	at := t.TempDir()
	objects, err := dir.Open(dir.Options{Path: at, Uploads: "/v1/uploads/", Ring: dir.NewKeyring(time.Now, dir.NewKey()), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := objects.Close(); err != nil {
			t.Error(err)
		}
	})
	db, err := sqlite.Open(sqlite.Options{Now: july})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &shelf{at: at, objects: objects, store: db.Drops(), lane: &lane{}}
	d.Drops = d.over(d.store, objects, d.lane)
	return d
}

// over is a splitter over other stores.
func (d *shelf) over(store drop.Store, objects blob.Store, lane queue.Sender) *arrive.Drops {
	return &arrive.Drops{
		Imports: &intake.Imports{Drops: store, Objects: objects, Lane: lane, Now: july},
		Spool:   d.at, Log: slog.New(slog.DiscardHandler),
	}
}

// put puts an object into the drop, as others do.
func (d *shelf) put(t *testing.T, key string, content []byte) arrive.Object {
	t.Helper()
	o, err := d.objects.Put(t.Context(), key, intake.UploadType, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return arrive.Object{Key: key, Version: o.Version, Size: o.Size, At: july().Add(-time.Minute)}
}

// arrives tells of an object, and returns its import.
func (d *shelf) arrives(t *testing.T, o arrive.Object) drop.Import {
	t.Helper()
	if err := d.Arrived(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return d.latest(t, o.Key)
}

// drops puts an object and tells of it.
func (d *shelf) drops(t *testing.T, key, content string) drop.Import {
	t.Helper()
	return d.arrives(t, d.put(t, key, []byte(content)))
}

// latest is the latest import of a key.
func (d *shelf) latest(t *testing.T, key string) drop.Import {
	t.Helper()
	var found drop.Import
	for _, i := range d.all(t) {
		if i.Key == key && (found.ID == uuid.Nil || i.Version > found.Version) {
			found = i
		}
	}
	if found.ID == uuid.Nil {
		t.Fatalf("there is no import of %s", key)
	}
	return found
}

func (d *shelf) all(t *testing.T) []drop.Import {
	t.Helper()
	all, _, err := d.store.List(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// text reads a part of an object.
func (d *shelf) text(t *testing.T, c drop.Chunk) []byte {
	t.Helper()
	body, _, err := d.objects.Get(t.Context(), c.Key, c.Version, blob.Range{Offset: c.Offset, Length: c.Length})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(body)
	if err != nil || body.Close() != nil {
		t.Fatal(err)
	}
	return raw
}

func gzipped(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(raw)
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// spooled are the files that were left in the spool.
func (d *shelf) spooled(t *testing.T) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(d.at, "acervo-drop-*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func copyInto(t *testing.T, folder, name, content string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
