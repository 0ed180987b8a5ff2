package deptest

import (
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

func TestEveryWrongTurnIsSeen(t *testing.T) {
	t.Parallel()
	imports := func(path string, imports ...string) listed {
		return listed{ImportPath: module + path, Module: &struct{ Main bool }{true}, Imports: imports, Deps: imports}
	}
	for _, c := range []struct {
		name string
		p    listed
		bad  bool
	}{
		{"a job may name a book", imports("internal/job", "acervo/internal/book"), false},
		{"a book may not name a job", imports("internal/book", "acervo/internal/job"), true},
		{"fault stands below everything", imports("internal/fault", "acervo/internal/book"), true},
		{"the API may not import the worker", imports("internal/httpapi", "acervo/internal/work"), true},
		{"the worker may not import the API", imports("internal/work", "acervo/internal/httpapi"), true},
		{"the API may not name an adapter", imports("internal/httpapi", "acervo/internal/sqlite"), true},
		{"intake may not import what stands above", imports("internal/intake", "acervo/internal/httpapi"), true},
		{"adapters may not import each other", imports("internal/aws", "acervo/internal/sqlite"), true},
		{"the one-machine door names SQLite", imports("acervo", "acervo/internal/sqlite"), false},
		{"a door on AWS may not name SQLite", imports("api", "acervo/internal/sqlite"), true},
		{"production code may not import a suite", imports("internal/sqlite", "acervo/internal/queue/queuetest"), true},
		{"a suite may not know an adapter", imports("internal/queue/queuetest", "acervo/internal/sqlite"), true},
		{"a package needs a room", imports("internal/attic"), true},
		{"the SQLite driver is for one adapter", imports("internal/sqlite", "github.com/ncruces/go-sqlite3/vfs"), false},
		{"and for nobody else", imports("internal/work", "github.com/ncruces/go-sqlite3"), true},
		{"tokens are the API's affair", imports("internal/httpapi", "github.com/go-jose/go-jose/v4/jwt"), false},
		{"and not that of intake", imports("internal/intake", "github.com/go-jose/go-jose/v4"), true},
		{"a longer name is another module", imports("internal/sqlite", "github.com/ncruces/go-sqlite3-other"), true},
		{"a new third party needs its importer named", imports("internal/work", "example.org/new"), true},
		{"a suite may draw random cases", imports("internal/queue/queuetest", "testing", "pgregory.net/rapid"), false},
		{"production code may not", imports("internal/queue", "pgregory.net/rapid"), true},
		{"production code may not link testing", imports("internal/queue", "testing/fstest"), true},
		{"anybody may name a UUID", imports("internal/book", "github.com/google/uuid", "time"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			complaints := slices.Concat(misplaced(c.p), borrowed(c.p), tested(c.p))
			if bad := len(complaints) > 0; bad != c.bad {
				t.Errorf("complaints: %q", complaints)
			}
		})
	}
}

func TestWhatADoorOnAWSHoldsIsSeen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, path string
		bad        bool
	}{
		{"the adapter of AWS is what it is for", "acervo/internal/aws", false},
		{"SQLite is not", "acervo/internal/sqlite", true},
		{"nor its driver", "github.com/ncruces/go-sqlite3", true},
		{"nor a suite", "acervo/internal/e2etest", true},
		{"nor what only tests need", "testing", true},
		{"nor wires that break", "github.com/Shopify/toxiproxy/v2", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			complaints := held(listed{ImportPath: module + "api", Deps: []string{"context", c.path}})
			if bad := len(complaints) > 0; bad != c.bad {
				t.Errorf("complaints: %q", complaints)
			}
		})
	}
}

func TestEveryKindOfStateIsSeen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, source string
		found        int
	}{
		{"init runs before main", "func init() {}", 1},
		{"a method may be called init", "type T struct{}; func (T) init() {}", 0},
		{"a map at package level can change", "var m = map[string]int{}", 1},
		{"each variable of a group counts", "var ( a int; b = 1; _ = 2 )", 2},
		{"an assertion of an interface holds nothing", "var _ error = (*T)(nil)", 0},
		{"a compiled regexp is a constant in spirit", "var p = regexp.MustCompile(`x`)", 0},
		{"another call is not", "var p = strings.NewReplacer()", 1},
		{"an embedded file is a constant in spirit", "//go:embed page.html\nvar page string", 0},
		{"also within a group", "var (\n//go:embed page.html\npage string\nother string\n)", 1},
		{"a variable of a function is its own", "func f() { var x int; _ = x }", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+c.source, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if found := state(file); len(found) != c.found {
				t.Errorf("found %d: %v", len(found), found)
			}
		})
	}
}
