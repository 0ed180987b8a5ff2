package deptest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// contracts says by which entry points of the suites each adapter is held to its
// promises.
func contracts() map[string][]string {
	objects := []string{"internal/blob/blobtest.Run"}
	rows := []string{
		"internal/book/booktest.Run", "internal/book/booktest.RunLists", "internal/book/booktest.RunShelf", "internal/book/booktest.RunBulk",
		"internal/drop/droptest.Run",
		"internal/job/jobtest.Run",
		"internal/key/keytest.Run",
		"internal/queue/queuetest.Run", "internal/queue/queuetest.RunUnordered", "internal/queue/queuetest.RunControl",
	}
	return map[string][]string{
		"internal/aws": slices.Concat(rows, objects), "internal/dir": objects, "internal/sqlite": rows,
	}
}

func TestEveryAdapterRunsItsContracts(t *testing.T) {
	t.Parallel()
	for adapter, suites := range contracts() {
		t.Run(adapter, func(t *testing.T) {
			t.Parallel()
			run := map[string]bool{}
			for _, file := range parse(t, adapter, true) {
				maps.Copy(run, called(file))
			}
			for _, suite := range suites {
				if !run[module+suite] {
					t.Errorf("no test of %s calls %s", adapter, suite)
				}
			}
		})
	}
}

func TestEveryContractHasItsAdapters(t *testing.T) {
	t.Parallel()
	known := slices.Concat(slices.Collect(maps.Values(contracts()))...)
	dirs, err := filepath.Glob(filepath.Join(root, "internal", "*", "*test"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no suites found: %v", err)
	}
	for _, dir := range dirs {
		suite := filepath.ToSlash(strings.TrimPrefix(dir, root+string(filepath.Separator)))
		for _, file := range parse(t, suite, false) {
			for _, entry := range entries(file) {
				if !slices.Contains(known, suite+"."+entry) {
					t.Errorf("%s.%s is run by no adapter: say in contracts by which", suite, entry)
				}
			}
		}
	}
}

func TestARunOfAContractIsSeen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, source string
		found        bool
	}{
		{"a call within a test", `import "acervo/x/xtest"; func TestX(t *testing.T) { xtest.Run(t) }`, true},
		{"a call within a subtest", `import "acervo/x/xtest"; func TestX(t *testing.T) { t.Run("", func(t *testing.T) { xtest.Run(t) }) }`, true},
		{"another name of the package", `import suite "acervo/x/xtest"; func TestX(t *testing.T) { suite.Run(t) }`, true},
		{"another function is not", `import "acervo/x/xtest"; func TestX(t *testing.T) { xtest.RunLists(t) }`, false},
		{"nor a mention", `import "acervo/x/xtest"; func TestX(t *testing.T) { _ = xtest.Run }`, false},
		{"nor one of another package", `import "acervo/y/xtest"; func TestX(t *testing.T) { xtest.Run(t) }`, false},
		{"nor one within what is no test", `import "acervo/x/xtest"; func testX(t *testing.T) { xtest.Run(t) }`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+c.source, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if found := called(file)["acervo/x/xtest.Run"]; found != c.found {
				t.Errorf("found (%v) in %v", found, called(file))
			}
		})
	}
}

// parse reads the files of a package, either its tests or the others.
func parse(t *testing.T, room string, tests bool) (files []*ast.File) {
	t.Helper()
	dir := filepath.Join(root, filepath.FromSlash(room))
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range all {
		name := entry.Name()
		if filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") != tests {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// entries are the functions of a suite by which it is run.
func entries(file *ast.File) (names []string) {
	for _, decl := range file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Run") {
			names = append(names, fn.Name.Name)
		}
	}
	return names
}

// called are the functions of other packages that the tests of a file call, each
// as path.Name.
func called(file *ast.File) map[string]bool {
	imported := map[string]string{}
	for _, spec := range file.Imports {
		from, _ := strconv.Unquote(spec.Path.Value) // the parser has read it
		name := path.Base(from)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imported[name] = from
	}
	calls := map[string]bool{}
	for _, decl := range file.Decls {
		fn, isFunc := decl.(*ast.FuncDecl)
		if !isFunc || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") {
			continue
		}
		ast.Inspect(fn, func(n ast.Node) bool {
			if of, name, ok := qualified(n); ok {
				calls[imported[of]+"."+name] = true
			}
			return true
		})
	}
	return calls
}

// qualified: of.name(...)
func qualified(n ast.Node) (of, name string, ok bool) {
	call, isCall := n.(*ast.CallExpr)
	if !isCall {
		return "", "", false
	}
	selected, isSelector := call.Fun.(*ast.SelectorExpr)
	if !isSelector {
		return "", "", false
	}
	ident, isName := selected.X.(*ast.Ident)
	if !isName {
		return "", "", false
	}
	return ident.Name, selected.Sel.Name, true
}
