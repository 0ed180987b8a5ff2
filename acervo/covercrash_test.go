package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/e2etest"
)

// grain is a picture of noise, which takes a while to be made into a cover.
func grain(t *testing.T) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 1600, 1200))
	for i := range m.Pix {
		m.Pix[i] = byte(rand.Uint32())
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The server is killed anywhere between the end of an upload and the cover, and then
// anywhere after its start.
func TestACrashLosesAndDoublesNoCover(t *testing.T) {
	t.Parallel()
	kills := 10
	if testing.Short() {
		kills = 3
	}
	c := newCrash(t, unlimited)
	jobs := map[string]string{} // of each book, its path
	unmade := 0                 // kills before the picture was done with
	for range kills {
		s := serveDir(t, c.dir, c.env)
		id := uuid.NewString()
		made, err := s.Call(t.Context(), http.MethodPut, "/v1/books/"+id, `{"title":"T","authors":["A"]}`)
		if err != nil || made.Status != http.StatusAccepted {
			t.Fatalf("%v (%v)", made, err)
		}
		jobs[id] = upload(t, s, id, grain(t))
		<-time.After(time.Duration(c.dice.Int64N(int64(200 * time.Millisecond))))
		s.Kill()
		if len(originals(t, c.dir)) > 0 {
			unmade++
		}
		c.killStarting(t)
	}
	t.Logf("%d of %d kills came before the picture was done with", unmade, kills)
	if unmade == 0 {
		t.Error("no kill came before a picture was done with")
	}
	s := serveDir(t, c.dir, c.env)
	for id, path := range jobs {
		covered(t, s, id, path)
	}
	if err := e2etest.Poll(t.Context(), func() (bool, error) { return len(originals(t, c.dir)) == 0, nil }); err != nil {
		t.Errorf("pictures are left: %q", originals(t, c.dir))
	}
}

// offer is where a picture is to be uploaded, and the path of the job that goes on then.
type offer struct{ method, url, job string }

// offered announces a picture of so many bytes for a book.
func offered(t *testing.T, s *server, id string, size int) offer {
	t.Helper()
	a, err := s.Call(t.Context(), http.MethodPost, "/v1/books/"+id+"/cover", fmt.Sprintf(`{"content_type":"image/jpeg","bytes":%d}`, size))
	var told struct{ Upload struct{ Method, URL string } }
	if err == nil {
		err = json.Unmarshal(a.Body, &told)
	}
	if err != nil || a.Status != http.StatusCreated {
		t.Fatalf("%v (%v)", a, err)
	}
	return offer{told.Upload.Method, told.Upload.URL, a.Header.Get("Location")}
}

// put uploads a picture to where it was offered, and returns the status of the answer.
func (o offer) put(t *testing.T, s *server, picture []byte) int {
	t.Helper()
	put, err := http.NewRequestWithContext(t.Context(), o.method, s.URL+o.url, bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	put.Header.Set("Content-Type", "image/jpeg")
	res, err := s.HTTP.Do(put)
	if err == nil {
		err = res.Body.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

// upload sends a picture for a book and returns the path of its job once it has landed.
func upload(t *testing.T, s *server, id string, picture []byte) string {
	t.Helper()
	o := offered(t, s, id, len(picture))
	if got := o.put(t, s, picture); got != http.StatusNoContent {
		t.Fatalf("the upload is answered with %d", got)
	}
	return o.job
}

// covered checks that a job has set the cover of a book, once.
func covered(t *testing.T, s *server, id, path string) {
	t.Helper()
	seen, err := s.Await(t.Context(), path)
	if err != nil || seen.State != "succeeded" || seen.BookVersion != 2 {
		t.Errorf("the job of %s is %+v (%v)", id, seen, err)
	}
	var shown struct {
		Version int64
		Cover   struct{ Renditions []struct{ URL string } }
	}
	if a, err := s.Get(t.Context(), "/v1/books/"+id, &shown); err != nil || shown.Version != 2 || len(shown.Cover.Renditions) != 4 {
		t.Errorf("%v (%v)", a, err)
	}
	for _, r := range shown.Cover.Renditions {
		if a, err := s.Call(t.Context(), http.MethodGet, r.URL, ""); err != nil || a.Status != http.StatusOK {
			t.Errorf("%s is %v (%v)", r.URL, a, err)
		}
	}
}

// originals are the pictures that wait in a data directory.
func originals(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "originals"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
