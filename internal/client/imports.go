package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"acervo/internal/drop"
	"acervo/internal/fault"
)

// Announcement is a file to be imported, and what the importer says of it.
type Announcement struct {
	Filename  string            `json:"filename"`
	Bytes     int64             `json:"bytes"`
	Mode      drop.Mode         `json:"mode,omitzero"`
	Mapping   map[string]string `json:"mapping,omitempty"`
	Delimiter string            `json:"delimiter,omitzero"`
	Encoding  string            `json:"encoding,omitzero"`
	Currency  string            `json:"currency,omitzero"`
	Key       []string          `json:"key,omitempty"`
	StopAfter string            `json:"stop_after,omitzero"` // such as 100 or 5%
}

// Import is an import as the server shows it. What it does not know is nil.
type Import struct {
	ID          string         `json:"id"`
	Filename    string         `json:"filename"`
	State       drop.State     `json:"state"`
	Mode        drop.Mode      `json:"mode"`
	Format      *drop.Format   `json:"format"`
	Preview     []drop.Preview `json:"preview"`
	Plan        *ImportPlan    `json:"plan"`
	Rows        RowCounts      `json:"rows"`
	Warnings    []drop.Note    `json:"warnings"`
	Rate        *float64       `json:"rate"` // rows a second
	ETA         *time.Time     `json:"eta"`
	DuplicateOf *string        `json:"duplicate_of"`
	SubmittedAt time.Time      `json:"submitted_at"`
	FinishedAt  *time.Time     `json:"finished_at"`
	Error       *fault.Problem `json:"error"`
	Rest        jsontext.Value `json:",embed"`
}

// ImportPlan is what applying an import would do.
type ImportPlan struct {
	Creates    int64 `json:"creates"`
	Changes    int64 `json:"changes"`
	Unchanged  int64 `json:"unchanged"`
	Superseded int64 `json:"superseded"` // by a later row of the file, or a newer write
	Rejects    int64 `json:"rejects"`
	Samples    []Row `json:"samples,omitempty"`
}

// RowCounts are rows by outcome.
type RowCounts struct {
	Total      *int64         `json:"total"`
	OK         int64          `json:"ok"`
	Failed     int64          `json:"failed"`
	Superseded int64          `json:"superseded"`
	Unchanged  int64          `json:"unchanged"`
	Skipped    int64          `json:"skipped"`
	Warnings   int64          `json:"warnings"` // cells that were left out
	Rest       jsontext.Value `json:",embed"`
}

// Done is how many rows have an outcome.
func (c RowCounts) Done() int64 { return c.OK + c.Failed + c.Superseded + c.Unchanged + c.Skipped }

// Row is a row of which something is to be said.
type Row struct {
	Line    int64   `json:"line"`
	Offset  int64   `json:"offset"` // bytes
	Outcome string  `json:"outcome"`
	Creates bool    `json:"creates"`
	BookID  *string `json:"book_id"`
	Title   *string `json:"title"`
	// LaterLine is the line of the file by which it was superseded; nil when that was a
	// newer write of its book.
	LaterLine *int64         `json:"later_line"`
	Notes     []RowNote      `json:"notes"`
	Rest      jsontext.Value `json:",embed"`
}

// RowNote is what is wrong with a cell, or with the row.
type RowNote struct {
	Column *string `json:"column"`
	Value  *string `json:"value"`
	Code   string  `json:"code"`
	Reason string  `json:"reason"`
}

// Upload is how the bytes of an announced file are sent.
type Upload struct {
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	ExpiresAt time.Time         `json:"expires_at"`
	MaxBytes  int64             `json:"max_bytes"`
}

// Announce has an import wait for its file. It is sent once: an upload that nobody
// begins expires.
func (c *Client) Announce(ctx context.Context, a Announcement) (Import, Upload, error) {
	var got struct {
		Import Import `json:"import"`
		Upload Upload `json:"upload"`
	}
	err := c.into(ctx, request{method: http.MethodPost, path: "/v1/imports", body: a}, &got)
	return got.Import, got.Upload, err
}

// Upload sends the bytes of an announced file, for as long as it takes.
func (c *Client) Upload(ctx context.Context, u Upload, body io.Reader) error {
	at, err := url.Parse(u.URL)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "The server's answer cannot be read")
	}
	if !at.IsAbs() {
		target := *c.base
		target.RawPath = target.EscapedPath() + at.EscapedPath()
		target.Path, _ = url.PathUnescape(target.RawPath)
		target.RawQuery = at.RawQuery
		at = &target
	}
	req, err := http.NewRequestWithContext(ctx, u.Method, at.String(), io.NopCloser(body))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "The server's answer cannot be read")
	}
	req.ContentLength = u.MaxBytes
	for name, value := range u.Headers { // without the key, which is the server's
		req.Header.Set(name, value)
	}
	patient := c.http
	patient.Timeout = 0
	res, err := patient.Do(req)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "The file could not be uploaded")
	}
	a := answer{status: res.StatusCode, header: res.Header}
	a.body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err = errors.Join(err, res.Body.Close()); err == nil && a.status >= http.StatusMultipleChoices {
		err = problem(a)
	}
	return err
}

// Import reads an import.
func (c *Client) Import(ctx context.Context, id string) (i Import, err error) {
	err = c.into(ctx, request{method: http.MethodGet, path: importPath(id), repeatable: true}, &i)
	return i, err
}

// Imports walks over the imports, the latest first.
func (c *Client) Imports(ctx context.Context) iter.Seq2[Import, error] {
	return each[Import](ctx, c, "/v1/imports", nil)
}

// ImportRows walks over the rows that failed, or were superseded, or of which something
// was left out (warned), in the order of the file.
func (c *Client) ImportRows(ctx context.Context, id, outcome string) iter.Seq2[Row, error] {
	return each[Row](ctx, c, importPath(id)+"/rows", set("outcome", outcome, "limit", "100"))
}

// FailedRows writes the rows that failed as a file that can be corrected and
// dropped again; fault.Conflict when none has failed.
func (c *Client) FailedRows(ctx context.Context, id string, w io.Writer) error {
	target := *c.base
	target.RawPath = target.EscapedPath() + importPath(id) + "/failed"
	target.Path, _ = url.PathUnescape(target.RawPath)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return err
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	patient := c.http
	patient.Timeout = 0
	res, err := patient.Do(req)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "The server cannot be reached")
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	if res.StatusCode >= http.StatusMultipleChoices {
		a := answer{status: res.StatusCode, header: res.Header}
		if a.body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil {
			return err
		}
		return problem(a)
	}
	_, err = io.Copy(w, res.Body)
	return fault.Wrap(fault.Unavailable, err, "The rows that failed did not arrive whole")
}

// ApplyImport has a planned import go on. Asked twice it is one order.
func (c *Client) ApplyImport(ctx context.Context, id string) (i Import, err error) {
	err = c.into(ctx, request{method: http.MethodPost, path: importPath(id) + "/apply"}, &i)
	return i, err
}

// CancelImport ends an import.
func (c *Client) CancelImport(ctx context.Context, id string) (i Import, err error) {
	err = c.into(ctx, request{method: http.MethodPost, path: importPath(id) + "/cancel"}, &i)
	return i, err
}

// Watch asks for an import until it has ended, or is planned, or ctx has ended, and
// shows each answer.
func (c *Client) Watch(ctx context.Context, id string, show func(Import)) (Import, error) {
	wait := minPause
	for {
		i, err := c.Import(ctx, id)
		if err != nil {
			return i, err
		}
		show(i)
		if i.State.Terminal() || i.State == drop.Planned {
			return i, nil
		}
		if !pause(ctx, wait) {
			return i, ctx.Err()
		}
		wait = min(time.Second, wait*5/4)
	}
}

func importPath(id string) string { return "/v1/imports/" + url.PathEscape(id) }
