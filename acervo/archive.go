package main

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"acervo/internal/blob"
	"acervo/internal/book"
	"acervo/internal/drop"
	"acervo/internal/job"
)

// objectsFolder is where objects are copied to that may go while a backup is made.
const objectsFolder = "objects"

// waitingObjects are those that wait to be dealt with, and go once they were. They are
// copied before the database and after it: whatever the database does not know as done
// is among them.
func waitingObjects() []string { return []string{strings.TrimSuffix(job.Originals, "/")} }

// standingObjects stay for long after nobody refers to them, so that what the copied
// database refers to is still there.
func standingObjects() []string {
	folders := []string{book.Renditions, drop.Folder, drop.Beside}
	for i := range folders {
		folders[i] = strings.TrimSuffix(folders[i], "/")
	}
	return folders
}

// copyWaiting copies the objects that wait, but for those that were copied before. One
// that goes meanwhile was dealt with.
func copyWaiting(dir, to string) error {
	return eachObject(dir, waitingObjects(), func(key string, file *os.File, _ fs.FileInfo) error {
		at := filepath.Join(to, filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			return err
		}
		err := writeAll(at, file)
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	})
}

// packObjects puts the objects of some folders into an archive.
func packObjects(archive *tar.Writer, dir string, folders []string) error {
	return eachObject(dir, folders, func(key string, file *os.File, info fs.FileInfo) error {
		head := &tar.Header{Name: key, Mode: backupFileMode, Size: info.Size(), ModTime: info.ModTime(), Format: tar.FormatPAX}
		if err := archive.WriteHeader(head); err != nil {
			return err
		}
		_, err := io.CopyN(archive, file, info.Size()) // one that is being copied there may grow
		return err
	})
}

// eachObject calls do with each object below some folders of a directory. What is no
// object, or is gone by now, is left out.
func eachObject(dir string, folders []string, do func(key string, file *os.File, info fs.FileInfo) error) error {
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(at string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil || !entry.Type().IsRegular():
				return err
			}
			relative, err := filepath.Rel(dir, at)
			key := filepath.ToSlash(relative)
			if err != nil || blob.CheckKey(key) != nil {
				return err
			}
			return withFile(at, func(file *os.File, info fs.FileInfo) error { return do(key, file, info) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// withFile opens a file for as long as do takes, unless it is gone.
func withFile(at string, do func(*os.File, fs.FileInfo) error) (err error) {
	file, err := os.Open(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return do(file, info)
}

// unpackObjects puts the objects of an archive into a directory, and refuses whatever
// else is in it.
func unpackObjects(archive *tar.Reader, dir string) error {
	known := slices.Concat(waitingObjects(), standingObjects())
	for {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		folder, _, _ := strings.Cut(head.Name, "/")
		if head.Typeflag != tar.TypeReg || blob.CheckKey(head.Name) != nil || !slices.Contains(known, folder) {
			return errors.New("it holds more than a database and objects")
		}
		at := filepath.Join(dir, filepath.FromSlash(head.Name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			return err
		}
		if err := errors.Join(writeAll(at, archive), os.Chtimes(at, head.ModTime, head.ModTime), syncDir(filepath.Dir(at))); err != nil {
			return err
		}
	}
}
