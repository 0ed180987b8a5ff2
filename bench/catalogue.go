package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"
)

// catalogueName is the file of the peers' books. Their table holds what Acervo
// answers, byte by byte, and a column by which a list finds its place: the title
// in lower case and the id.
const catalogueName = "catalogue.db"

// perPage is the books of a page, which is Acervo's usual one.
const perPage = 20

const (
	selectRow  = `SELECT doc FROM books WHERE id = ?`
	selectPage = `SELECT doc, by_title FROM books WHERE by_title > ? AND by_title < ? ORDER BY by_title LIMIT ?`
)

// catalogue is the peer for reads: chi, prepared statements, an index for the
// list, and the same books in memory.
type catalogue struct {
	readers chan reader
	memory  sync.Map // id to bytes
}

// reader is a connection's statements.
type reader struct{ row, page *sqlite3.Stmt }

func serveCatalogue(ctx context.Context, dir string, stdout io.Writer) error {
	c := &catalogue{readers: make(chan reader, runtime.GOMAXPROCS(0))}
	for range cap(c.readers) {
		conn, err := openPeer("file:" + filepath.Join(dir, catalogueName))
		if err != nil {
			return err
		}
		row, _, err1 := conn.Prepare(selectRow)
		page, _, err2 := conn.Prepare(selectPage)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		c.readers <- reader{row, page}
	}
	if err := c.remember(); err != nil {
		return err
	}
	r := chi.NewRouter()
	r.Get("/readyz", func(http.ResponseWriter, *http.Request) {})
	r.Get("/row/{id}", c.getRow)
	r.Get("/memory/{id}", c.getMemory)
	r.Get("/page", c.getPage)
	return serve(ctx, r, stdout) // the end of the process closes the rest
}

// remember reads the books that single reads are of.
func (c *catalogue) remember() error {
	from := <-c.readers
	defer func() { c.readers <- from }()
	for n := range books {
		id := uuid.MustParse(bookID(n))
		doc, err := oneRow(from.row, id)
		if err != nil {
			return err
		}
		c.memory.Store(id, doc)
	}
	return nil
}

func oneRow(s *sqlite3.Stmt, id uuid.UUID) ([]byte, error) {
	defer func() { _ = s.Reset() }()
	if err := s.BindBlob(1, id[:]); err != nil {
		return nil, err
	}
	if !s.Step() {
		return nil, errors.Join(s.Err(), fmt.Errorf("there is no book %s", id))
	}
	return bytes.Clone(s.ColumnRawBlob(0)), nil
}

func (c *catalogue) getRow(w http.ResponseWriter, r *http.Request) {
	id, err := uuid.Parse(chi.URLParam(r, "id"))
	var doc []byte
	if err == nil {
		from := <-c.readers
		doc, err = oneRow(from.row, id)
		c.readers <- from
	}
	answer(w, doc, err)
}

func (c *catalogue) getMemory(w http.ResponseWriter, r *http.Request) {
	id, err := uuid.Parse(chi.URLParam(r, "id"))
	doc, ok := c.memory.Load(id)
	if err != nil || !ok {
		http.NotFound(w, r)
		return
	}
	answer(w, doc.([]byte), nil)
}

func (c *catalogue) getPage(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	prefix := strings.ToLower(query.Get("title"))
	after, err := base64.URLEncoding.DecodeString(query.Get("cursor"))
	var page []byte
	if err == nil {
		from := <-c.readers
		page, err = onePage(from.page, prefix, max(prefix, string(after)))
		c.readers <- from
	}
	answer(w, page, err)
}

// onePage is the page of the titles with a prefix that begins after a place.
func onePage(s *sqlite3.Stmt, prefix, after string) ([]byte, error) {
	defer func() { _ = s.Reset() }()
	err := errors.Join(s.BindText(1, after), s.BindText(2, prefix+"\U0010ffff"), s.BindInt(3, perPage+1))
	if err != nil {
		return nil, err
	}
	page, next, last := []byte(`{"items":[`), []byte("null"), ""
	for n := 0; s.Step(); n++ {
		if n == perPage {
			next = fmt.Appendf(nil, "%q", base64.URLEncoding.EncodeToString([]byte(last)))
			break
		}
		if n > 0 {
			page = append(page, ',')
		}
		page, last = append(page, s.ColumnRawBlob(0)...), s.ColumnText(1)
	}
	page = append(append(page, `],"next_cursor":`...), next...)
	return append(page, "}\n"...), s.Err()
}

// answer is JSON with its length, so that a page is not sent in chunks.
func answer(w http.ResponseWriter, body []byte, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// pages returns the requests of first pages of lists below a path, each of the
// titles with one of two hundred prefixes, which a hundred books have.
func pages(path string) requests {
	all := make([][]byte, shelf/100)
	for n := range all {
		all[n] = []byte("GET " + path + "?title=" + url.QueryEscape(title(n)[:len(title(n))-2]) + " HTTP/1.1\r\nHost: bench\r\n\r\n")
	}
	return func(client, i int) []byte { return all[(client*31+i*7)%len(all)] }
}
