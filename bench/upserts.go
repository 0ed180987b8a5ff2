package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// perTransaction is how many rows the peer puts into a transaction: those of a chunk.
const perTransaction = 500

// upserts makes of each book that Acervo stored, in the order of storing, what stores it again:
// the same document, keys and further authors.
const upserts = `SELECT 'INSERT INTO books (id, version, fence, expires_at, doc, sum, by_title, by_author, by_updated, isbn, cover) VALUES ('
	|| quote(id) || ',' || version || ',' || fence || ',' || quote(expires_at) || ',CAST(' || quote(CAST(doc AS TEXT)) || ' AS BLOB),' || sum
	|| ',' || quote(by_title) || ',' || quote(by_author) || ',' || quote(by_updated) || ',' || quote(isbn) || ',' || quote(cover)
	|| ') ON CONFLICT (id) DO UPDATE SET version = excluded.version, fence = excluded.fence, expires_at = excluded.expires_at,'
	|| ' doc = excluded.doc, sum = excluded.sum, by_title = excluded.by_title, by_author = excluded.by_author,'
	|| ' by_updated = excluded.by_updated, isbn = excluded.isbn, cover = excluded.cover;'
	|| coalesce((SELECT group_concat('INSERT INTO further_authors (by_author, book_id) VALUES (' || quote(by_author) || ',' || quote(book_id) || ');', '')
		FROM further_authors WHERE book_id = books.id), '')
FROM books ORDER BY rowid`

// like is what Acervo sets for its own connection.
const like = "PRAGMA journal_mode = WAL;\nPRAGMA synchronous = NORMAL;\nPRAGMA cache_size = -32000;\nPRAGMA wal_autocheckpoint = 4000;\n"

// shell has the shell of SQLite store what Acervo stored of a list in a time, and import
// the list as it is.
func (a *applying) shell(ctx context.Context, data string, took time.Duration) error {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		a.table.skip("rate", "there is no sqlite3 (the shell)")
		a.table.skip("plain", "there is no sqlite3 (the shell)")
		return nil
	}
	fmt.Fprintln(a.stdout, "has sqlite3 do the same")
	script, list := filepath.Join(a.dir, "upserts.sql"), filepath.Join(a.dir, "list.csv")
	if err := errors.Join(writeUpserts(filepath.Join(data, "acervo.db"), script, a.rows), writeList(list, 0, a.rows, false)); err != nil {
		return err
	}
	in, err := os.Open(script)
	if err != nil {
		return err
	}
	defer in.Close()
	same, err := runShell(ctx, filepath.Join(a.dir, "upserts.db"), in)
	if err != nil {
		return err
	}
	plain, err := runShell(ctx, filepath.Join(a.dir, "plain.db"), strings.NewReader(like+".import --csv '"+list+"' books\n"))
	if err != nil {
		return err
	}
	perSecond := func(d time.Duration) float64 { return float64(a.rows) / d.Seconds() }
	a.table.add("rate", perSecond(took), perSecond(same))
	a.table.add("plain", perSecond(took), perSecond(plain))
	return os.Remove(script)
}

// runShell has the shell run a script on a new database, and tells how long that took.
func runShell(ctx context.Context, file string, script io.Reader) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, "sqlite3", "-bail", file)
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = script, &said
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("sqlite3: %w: %.300s", err, said.String())
	}
	return time.Since(began), nil
}

// writeUpserts writes what makes the tables and indexes of books in a new database as
// they are in Acervo's, and then stores its books, so many to a transaction.
func writeUpserts(database, to string, rows int) (err error) {
	c, err := openPeer("file:" + database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriterSize(file, 1<<20)
	_, _ = out.WriteString(like) // Flush tells
	schema, _, err := c.Prepare(`SELECT sql FROM sqlite_schema WHERE tbl_name IN ('books', 'further_authors') AND sql IS NOT NULL ORDER BY rowid`)
	if err != nil {
		return err
	}
	for schema.Step() {
		_, _ = fmt.Fprintf(out, "%s;\n", schema.ColumnText(0))
	}
	books, _, err := c.Prepare(upserts)
	if err := errors.Join(err, schema.Close()); err != nil {
		return err
	}
	written := 0
	for books.Step() {
		if written%perTransaction == 0 {
			_, _ = out.WriteString("BEGIN;\n")
		}
		_, _ = fmt.Fprintln(out, books.ColumnText(0))
		written++
		if written%perTransaction == 0 || written == rows {
			_, _ = out.WriteString("COMMIT;\n")
		}
	}
	if err := books.Close(); err != nil || written != rows {
		return errors.Join(err, fmt.Errorf("of %d books %d were stored", rows, written))
	}
	return out.Flush()
}
