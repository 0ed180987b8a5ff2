package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"acervo/internal/cli"
	"acervo/internal/fault"
	"acervo/internal/sqlite"
)

// addressFile holds the address of the server of a directory, for the commands
// on this machine. It is believed only while the directory is held.
const addressFile = "acervo.url"

// tellAddress writes where the server listens, as this machine reaches it.
func tellAddress(dir, scheme string, addr net.Addr) error {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	if err == nil {
		err = writeDurably(filepath.Join(dir, addressFile), scheme+"://"+net.JoinHostPort(host, port)+"\n")
	}
	if err != nil {
		return fmt.Errorf("tell the address: %w", err)
	}
	return nil
}

// hideAddress takes the address away.
func hideAddress(dir string) error {
	if err := os.Remove(filepath.Join(dir, addressFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take the address away: %w", err)
	}
	return nil
}

// local finds the server that runs over a directory, and its operator key.
func local(dir string) (url, key string, err error) {
	_, held, err := sqlite.Holder(dir)
	if err != nil {
		return "", "", err
	}
	address, err := os.ReadFile(filepath.Join(dir, addressFile))
	if !held || errors.Is(err, fs.ErrNotExist) {
		return "", "", fault.New(fault.Unavailable,
			"No server runs over %s. Start it with: acervo serve --data %s. Or name another server with --url, or its directory with --data.", dir, dir)
	}
	if err != nil {
		return "", "", fmt.Errorf("read the address of the server: %w", err)
	}
	secret, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", "", fmt.Errorf("read the operator key: %w", err)
	}
	return strings.TrimSpace(string(address)), strings.TrimSpace(string(secret)), nil
}

// inspect looks at a data directory and at the database in it.
func inspect(ctx context.Context, dir string) []cli.Finding {
	directory := cli.Finding{What: "data directory", OK: true, Detail: dir + " is free"}
	holder, held, err := sqlite.Holder(dir)
	info, missing := os.Stat(dir)
	switch {
	case errors.Is(missing, fs.ErrNotExist):
		return []cli.Finding{{What: "data directory", OK: true, Detail: dir + " is not there yet: acervo serve makes it"}}
	case missing != nil:
		directory.OK, directory.Detail = false, missing.Error()
	case !info.IsDir():
		directory.OK, directory.Detail = false, dir+" is no directory"
	case info.Mode().Perm()&0o022 != 0:
		directory.OK, directory.Detail = false, fmt.Sprintf("%s has mode %v: others can write in it", dir, info.Mode().Perm())
	case err != nil:
		directory.OK, directory.Detail = false, err.Error()
	case held:
		directory.Detail = dir + " is held by " + holder
	}
	database := cli.Finding{What: "database"}
	switch err := sqlite.Inspect(ctx, dir); {
	case fault.Is(err, fault.NotFound):
		database.OK, database.Detail = true, "there is none yet"
	case err != nil:
		database.Detail = err.Error()
	default:
		database.OK, database.Detail = true, "is sound"
	}
	return []cli.Finding{directory, database}
}
