package main

import (
	"encoding/json"
	"net/http"
	"testing"
)

func TestAKeyMadeAtOneProcessOpensTheOtherUntilItIsRevoked(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	one, other := f.apis[0].Server, *f.apis[1].Server
	a, err := one.Call(t.Context(), http.MethodPost, "/v1/keys", `{"name":"ci","role":"operator"}`)
	if err != nil || a.Status != http.StatusCreated {
		t.Fatalf("got %v, %v", a, err)
	}
	var made struct{ Key string }
	if err := json.Unmarshal(a.Body, &made); err != nil {
		t.Fatal(err)
	}
	other.Key = made.Key
	for _, step := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/v1/queues", http.StatusOK},
		{http.MethodDelete, "/v1/keys/ci", http.StatusNoContent},
		{http.MethodGet, "/v1/queues", http.StatusUnauthorized},
	} {
		if a, err := other.Call(t.Context(), step.method, step.path, ""); err != nil || a.Status != step.want {
			t.Errorf("%s %s: got %v, %v, want %d", step.method, step.path, a, err, step.want)
		}
	}
}
