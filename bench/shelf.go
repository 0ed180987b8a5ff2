package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"
	"golang.org/x/sync/errgroup"

	"acervo/internal/book"
	"acervo/internal/sqlite"
)

// shelf is how many books there are to read, made once for all rounds.
const shelf = 20_000

func bookID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// title is one whose first three digits a hundred books share.
func title(n int) string { return fmt.Sprintf("Memórias póstumas %05d", n) }

// shelve puts the books into a store of Acervo's, and what Acervo answers for
// them into the table of the peers.
func (b *bench) shelve(ctx context.Context) error {
	if err := fill(ctx, b.shelf); err != nil {
		return fmt.Errorf("fill the shelf: %w", err)
	}
	ours, err := b.serve(ctx, b.shelf)
	if err != nil {
		return err
	}
	defer ours.stop()
	return copyShelf(ctx, ours, filepath.Join(b.catalogue, catalogueName))
}

// fill writes the books straight into the store: how they came there is not
// measured.
func fill(ctx context.Context, dir string) error {
	db, err := sqlite.Open(sqlite.Options{Dir: dir})
	if err != nil {
		return err
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(crowd)
	now := time.Now()
	for n := range shelf {
		group.Go(func() error {
			item, err := bookOf(n, now)
			if err != nil {
				return err
			}
			return db.Books().Swap(within, book.Item{ID: item.ID}, item)
		})
	}
	return errors.Join(group.Wait(), db.Close())
}

func bookOf(n int, now time.Time) (book.Item, error) {
	raw := []byte(strings.Replace(draft, draftTitle, title(n), 1))
	at := bytes.Index(raw, []byte(isbnMark))
	setISBN(raw[at:], n)
	d, err := book.ParseDraft(raw, uuid.Nil, now)
	return book.Item{
		ID: uuid.MustParse(bookID(n)), Existence: book.Live, Version: 1, Draft: d,
		CreatedAt: now, UpdatedAt: now, AcceptedAt: now,
	}, err
}

// listing is a page as Acervo answers it.
type listing struct {
	Items []jsontext.Value `json:"items"`
	Next  string           `json:"next_cursor"`
}

// copyShelf reads the whole catalogue page by page into the table of the peers.
func copyShelf(ctx context.Context, ours *process, file string) (err error) {
	c, err := openPeer("file:" + file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	err = c.Exec(`CREATE TABLE books (id BLOB PRIMARY KEY NOT NULL, doc BLOB NOT NULL, by_title TEXT NOT NULL) STRICT;
		CREATE UNIQUE INDEX books_by_title ON books (by_title); BEGIN`)
	if err != nil {
		return err
	}
	insert, _, err := c.Prepare(`INSERT INTO books (id, doc, by_title) VALUES (?, ?, ?)`)
	if err != nil {
		return err
	}
	copied := 0
	for query := "?limit=100"; query != ""; {
		var page listing
		body, err := ours.ask(ctx, "/v1/books"+query)
		if err := errors.Join(err, json.Unmarshal([]byte(body), &page)); err != nil {
			return err
		}
		for _, doc := range page.Items {
			if err := copyBook(insert, doc); err != nil {
				return err
			}
			copied++
		}
		if query = ""; page.Next != "" {
			query = "?limit=100&cursor=" + url.QueryEscape(page.Next)
		}
	}
	if copied != shelf {
		return fmt.Errorf("%d of %d books are listed", copied, shelf)
	}
	return errors.Join(insert.Close(), c.Exec(`COMMIT; ANALYZE`))
}

func copyBook(insert *sqlite3.Stmt, doc jsontext.Value) error {
	var b struct {
		ID    uuid.UUID `json:"id"`
		Title string    `json:"title"`
	}
	if err := json.Unmarshal(doc, &b); err != nil {
		return err
	}
	err := errors.Join(insert.BindBlob(1, b.ID[:]), insert.BindBlob(2, doc),
		insert.BindText(3, strings.ToLower(b.Title)+" "+b.ID.String()))
	if err != nil {
		return err
	}
	return insert.Exec()
}

// reading measures reads and pages of the same books, byte by byte the same but
// for the cursors: from the binary, from the peer and from the peer in Python.
func (b *bench) reading(ctx context.Context) error {
	ours, err := b.serve(ctx, b.shelf)
	if err != nil {
		return err
	}
	defer ours.stop()
	peer, err := launch(ctx, b.self, func(string) []string { return []string{roleRead, b.catalogue} })
	if err != nil {
		return err
	}
	defer peer.stop()
	if err := alike(ctx, ours, peer); err != nil {
		return err
	}
	read, err1 := ours.readsPerCPU(ctx, reads("/v1/books/"))
	row, err2 := peer.readsPerCPU(ctx, reads("/row/"))
	memory, err3 := peer.readsPerCPU(ctx, reads("/memory/"))
	listed, err4 := ours.readsPerCPU(ctx, pages("/v1/books"))
	page, err5 := peer.readsPerCPU(ctx, pages("/page"))
	b.table.add("reads of a row", read, row)
	b.table.add("reads of memory", read, memory)
	b.table.add("pages", listed, page)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil || b.noFlask != "" {
		return err
	}
	return b.readingFlask(ctx, ours, read, listed)
}

// readingFlask holds what was measured of Acervo against the peer in Python.
func (b *bench) readingFlask(ctx context.Context, ours *process, read, listed float64) error {
	flask, err := b.serveFlask(ctx)
	if err != nil {
		return err
	}
	defer flask.stop()
	if err := alike(ctx, ours, flask); err != nil {
		return err
	}
	row, err1 := flask.readsPerCPU(ctx, reads("/row/"))
	page, err2 := flask.readsPerCPU(ctx, pages("/page"))
	b.table.add("reads of flask", read, row)
	b.table.add("pages of flask", listed, page)
	return errors.Join(err1, err2)
}

// alike fails unless a peer answers a page and a book as Acervo does.
func alike(ctx context.Context, ours, peer *process) error {
	for path, other := range map[string]string{
		"/v1/books/" + bookID(0):                          "/row/" + bookID(0),
		"/v1/books?title=mem%C3%B3rias+p%C3%B3stumas+012": "/page?title=Mem%C3%B3rias+p%C3%B3stumas+012",
	} {
		want, err1 := ours.ask(ctx, path)
		got, err2 := peer.ask(ctx, other)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		want, _, _ = strings.Cut(strings.TrimSpace(want), `"next_cursor":"`)
		got, _, _ = strings.Cut(strings.TrimSpace(got), `"next_cursor":"`)
		if got != want {
			return fmt.Errorf("%s is %.300s, and %s is %.300s", path, want, other, got)
		}
	}
	return nil
}

// readsPerCPU is the reads per second of processor time.
func (p *process) readsPerCPU(ctx context.Context, next requests) (float64, error) {
	if _, err := drive(ctx, p.addr, readers, warm, next); err != nil {
		return 0, err
	}
	r, cpu, err := p.measured(ctx, readers, next)
	return float64(r.requests) / cpu.Seconds(), err
}
