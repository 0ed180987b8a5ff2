package httpapi

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/job"
)

// bookView is a book on the wire. What is absent is null.
type bookView struct {
	ID          uuid.UUID   `json:"id"`
	Title       string      `json:"title"`
	Authors     []string    `json:"authors"`
	ISBN        *string     `json:"isbn"`
	Published   *int        `json:"published"`
	Language    *string     `json:"language"`
	Description *string     `json:"description"`
	Rating      *float64    `json:"rating"`
	Price       *book.Price `json:"price"`
	Cover       *coverView  `json:"cover"`
	Version     int64       `json:"version"`
	CreatedAt   time.Time   `json:"created_at"`
	UpdatedAt   time.Time   `json:"updated_at"`
}

func (a *API) viewBook(i book.Item) bookView {
	return bookView{
		ID: i.ID, Title: i.Draft.Title, Authors: i.Draft.Authors, ISBN: orNull(i.Draft.ISBN),
		Published: orNull(i.Draft.Published), Language: orNull(i.Draft.Language),
		Description: orNull(i.Draft.Description), Rating: orNull(i.Draft.Rating), Price: i.Draft.Price,
		Cover: a.viewCover(i.Cover), Version: i.Version, CreatedAt: i.CreatedAt.UTC(), UpdatedAt: i.UpdatedAt.UTC(),
	}
}

// orNull is nil for the zero value, which stands for absent.
func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func (a *API) getBook(w http.ResponseWriter, r *http.Request) {
	id, err := pathID(r)
	if err != nil {
		a.problem(w, r, err)
		return
	}
	wanted, seen, err := preconditions(r)
	if err != nil {
		a.problem(w, r, err)
		return
	}
	item, err := a.Books.Get(r.Context(), id)
	switch {
	case err != nil:
		a.problem(w, r, err)
		return
	case !item.Exists():
		a.problem(w, r, fault.New(fault.NotFound, "There is no book %s.", id))
		return
	case wanted != nil && !wanted.Match(item.Version):
		a.problem(w, r, fault.New(fault.Precondition, "If-Match does not name the version of the book."))
		return
	}
	w.Header().Set("ETag", book.Tag(item.Version))
	w.Header().Set("Cache-Control", "no-cache")
	if seen != nil && seen.Match(item.Version) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	a.book(w, r, http.StatusOK, a.viewBook(item))
}

func (a *API) createBook(w http.ResponseWriter, r *http.Request) {
	a.submit(w, r, job.Create, "Accept-Post", func(body []byte) (intake.Write, error) {
		d, err := book.ParseDraft(body, uuid.Nil, a.Now())
		return intake.Write{Draft: &d}, err
	})
}

func (a *API) replaceBook(w http.ResponseWriter, r *http.Request) {
	a.change(w, r, job.Replace, "Accept", func(id uuid.UUID, body []byte) (intake.Write, error) {
		d, err := book.ParseDraft(body, id, a.Now())
		return intake.Write{Draft: &d}, err
	})
}

func (a *API) updateBook(w http.ResponseWriter, r *http.Request) {
	a.change(w, r, job.Update, acceptPatch, func(id uuid.UUID, body []byte) (intake.Write, error) {
		patch, err := book.ParsePatch(body, id, a.Now())
		return intake.Write{Patch: patch}, err
	})
}

func (a *API) deleteBook(w http.ResponseWriter, r *http.Request) {
	a.change(w, r, job.Delete, "", func(uuid.UUID, []byte) (intake.Write, error) { return intake.Write{}, nil })
}

// pathID reads the book's id from the address.
func pathID(r *http.Request) (uuid.UUID, error) {
	id, ok := book.ParseID(chi.URLParam(r, "id"))
	if !ok {
		return id, fault.New(fault.NotFound, "There is no such book: its id would be a UUID.")
	}
	return id, nil
}
