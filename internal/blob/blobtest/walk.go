package blobtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"acervo/internal/blob"
	"acervo/internal/fault"
)

// step is one thing that happens to a store on a random walk.
type step struct {
	do  string
	key string
	n   int // which body, version or part; how many
}

func steps() *rapid.Generator[[]step] {
	does := []string{"put", "put", "put", "overwrite", "get", "get", "get version", "get version", "stat", "delete", "list", "list"}
	keys := []string{"a/b", "a/b-", "a/c/d", "a/c/e", "a/c0", "b/c"}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			rapid.SampledFrom(does).Draw(t, "do"), rapid.SampledFrom(keys).Draw(t, "key"), rapid.IntRange(0, 11).Draw(t, "n"),
		}
	}), 1, 60)
}

// walks takes random walks over a store and a model of it. All is drawn before the
// walk, since the walk is in a bubble and the drawing is not.
func walks(t *testing.T, h Harness) {
	taken := 0
	var err error
	rapid.Check(t, func(rt *rapid.T) {
		way := steps().Draw(rt, "steps")
		if taken >= h.Walks && err == nil { // rapid itself would take a hundred
			return
		}
		taken++
		h.bubble(t, func(t *testing.T) {
			w := &walk{store: &store{Store: h.Open(t), t: t}, now: map[string]version{}}
			err = w.take(way)
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
}

// version is an object that was put at some time, with its body.
type version struct {
	blob.Object
	body string
}

// walk keeps a store and its model in step.
type walk struct {
	*store
	now  map[string]version
	ever []version
}

func (w *walk) take(way []step) error {
	for i, s := range way {
		if err := w.step(s); err != nil {
			return fmt.Errorf("step %d, %s %s %d: %w", i, s.do, s.key, s.n, err)
		}
	}
	return nil
}

func (w *walk) step(s step) error {
	switch s.do {
	case "put":
		return w.puts(s.key, strings.Repeat(string(rune('a'+s.n)), s.n*s.n))
	case "overwrite": // by as many bytes, at once
		return w.puts(s.key, strings.Repeat(string(rune('m'+s.n)), len(w.now[s.key].body)))
	case "get":
		return w.gets(version{Object: blob.Object{Key: s.key}}, s.n)
	case "get version":
		if len(w.ever) == 0 {
			return nil
		}
		return w.gets(w.ever[len(w.ever)-1-s.n%len(w.ever)], s.n)
	case "stat":
		return w.stats(s.key)
	case "delete":
		delete(w.now, s.key)
		return w.Delete(w.t.Context(), s.key)
	default:
		return w.listed(s.key[:min(s.n, len(s.key))], s.n%3+1)
	}
}

func (w *walk) puts(key, body string) error {
	o, err := w.Put(w.t.Context(), key, plain, strings.NewReader(body))
	if err != nil {
		return err
	}
	for _, v := range w.ever {
		if v.Key == key && v.Version == o.Version && v.body != body {
			return fmt.Errorf("%q and %q are both version %s", v.body, body, o.Version)
		}
	}
	w.now[key] = version{o, body}
	w.ever = append(w.ever, version{o, body})
	return nil
}

// gets reads a part of a version, or of the current one.
func (w *walk) gets(v version, n int) error {
	current, there := w.now[v.Key]
	want := current
	if v.Version != "" {
		want = v
	}
	from := min(n/2, len(want.body))
	got, err := w.read(v.Key, v.Version, blob.Range{Offset: int64(n / 2)})
	switch {
	case err == nil && got == want.body[from:] && (there || v.Version != ""):
		return nil
	case err == nil:
		return fmt.Errorf("read %q, want %q", got, want.body[from:])
	case !there && fault.Is(err, fault.NotFound):
		return nil
	case there && v.Version != "" && v.Version != current.Version && fault.Is(err, fault.Changed):
		return nil
	default:
		return err
	}
}

func (w *walk) stats(key string) error {
	want, there := w.now[key]
	o, err := w.Stat(w.t.Context(), key)
	switch {
	case !there && fault.Is(err, fault.NotFound):
		return nil
	case err != nil:
		return err
	case !there || !same(o, want.Object):
		return fmt.Errorf("there is %+v, want %+v", o, want.Object)
	}
	return nil
}

func (w *walk) listed(prefix string, limit int) error {
	var want []string
	for _, key := range slices.Sorted(maps.Keys(w.now)) {
		if strings.HasPrefix(key, prefix) {
			want = append(want, key)
		}
	}
	all := w.list(prefix, limit)
	if got := keysOf(all); !slices.Equal(got, want) {
		return fmt.Errorf("under %q there is %q, want %q", prefix, got, want)
	}
	for _, o := range all {
		if o.Size != int64(len(w.now[o.Key].body)) {
			return fmt.Errorf("the list has %+v, want %+v", o, w.now[o.Key].Object)
		}
	}
	return nil
}
