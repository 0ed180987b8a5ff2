package deptest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestProductionCodeHasNoStateOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, path := range sources(t) {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, node := range state(file) {
			t.Errorf("%s: no init and no package-level variable, unless it is _, embedded or a compiled regexp",
				fset.Position(node.Pos()))
		}
	}
}

// sources returns every file of production code in the module, whatever its
// build tags. Walking the tree also tells go test which files this package's
// result hangs on, so that a cached one is not taken for a changed tree.
func sources(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && foreign(path):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go", strings.HasSuffix(path, "_test.go"), isSuite(filepath.Dir(path)):
			return nil
		}
		paths = append(paths, path)
		return nil
	})
	if err != nil || len(paths) == 0 {
		t.Fatalf("no sources found below %s: %v", root, err)
	}
	return paths
}

// foreign reports whether the go command leaves this directory out of ./...
func foreign(dir string) bool {
	base := filepath.Base(dir)
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return base == "testdata" || base[0] == '.' || base[0] == '_' || err == nil
}

// state returns what makes a file's package remember something between calls,
// or do something before main.
func state(file *ast.File) (found []ast.Node) {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil && decl.Name.Name == "init" {
				found = append(found, decl)
			}
		case *ast.GenDecl:
			if decl.Tok != token.VAR {
				continue
			}
			for _, spec := range decl.Specs {
				if v := spec.(*ast.ValueSpec); !asserts(v) && !embeds(decl.Doc, v.Doc) && !compiles(v) {
					found = append(found, v)
				}
			}
		}
	}
	return found
}

// asserts: var _ Interface = Type{}
func asserts(v *ast.ValueSpec) bool {
	return !slices.ContainsFunc(v.Names, func(name *ast.Ident) bool { return name.Name != "_" })
}

// embeds: a go:embed directive stands above the variable.
func embeds(docs ...*ast.CommentGroup) bool {
	for _, doc := range docs {
		if doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
			return strings.HasPrefix(c.Text, "//go:embed ")
		}) {
			return true
		}
	}
	return false
}

// compiles: var pattern = regexp.MustCompile(...)
func compiles(v *ast.ValueSpec) bool {
	return len(v.Values) > 0 && !slices.ContainsFunc(v.Values, func(value ast.Expr) bool {
		call, isCall := value.(*ast.CallExpr)
		if !isCall {
			return true
		}
		fn, isSelector := call.Fun.(*ast.SelectorExpr)
		if !isSelector {
			return true
		}
		of, isName := fn.X.(*ast.Ident)
		return !isName || of.Name != "regexp" || fn.Sel.Name != "MustCompile"
	})
}
