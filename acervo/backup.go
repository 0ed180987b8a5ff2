package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"

	"acervo/internal/fault"
	"acervo/internal/sqlite"
)

// A backup is a tar file: what it is first, then the database, then the objects.
const (
	manifestName   = "manifest.json"
	databaseName   = "acervo.db"
	backupFormat   = 1
	maxManifest    = 1 << 20
	backupFileMode = 0o600 // it holds whatever the directory holds
)

// manifest says what a backup is.
type manifest struct {
	Format int       `json:"format"`
	MadeAt time.Time `json:"made_at"`
}

// backup writes what a data directory holds at one moment to a new file, also
// while a server writes. The operator key stays where it is. The file is there
// whole or not at all.
func backup(ctx context.Context, dir, file string) (err error) {
	if _, err := os.Lstat(file); err == nil {
		return fault.New(fault.Conflict, "%s is there already", file)
	}
	work, err := os.MkdirTemp(filepath.Dir(file), ".acervo-backup-*") // for its owner only
	if err != nil {
		return fmt.Errorf("make the backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	copied, packed := filepath.Join(work, databaseName), filepath.Join(work, "backup.tar")
	waiting := filepath.Join(work, objectsFolder)
	if err := copyWaiting(dir, waiting); err != nil {
		return fmt.Errorf("make the backup: %w", err)
	}
	if err := sqlite.Backup(ctx, dir, copied); err != nil {
		return err
	}
	if err := copyWaiting(dir, waiting); err != nil {
		return fmt.Errorf("make the backup: %w", err)
	}
	if err := pack(packed, copied, waiting, dir); err != nil {
		return fmt.Errorf("make the backup: %w", err)
	}
	if err := os.Rename(packed, file); err != nil {
		return fmt.Errorf("make the backup: %w", err)
	}
	return syncDir(filepath.Dir(file))
}

// pack makes the file of a copied database and of the objects below some folders,
// durably.
func pack(file, copied string, objects ...string) (err error) {
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, backupFileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Sync(), out.Close()) }()
	archive := tar.NewWriter(out)
	about, err := json.Marshal(manifest{Format: backupFormat, MadeAt: time.Now().UTC()})
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: manifestName, Mode: backupFileMode, Size: int64(len(about)), ModTime: time.Now()}); err != nil {
		return err
	}
	if _, err := archive.Write(about); err != nil {
		return err
	}
	database, err := os.Open(copied)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	info, err := database.Stat()
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: databaseName, Mode: backupFileMode, Size: info.Size(), ModTime: time.Now()}); err != nil {
		return err
	}
	if _, err := io.Copy(archive, database); err != nil {
		return err
	}
	for i, folder := range [][]string{waitingObjects(), standingObjects()} {
		if err := packObjects(archive, objects[i], folder); err != nil {
			return err
		}
	}
	return archive.Close()
}

// restore makes a data directory of a backup, whole or not at all. A directory
// that holds anything is left as it is.
func restore(ctx context.Context, file, dir string) (err error) {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fault.New(fault.Conflict, "%s holds something: name a directory that is empty or not there", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at the data directory: %w", err)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	work, err := os.MkdirTemp(parent, ".acervo-restore-*") // for its owner only
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := unpack(file, work); err != nil {
		return err
	}
	if err := sqlite.Inspect(ctx, work); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("restore: %w", err)
	}
	if err := errors.Join(syncDir(work), os.Rename(work, dir)); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return syncDir(parent)
}

// unpack puts the parts of a backup into a directory. The database has to be there,
// and nothing but it and objects.
func unpack(file, dir string) (err error) {
	wrong := func(err error) error {
		return fault.Wrap(fault.Invalid, err, "%s is no backup of this release", file)
	}
	in, err := os.Open(file)
	if err != nil {
		return fault.Wrap(fault.NotFound, err, "open the backup")
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	archive := tar.NewReader(in)
	head, err := archive.Next()
	if err != nil || head.Name != manifestName || head.Size > maxManifest {
		return wrong(errors.Join(err, errors.New("it does not begin with a manifest")))
	}
	var about manifest
	if raw, err := io.ReadAll(archive); err != nil || json.Unmarshal(raw, &about) != nil || about.Format != backupFormat {
		return wrong(errors.Join(err, fmt.Errorf("its manifest is not of format %d", backupFormat)))
	}
	if head, err = archive.Next(); err != nil || head.Name != databaseName || head.Typeflag != tar.TypeReg {
		return wrong(errors.Join(err, errors.New("it holds no database")))
	}
	if err := writeAll(filepath.Join(dir, databaseName), archive); err != nil {
		return wrong(err)
	}
	if err := unpackObjects(archive, dir); err != nil {
		return wrong(err)
	}
	return nil
}

// writeAll makes a file of what is read, durably.
func writeAll(path string, from io.Reader) (err error) {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, backupFileMode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	return errors.Join(err, out.Sync(), out.Close())
}
