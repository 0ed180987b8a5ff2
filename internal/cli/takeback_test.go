package cli_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
)

// bookshop is a server that has no books, accepts all writes, and has done each when it
// is asked for it.
type bookshop struct {
	mu            sync.Mutex
	waiting, most int // writes of books whose pictures wait, now and at most
	uploads       int
}

func (b *bookshop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasPrefix(r.URL.Path, "/v1/jobs/"):
		fmt.Fprintf(w, `{"id":%q,"state":"succeeded"}`, filepath.Base(r.URL.Path))
	case strings.HasSuffix(r.URL.Path, "/cover"):
		b.waiting--
		var asks struct {
			Bytes int64 `json:"bytes"`
		}
		_ = json.Unmarshal(body, &asks)
		fmt.Fprintf(w, `{"upload":{"method":"PUT","url":"/v1/uploads/x","max_bytes":%d},"job":{"id":"c"}}`, asks.Bytes)
	case strings.HasPrefix(r.URL.Path, "/v1/uploads/"):
		b.uploads++
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut:
		b.waiting++
		b.most = max(b.most, b.waiting)
		fmt.Fprint(w, `{"id":"j"}`)
	default:
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"type":"/problems/not_found","title":"t","status":404}`)
	}
}

// exportOf is a file of so many books, each with a picture of so many bytes.
func exportOf(t *testing.T, books, bytes int) string {
	t.Helper()
	picture := base64.StdEncoding.EncodeToString(make([]byte, bytes))
	name := filepath.Join(t.TempDir(), "export.ndjson")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range books {
		_, _ = fmt.Fprintf(file, `{"id":"%08d-0c7e-7000-8000-000000000001","title":"t","authors":["a"],"version":2,`+
			`"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z","cover":{"renditions":[],"picture":%q}}`+"\n", i, picture)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestPicturesThatWaitForTheirBooksAreBounded(t *testing.T) {
	t.Parallel()
	const largest = 12 << 20
	for _, c := range []struct{ books, bytes, most int }{
		{5, largest, 3}, // of 12 MiB each
		{70, 1000, 64},
	} {
		shop := &bookshop{}
		server := httptest.NewServer(shop)
		o := run(t, nil, "import", "--json", "--url", server.URL, exportOf(t, c.books, c.bytes))
		server.Close()
		if want := fmt.Sprintf(`"written":%d`, c.books); o.err != nil || !strings.Contains(o.stdout, want) || shop.uploads != c.books {
			t.Errorf("%v, %s, %d uploads", o.err, o.stdout, shop.uploads)
		}
		if shop.most != c.most {
			t.Errorf("%d pictures of %d bytes waited at once, want %d", shop.most, c.bytes, c.most)
		}
	}
}

func TestALineThatIsTooLongEndsTheImport(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&bookshop{})
	defer server.Close()
	file := exportOf(t, 1, 1000)
	long, err := os.ReadFile(exportOf(t, 1, 13<<20))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.Write(long)
	}
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	o := run(t, nil, "import", "--url", server.URL, file)
	if o.err == nil || !strings.Contains(o.err.Error(), "line 2") {
		t.Errorf("got %v", o.err)
	}
}
