package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"acervo/internal/fault"
)

const (
	databaseName = "acervo.db"
	lockName     = "acervo.lock"
)

// lockTries is how often a lock is tried: whoever only looks whether a directory
// is held has it for a moment.
const lockTries = 10

// dirLock keeps a second process off a data directory. The kernel lets go of it
// when the process ends, however it ends.
type dirLock struct{ file *flock.Flock }

func lockDir(dir string) (*dirLock, error) {
	path := filepath.Join(dir, lockName)
	file := flock.New(path, flock.SetPermissions(0o600))
	ok, err := file.TryLock()
	for try := 1; !ok && err == nil && try < lockTries; try++ {
		<-time.After(10 * time.Millisecond)
		ok, err = file.TryLock()
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "lock the data directory")
	}
	if !ok {
		holder, _ := os.ReadFile(path)
		return nil, fault.New(fault.Conflict, "the data directory %s is in use by %s", dir, describe(holder))
	}
	host, _ := os.Hostname()
	self := fmt.Sprintf("process %d on %s since %s", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
	if err := os.WriteFile(path, []byte(self+"\n"), 0o600); err != nil {
		return nil, errors.Join(fault.Wrap(fault.Unavailable, err, "name the holder of the data directory"), file.Close())
	}
	return &dirLock{file}, nil
}

func describe(holder []byte) string {
	if name := strings.TrimSpace(string(holder)); name != "" {
		return name
	}
	return "another process"
}

func (l *dirLock) release() error { return l.file.Close() }
