package main

import (
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func TestAccess(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "one", Use: "sig"}}})
	}))
	t.Cleanup(issuer.Close)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: "one"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token := func(role string) string {
		claims := jwt.Claims{Issuer: "https://id.example", Audience: jwt.Audience{"acervo"}, Subject: "alice", Expiry: jwt.NewNumericDate(time.Now().Add(time.Hour))}
		raw, err := jwt.Signed(signer).Claims(claims).Claims(map[string]any{"app": map[string]any{"roles": []string{role}}}).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	dir := dataDir(t)
	s := serveDir(t, dir, []string{"ACERVO_PUBLIC_READ=false", "ACERVO_ORIGINS=https://books.example"},
		"--oidc-issuer", "https://id.example", "--oidc-audience", "acervo", "--oidc-jwks", issuer.URL, "--oidc-role-claim", "/app/roles")
	with := func(key string) shell { return shell{dir: dir, env: map[string]string{"ACERVO_KEY": key}} }
	t.Run("a token of the configured issuer is a key", func(t *testing.T) {
		t.Parallel()
		wantIn(t, with(token("writer")).must(t, "book", "add", "--title", "a", "--author", "b"), "version")
		if _, code := with(token("writer")).run(t, "queue"); code != 5 {
			t.Errorf("a writer who looks at lanes ends with %d", code)
		}
		wantIn(t, with(token("operator")).must(t, "queue"), "writes")
	})
	t.Run("books are private where they are configured so", func(t *testing.T) {
		t.Parallel()
		if _, code := (shell{}).run(t, "book", "list", "--url", s.URL); code != 5 {
			t.Errorf("a list without a key ends with %d", code)
		}
		with(token("reader")).must(t, "book", "list")
	})
	t.Run("the pages of a configured origin may use the API", func(t *testing.T) {
		t.Parallel()
		a, err := s.Send(t.Context(), http.MethodGet, "/v1/books", http.NoBody, "Origin", "https://books.example")
		if err != nil || a.Header.Get("Access-Control-Allow-Origin") != "https://books.example" {
			t.Errorf("got %v, %v", a, err)
		}
	})
}
