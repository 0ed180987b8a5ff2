package fault_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"acervo/internal/fault"
)

func TestKindOf(t *testing.T) {
	t.Parallel()
	foreign := errors.New("disk on fire")
	inner := fault.New(fault.NotFound, "no book")
	for _, c := range []struct {
		name string
		err  error
		want fault.Kind
	}{
		{"no error has no kind", nil, ""},
		{"an error of others is internal", foreign, fault.Internal},
		{"a context that ended is internal, until someone says otherwise", context.Canceled, fault.Internal},
		{"a fault has its own kind", inner, fault.NotFound},
		{"a wrapped error has the kind it was given", fault.Wrap(fault.Unavailable, foreign, "read"), fault.Unavailable},
		{"the outermost kind counts", fault.Wrap(fault.Internal, inner, "apply"), fault.Internal},
		{"a kind is found behind errors of others", fmt.Errorf("apply: %w", inner), fault.NotFound},
		{"a kind is found among joined errors", errors.Join(foreign, inner), fault.NotFound},
		{"a list of fields has its kind", fault.Of(fault.Invalid, "", []fault.Field{{}}), fault.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := fault.KindOf(c.err); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if !fault.Is(c.err, c.want) && c.err != nil || fault.Is(c.err, fault.Conflict) || fault.Is(nil, "") {
				t.Errorf("Is disagrees with KindOf")
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	foreign := errors.New("disk on fire")
	t.Run("wrapping nothing is no error", func(t *testing.T) {
		t.Parallel()
		if err := fault.Wrap(fault.Internal, nil, "read"); err != nil {
			t.Errorf("got %#v", err)
		}
	})
	t.Run("no fields at fault are no error", func(t *testing.T) {
		t.Parallel()
		if err := fault.Of(fault.Invalid, "detail", nil); err != nil {
			t.Errorf("got %#v", err)
		}
	})
	t.Run("the cause is kept", func(t *testing.T) {
		t.Parallel()
		if err := fault.Wrap(fault.Internal, foreign, "read"); !errors.Is(err, foreign) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the log is told everything", func(t *testing.T) {
		t.Parallel()
		err := fault.Wrap(fault.Internal, fault.Wrap(fault.Unavailable, foreign, "read book %d", 7), "apply")
		if got := err.Error(); got != "apply: read book 7: disk on fire" {
			t.Errorf("got %q", got)
		}
		err = fault.Of(fault.Invalid, "rules", []fault.Field{{Pointer: "/title", Detail: "is blank"}, {Pointer: "/isbn", Detail: "is wrong"}})
		if got := err.Error(); got != "rules; /title: is blank; /isbn: is wrong" {
			t.Errorf("got %q", got)
		}
	})
}

func TestProblemOf(t *testing.T) {
	t.Parallel()
	secret := errors.New("password=hunter2")
	list := []fault.Field{{Pointer: "/title", Code: "blank", Detail: "must not be blank"}}
	for _, c := range []struct {
		name string
		err  error
		want fault.Problem
	}{
		{"the detail is shown", fault.New(fault.NotFound, "no book %d", 7), fault.Problem{Type: "/problems/not_found", Status: 404, Detail: "no book 7"}},
		{"the fields are shown", fault.Of(fault.Invalid, "rules", list), fault.Problem{Type: "/problems/invalid", Status: 422, Detail: "rules", Errors: list}},
		{"what is wrapped stays hidden", fault.Wrap(fault.Unavailable, secret, "not now"), fault.Problem{Type: "/problems/unavailable", Status: 503, Detail: "not now"}},
		{"an error of others says nothing", secret, fault.Problem{Type: "/problems/internal", Status: 500}},
		{"what is internal says nothing", fault.Wrap(fault.Internal, secret, "password=hunter2"), fault.Problem{Type: "/problems/internal", Status: 500}},
		{"kinds that reach no client say nothing", fault.New(fault.Changed, "password=hunter2"), fault.Problem{Type: "/problems/internal", Status: 500}},
		{"a kind that nobody knows says nothing", fault.New("novel", "password=hunter2"), fault.Problem{Type: "/problems/internal", Status: 500}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := fault.ProblemOf(c.err)
			if got.Title == "" {
				t.Error("it has no title")
			}
			c.want.Title = got.Title
			if got.Type != c.want.Type || got.Status != c.want.Status || got.Detail != c.want.Detail || !slices.Equal(got.Errors, c.want.Errors) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestEveryKindHasARow(t *testing.T) {
	t.Parallel()
	ours := []fault.Kind{fault.Internal, fault.Damaged, fault.Changed, fault.Stale} // trouble of the server
	titles := map[string]fault.Kind{}
	for _, kind := range kinds(t) {
		info := fault.Describe(kind)
		if http.StatusText(info.Status) == "" || info.Title == "" {
			t.Errorf("%s: %+v", kind, info)
		}
		if serverError := info.Status == http.StatusInternalServerError; serverError != slices.Contains(ours, kind) {
			t.Errorf("%s has status %d", kind, info.Status)
		}
		if slices.Contains(ours, kind) {
			continue
		}
		if other, taken := titles[info.Title]; taken {
			t.Errorf("%s and %s have one title", kind, other)
		}
		titles[info.Title] = kind
		if p := fault.ProblemOf(fault.New(kind, "detail")); p.Type != "/problems/"+string(kind) || p.Status != info.Status {
			t.Errorf("%s is shown as %+v", kind, p)
		}
	}
}

// kinds reads the constants of type Kind from the source, so that none is forgotten.
func kinds(t *testing.T) []fault.Kind {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []fault.Kind
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Kind" {
			return true
		}
		for _, value := range spec.Values {
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil || text != strings.ToLower(text) {
				t.Errorf("%q is not a code: %v", text, err)
			}
			all = append(all, fault.Kind(text))
		}
		return true
	})
	if len(all) < 15 {
		t.Fatalf("found only %q", all)
	}
	return all
}
