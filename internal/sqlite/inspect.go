package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
	"github.com/ncruces/go-sqlite3"

	"acervo/internal/fault"
)

// Holder names the process that has the database of a directory open; false when
// there is none.
func Holder(dir string) (name string, held bool, err error) {
	path := filepath.Join(dir, lockName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	file := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := file.TryRLock()
	if err != nil {
		return "", false, fault.Wrap(fault.Unavailable, err, "look at the lock of the data directory")
	}
	if free {
		return "", false, fault.Wrap(fault.Unavailable, file.Close(), "let go of the lock of the data directory")
	}
	content, _ := os.ReadFile(path)
	return describe(content), true, nil
}

// Inspect looks for damage in the database of a directory, also while another
// process has it open, and changes nothing. It is fault.NotFound when there is no database yet,
// fault.Conflict when a newer release has written it, and fault.Damaged with what
// SQLite says of it.
func Inspect(ctx context.Context, dir string) (err error) {
	c, err := openBeside(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	defer c.SetInterrupt(c.SetInterrupt(ctx))
	var damage []string
	err = c.each(`PRAGMA integrity_check(10)`, func(s *sqlite3.Stmt) error {
		if text := s.ColumnText(0); text != "ok" {
			damage = append(damage, text)
		}
		return nil
	})
	if malformed(err) {
		damage, err = append(damage, err.Error()), nil
	}
	if err == nil && len(damage) > 0 {
		err = fault.New(fault.Damaged, "the database is damaged: %s", strings.Join(damage, "; "))
	}
	return err
}

// openBeside opens the database of a directory beside the process that holds it,
// to look at it.
func openBeside(dir string) (*conn, error) {
	path := filepath.Join(dir, databaseName)
	if _, err := os.Stat(path); err != nil {
		return nil, fault.Wrap(fault.NotFound, err, "there is no database")
	}
	name, err := fileName(Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	c, err := openConn(name)
	if err != nil {
		return nil, err
	}
	var schema int
	err = c.each(`PRAGMA user_version`, func(s *sqlite3.Stmt) error {
		schema = s.ColumnInt(0)
		return nil
	})
	if steps, _ := fs.Glob(migrations, "migrations/*.sql"); err == nil && schema > len(steps) {
		err = fault.New(fault.Conflict, "the database has schema %d, written by a newer release; this one knows schema %d", schema, len(steps))
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// Backup writes a consistent copy of the database of a directory to a new file,
// also while another process has it open and writes: it is one long read.
func Backup(ctx context.Context, dir, file string) (err error) {
	c, err := openBeside(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	defer c.SetInterrupt(c.SetInterrupt(ctx))
	_, err = c.exec(`VACUUM INTO ?`, file)
	return err
}
