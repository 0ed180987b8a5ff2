package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"acervo/internal/fault"
	"acervo/internal/key"
	"acervo/internal/sqlite"
)

func TestDamagedKeysOpenNothing(t *testing.T) {
	t.Parallel()
	kept := key.Key{Name: "ci-name", Role: key.Reader, Hash: key.HashOf("secret"), MadeAt: time.UnixMilli(1), ExpiresAt: time.UnixMilli(0x0123456789ab)}
	for name, change := range map[string][2]string{
		"a reader who became a writer": {"reader", "writer"},
		"a key with another name":      {"ci-name", "xi-name"},
		"a later end":                  {"\x01\x23\x45\x67\x89\xab", "\x01\x24\x45\x67\x89\xab"},
	} {
		t.Run(name+" is damage", func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			db, err := sqlite.Open(sqlite.Options{Dir: dir})
			ok(t, err)
			ok(t, db.CallerKeys().Add(t.Context(), kept))
			ok(t, db.Close())
			path := filepath.Join(dir, "acervo.db")
			file, err := os.ReadFile(path)
			ok(t, err)
			if !bytes.Contains(file, []byte(change[0])) {
				t.Fatal("the file does not hold what is to be changed")
			}
			ok(t, os.WriteFile(path, bytes.ReplaceAll(file, []byte(change[0]), []byte(change[1])), 0o600))
			db, err = sqlite.Open(sqlite.Options{Dir: dir})
			ok(t, err)
			defer func() { ok(t, db.Close()) }()
			if k, found, err := db.CallerKeys().Find(t.Context(), kept.Hash); found || !fault.Is(err, fault.Damaged) {
				t.Errorf("got %+v, %v, %v", k, found, err)
			}
			if all, err := db.CallerKeys().List(t.Context()); err != nil || len(all) != 1 {
				t.Errorf("it cannot be listed, and so not be revoked: %v, %v", all, err)
			}
		})
	}
}
