package httpapi

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"acervo/internal/blob"
	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/job"
)

// coverView is a cover on the wire.
type coverView struct {
	Renditions []renditionView `json:"renditions"`
	Blurhash   string          `json:"blurhash"`
	Color      string          `json:"color"`
}

type renditionView struct {
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Type   string `json:"type"`
	URL    string `json:"url"`
}

// renditionType is the content type of every rendition.
const renditionType = "image/jpeg"

func (a *API) viewCover(c *book.Cover) *coverView {
	if c == nil {
		return nil
	}
	v := coverView{Renditions: make([]renditionView, 0, len(c.Renditions)), Blurhash: c.Blurhash, Color: c.Color}
	for _, r := range c.Renditions {
		v.Renditions = append(v.Renditions, renditionView{
			Width: r.Width, Height: r.Height, Type: renditionType, URL: a.CoverBase + "/" + book.RenditionKey(c.SHA256, r.Width),
		})
	}
	return &v
}

// coverBody is what asks for the upload of a picture.
type coverBody struct {
	ContentType *string `json:"content_type"`
	Bytes       *int64  `json:"bytes"`
}

// offerView is an upload that may be made now, and the job that will follow from it.
type offerView struct {
	Upload uploadView `json:"upload"`
	Job    jobView    `json:"job"`
}

func viewUpload(u blob.Upload, bytes int64) uploadView {
	return uploadView{u.Method, u.URL, u.Headers, u.ExpiresAt.UTC(), bytes}
}

// setCover answers with an upload of exactly what was asked for, and with the job that
// goes on once it was made.
func (a *API) setCover(w http.ResponseWriter, r *http.Request) {
	var body coverBody
	write, err := a.readCover(w, r, &body)
	if err != nil {
		a.problem(w, r, err)
		return
	}
	receipt, replayed, err := a.Intake.Expect(r.Context(), write)
	var j job.Job
	if err == nil {
		j, err = a.Intake.Status(r.Context(), receipt)
	}
	var upload blob.Upload
	if err == nil {
		upload, err = a.Objects.Sign(r.Context(), job.OriginalKey(receipt.ID), *body.ContentType, *body.Bytes, job.UploadTTL)
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	w.Header().Set("Location", jobPath(j.ID))
	w.Header().Set("Cache-Control", "no-store")
	a.json(w, r, http.StatusCreated, offerView{Upload: viewUpload(upload, *body.Bytes), Job: viewJob(j)})
}

// readCover reads what asks for an upload, and names every fault.
func (a *API) readCover(w http.ResponseWriter, r *http.Request, body *coverBody) (intake.Write, error) {
	id, err := pathID(r)
	if err != nil {
		return intake.Write{}, err
	}
	for _, header := range []string{"If-Match", "If-None-Match"} {
		if r.Header.Get(header) != "" {
			return intake.Write{}, fault.New(fault.Combination, "%s cannot go with a picture that is still to be uploaded.", header)
		}
	}
	return a.readWrite(w, r, job.CoverSet, "Accept-Post", func(raw []byte) (intake.Write, error) {
		if err := json.Unmarshal(raw, body, json.RejectUnknownMembers(true)); err != nil {
			return intake.Write{}, fault.Wrap(fault.Syntax, err, "The body must be a JSON object with content_type and bytes.")
		}
		return intake.Write{BookID: id}, body.check()
	})
}

func (b *coverBody) check() error {
	var fields []fault.Field
	wrong := func(pointer, code, detail string) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: code, Detail: detail})
	}
	switch {
	case b.ContentType == nil:
		wrong("/content_type", "required", "is required")
	case !pictureType(*b.ContentType):
		wrong("/content_type", "not_a_picture", "must be the type of a picture such as image/jpeg, or application/octet-stream")
	}
	switch {
	case b.Bytes == nil:
		wrong("/bytes", "required", "is required")
	case *b.Bytes < 1 || *b.Bytes > book.MaxOriginal:
		wrong("/bytes", "out_of_range", "must be from 1 to "+strconv.Itoa(book.MaxOriginal))
	}
	return fault.Of(fault.Invalid, "The picture cannot be taken as it is announced.", fields)
}

// pictureType reports whether a type may be announced. What the picture is, its bytes
// say.
func pictureType(contentType string) bool {
	picture := strings.HasPrefix(strings.ToLower(contentType), "image/") || strings.EqualFold(contentType, "application/octet-stream")
	return picture && blob.CheckType(contentType) == nil
}

func (a *API) removeCover(w http.ResponseWriter, r *http.Request) {
	a.change(w, r, job.CoverRemove, "", func(uuid.UUID, []byte) (intake.Write, error) { return intake.Write{}, nil })
}

// contentHash is a SHA-256 as it stands in addresses, and renditionWidth a width.
var (
	contentHash    = regexp.MustCompile(`^[0-9a-f]{64}$`)
	renditionWidth = regexp.MustCompile(`^[1-9]\d{0,4}$`)
)

// getRendition answers with a picture that never changes. A browser that opens it by
// itself is to see nothing but a picture in it.
func (a *API) getRendition(w http.ResponseWriter, r *http.Request) {
	hash, width := chi.URLParam(r, "sha256"), chi.URLParam(r, "width")
	missing := fault.New(fault.NotFound, "There is no such picture.")
	if !contentHash.MatchString(hash) || !renditionWidth.MatchString(width) {
		a.problem(w, r, missing)
		return
	}
	pixels, _ := strconv.Atoi(width) // it is a number of five digits at most
	body, object, err := a.Objects.Get(r.Context(), book.RenditionKey(hash, pixels), "", blob.Range{})
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			err = missing
		}
		a.problem(w, r, err)
		return
	}
	defer body.Close() //nolint:errcheck // it was only read
	head, tag := w.Header(), `"`+hash+"-"+width+`"`
	head.Set("ETag", tag)
	head.Set("Cache-Control", a.forever())
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if seen := r.Header.Get("If-None-Match"); seen == "*" || strings.Contains(seen, tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	head.Set("Content-Type", renditionType)
	head.Set("Content-Length", strconv.FormatInt(object.Size, 10))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = io.Copy(w, body) // a client that has gone is its own affair
	}
}

// forever lets a picture be kept for a year, by its reader only where a role is needed.
func (a *API) forever() string {
	whose := "public"
	if a.PrivateReads {
		whose = "private"
	}
	return whose + ", " + book.RenditionKept
}
