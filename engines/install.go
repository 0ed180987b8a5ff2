package main

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dir is where the engines are installed, below the top of the repository.
const dir = ".engines"

//go:embed pom.xml
var pom string

//go:embed requirements.txt
var requirements string

//go:embed Launcher.java
var javaLauncher string

//go:embed launch.py
var pythonLauncher string

var (
	pomVersion          = regexp.MustCompile(`DynamoDBLocal</artifactId>\s*<version>([^<]+)`)
	requirementsVersion = regexp.MustCompile(`ministack==(\S+)`)
	javaVersion         = regexp.MustCompile(`javac (\d+)`)
	pythonVersion       = regexp.MustCompile(`Python 3\.(\d+)`)
)

// found is what the pattern's group finds in the text.
func found(pattern *regexp.Regexp, text string) string {
	if match := pattern.FindStringSubmatch(text); match != nil {
		return match[1]
	}
	return ""
}

// install returns the absolute path of the engines, which it puts there unless an
// earlier install of the same ones came to its end.
func install(ctx context.Context, dir string, stdout io.Writer) (string, error) {
	if err := needed(ctx); err != nil {
		return "", err
	}
	at, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(at, 0o755); err != nil {
		return "", err
	}
	// One at a time: another run may be installing.
	lock, err := os.OpenFile(filepath.Join(at, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	recipe := sha256.Sum256(fmt.Appendf(nil, "%q %q", files(), steps()))
	at = filepath.Join(at, fmt.Sprintf("%x", recipe[:6]))
	done := filepath.Join(at, "installed") // written last
	if _, err := os.Stat(done); err == nil {
		return at, nil
	}
	began := time.Now()
	fmt.Fprintln(stdout, "installing the engines into", dir)
	if err := errors.Join(os.RemoveAll(at), os.MkdirAll(at, 0o755)); err != nil {
		return "", err
	}
	if err := fill(ctx, at); err != nil {
		return "", err
	}
	fmt.Fprintf(stdout, "installed in %.0f s\n", time.Since(began).Seconds())
	return at, os.WriteFile(done, nil, 0o600)
}

// gatewayVersion is that of versitygw.
const gatewayVersion = "v1.8.0"

// files are what an install begins with.
func files() map[string]string {
	return map[string]string{
		"pom.xml": pom, "requirements.txt": requirements, "Launcher.java": javaLauncher, "launch.py": pythonLauncher,
	}
}

// steps are the commands that make an install of them.
func steps() [][]string {
	return [][]string{
		{"mvn", "--batch-mode", "--quiet", "dependency:copy-dependencies", "-DoutputDirectory=lib"},
		{"javac", "-cp", filepath.Join("lib", "*"), "Launcher.java"},
		{"python3", "-m", "venv", "venv"},
		{filepath.Join("venv", "bin", "python"), "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", "requirements.txt"},
		{"sh", "-c", `GOBIN="$PWD/bin" go install github.com/versity/versitygw/cmd/versitygw@` + gatewayVersion},
	}
}

// fill puts the engines and their launchers into an empty directory.
func fill(ctx context.Context, at string) error {
	for name, text := range files() {
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, step := range steps() {
		cmd := owned(ctx, step[0], step[1:]...)
		cmd.Dir = at
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(step, " "), err, out)
		}
	}
	return nil
}

// needed says all that is missing of what the engines need.
func needed(ctx context.Context) error {
	var errs []error
	for _, tool := range []struct {
		name, ask string
		version   *regexp.Regexp // nil if any will do
		least     int
		means     string
	}{
		{"javac", "-version", javaVersion, 17, "a Java development kit of version 17"},
		{"mvn", "", nil, 0, "Maven"},
		{"python3", "--version", pythonVersion, 11, "Python of version 3.11"},
	} {
		if _, err := exec.LookPath(tool.name); err != nil {
			errs = append(errs, fmt.Errorf("%s is missing: the engines need %s or later", tool.name, tool.means))
			continue
		}
		if tool.version == nil {
			continue
		}
		out, _ := exec.CommandContext(ctx, tool.name, tool.ask).CombinedOutput() // what it prints decides
		if version, err := strconv.Atoi(found(tool.version, string(out))); err != nil || version < tool.least {
			errs = append(errs, fmt.Errorf("%s is too old: the engines need %s or later, and it says\n%s", tool.name, tool.means, out))
		}
	}
	return errors.Join(errs...)
}
