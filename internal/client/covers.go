package client

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"regexp"

	"github.com/go-json-experiment/json/jsontext"

	"acervo/internal/fault"
)

// Cover is the cover of a book as the server shows it.
type Cover struct {
	Renditions []Rendition    `json:"renditions"` // from small to large
	Blurhash   string         `json:"blurhash"`
	Color      string         `json:"color"`
	Rest       jsontext.Value `json:",embed"`
}

// Rendition is one size of a cover in pixels.
type Rendition struct {
	Width  int            `json:"width"`
	Height int            `json:"height"`
	Type   string         `json:"type"`
	URL    string         `json:"url"`
	Rest   jsontext.Value `json:",embed"`
}

// Largest is the largest rendition, the zero one when there is none.
func (c *Cover) Largest() Rendition {
	if c == nil || len(c.Renditions) == 0 {
		return Rendition{}
	}
	return c.Renditions[len(c.Renditions)-1]
}

var contentHash = regexp.MustCompile(`^[0-9a-f]{64}$`)

// SHA256 is that of the original in hexadecimal, by which a cover is named: from
// /covers/{sha256}/{width}.jpg. It is empty when it cannot be told.
func (c *Cover) SHA256() string {
	at, err := url.Parse(c.Largest().URL)
	if err != nil {
		return ""
	}
	return contentHash.FindString(path.Base(path.Dir(at.Path)))
}

// Address is the whole address of what the server told where to find.
func (c *Client) Address(at string) string {
	u, err := url.Parse(at)
	if err != nil || u.Host != "" {
		return at
	}
	return c.base.JoinPath(u.Path).String()
}

// Picture reads a rendition. One that lies elsewhere is asked for without the key,
// which is the server's.
func (c *Client) Picture(ctx context.Context, r Rendition) ([]byte, error) {
	at, err := url.Parse(r.URL)
	nowhere := fault.New(fault.Internal, "The server does not tell where the picture is.")
	if err != nil || r.URL == "" {
		return nil, nowhere
	}
	from := *c
	if at.Scheme != "" || at.Host != "" {
		if at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
			return nil, nowhere
		}
		from.base = &url.URL{Scheme: at.Scheme, Host: at.Host}
		if at.Scheme != c.base.Scheme || at.Host != c.base.Host {
			from.key = ""
		}
	}
	a, err := from.send(ctx, request{method: http.MethodGet, path: at.EscapedPath(), query: at.Query(), repeatable: true})
	return a.body, err
}

// SetCover asks for the upload of a picture of so many bytes. The job goes on once
// Upload was made.
func (c *Client) SetCover(ctx context.Context, id, contentType string, bytes int64) (Upload, Job, error) {
	var offer struct {
		Upload Upload `json:"upload"`
		Job    Job    `json:"job"`
	}
	err := c.into(ctx, request{
		method: http.MethodPost, path: bookPath(id) + "/cover", repeatable: true,
		header: http.Header{"Idempotency-Key": {newKey()}},
		body:   map[string]any{"content_type": contentType, "bytes": bytes},
	}, &offer)
	return offer.Upload, offer.Job, err
}

// RemoveCover submits the removal of a cover; a version above zero is the one that the
// book has to have.
func (c *Client) RemoveCover(ctx context.Context, id string, version int64) (Job, error) {
	return c.submit(ctx, request{method: http.MethodDelete, path: bookPath(id) + "/cover", header: ifMatch(version)})
}
