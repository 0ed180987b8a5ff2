package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"sync"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"
)

// peer is what one would write in an afternoon: chi, one table, one transaction
// for each request, and no promises but that of SQLite. It uses the same driver
// at the same level with prepared statements, and validates nothing.
type peer struct {
	mu     sync.Mutex // of insert
	insert *sqlite3.Stmt
}

func servePeer(ctx context.Context, dir string, stdout io.Writer) error {
	p := &peer{}
	name := "file:" + filepath.Join(dir, "peer.db")
	writer, err := openPeer(name)
	if err != nil {
		return err
	}
	if err := writer.Exec(`CREATE TABLE books (id BLOB PRIMARY KEY NOT NULL, doc BLOB NOT NULL) STRICT`); err != nil {
		return err
	}
	if p.insert, _, err = writer.Prepare(`INSERT INTO books (id, doc) VALUES (?, ?)`); err != nil {
		return err
	}
	return serve(ctx, p.handler(), stdout) // the end of the process closes the rest
}

func openPeer(name string) (*sqlite3.Conn, error) {
	c, err := sqlite3.Open(name)
	if err == nil {
		err = c.Exec(`PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL`)
	}
	return c, err
}

func (p *peer) handler() http.Handler {
	r := chi.NewRouter()
	r.Get("/readyz", func(http.ResponseWriter, *http.Request) {})
	r.Post("/v1/books", p.put)
	return r
}

// put answers when its own transaction is durable.
func (p *peer) put(w http.ResponseWriter, r *http.Request) {
	id := uuid.New()
	doc, err := io.ReadAll(r.Body)
	if err == nil {
		err = p.store(id, doc)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, `{"id":"`+id.String()+`"}`)
}

func (p *peer) store(id uuid.UUID, doc []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := errors.Join(p.insert.BindBlob(1, id[:]), p.insert.BindBlob(2, doc)); err != nil {
		return err
	}
	return p.insert.Exec()
}
