package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// Book is a book as the server shows it. Rest keeps the members that this
// release does not know, so that it is written as it was read.
type Book struct {
	ID          string         `json:"id"`
	Title       string         `json:"title"`
	Authors     []string       `json:"authors"`
	ISBN        *string        `json:"isbn"`
	Published   *int           `json:"published"`
	Language    *string        `json:"language"`
	Description *string        `json:"description"`
	Rating      *float64       `json:"rating"`
	Price       *book.Price    `json:"price"`
	Version     int64          `json:"version"`
	CreatedAt   time.Time      `json:"created_at"`
	UpdatedAt   time.Time      `json:"updated_at"`
	Cover       *Cover         `json:"cover"`
	Rest        jsontext.Value `json:",embed"`
}

// Job is a job as the server shows it.
type Job struct {
	ID            string         `json:"id"`
	Kind          job.Kind       `json:"kind"`
	State         job.State      `json:"state"`
	BookID        string         `json:"book_id"`
	SubmittedAt   time.Time      `json:"submitted_at"`
	FinishedAt    *time.Time     `json:"finished_at"`
	Attempts      int            `json:"attempts"`
	NextAttemptAt *time.Time     `json:"next_attempt_at"`
	BookVersion   *int64         `json:"book_version"`
	Error         *fault.Problem `json:"error"`
	Rest          jsontext.Value `json:",embed"`
}

// Listing chooses and orders books; a zero field leaves it to the server.
type Listing struct {
	Title, Author string // prefixes
	ISBN          string
	Sort          string // title, author or -updated_at
	Limit         int    // of a page
}

// Books walks over the books of a listing.
func (c *Client) Books(ctx context.Context, l Listing) iter.Seq2[Book, error] {
	limit := ""
	if l.Limit > 0 {
		limit = fmt.Sprint(l.Limit)
	}
	return each[Book](ctx, c, "/v1/books", set("title", l.Title, "author", l.Author, "isbn", l.ISBN, "sort", l.Sort, "limit", limit))
}

// Book reads a book.
func (c *Client) Book(ctx context.Context, id string) (b Book, err error) {
	err = c.into(ctx, request{method: http.MethodGet, path: bookPath(id), repeatable: true}, &b)
	return b, err
}

// Create submits a new book: a draft as JSON.
func (c *Client) Create(ctx context.Context, draft jsontext.Value) (Job, error) {
	return c.submit(ctx, request{method: http.MethodPost, path: "/v1/books", body: draft})
}

// Replace submits a book in the place of the one of its id, if there is one: a
// draft as JSON. A version above zero is the one that the book has to have.
func (c *Client) Replace(ctx context.Context, id string, draft jsontext.Value, version int64) (Job, error) {
	return c.submit(ctx, request{method: http.MethodPut, path: bookPath(id), body: draft, header: ifMatch(version)})
}

// TakeBack submits a book that had versions elsewhere, on the condition that there is none
// of its id: it begins with this version. Operators may.
func (c *Client) TakeBack(ctx context.Context, id string, draft jsontext.Value, version int64) (Job, error) {
	return c.submit(ctx, request{
		method: http.MethodPut, path: bookPath(id), query: set("version", strconv.FormatInt(version, 10)), body: draft,
		header: http.Header{"If-None-Match": {"*"}},
	})
}

// Update submits a merge patch of a book; a version above zero is the one that
// the book has to have.
func (c *Client) Update(ctx context.Context, id string, patch jsontext.Value, version int64) (Job, error) {
	return c.submit(ctx, request{
		method: http.MethodPatch, path: bookPath(id), body: patch,
		mediaType: "application/merge-patch+json", header: ifMatch(version),
	})
}

// Delete submits the end of a book; a version above zero is the one that the
// book has to have.
func (c *Client) Delete(ctx context.Context, id string, version int64) (Job, error) {
	return c.submit(ctx, request{method: http.MethodDelete, path: bookPath(id), header: ifMatch(version)})
}

// submit sends a write under an Idempotency-Key of its own, so that it can be
// sent again when its answer got lost.
func (c *Client) submit(ctx context.Context, r request) (j Job, err error) {
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set("Idempotency-Key", newKey())
	r.repeatable = true
	err = c.into(ctx, r, &j)
	return j, err
}

// Job reads a job.
func (c *Client) Job(ctx context.Context, id string) (Job, error) { return c.job(ctx, id, nil) }

// Wait asks for a job until it has ended or ctx has. The job that it returns
// beside an error is the last one seen.
func (c *Client) Wait(ctx context.Context, id string) (Job, error) {
	last := Job{ID: id}
	for {
		j, err := c.job(ctx, id, http.Header{"Prefer": {"wait=25"}})
		if err != nil {
			return last, err
		}
		if last = j; j.State.Terminal() {
			return last, nil
		}
		if !pause(ctx, minPause) {
			return last, fault.Wrap(fault.Unavailable, ctx.Err(), "The job has not ended yet")
		}
	}
}

func (c *Client) job(ctx context.Context, id string, header http.Header) (j Job, err error) {
	err = c.into(ctx, request{method: http.MethodGet, path: "/v1/jobs/" + url.PathEscape(id), header: header, repeatable: true}, &j)
	return j, err
}

func bookPath(id string) string { return "/v1/books/" + url.PathEscape(id) }

func ifMatch(version int64) http.Header {
	if version <= 0 {
		return nil
	}
	return http.Header{"If-Match": {book.Tag(version)}}
}
