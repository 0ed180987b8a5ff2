package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/sqlite"
)

// inSchema opens the file of a directory as it is and tells its schema's number.
func inSchema(t *testing.T, dir string) (c *sqlite3.Conn, schema int) {
	t.Helper()
	c, err := sqlite3.Open(filepath.Join(dir, "acervo.db"))
	ok(t, err)
	s, _, err := c.Prepare("PRAGMA user_version")
	ok(t, err)
	s.Step()
	schema = s.ColumnInt(0)
	ok(t, s.Close())
	return c, schema
}

func TestADatabaseIsMadeInADirectoryOfItsOwn(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "some", "where")
	db, err := sqlite.Open(sqlite.Options{Dir: dir})
	ok(t, err)
	ok(t, db.Ping(t.Context()))
	ok(t, db.Close())
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v (%v), want it for its owner only", info.Mode(), err)
	}
	header, err := os.ReadFile(filepath.Join(dir, "acervo.db"))
	ok(t, err)
	const writeAhead = 2 // https://sqlite.org/fileformat.html section 1.3.3
	if header[18] != writeAhead || header[19] != writeAhead {
		t.Errorf("the file format is %d, %d, want that of a log written ahead", header[18], header[19])
	}
	c, schema := inSchema(t, dir)
	ok(t, c.Close())
	if steps, err := filepath.Glob("migrations/*.sql"); err != nil || schema != len(steps) {
		t.Errorf("the schema is %d, want that of all %d migrations", schema, len(steps))
	}
}

func TestADatabaseThatIsOpenedAgainHasAllItHad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	item := book.Item{ID: uuid.New(), Existence: book.Live, Version: 1, Draft: book.Draft{Title: "A", Authors: []string{"B"}}}
	db, err := sqlite.Open(sqlite.Options{Dir: dir})
	ok(t, err)
	ok(t, db.Books().Swap(t.Context(), book.Item{ID: item.ID}, item))
	ok(t, db.Close())
	for range 2 {
		db, err := sqlite.Open(sqlite.Options{Dir: dir})
		ok(t, err)
		got, err := db.Books().Get(t.Context(), item.ID)
		if err != nil || got.Draft.Title != "A" {
			t.Errorf("read %+v (%v)", got, err)
		}
		ok(t, db.Close())
	}
}

func TestADatabaseOfANewerReleaseIsRefusedUntouched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := sqlite.Open(sqlite.Options{Dir: dir})
	ok(t, err)
	ok(t, db.Close())
	c, schema := inSchema(t, dir)
	ok(t, c.Exec("PRAGMA user_version = 4711; DROP TABLE books; CREATE TABLE books (shelf TEXT)"))
	ok(t, c.Close())
	before, err := os.ReadFile(filepath.Join(dir, "acervo.db"))
	ok(t, err)

	_, err = sqlite.Open(sqlite.Options{Dir: dir})
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "4711") || !strings.Contains(err.Error(), fmt.Sprintf("schema %d", schema)) {
		t.Errorf("got %v, want a conflict that names 4711 and %d", err, schema)
	}
	after, err := os.ReadFile(filepath.Join(dir, "acervo.db"))
	ok(t, err)
	if !bytes.Equal(before, after) {
		t.Error("the file was changed")
	}
	if names := files(t, dir); names != "acervo.db acervo.lock" {
		t.Errorf("it left %s", names)
	}
	if _, err = sqlite.Open(sqlite.Options{Dir: dir}); !fault.Is(err, fault.Conflict) || strings.Contains(err.Error(), "in use") {
		t.Errorf("asked again, got %v", err)
	}
}

func TestNobodyElseCanOpenTheFiles(t *testing.T) {
	t.Parallel()
	// made opens and uses a database, and checks the modes of all its files.
	made := func(t *testing.T, dir string) *sqlite.DB {
		t.Helper()
		db, err := sqlite.Open(sqlite.Options{Dir: dir})
		ok(t, err)
		_, _, err = db.ReceiptKeys(t.Context())
		ok(t, err)
		if names := files(t, dir); names != "acervo.db acervo.db-shm acervo.db-wal acervo.lock" {
			t.Errorf("an open database is %s", names)
		}
		closedToOthers(t, dir)
		return db
	}
	t.Run("in a directory that all can read", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		ok(t, os.Chmod(dir, 0o755))
		ok(t, made(t, dir).Close())
		closedToOthers(t, dir)
	})
	t.Run("when they are opened again, without a log", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		ok(t, os.Chmod(dir, 0o755))
		for range 2 {
			ok(t, made(t, dir).Close())
			if names := files(t, dir); names != "acervo.db acervo.lock" {
				t.Fatalf("a closed database is %s", names)
			}
		}
	})
	t.Run("when they were copied so that all could, with a log", func(t *testing.T) {
		t.Parallel()
		dir, copied := t.TempDir(), t.TempDir()
		ok(t, os.Chmod(copied, 0o755))
		db := made(t, dir)
		key, _, err := db.ReceiptKeys(t.Context())
		ok(t, err)
		for name := range strings.FieldsSeq(files(t, dir)) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			ok(t, err)
			path := filepath.Join(copied, name)
			ok(t, os.WriteFile(path, data, 0o600))
			ok(t, os.Chmod(path, 0o666))
		}
		ok(t, db.Close())
		db = made(t, copied)
		if again, _, err := db.ReceiptKeys(t.Context()); err != nil || !bytes.Equal(again.Secret, key.Secret) {
			t.Errorf("the log was not read (%v)", err)
		}
		ok(t, db.Close())
		closedToOthers(t, copied)
	})
}

// closedToOthers checks that only the owner can open the files of a directory. The
// lock tells its holder to whoever may look into the directory.
func closedToOthers(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	ok(t, err)
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 && e.Name() != "acervo.lock" {
			t.Errorf("%s is %v (%v), want it for its owner only", e.Name(), info.Mode(), err)
		}
	}
}

func TestAClosedDatabaseSaysSo(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(sqlite.Options{Dir: t.TempDir()})
	ok(t, err)
	l := lane(t, db, "writes", sqlite.LaneOptions{})
	ok(t, db.Close())
	_, err = db.Books().Get(t.Context(), uuid.New())
	for _, err := range []error{err, l.Send(t.Context(), message("a", "a1")), db.Ping(t.Context())} {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("got %v, want fault.Unavailable", err)
		}
	}
}

func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	ok(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestAFileThatIsNoDatabaseIsRefusedAsDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	junk := bytes.Repeat([]byte("no database "), 1000)
	ok(t, os.WriteFile(filepath.Join(dir, "acervo.db"), junk, 0o600))
	if _, err := sqlite.Open(sqlite.Options{Dir: dir}); !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v, want damage", err)
	}
	if left, err := os.ReadFile(filepath.Join(dir, "acervo.db")); err != nil || !bytes.Equal(left, junk) {
		t.Errorf("the file was changed (%v)", err)
	}
}

func TestASecondOpenerOfADirectoryIsRefused(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T, dir string, pid int) {
		t.Helper()
		_, err := sqlite.Open(sqlite.Options{Dir: dir})
		holder := fmt.Sprintf("process %d on ", pid)
		if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), holder) || !strings.Contains(err.Error(), dir) {
			t.Errorf("got %v, want a conflict that names %s and %q", err, dir, holder)
		}
	}
	t.Run("in the same process", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		db, err := sqlite.Open(sqlite.Options{Dir: dir})
		ok(t, err)
		refused(t, dir, os.Getpid())
		ok(t, db.Ping(t.Context())) // the first is not disturbed
		ok(t, db.Close())
		ok(t, open(t, sqlite.Options{Dir: dir}).Ping(t.Context()))
	})
	t.Run("while another process has it, however that ends", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		for range 2 {
			other := holder(t, dir)
			refused(t, dir, other.Process.Pid)
			ok(t, other.Process.Kill())
			_ = other.Wait() // which says that it was killed
		}
		ok(t, open(t, sqlite.Options{Dir: dir}).Ping(t.Context()))
	})
	t.Run("but not one of another directory", func(t *testing.T) {
		t.Parallel()
		open(t, sqlite.Options{Dir: t.TempDir()})
		open(t, sqlite.Options{Dir: t.TempDir()})
	})
}

// holderOf is the variable of the environment that makes this test binary open a
// directory and hold it until its input ends.
const holderOf = "ACERVO_TEST_HOLD"

// holder starts a process that has the directory open when holder returns.
func holder(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	ok(t, err)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), self)
	cmd.Env = append(os.Environ(), holderOf+"="+dir)
	cmd.Stderr = os.Stderr
	_, err = cmd.StdinPipe() // ends with this process at the latest
	ok(t, err)
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line := make([]byte, len(holding))
	if _, err := io.ReadFull(out, line); err != nil || string(line) != holding {
		t.Fatalf("the other process said %q (%v)", line, err)
	}
	return cmd
}

const holding = "holding\n"

// hold is the other process.
func hold(dir string) int {
	if _, err := sqlite.Open(sqlite.Options{Dir: dir}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Print(holding)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}
