package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"acervo/internal/config"
)

// keyFile holds the operator key of a data directory.
const keyFile = "operator.key"

// operatorKey returns the operator key and where it is from: the configuration,
// or a file in the data directory, which is made on the first run and readable by
// its owner only.
func operatorKey(c config.Serve) (key, from string, err error) {
	if c.Key != "" {
		return c.Key, "given in --key or ACERVO_KEY", nil
	}
	path := filepath.Join(c.Data, keyFile)
	stored, err := os.ReadFile(path)
	switch key = strings.TrimSpace(string(stored)); {
	case err == nil && key != "":
		return key, path, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", "", fmt.Errorf("read the operator key: %w", err)
	}
	key = "acervo_" + rand.Text()
	if err := writeDurably(path, key+"\n"); err != nil {
		return "", "", fmt.Errorf("keep the operator key: %w", err)
	}
	return key, path, nil
}

// writeDurably puts a file of mode 0600 in place whole or not at all, whenever
// the power goes.
func writeDurably(path, content string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // of mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // it is gone once renamed
	_, err = tmp.WriteString(content)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
