package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/cli"
	"acervo/internal/contracttest"
	"acervo/internal/job"
	"acervo/internal/sqlite"
)

// shell runs commands over a data directory.
type shell struct {
	dir string
	env map[string]string
}

// run runs a command and returns what it printed and its exit code.
func (s shell) run(t *testing.T, args ...string) (printed string, code int) {
	t.Helper()
	printed, err := s.try(t.Context(), args...)
	return printed, cli.ExitCode(err)
}

func (s shell) try(ctx context.Context, args ...string) (printed string, err error) {
	var out bytes.Buffer
	getenv := func(name string) string {
		if name == "ACERVO_DATA" && s.env[name] == "" {
			return s.dir
		}
		return s.env[name]
	}
	err = run(ctx, append([]string{"acervo"}, args...), getenv, &out)
	return out.String(), err
}

// must runs a command that succeeds.
func (s shell) must(t *testing.T, args ...string) string {
	t.Helper()
	printed, err := s.try(t.Context(), args...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, printed)
	}
	return printed
}

// parsed runs a command that prints one JSON document.
func (s shell) parsed(t *testing.T, args ...string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(s.must(t, append(args, "--json")...)), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func wantIn(t *testing.T, printed string, all ...string) {
	t.Helper()
	for _, want := range all {
		if !strings.Contains(printed, want) {
			t.Errorf("it says nothing of %q:\n%s", want, printed)
		}
	}
}

// newShell is a shell beside a server.
func newShell(t *testing.T) shell {
	t.Helper()
	dir := dataDir(t)
	serveDir(t, dir, nil)
	return shell{dir: dir}
}

func TestBookCommands(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	t.Run("a book is added, shown, changed and removed", func(t *testing.T) {
		t.Parallel()
		added := sh.parsed(t, "book", "add", "--title", "Dom Casmurro", "--author", "Machado de Assis", "--author", "Filho, A.",
			"--isbn", "978-85-359-1484-9", "--published", "1899", "--language", "pt-BR", "--rating", "4.5", "--price", "39.90 BRL")
		id, _ := added["id"].(string)
		if fmt.Sprint(added["authors"]) != "[Machado de Assis Filho, A.]" || fmt.Sprint(added["price"]) != "map[amount:39.90 currency:BRL]" || added["version"] != 1.0 {
			t.Errorf("added %v", added)
		}
		wantIn(t, sh.must(t, "book", "get", id), "Dom Casmurro", "Filho, A.", "1899", "39.90 BRL", "9788535914849")
		changed := sh.parsed(t, "book", "set", id, "--rating", "5", "--price=", "--if-version", "1")
		if changed["rating"] != 5.0 || changed["price"] != nil || changed["title"] != "Dom Casmurro" || changed["version"] != 2.0 {
			t.Errorf("changed %v", changed)
		}
		if _, code := sh.run(t, "book", "set", id, "--rating", "1", "--if-version", "1"); code != 1 {
			t.Errorf("a change of an older version ends with %d", code)
		}
		wantIn(t, sh.must(t, "book", "rm", id), "Removed "+id)
		for _, args := range [][]string{{"book", "get", id}, {"book", "rm", id}, {"book", "set", id, "--rating", "1"}} {
			if _, code := sh.run(t, args...); code != 3 {
				t.Errorf("%v of what is gone ends with %d", args, code)
			}
		}
	})
	t.Run("a book comes from a file too", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "book.json")
		if err := os.WriteFile(file, []byte(`{"title":"Quincas Borba","authors":["Machado de Assis"]}`), 0o600); err != nil {
			t.Fatal(err)
		}
		wantIn(t, sh.must(t, "book", "add", "--file", file), "Quincas Borba")
	})
	t.Run("every fault is told", func(t *testing.T) {
		t.Parallel()
		_, err := sh.try(t.Context(), "book", "add", "--isbn", "123", "--rating", "nine")
		if cli.ExitCode(err) != 1 {
			t.Errorf("it ends with %d", cli.ExitCode(err))
		}
		wantIn(t, cli.Explain(err), "\n  /title: ", "\n  /authors: ", "\n  /isbn: ", "\n  /rating: ")
	})
	t.Run("its job is there at once, and can be waited for", func(t *testing.T) {
		t.Parallel()
		j := sh.parsed(t, "book", "add", "--no-wait", "--title", "Helena", "--author", "Machado de Assis")
		id, _ := j["id"].(string)
		wantIn(t, sh.must(t, "job", id, "--wait"), "succeeded", "book.create")
		if ended := sh.parsed(t, "job", id); ended["state"] != "succeeded" || ended["book_version"] != 1.0 {
			t.Errorf("got %v", ended)
		}
		again := sh.parsed(t, "book", "rm", "--no-wait", uuid.NewString())
		id, _ = again["id"].(string)
		printed, code := sh.run(t, "job", "--wait", id)
		wantIn(t, printed, "failed", "404")
		if code != 3 {
			t.Errorf("a job that found no book ends with %d", code)
		}
		if _, code := sh.run(t, "job", id+"x"); code != 3 {
			t.Errorf("a forged job ends with %d", code)
		}
	})
	t.Run("a title cannot take over the terminal", func(t *testing.T) {
		t.Parallel()
		printed := sh.must(t, "book", "add", "--title", "a\u202eb", "--author", "x")
		wantIn(t, printed, `a\u202eb`)
		if strings.Contains(printed, "\u202e") {
			t.Errorf("it prints %q", printed)
		}
	})
}

func TestQueueCommands(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	wantIn(t, sh.must(t, "queue"), "writes", "open")
	wantIn(t, sh.must(t, "queue", "pause"), "paused")
	writes, imports, _ := strings.Cut(sh.must(t, "queue", "--json"), "\n")
	wantIn(t, writes, `"name":"writes"`, `"paused":true`)
	wantIn(t, imports, `"name":"imports"`, `"paused":false`)
	wantIn(t, sh.must(t, "queue"), "paused")
	j := sh.parsed(t, "book", "add", "--no-wait", "--title", "a", "--author", "b")
	sh.must(t, "queue", "resume", "writes")
	id, _ := j["id"].(string)
	wantIn(t, sh.must(t, "job", id, "--wait"), "succeeded")
	if _, code := sh.run(t, "queue", "pause", "fast"); code != 3 {
		t.Errorf("a lane that there is not ends with %d", code)
	}
}

// graveyard is a data directory with dead jobs, of which each has a book's id.
func graveyard(t *testing.T, n int) (dir string, ids []string) {
	t.Helper()
	dir = dataDir(t)
	db, err := sqlite.Open(sqlite.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	current, _, err := db.ReceiptKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dir, contracttest.Bury(t, db.Jobs(), job.NewKeyring(time.Now, current), n)
}

func TestDeadCommands(t *testing.T) {
	t.Parallel()
	dir, ids := graveyard(t, 7)
	serveDir(t, dir, nil)
	sh := shell{dir: dir}
	list := sh.must(t, "dead", "list")
	wantIn(t, list, append([]string{"f1", `it \u001b[31mburns`}, ids...)...)
	if lines := strings.Count(sh.must(t, "dead", "list", "--limit", "3", "--json"), "\n"); lines != 3 {
		t.Errorf("three of them are %d lines", lines)
	}
	wantIn(t, sh.must(t, "dead", "groups"), "f1", "7")
	wantIn(t, sh.must(t, "dead", "show", ids[0]), "book 0", "book.create", `\u001b`)

	sh.must(t, "dead", "retry", ids[0], ids[1], "--reason", "the disk was full")
	for _, id := range ids[:2] {
		wantIn(t, sh.must(t, "job", "--wait", id), "succeeded")
	}
	file := filepath.Join(t.TempDir(), "draft.json")
	if err := os.WriteFile(file, []byte(`{"title":"edited","authors":["B"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	sh.must(t, "dead", "edit", ids[2], "--file", file)
	edited := sh.parsed(t, "job", "--wait", ids[2])
	id, _ := edited["book_id"].(string)
	wantIn(t, sh.must(t, "book", "get", id), "edited")

	sh.must(t, "dead", "discard", ids[3])
	if _, code := sh.run(t, "dead", "show", ids[3]); code != 3 {
		t.Errorf("a discarded job ends with %d", code)
	}
	if _, code := sh.run(t, "dead", "retry", ids[3]); code != 1 {
		t.Errorf("its retry ends with %d", code)
	}
	for _, args := range [][]string{
		{"dead", "retry"}, {"dead", "discard", ids[4], "--all"}, {"dead", "discard", ids[4], "--error", "f1"}, {"dead", "discard", "--error", "f1"},
	} {
		if _, code := sh.run(t, args...); code != 2 {
			t.Errorf("%v ends with %d", args, code)
		}
	}
	wantIn(t, sh.must(t, "dead", "retry", "--all", "--error", "f1", "--limit", "1"), "1 of them")
	wantIn(t, sh.must(t, "dead", "discard", "--all", "--error", "other"), "0 of them")
}

func TestKeyCommands(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	made := sh.parsed(t, "key", "add", "ci", "--role", "reader", "--expires", "90d")
	secret, _ := made["key"].(string)
	wantIn(t, sh.must(t, "key", "list"), "ci", "reader", "operator", time.Now().UTC().Add(90*24*time.Hour).Format("2006-01-02"))
	if strings.Contains(sh.must(t, "key", "list", "--json"), secret) {
		t.Error("the list shows the key")
	}
	reader := shell{dir: sh.dir, env: map[string]string{"ACERVO_KEY": secret}}
	if _, code := reader.run(t, "book", "add", "--title", "a", "--author", "b"); code != 5 {
		t.Errorf("a reader who writes ends with %d", code)
	}
	if _, code := reader.run(t, "key", "list"); code != 5 {
		t.Errorf("a reader who lists keys ends with %d", code)
	}
	if _, code := reader.run(t, "job", "x"); code != 3 {
		t.Errorf("a reader who asks for a job ends with %d", code)
	}
	sh.must(t, "key", "revoke", "ci")
	if _, code := reader.run(t, "job", "x"); code != 5 {
		t.Errorf("a revoked key ends with %d", code)
	}
	for _, args := range [][]string{
		{"key", "add", "ci"},
		{"key", "add", "--role", "reader"},
		{"key", "add", "a", "b", "--role", "reader"},
		{"key", "add", "ci", "--role", "reader", "--expires", "soon"},
		{"key", "add", "ci", "--role", "reader", "--expires", "0d"},
		{"key", "add", "ci", "--role", "reader", "--expires", "-1h"},
		{"key", "add", "ci", "--role", "reader", "--expires", "99999d"},
	} {
		if _, code := sh.run(t, args...); code != 2 {
			t.Errorf("%v ends with %d", args, code)
		}
	}
}

func TestCommandsWithoutAServer(t *testing.T) {
	t.Parallel()
	commands := [][]string{
		{"book", "list"},
		{"book", "get", "x"},
		{"book", "add", "--title", "a"},
		{"book", "set", "x", "--title", "a"},
		{"book", "rm", "x"},
		{"job", "x"},
		{"queue"},
		{"queue", "pause"},
		{"dead", "list"},
		{"dead", "groups"},
		{"dead", "show", "x"},
		{"dead", "retry", "x"},
		{"dead", "discard", "x"},
		{"key", "list"},
		{"key", "revoke", "x"},
		{"key", "add", "x", "--role", "reader"},
	}
	nowhere := shell{dir: dataDir(t)}
	for _, args := range commands {
		_, err := nowhere.try(t.Context(), args...)
		if cli.ExitCode(err) != 4 || !strings.Contains(cli.Explain(err), "acervo serve --data "+nowhere.dir) {
			t.Errorf("%v: %d, %v", args, cli.ExitCode(err), err)
		}
	}
	if _, err := os.Stat(nowhere.dir); !os.IsNotExist(err) {
		t.Errorf("the data directory was made: %v", err)
	}
	t.Run("the address of one that was killed is not believed", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		serveDir(t, dir, nil).Kill()
		if _, err := os.Stat(filepath.Join(dir, addressFile)); err != nil {
			t.Fatal(err)
		}
		_, err := shell{dir: dir}.try(t.Context(), "queue")
		if cli.ExitCode(err) != 4 || !strings.Contains(err.Error(), "No server runs") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("one that stopped takes its address with it", func(t *testing.T) {
		t.Parallel()
		dir := dataDir(t)
		serveDir(t, dir, nil).Terminate()
		if _, err := os.Stat(filepath.Join(dir, addressFile)); !os.IsNotExist(err) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("one at another address that does not answer is named", func(t *testing.T) {
		t.Parallel()
		_, err := nowhere.try(t.Context(), "queue", "--url", "http://127.0.0.1:1")
		if cli.ExitCode(err) != 4 || !strings.Contains(cli.Explain(err), "127.0.0.1:1") {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheKeyOfADirectoryIsForItsServerOnly(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	var got []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Header.Get("Authorization")) }))
	defer other.Close()
	_, _ = sh.run(t, "queue", "--url", other.URL)
	_, _ = sh.run(t, "queue", "--url", other.URL, "--key", "its own")
	if fmt.Sprintf("%q", got) != `["" "Bearer its own"]` {
		t.Errorf("another server was sent %q", got)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	t.Run("a server that does well passes", func(t *testing.T) {
		t.Parallel()
		printed, code := newShell(t).run(t, "check")
		wantIn(t, printed, "configuration", "is held by process", "is sound", "runs and is ready")
		if code != 0 || strings.Contains(printed, "bad ") {
			t.Errorf("it ends with %d", code)
		}
	})
	t.Run("every fault is told, also of what nobody has made yet", func(t *testing.T) {
		t.Parallel()
		printed, code := shell{dir: dataDir(t)}.run(t, "check", "--addr", "nowhere", "--slots", "none")
		wantIn(t, printed, "--addr", "--slots", "is not there yet", "acervo serve")
		if code != 1 {
			t.Errorf("it ends with %d", code)
		}
	})
	t.Run("damage is found while nothing runs", func(t *testing.T) {
		t.Parallel()
		dir, _ := graveyard(t, 300)
		file, err := os.OpenFile(filepath.Join(dir, "acervo.db"), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		for page := range 20 {
			if _, err := file.WriteAt(bytes.Repeat([]byte{0xA5}, 512), int64((page+30)*4096)); err != nil {
				t.Fatal(err)
			}
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		printed, code := shell{dir: dir}.run(t, "check")
		wantIn(t, printed, "is free", "the database is damaged")
		if code != 1 {
			t.Errorf("it ends with %d", code)
		}
	})
	t.Run("scripts get a line of JSON for each thing", func(t *testing.T) {
		t.Parallel()
		printed, _ := newShell(t).run(t, "check", "--json")
		for line := range strings.Lines(printed) {
			var f cli.Finding
			if err := json.Unmarshal([]byte(line), &f); err != nil || !f.OK || f.What == "" {
				t.Errorf("got %s: %v", line, err)
			}
		}
	})
}

func TestTheBinary(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	serveDir(t, dir, nil)
	for name, c := range map[string]struct {
		args   []string
		code   int
		stderr string
	}{
		"done":        {[]string{"queue", "--data", dir}, 0, ""},
		"help":        {[]string{"book", "add", "--help"}, 0, ""},
		"no such job": {[]string{"job", "x", "--data", dir}, 3, "acervo: There is no such job.\n"},
		"wrong usage": {[]string{"job", "--data", dir}, 2, "acervo: acervo job takes ID (see --help)\n"},
		"no server":   {[]string{"queue", "--data", dir + "/other"}, 4, "acervo serve --data"},
		"wrong key":   {[]string{"queue", "--data", dir, "--key", "wrong"}, 5, "acervo: The key is not known.\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, nil, c.args...)
			if code := p.Wait(); code != c.code || !strings.Contains(p.Stderr.String(), c.stderr) || (c.stderr == "") != (p.Stderr.String() == "") {
				t.Errorf("exit code %d, stderr %q", code, p.Stderr.String())
			}
		})
	}
	t.Run("completion scripts are there for the usual shells", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"bash", "zsh", "fish"} {
			wantIn(t, shell{}.must(t, "completion", name), "acervo")
		}
		wantIn(t, shell{}.must(t, "dead", "--generate-shell-completion"), "groups", "discard")
	})
}
