// Package deptest holds the code to the plan of the house: which package may
// import which, who may use a third party, and what production code must not
// contain. The plan itself is in rooms_test.go.
package deptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	module = "acervo/"
	root   = "../.."
)

// listed is what go list tells of a package.
type listed struct {
	ImportPath string
	Standard   bool
	Module     *struct{ Main bool }
	Imports    []string // of production code; its tests may import what they like
	Deps       []string // the same, and all that follows from it
	CgoFiles   []string
}

// room is the path of a package below the module, or false for one of others.
func (p listed) room() (string, bool) {
	return strings.TrimPrefix(p.ImportPath, module), p.Module != nil && p.Module.Main
}

func TestTheHouseStandsAsPlanned(t *testing.T) {
	t.Parallel()
	packages := list(t)
	for _, p := range packages {
		room, ours := p.room()
		if !ours {
			continue
		}
		t.Run(room, func(t *testing.T) {
			t.Parallel()
			for _, complaint := range slices.Concat(misplaced(p), borrowed(p), tested(p)) {
				t.Error(complaint)
			}
		})
	}
	t.Run("nothing compiles C, even where a compiler is at hand", func(t *testing.T) {
		t.Parallel()
		for _, p := range packages {
			if !p.Standard && len(p.CgoFiles) > 0 {
				t.Errorf("%s uses cgo in %v", p.ImportPath, p.CgoFiles)
			}
		}
	})
}

func TestWhatRunsOnAWSHoldsNoDatabaseAndNoTests(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		if room, ours := p.room(); ours && onAWS(room) {
			for _, complaint := range held(p) {
				t.Error(complaint)
			}
		}
	}
}

// onAWS reports whether a door is one of a deployment on AWS.
func onAWS(room string) bool {
	return room == "api" || room == "worker" || strings.HasPrefix(room, "lambdas/")
}

// held complains of what a program on AWS would carry for nothing.
func held(p listed) (complaints []string) {
	for _, path := range p.Deps {
		room, ours := strings.CutPrefix(path, module)
		database := strings.HasPrefix(path, "github.com/ncruces/") || room == "internal/sqlite"
		if database || ours && isSuite(room) || testOnly(path) || strings.HasPrefix(path, "github.com/Shopify/toxiproxy") {
			complaints = append(complaints, fmt.Sprintf("%s holds %s, see go list -deps", p.ImportPath, path))
		}
	}
	return complaints
}

// misplaced complains of imports that point up or sideways.
func misplaced(p listed) (complaints []string) {
	room, _ := p.room()
	allowed, known := rooms()[room]
	if !known {
		return []string{room + " has no room: give it a row in rooms_test.go"}
	}
	for _, path := range p.Imports {
		if other, ours := strings.CutPrefix(path, module); ours && !slices.Contains(allowed, other) {
			complaints = append(complaints, fmt.Sprintf("%s must not import %s", room, other))
		}
	}
	return complaints
}

// borrowed complains of third parties whose importer is another package.
func borrowed(p listed) (complaints []string) {
	room, _ := p.room()
	for _, path := range p.Imports {
		if !strings.Contains(strings.Split(path, "/")[0], ".") {
			continue // ours, or of the standard library
		}
		allowed, known := importersOf(path)
		switch {
		case !known:
			complaints = append(complaints, fmt.Sprintf("%s imports %s: name its importer in rooms_test.go", room, path))
		case !slices.Contains(allowed, room):
			complaints = append(complaints, fmt.Sprintf("%s must not import %s: that is for %v", room, path, allowed))
		}
	}
	return complaints
}

func importersOf(path string) ([]string, bool) {
	for third, allowed := range importers() {
		if path == third || strings.HasPrefix(path, third+"/") {
			return allowed, true
		}
	}
	return nil, false
}

// tested complains of test code that production code would link.
func tested(p listed) (complaints []string) {
	room, _ := p.room()
	if isSuite(room) {
		return nil
	}
	for _, path := range p.Deps {
		if testOnly(path) {
			complaints = append(complaints, fmt.Sprintf("%s depends on %s, see go list -deps", room, path))
		}
	}
	return complaints
}

// list asks go list for the module and all it needs, under the default build:
// no tags, no workspace. Cgo is on so that packages which would use it show it;
// listing compiles nothing.
func list(t *testing.T) (all []listed) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps",
		"-json=ImportPath,Standard,Module,Imports,Deps,CgoFiles", "./...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOFLAGS=", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
