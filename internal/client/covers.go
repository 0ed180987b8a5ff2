package client

import (
	"context"
	"net/http"
)

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
