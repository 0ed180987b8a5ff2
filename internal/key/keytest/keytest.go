// Package keytest is the contract of key.Store: what every adapter promises.
package keytest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"acervo/internal/fault"
	"acervo/internal/key"
)

// Run holds the stores that open makes, each empty, to the contract.
func Run(t *testing.T, open func(t *testing.T) key.Store) {
	t.Helper()
	for name, sentence := range map[string]func(*testing.T, key.Store){
		"a key is found by its hash, whole":                    foundWhole,
		"another hash finds nothing":                           otherHash,
		"a name is given once":                                 namedOnce,
		"of those who want one name at once, one gets it":      oneOfMany,
		"a key that was removed is gone, and its name is free": removed,
		"what is not there cannot be removed":                  removeNothing,
		"the list is by name":                                  listed,
		"there are at most so many":                            bounded,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sentence(t, open(t))
		})
	}
}

func someKey(name string) key.Key {
	return key.Key{
		Name: name, Role: key.Writer, Hash: key.HashOf("secret of " + name), MadeBy: "olga",
		MadeAt: time.UnixMilli(1_782_000_000_123).UTC(), ExpiresAt: time.UnixMilli(1_790_000_000_456).UTC(),
	}
}

func add(t *testing.T, s key.Store, keys ...key.Key) {
	t.Helper()
	for _, k := range keys {
		if err := s.Add(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
}

func foundWhole(t *testing.T, s key.Store) {
	forever := someKey("forever")
	forever.ExpiresAt, forever.Role = time.Time{}, key.Operator
	for _, want := range []key.Key{someKey("ci"), forever} {
		add(t, s, want)
		if got, ok, err := s.Find(t.Context(), want.Hash); err != nil || !ok || got != want {
			t.Errorf("got %+v, %v, %v", got, ok, err)
		}
	}
}

func otherHash(t *testing.T, s key.Store) {
	add(t, s, someKey("ci"))
	if got, ok, err := s.Find(t.Context(), key.HashOf("ci")); err != nil || ok || got != (key.Key{}) {
		t.Errorf("got %+v, %v, %v", got, ok, err)
	}
}

func namedOnce(t *testing.T, s key.Store) {
	first, second := someKey("ci"), someKey("ci")
	second.Hash = key.HashOf("another")
	add(t, s, first)
	if err := s.Add(t.Context(), second); !fault.Is(err, fault.Conflict) {
		t.Errorf("got %v", err)
	}
	if _, ok, err := s.Find(t.Context(), second.Hash); ok || err != nil {
		t.Errorf("the second one is found: %v", err)
	}
	if got, ok, err := s.Find(t.Context(), first.Hash); !ok || err != nil || got != first {
		t.Errorf("the first one is now %+v, %v, %v", got, ok, err)
	}
}

func oneOfMany(t *testing.T, s key.Store) {
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Go(func() {
			k := someKey("ci")
			k.Hash = key.HashOf(fmt.Sprint(i))
			errs[i] = s.Add(t.Context(), k)
		})
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !fault.Is(err, fault.Conflict) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d got the name", won)
	}
}

func removed(t *testing.T, s key.Store) {
	add(t, s, someKey("ci"), someKey("other"))
	if err := s.Remove(t.Context(), "ci"); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Find(t.Context(), someKey("ci").Hash); ok || err != nil {
		t.Errorf("it is still found, or %v", err)
	}
	if _, ok, err := s.Find(t.Context(), someKey("other").Hash); !ok || err != nil {
		t.Errorf("the other one is gone too, or %v", err)
	}
	add(t, s, someKey("ci"))
}

func removeNothing(t *testing.T, s key.Store) {
	add(t, s, someKey("ci"))
	for _, name := range []string{"", "c", "CI", "ci "} {
		if err := s.Remove(t.Context(), name); !fault.Is(err, fault.NotFound) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func listed(t *testing.T, s key.Store) {
	if got, err := s.List(t.Context()); err != nil || len(got) > 0 {
		t.Errorf("an empty store lists %v, %v", got, err)
	}
	add(t, s, someKey("b"), someKey("c"), someKey("a"))
	want := []key.Key{someKey("a"), someKey("b"), someKey("c")}
	if got, err := s.List(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}

func bounded(t *testing.T, s key.Store) {
	var all sync.WaitGroup
	for i := range key.MaxKeys {
		all.Go(func() {
			if err := s.Add(t.Context(), someKey(fmt.Sprint("key", i))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := s.Add(t.Context(), someKey("more")); !fault.Is(err, fault.Conflict) {
		t.Errorf("got %v", err)
	}
}
