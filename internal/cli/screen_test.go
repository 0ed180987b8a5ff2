package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"acervo/internal/client"
	"acervo/internal/drop"
	"acervo/internal/fault"
)

func TestSafe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"text of every script stays as it is": {"Dom Casmurro – Камо — 源氏物語 🙂", "Dom Casmurro – Камо — 源氏物語 🙂"},
		"no colours come from the server":     {"\x1b[31mred\x1b[0m", `\u001b[31mred\u001b[0m`},
		"no title is set":                     {"\x1b]0;title\a", `\u001b]0;title\u0007`},
		"C1 controls are controls too":        {"\u009b31m", `\u009b31m`},
		"a line stays one line":               {"a\r\nb\u2028c\u2029d\ve", `a\u000d\u000ab\u2028c\u2029d\u000be`},
		"nothing is rubbed out":               {"a\bb\x7f", `a\u0008b\u007f`},
		"nothing is turned around":            {"user\u202etxt.exe\u2066", `user\u202etxt.exe\u2066`},
		"bytes that are no text are shown":    {"a\xffb\xc3(", `a\xffb\xc3(`},
		"the replacement character is one":    {"\uFFFD", "\uFFFD"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := safe(c.text); got != c.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func FuzzSafe(f *testing.F) {
	f.Add("\x1b[2J\u202e\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := safe(text)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, hidden) {
			t.Errorf("%q is shown as %q", text, got)
		}
		if safe(got) != got {
			t.Errorf("%q is not safe yet", got)
		}
	})
}

func TestWhatWasUnderstoodOfAFileIsShownWithItsFirstRows(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	i := client.Import{Format: &drop.Format{Kind: "csv", Encoding: "utf-8", Delimiter: ";", Columns: []drop.Column{{Name: "title", Field: "title"}, {Name: "shelf"}}}}
	i.Preview = []drop.Preview{{Line: 2, Cells: []string{"Iracema", "A\x1b[2J", "too many"}}, {Line: 3, Cells: []string{"Helena"}}}
	screen{out: &out}.describe(i)
	for _, want := range []string{"csv, utf-8", "title → title", "shelf", "LINE  title    shelf\n2     Iracema  A\\u001b[2J\n3     Helena\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	draw := func(s screen, rows ...[]cell) string {
		var out bytes.Buffer
		s.out = &out
		s.table([]string{"ID", "TITLE", "N"}, rows)
		return out.String()
	}
	t.Run("columns stand below each other, however wide the letters are", func(t *testing.T) {
		t.Parallel()
		got := draw(screen{}, cells("1", "源氏物語", "5"), cells("22", "Cafe\u0301", "6"))
		if want := "ID  TITLE     N\n1   源氏物語  5\n22  Cafe\u0301      6\n"; got != want {
			t.Errorf("got\n%s", got)
		}
	})
	t.Run("what the server says breaks no row", func(t *testing.T) {
		t.Parallel()
		if got := draw(screen{}, cells("1", "a\nb\x1b[2J", "5")); strings.Count(got, "\n") != 2 || strings.Contains(got, "\x1b") {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a terminal gets no endless line, a file gets the whole of it", func(t *testing.T) {
		t.Parallel()
		long := strings.Repeat("語", 100)
		if got := draw(screen{}, cells("1", long, "5")); !strings.Contains(got, long) {
			t.Errorf("got %s", got)
		}
		if got := draw(screen{terminal: true}, cells("1", long, "5")); strings.Contains(got, long) || !strings.Contains(got, "語…") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("there is colour only where it is wanted", func(t *testing.T) {
		t.Parallel()
		row := []cell{{"1", plain}, {"dead", red}, {"5", plain}}
		if got := draw(screen{colour: true}, row); !strings.Contains(got, "\x1b[31mdead\x1b[0m") || !strings.Contains(got, "\x1b[1mID\x1b[0m") {
			t.Errorf("got %q", got)
		}
		if got := draw(screen{}, row); strings.Contains(got, "\x1b") {
			t.Errorf("got %q", got)
		}
	})
}

func TestWhereThereIsColour(t *testing.T) {
	t.Parallel()
	terminal, err := os.OpenFile("/dev/null", os.O_WRONLY, 0) // a character device, as terminals are
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	for name, c := range map[string]struct {
		p    program
		want bool
	}{
		"on a terminal":                        {program{getenv: env(), stdout: terminal}, true},
		"not where NO_COLOR is set":            {program{getenv: env("NO_COLOR", "1"), stdout: terminal}, false},
		"an empty NO_COLOR is not set":         {program{getenv: env("NO_COLOR", ""), stdout: terminal}, true},
		"not on a terminal that is dumb":       {program{getenv: env("TERM", "dumb"), stdout: terminal}, false},
		"not in a file":                        {program{getenv: env(), stdout: file}, false},
		"not in what is no file of the system": {program{getenv: env(), stdout: &bytes.Buffer{}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.p.screen(false).colour; got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	want := "\u009b31m\u202e\x7f\"\\ \n"
	if err := (screen{out: &out, json: true}).document(map[string]string{"title": want}); err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["title"] != want {
		t.Errorf("it means %q, %v", got["title"], err)
	}
	if line := strings.TrimSuffix(out.String(), "\n"); strings.ContainsFunc(line, hidden) {
		t.Errorf("it prints %q", line)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	shown := func(s screen) string {
		var out bytes.Buffer
		s.out = &out
		for done := range 4 {
			s.progress("applied", done+1, 4)
		}
		return out.String()
	}
	t.Run("a terminal sees one line that fills", func(t *testing.T) {
		t.Parallel()
		got := shown(screen{terminal: true})
		if strings.Count(got, "\n") != 1 || strings.Count(got, "\r") != 4 || !strings.HasSuffix(got, "████ 4/4\n") || !strings.Contains(got, "█░") {
			t.Errorf("got %q", got)
		}
	})
	t.Run("files and scripts see nothing of it", func(t *testing.T) {
		t.Parallel()
		if got := shown(screen{}) + shown(screen{terminal: true, json: true}); got != "" {
			t.Errorf("got %q", got)
		}
	})
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		code int
		says string
	}{
		"nothing wrong":            {nil, 0, ""},
		"an error of others":       {errors.New("disk \x1b on fire"), 1, `disk \u001b on fire`},
		"a conflict":               {fault.New(fault.Conflict, "taken"), 1, "taken"},
		"a mistake":                {wrongUsage("no such flag"), 2, "no such flag (see --help)"},
		"mistakes":                 {usageError{errors.Join(errors.New("--a"), errors.New("--b"))}, 2, "--a\n  --b"},
		"no such thing":            {fault.New(fault.NotFound, "none"), 3, "none"},
		"what is kept no longer":   {fault.New(fault.Gone, "gone"), 3, "gone"},
		"a server that is not up":  {fault.New(fault.Unavailable, "not now"), 4, "not now"},
		"too much at once":         {fault.New(fault.Throttled, "slower"), 4, "slower"},
		"no key":                   {fault.New(fault.Unauthorized, "who"), 5, "who"},
		"a key that does not open": {fault.New(fault.Forbidden, "no"), 5, "no"},
		"Ctrl-C":                   {fault.Wrap(fault.Unavailable, context.Canceled, "reach"), 130, "interrupted"},
		"faults of fields": {
			fault.Of(fault.Invalid, "rules", []fault.Field{{Pointer: "/a\n", Detail: "is \x1b"}, {Detail: "all"}}), 1,
			"rules\n  /a\\u000a: is \\u001b\n  all",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if code := ExitCode(c.err); code != c.code {
				t.Errorf("it ends with %d", code)
			}
			if c.err == nil {
				return
			}
			if says := Explain(c.err); says != c.says {
				t.Errorf("it says %q", says)
			}
		})
	}
}
