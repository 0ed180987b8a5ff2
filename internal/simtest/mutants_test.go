package simtest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// root is the module, as seen from this package.
const root = "../.."

// TestMutants breaks the product on purpose, one way at a time, in a copy of the
// module, and wants the histories to notice each. It writes the table in
// bench/README.md. make mutants runs it; a part of a mutation's name in
// ACERVO_MUTANTS, in the place of 1, runs that one only.
func TestMutants(t *testing.T) {
	chosen := os.Getenv("ACERVO_MUTANTS")
	if chosen == "" {
		t.Skip("set ACERVO_MUTANTS=1 to break the product on purpose")
	}
	dir := t.TempDir()
	copyModule(t, dir)
	var table strings.Builder
	for _, m := range mutations() {
		if chosen != "1" && !strings.Contains(m.name, chosen) {
			continue
		}
		v := m.verdict(t, dir)
		row := fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", m.name, v.promise, v.histories, v.seed, v.commands, v.traces)
		t.Log(row)
		table.WriteString(row)
		if v.promise == "" {
			t.Errorf("%s: not noticed\n%s", m.name, v.output)
		}
	}
	if chosen == "1" {
		writeTable(t, table.String())
	}
}

// Mutations run seldom, and the code that they break moves on.
func TestEachMutationHasItsPlace(t *testing.T) {
	t.Parallel()
	for _, m := range mutations() {
		source, err := os.ReadFile(filepath.Join(root, m.file))
		if err != nil {
			t.Fatal(err)
		}
		m.placed(t, source)
	}
}

// placed reports whether a mutation finds what it breaks, in one place.
func (m mutation) placed(t *testing.T, source []byte) bool {
	t.Helper()
	n := strings.Count(string(source), m.old)
	if n != 1 {
		t.Errorf("%s: its text is in %s %d times, want once", m.name, m.file, n)
	}
	return n == 1
}

// writeTable puts the table into the report of what was measured, in the place of
// the one that stands between its marks.
func writeTable(t *testing.T, rows string) {
	t.Helper()
	const path, begin, end = root + "/bench/README.md", "<!-- mutations -->\n", "<!-- end of mutations -->"
	report, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(report), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", path)
	}
	const head = "| mutation | caught by | histories | seed | commands | traces |\n|---|---|---|---|---|---|\n"
	write(t, path, []byte(before+begin+head+rows+end+after))
}

// verdict is what the tests made of a mutation.
type verdict struct{ promise, histories, seed, commands, traces, output string }

// verdict runs the tests on a mutated copy and puts the copy right again.
func (m mutation) verdict(t *testing.T, dir string) (v verdict) {
	t.Helper()
	path := filepath.Join(dir, m.file)
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !m.placed(t, source) {
		return v
	}
	write(t, path, []byte(strings.Replace(string(source), m.old, m.new, 1)))
	defer write(t, path, source)

	v.output = runTests(t, dir, "-run", "TestHistoriesInMemory/0", "-rapid.nofailfile", "-rapid.seed=1", "-rapid.shrinktime=15s")
	v.promise = found(v.output, `VIOLATED (.*?):`)
	v.histories = found(v.output, `failed after (\d+) tests`)
	v.seed = found(v.output, `-rapid\.seed=(\d+)`)
	tail := v.output[max(0, strings.LastIndex(v.output, "Failed test output")):]
	v.commands = strconv.Itoa(len(regexp.MustCompile(`\[rapid\] draw \d+: `).FindAllString(tail, -1)))
	if strings.Contains(v.output, "build failed") || strings.Contains(v.output, "panic after") {
		t.Errorf("%s:\n%s", m.name, v.output)
	}
	traces := runTests(t, dir, "-run", "TestTracesInMemory")
	var failed []string
	for _, match := range regexp.MustCompile(`--- FAIL: TestTracesInMemory/(\S+)`).FindAllStringSubmatch(traces, -1) {
		failed = append(failed, strings.ReplaceAll(match[1], "_", " "))
	}
	v.traces = strings.Join(failed, "; ")
	return v
}

func runTests(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"test", "-count=1", "-v", "./internal/simtest"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1") // one part tells all histories, in the order of their seeds
	out, _ := cmd.CombinedOutput()                 // red is what is wanted
	return string(out)
}

func found(text, pattern string) string {
	if match := regexp.MustCompile(pattern).FindStringSubmatch(text); match != nil {
		return match[1]
	}
	return ""
}

// copyModule copies what the simulator needs of the module.
func copyModule(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"go.mod", "go.sum"} {
		source, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), source)
	}
	if err := os.CopyFS(filepath.Join(dir, "internal"), os.DirFS(filepath.Join(root, "internal"))); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
