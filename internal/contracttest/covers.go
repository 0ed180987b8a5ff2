package contracttest

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"net/http"
	"strings"
	"testing"
)

func coverRows() []row {
	return []row{
		{request: "POST and DELETE /v1/books/{id}/cover, GET /covers/{sha256}/{width}.jpg", sentences: []sentence{
			{says: "an upload is offered, and its picture is shown by the book until it is removed", check: coverShown},
			{says: "a picture that is refused ends its job, with the reason", check: coverRefused},
			{says: "an upload is of what was announced, and made once", check: uploadsAsSigned},
			{says: "what is announced wrong is told at once, and it goes with no precondition", check: coverFaults},
			{says: "a cover of no book ends 404", check: coverOfNothing},
		}, unseen: []string{"an upload that never comes (arrive/covers_test.go)", "two at once (work/cover_test.go, arrive/covers_test.go)"}},
	}
}

// seenUpload is an upload that was offered.
type seenUpload struct {
	Method, URL string
	Headers     map[string]string
	MaxBytes    int64 `json:"max_bytes"`
}

// offered asks for the upload of a picture.
func (s *site) offered(t *testing.T, path string, size int) (seenUpload, seenJob) {
	t.Helper()
	a := s.ask(t, s.Writer, http.MethodPost, path+"/cover", fmt.Sprintf(`{"content_type":"image/jpeg","bytes":%d}`, size)).is(t, http.StatusCreated)
	a.object(t, "upload job")
	var o struct {
		Upload seenUpload
		Job    seenJob
	}
	a.into(t, &o)
	a.has(t, "Location", "/v1/jobs/"+o.Job.ID)
	if o.Job.Kind != "cover.set" || o.Job.State != "queued" || o.Upload.MaxBytes != int64(size) || o.Upload.Headers["Content-Type"] != "image/jpeg" {
		t.Errorf("%s is answered with %+v", a.request, o)
	}
	return o.Upload, o.Job
}

// send makes an upload, wherever it goes, without a credential, and returns the
// status of its answer.
func (s *site) send(t *testing.T, u seenUpload, contentType string, body []byte) int {
	t.Helper()
	if strings.HasPrefix(u.URL, "/") {
		u.URL = s.URL + u.URL
	}
	req, err := http.NewRequestWithContext(t.Context(), u.Method, u.URL, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range u.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := s.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode
}

// cover uploads a picture for a book and returns how its job ended.
func (s *site) cover(t *testing.T, path string, picture []byte) seenJob {
	t.Helper()
	u, j := s.offered(t, path, len(picture))
	if status := s.send(t, u, "image/jpeg", picture); status >= http.StatusMultipleChoices {
		t.Fatalf("the upload is answered with %d", status)
	}
	if s.Landed != nil {
		s.Landed(t, j.ID)
	}
	return s.ended(t, "/v1/jobs/"+j.ID)
}

func aPicture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 400, 300)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func coverShown(t *testing.T, s *site) {
	path := s.make(t, "a book with a cover", "")
	if end := s.cover(t, path, aPicture(t)); end.State != "succeeded" || end.BookVersion == nil || *end.BookVersion != 2 {
		t.Fatalf("its job ends as %+v", end)
	}
	var b struct {
		Cover struct {
			Renditions []struct {
				Width, Height int
				Type, URL     string
			}
			Blurhash, Color string
		}
	}
	s.ask(t, "", http.MethodGet, path, "").is(t, http.StatusOK).into(t, &b)
	if len(b.Cover.Renditions) != 2 || b.Cover.Blurhash == "" || b.Cover.Color != "#000000" {
		t.Fatalf("it is shown as %+v", b.Cover)
	}
	for _, r := range b.Cover.Renditions {
		a := s.ask(t, "", http.MethodGet, r.URL, "").is(t, http.StatusOK)
		a.has(t, "Content-Type", "image/jpeg").has(t, "X-Content-Type-Options", "nosniff").has(t, "Content-Security-Policy", "default-src 'none'; sandbox")
		a.has(t, "Cache-Control", "public, max-age=31536000, immutable").has(t, "ETag", `"`)
		if c, err := jpeg.DecodeConfig(bytes.NewReader(a.body)); err != nil || c.Width != r.Width || c.Height != r.Height {
			t.Errorf("%s is %+v (%v), not %+v", r.URL, c, err, r)
		}
		s.ask(t, "", http.MethodGet, r.URL, "", "If-None-Match", a.header.Get("ETag")).is(t, http.StatusNotModified)
		s.ask(t, "", http.MethodGet, strings.Replace(r.URL, ".jpg", "1.jpg", 1), "").problem(t, http.StatusNotFound)
	}
	if end := s.write(t, http.MethodPatch, path, `{"title":"and another title"}`); end.State != "succeeded" {
		t.Errorf("a patch ends as %+v", end)
	}
	if end := s.ended(t, s.ask(t, s.Writer, http.MethodDelete, path+"/cover", "").is(t, http.StatusAccepted).header.Get("Location")); end.State != "succeeded" {
		t.Errorf("the removal ends as %+v", end)
	}
	if m := s.ask(t, "", http.MethodGet, path, "").object(t, bookMembers); m["cover"] != nil {
		t.Errorf("after its removal it is %v", m["cover"])
	}
}

func coverRefused(t *testing.T, s *site) {
	path := s.make(t, "a book without a cover", "")
	end := s.cover(t, path, []byte("<html>this is no picture</html>"))
	if end.State != "failed" || end.Error == nil || end.Error.Status != http.StatusUnsupportedMediaType {
		t.Errorf("it ends as %+v (%+v)", end, end.Error)
	}
}

func uploadsAsSigned(t *testing.T, s *site) {
	u, _ := s.offered(t, somewhere(), 9)
	for _, c := range []struct {
		contentType, body string
		taken             bool
	}{
		{"text/html", "a picture", false},
		{"image/jpeg", "a picture!", false},
		{"image/jpeg", "a pic", false},
		{"image/jpeg", "a picture", true},
		{"image/jpeg", "a picture", false},
	} {
		if got := s.send(t, u, c.contentType, []byte(c.body)); c.taken != (got < http.StatusMultipleChoices) {
			t.Errorf("%s of %q is answered with %d", c.contentType, c.body, got)
		}
	}
}

func coverFaults(t *testing.T, s *site) {
	path := somewhere() + "/cover"
	s.ask(t, s.Writer, http.MethodPost, path, `{"content_type":"text/html","bytes":0}`).faulty(t, http.StatusUnprocessableEntity, "/content_type not_a_picture", "/bytes out_of_range")
	s.ask(t, s.Writer, http.MethodPost, path, `{"content_type":"image/jpeg","bytes":9,"url":"http://127.0.0.1/"}`).problem(t, http.StatusBadRequest)
	s.ask(t, s.Writer, http.MethodPost, path, `{"content_type":"image/jpeg","bytes":9}`, "If-Match", `"v1"`).problem(t, http.StatusBadRequest)
	s.ask(t, s.Writer, http.MethodPost, path, "x", "Content-Type", "image/jpeg").problem(t, http.StatusUnsupportedMediaType)
}

func coverOfNothing(t *testing.T, s *site) {
	if end := s.cover(t, somewhere(), aPicture(t)); end.State != "failed" || end.Error == nil || end.Error.Status != http.StatusNotFound {
		t.Errorf("it ends as %+v", end)
	}
	a := s.ask(t, s.Writer, http.MethodDelete, somewhere()+"/cover", "").is(t, http.StatusAccepted)
	if end := s.ended(t, a.header.Get("Location")); end.State != "failed" || end.Error == nil || end.Error.Status != http.StatusNotFound {
		t.Errorf("a removal ends as %+v", end)
	}
}
