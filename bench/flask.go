package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The peer in Python, and what it needs.
var (
	//go:embed flask/app.py
	flaskApp []byte
	//go:embed flask/gunicorn.conf.py
	flaskServer []byte
	//go:embed flask/requirements.txt
	flaskNeeds []byte
)

// installing bounds how long Python's packages may take.
const installing = 90 * time.Second

// installFlask puts the peer in Python into a directory, with an environment of
// its own. Why it cannot be is a line of the table and no error.
func installFlask(ctx context.Context, dir string) (why string, err error) {
	for name, content := range map[string][]byte{
		"app.py": flaskApp, "gunicorn.conf.py": flaskServer, "requirements.txt": flaskNeeds,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return "", err
		}
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return "there is no python3", nil
	}
	within, cancel := context.WithTimeout(ctx, installing)
	defer cancel()
	for _, step := range [][]string{
		{python, "-m", "venv", "venv"},
		{"venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"},
	} {
		install := exec.CommandContext(within, step[0], step[1:]...)
		install.Dir = dir
		if out, err := install.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%s\n%s", install, out)
			return fmt.Sprintf("%s %s: %v", filepath.Base(step[0]), step[2], err), ctx.Err()
		}
	}
	return "", nil
}

// serveFlask starts the peer in Python, one worker with one thread.
func (b *bench) serveFlask(ctx context.Context) (*process, error) {
	return launch(ctx, filepath.Join(b.flask, "venv", "bin", "gunicorn"), func(string) []string {
		return []string{
			"--chdir", b.flask, "--config", filepath.Join(b.flask, "gunicorn.conf.py"),
			"--env", "CATALOGUE=" + filepath.Join(b.catalogue, catalogueName), "app:app",
		}
	})
}
