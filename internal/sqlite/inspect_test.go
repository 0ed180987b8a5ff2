package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"acervo/internal/fault"
	"acervo/internal/sqlite"
)

func TestHolder(t *testing.T) {
	t.Parallel()
	held := func(t *testing.T, dir string) (string, bool) {
		t.Helper()
		name, held, err := sqlite.Holder(dir)
		ok(t, err)
		return name, held
	}
	t.Run("a directory that is not there is held by nobody", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "data")
		if name, held := held(t, dir); held {
			t.Errorf("it is held by %s", name)
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("it was made: %v", err)
		}
	})
	t.Run("an open database names its process, a closed one nobody", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		db, err := sqlite.Open(sqlite.Options{Dir: dir})
		ok(t, err)
		if name, held := held(t, dir); !held || !strings.Contains(name, fmt.Sprint("process ", os.Getpid())) {
			t.Errorf("it is held by %q, %v", name, held)
		}
		ok(t, db.Close())
		if name, held := held(t, dir); held {
			t.Errorf("it is held by %q", name)
		}
	})
	t.Run("whoever looks for a moment keeps nobody from opening", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		looking := flock.New(filepath.Join(dir, "acervo.lock"))
		ok(t, looking.RLock())
		released := make(chan error)
		go func() {
			<-time.After(20 * time.Millisecond)
			released <- looking.Unlock()
		}()
		db, err := sqlite.Open(sqlite.Options{Dir: dir})
		ok(t, err)
		ok(t, <-released)
		ok(t, db.Close())
	})
}

func TestInspect(t *testing.T) {
	t.Parallel()
	t.Run("where there is no database none is made", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		for _, err := range []error{sqlite.Inspect(t.Context(), dir), sqlite.Backup(t.Context(), dir, filepath.Join(dir, "copy"))} {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("got %v", err)
			}
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("it leaves %v, %v", left, err)
		}
	})
	t.Run("a sound database is sound, open or closed, and so is its copy", func(t *testing.T) {
		t.Parallel()
		dir, other := t.TempDir(), t.TempDir()
		db, err := sqlite.Open(sqlite.Options{Dir: dir})
		ok(t, err)
		ok(t, sqlite.Inspect(t.Context(), dir))
		ok(t, sqlite.Backup(t.Context(), dir, filepath.Join(other, "acervo.db")))
		ok(t, db.Close())
		ok(t, sqlite.Inspect(t.Context(), dir))
		ok(t, sqlite.Inspect(t.Context(), other))
		copied, err := sqlite.Open(sqlite.Options{Dir: other})
		ok(t, err)
		ok(t, copied.Close())
	})
}
