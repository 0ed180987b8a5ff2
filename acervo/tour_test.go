package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"acervo/internal/e2etest"
)

// TestTheTourOfTheREADME runs the tour word by word, except that its server is on
// a port of its own.
func TestTheTourOfTheREADME(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the tour needs %s: %v", tool, err)
		}
	}
	dir, address := t.TempDir(), "http://127.0.0.1:8080"
	tour := readTour(t)
	if !strings.Contains(tour, address) {
		t.Fatalf("the tour does not say that the server is at %s:\n%s", address, tour)
	}
	s := serveDir(t, filepath.Join(dir, "data"), nil)
	printed := walk(t, dir, strings.ReplaceAll(tour, address, s.URL))
	for _, want := range []string{"HTTP/1.1 202 Accepted", "/title", "/authors", "/isbn", "/rating"} {
		if !strings.Contains(printed, want) {
			t.Errorf("the tour shows no %q:\n%s", want, printed)
		}
	}
	const book = "/v1/books/0197a6b0-0c7e-7000-8000-000000000001"
	var seen struct {
		Title  string
		Rating float64
	}
	err := e2etest.Poll(t.Context(), func() (bool, error) {
		_, err := s.Get(t.Context(), book, &seen)
		return seen.Title == "Dom Casmurro" && seen.Rating == 4.7, err
	})
	if err != nil {
		t.Errorf("after the tour its book is %+v: %v\n%s", seen, err, printed)
	}
}

// TestTheCommandsOfTheREADME runs those that operate a server word by word, with a
// job's id for ID, its book's for BOOK and a photo beside them.
func TestTheCommandsOfTheREADME(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skipf("the commands need bash: %v", err)
	}
	dir := t.TempDir()
	s := serveDir(t, filepath.Join(dir, "data"), nil)
	const book = "0197a6b0-0c7e-7000-8000-000000000001"
	a, err := s.Call(t.Context(), http.MethodPut, "/v1/books/"+book, aBook)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(aPhoto(t), filepath.Join(dir, "photo.jpg")); err != nil {
		t.Fatal(err)
	}
	ids := strings.NewReplacer(" ID ", " "+path.Base(a.Header.Get("Location"))+" ", " BOOK ", " "+book+" ")
	commands := ids.Replace(readBlocks(t, "Operating it"))
	printed := walk(t, dir, "acervo() { "+asAcervo+"=1 '"+os.Args[0]+"' \"$@\"; }\n"+commands)
	for _, want := range []string{"Added 64 books", "A Relíquia", "succeeded", "writes", "acervo_", "acervo.tar"} {
		if !strings.Contains(printed, want) {
			t.Errorf("the commands show no %q:\n%s", want, printed)
		}
	}
}

// TestTheImportOfTheREADME types the import, from the drop to the corrected one.
func TestTheImportOfTheREADME(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the import needs %s: %v", tool, err)
		}
	}
	dir := t.TempDir()
	s := serveDir(t, filepath.Join(dir, "data"), nil)
	typed := "KEY=$(cat data/operator.key)\nAPI=" + s.URL + "\n" + readBlocks(t, "Importing")
	printed := walk(t, dir, "set +e; acervo() { "+asAcervo+"=1 '"+os.Args[0]+"' \"$@\"; }\n"+typed)
	for _, want := range []string{
		"título → title", "1 rows made or changed books", "1 failed", "blank", "already imported as", "Dom Casmurro", "Cantigas",
		`"upload":`, "HTTP/1.1 204 No Content", `"items":`,
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("the import shows no %q:\n%s", want, printed)
		}
	}
}

// readTour returns the shell blocks of the README's tour.
func readTour(t *testing.T) string {
	t.Helper()
	return readBlocks(t, "A tour")
}

// readBlocks returns the shell blocks right below a heading of the README.
func readBlocks(t *testing.T, heading string) string {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var tour strings.Builder
	fence, inTour := "", false
	for line := range strings.Lines(string(readme)) {
		switch {
		case fence == "" && strings.HasPrefix(line, "#"):
			inTour = strings.Contains(line, "# "+heading)
		case strings.HasPrefix(line, "```") && fence != "":
			fence = ""
		case strings.HasPrefix(line, "```"):
			fence = strings.TrimSpace(line)
		case inTour && fence == "```sh":
			tour.WriteString(line)
		}
	}
	return tour.String()
}

// walk runs a script in a directory and returns what it prints.
func walk(t *testing.T, dir, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "no_proxy=*") // no curlrc, no proxy
	if _, err := cmd.StdinPipe(); err != nil {                // open for as long as it runs, see TestMain
		t.Fatal(err)
	}
	printed, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the tour fails: %v\n%s", err, printed)
	}
	return string(printed)
}
