package httpapi_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"acervo/internal/fault"
	"acervo/internal/httpapi"
	"acervo/internal/sqlite"
)

const (
	issuerURL = "https://id.example/"
	audience  = "acervo"
)

// issuer is an identity provider: its keys and how it answers when asked for them.
type issuer struct {
	server *httptest.Server
	rsa    *rsa.PrivateKey
	ec     *ecdsa.PrivateKey
	ed     ed25519.PrivateKey

	mu     sync.Mutex
	answer http.HandlerFunc
	asked  int
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{}
	var err1, err2, err3 error
	i.rsa, err1 = rsa.GenerateKey(rand.Reader, 2048)
	i.ec, err2 = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, i.ed, err3 = ed25519.GenerateKey(rand.Reader)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	i.publish(i.public()...)
	i.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		i.asked++
		answer := i.answer
		i.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(i.server.Close)
	return i
}

// public are the keys that it publishes at first: one of each kind.
func (i *issuer) public() []jose.JSONWebKey {
	return []jose.JSONWebKey{
		{Key: i.rsa.Public(), KeyID: "rsa", Algorithm: "RS256", Use: "sig"},
		{Key: i.ec.Public(), KeyID: "ec"},
		{Key: i.ed.Public(), KeyID: "ed", Use: "sig"},
		{Key: i.rsa.Public(), KeyID: "to encrypt", Use: "enc"},
		{Key: i.rsa.Public(), KeyID: "rsa for PS256", Algorithm: "PS256"},
	}
}

func (i *issuer) publish(keys ...jose.JSONWebKey) {
	i.answers(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: keys})
	})
}

func (i *issuer) answers(answer http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

func (i *issuer) questions() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// trusted is a server that takes the tokens of an issuer.
func (i *issuer) trusted(t *testing.T, claim string) *server {
	t.Helper()
	s := newServer(t, sqlite.LaneOptions{})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	s.api.Tokens = httpapi.NewTokens(httpapi.TokenOptions{
		Issuer: issuerURL, Audience: audience, JWKS: i.server.URL, RoleClaim: claim,
		Client: &http.Client{Transport: transport}, Now: s.clock.Now, Log: slog.New(slog.NewJSONHandler(s.log, nil)),
	})
	return s
}

type claims map[string]any

// good are the claims of a writer's token.
func good(changes ...claims) claims {
	c := claims{
		"iss": issuerURL, "aud": audience, "sub": "alice", "role": "writer",
		"exp": july().Add(time.Hour).Unix(), "nbf": july().Unix(), "iat": july().Unix(),
	}
	for _, change := range changes {
		maps.Copy(c, change)
	}
	for name, value := range c {
		if value == nil {
			delete(c, name)
		}
	}
	return c
}

// sign makes a token of what is given, whatever the rules say.
func sign(t *testing.T, header map[string]any, payload any, sign func(input []byte) ([]byte, error)) string {
	t.Helper()
	h, err1 := json.Marshal(header)
	p, err2 := json.Marshal(payload)
	b64 := base64.RawURLEncoding.EncodeToString
	input := b64(h) + "." + b64(p)
	signature, err3 := sign([]byte(input))
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	return input + "." + b64(signature)
}

func (i *issuer) signRSA(input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	return rsa.SignPKCS1v15(nil, i.rsa, crypto.SHA256, digest[:])
}

func (i *issuer) signPSS(input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	return rsa.SignPSS(rand.Reader, i.rsa, crypto.SHA256, digest[:], nil)
}

func signEC(key *ecdsa.PrivateKey) func([]byte) ([]byte, error) {
	return func(input []byte) ([]byte, error) {
		digest := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
	}
}

func (i *issuer) signEd(input []byte) ([]byte, error) { return ed25519.Sign(i.ed, input), nil }

func signHMAC(secret []byte) func([]byte) ([]byte, error) {
	return func(input []byte) ([]byte, error) {
		mac := hmac.New(sha256.New, secret)
		mac.Write(input)
		return mac.Sum(nil), nil
	}
}

func unsigned([]byte) ([]byte, error) { return nil, nil }

// token is a good one with changes to its claims.
func (i *issuer) token(t *testing.T, changes ...claims) string {
	t.Helper()
	return sign(t, map[string]any{"alg": "RS256", "kid": "rsa", "typ": "JWT"}, good(changes...), i.signRSA)
}

func bearer(token string) http.Header { return headers("Authorization", "Bearer "+token) }

// writes sends a write with a token.
func (s *server) writes(t *testing.T, token string, more ...string) answer {
	t.Helper()
	return s.do(t, post(valid, append([]string{"Authorization", "Bearer " + token}, more...)...))
}

func TestTokens(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	s := i.trusted(t, "role")
	header := func(alg, kid string) map[string]any { return map[string]any{"alg": alg, "kid": kid} }
	for name, token := range map[string]string{
		"RS256 is taken": i.token(t),
		"ES256 is taken": sign(t, header("ES256", "ec"), good(), signEC(i.ec)),
		"EdDSA is taken": sign(t, header("EdDSA", "ed"), good(), i.signEd),
		"a token that names no key is tried with those that suit": sign(t, map[string]any{"alg": "ES256"}, good(), signEC(i.ec)),
		"one of several audiences is enough":                      i.token(t, claims{"aud": []string{"other", audience}}),
		"a clock that is a minute off is forgiven":                i.token(t, claims{"exp": july().Add(-59 * time.Second).Unix()}),
		"in both directions":                                      i.token(t, claims{"nbf": july().Add(59 * time.Second).Unix()}),
		"the highest of several roles counts":                     i.token(t, claims{"role": []string{"reader", "writer", "gardener"}}),
		"an operator may write":                                   i.token(t, claims{"role": "operator"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := s.writes(t, token); got.status != http.StatusAccepted {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
	t.Run("the other keys are taken as ever", func(t *testing.T) {
		t.Parallel()
		if got := s.writes(t, writerKey); got.status != http.StatusAccepted {
			t.Errorf("got %d %s", got.status, got.body)
		}
	})
	t.Run("a role is found where a pointer shows", func(t *testing.T) {
		t.Parallel()
		s := i.trusted(t, "/realm~1access/roles")
		if got := s.writes(t, i.token(t, claims{"role": nil, "realm/access": claims{"roles": []string{"writer"}}})); got.status != http.StatusAccepted {
			t.Errorf("got %d %s", got.status, got.body)
		}
		for _, elsewhere := range []any{nil, "writer", []string{"writer"}, claims{"roles": claims{"writer": true}}, 7} {
			s.writes(t, i.token(t, claims{"realm/access": elsewhere})).problem(t, fault.Forbidden)
		}
	})
}

func TestHostileTokens(t *testing.T) {
	t.Parallel()
	i, other := newIssuer(t), newIssuer(t)
	s := i.trusted(t, "role")
	der, err := x509.MarshalPKIXPublicKey(i.rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	asJWK, err := json.Marshal(i.public()[0])
	if err != nil {
		t.Fatal(err)
	}
	whole := i.token(t)
	parts := strings.Split(whole, ".")
	header := func(alg string, more ...string) map[string]any {
		h := map[string]any{"alg": alg, "kid": "rsa"}
		for n := 0; n < len(more); n += 2 {
			h[more[n]] = more[n+1]
		}
		return h
	}
	operator := base64.RawURLEncoding.EncodeToString([]byte(strings.ReplaceAll(payloadOf(t, parts[1]), `"writer"`, `"operator"`)))
	for name, token := range map[string]string{
		"forged by another":                      sign(t, header("RS256"), good(), other.signRSA),
		"forged with its own key in the header":  sign(t, map[string]any{"alg": "RS256", "jwk": other.public()[0]}, good(), other.signRSA),
		"with a key of its own at an address":    sign(t, header("RS256", "jku", other.server.URL, "x5u", other.server.URL), good(), other.signRSA),
		"changed after it was signed":            parts[0] + "." + operator + "." + parts[2],
		"without a signature":                    parts[0] + "." + parts[1] + ".",
		"of no algorithm":                        sign(t, header("none"), good(), unsigned),
		"of no algorithm, in another case":       sign(t, header("nOnE"), good(), unsigned),
		"of the empty algorithm":                 sign(t, header(""), good(), unsigned),
		"of no algorithm but with a signature":   sign(t, header("none"), good(), i.signRSA),
		"HS256 with the public key as PEM":       sign(t, header("HS256"), good(), signHMAC(asPEM)),
		"HS256 with the public key as DER":       sign(t, header("HS256"), good(), signHMAC(der)),
		"HS256 with the public key as JWK":       sign(t, header("HS256"), good(), signHMAC(asJWK)),
		"HS256 with an empty secret":             sign(t, header("HS256"), good(), signHMAC(nil)),
		"PS256 with an RS256 key":                sign(t, header("PS256"), good(), i.signPSS),
		"RS256 that says it is ES256":            sign(t, header("ES256"), good(), i.signRSA),
		"RS256 with a key for another algorithm": sign(t, header("RS256", "kid", "rsa for PS256"), good(), i.signRSA),
		"RS256 with a key to encrypt with":       sign(t, header("RS256", "kid", "to encrypt"), good(), i.signRSA),
		"ES256 under the name of the RSA key":    sign(t, header("ES256"), good(), signEC(i.ec)),
		"of an unknown key":                      sign(t, header("RS256", "kid", "unknown"), good(), i.signRSA),
		"whose key's name is no text":            sign(t, map[string]any{"alg": "RS256", "kid": 7}, good(), i.signRSA),
		"with a critical header nobody knows":    sign(t, map[string]any{"alg": "RS256", "kid": "rsa", "crit": []string{"novel"}, "novel": 1}, good(), i.signRSA),
		"of another issuer":                      i.token(t, claims{"iss": "https://evil.example/"}),
		"of nearly this issuer":                  i.token(t, claims{"iss": strings.TrimSuffix(issuerURL, "/")}),
		"without an issuer":                      i.token(t, claims{"iss": nil}),
		"for another audience":                   i.token(t, claims{"aud": "other"}),
		"for a longer audience":                  i.token(t, claims{"aud": audience + "-admin"}),
		"without an audience":                    i.token(t, claims{"aud": nil}),
		"for an empty list of audiences":         i.token(t, claims{"aud": []string{}}),
		"expired":                                i.token(t, claims{"exp": july().Add(-time.Minute - time.Second).Unix()}),
		"that never expires":                     i.token(t, claims{"exp": nil}),
		"whose expiry is no number":              i.token(t, claims{"exp": "tomorrow"}),
		"not yet valid":                          i.token(t, claims{"nbf": july().Add(time.Minute + time.Second).Unix()}),
		"issued in the future":                   i.token(t, claims{"iat": july().Add(time.Hour).Unix()}),
		"without a subject":                      i.token(t, claims{"sub": nil}),
		"whose subject is no text":               i.token(t, claims{"sub": 7}),
		"with a subject without end":             i.token(t, claims{"sub": strings.Repeat("a", 256)}),
		"whose subject breaks lines":             i.token(t, claims{"sub": "alice\nlevel=ERROR"}),
		"whose subject paints the terminal":      i.token(t, claims{"sub": "alice\x1b[2J"}),
		"whose payload is no object":             sign(t, header("RS256"), []string{"writer"}, i.signRSA),
		"whose payload says a thing twice":       sign(t, header("RS256"), json.RawMessage(strings.Replace(payloadOf(t, parts[1]), "{", `{"role":"operator",`, 1)), i.signRSA),
		"of four parts":                          whole + "." + parts[2],
		"of dots":                                "..",
		"with spaces inside":                     parts[0] + " ." + parts[1] + "." + parts[2],
		"that is huge":                           i.token(t, claims{"filler": strings.Repeat("x", 12_000)}),
		"of megabytes":                           strings.Repeat("a", 1<<20) + ".b.c",
		"in JSON":                                fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, parts[1], parts[0], parts[2]),
		"padded as base64 is elsewhere":          parts[0] + "." + parts[1] + "==." + parts[2],
	} {
		t.Run("a token "+name+" opens nothing", func(t *testing.T) {
			t.Parallel()
			got := s.writes(t, token)
			if p := got.problem(t, fault.Unauthorized); strings.Contains(p.Detail, "alice") {
				t.Errorf("it repeats what it was sent: %q", p.Detail)
			}
			got.wantHeader(t, "Www-Authenticate", `Bearer realm="acervo", error="invalid_token"`)
		})
	}
	for name, role := range map[string]any{
		"no role": nil, "an unknown role": "root", "a role in another case": "Writer", "a number for a role": 2,
		"a role inside an object": claims{"role": "writer"}, "an empty list of roles": []string{}, "a role with a space": "writer ",
	} {
		t.Run("a valid token with "+name+" is not allowed anything", func(t *testing.T) {
			t.Parallel()
			s.writes(t, i.token(t, claims{"role": role})).problem(t, fault.Forbidden)
		})
	}
	t.Run("a reader's token does not write", func(t *testing.T) {
		t.Parallel()
		s.writes(t, i.token(t, claims{"role": "reader"})).problem(t, fault.Forbidden)
	})
	t.Run("two credentials are none", func(t *testing.T) {
		t.Parallel()
		s.do(t, post(valid, "Authorization", "Bearer "+writerKey, "Authorization", "Bearer "+whole)).problem(t, fault.Unauthorized)
	})
	t.Run("without an issuer no token opens anything", func(t *testing.T) {
		t.Parallel()
		newServer(t, sqlite.LaneOptions{}).writes(t, whole).problem(t, fault.Unauthorized)
	})
}

func payloadOf(t *testing.T, part string) string {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return string(payload)
}

func TestCallersDoNotMix(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	s := i.trusted(t, "role")
	first := s.writes(t, i.token(t), "Idempotency-Key", "one")
	if again := s.writes(t, i.token(t, claims{"jti": "another"}), "Idempotency-Key", "one"); again.header.Get("Location") != first.header.Get("Location") {
		t.Error("a new token of one subject is another caller")
	}
	for name, other := range map[string]string{
		"another subject": i.token(t, claims{"sub": "bob"}),
		"a subject that has another for its beginning": i.token(t, claims{"sub": "alice "}),
		"a subject named like a key":                   i.token(t, claims{"sub": "walter"}),
		"a key":                                        writerKey,
	} {
		t.Run(name+" has idempotency keys of its own", func(t *testing.T) {
			t.Parallel()
			got := s.writes(t, other, "Idempotency-Key", "one")
			if got.status != http.StatusAccepted || got.header.Get("Idempotent-Replayed") != "" || got.header.Get("Location") == first.header.Get("Location") {
				t.Errorf("got %d %v", got.status, got.header)
			}
		})
	}
	t.Run("one subject of two issuers is two callers", func(t *testing.T) {
		t.Parallel()
		other := newIssuer(t)
		moved := &httpapi.API{
			Intake: s.api.Intake, Ring: s.api.Ring, Books: s.api.Books, Lists: s.api.Lists, Jobs: s.api.Jobs, Now: s.api.Now, Log: s.api.Log,
		}
		moved.Tokens = httpapi.NewTokens(httpapi.TokenOptions{
			Issuer: "https://id2.example/", Audience: audience, JWKS: other.server.URL, RoleClaim: "role",
			Client: other.server.Client(), Now: s.clock.Now, Log: s.api.Log,
		})
		t.Cleanup(other.server.Client().CloseIdleConnections)
		s2 := &server{api: moved, handler: moved.Handler(), db: s.db, lane: s.lane, clock: s.clock, log: s.log}
		got := s2.writes(t, other.token(t, claims{"iss": "https://id2.example/"}), "Idempotency-Key", "one")
		if got.status != http.StatusAccepted || got.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("got %d %v", got.status, got.header)
		}
	})
}

func TestTheIssuersKeys(t *testing.T) {
	t.Parallel()
	accepted := func(t *testing.T, s *server, token string) {
		t.Helper()
		if got := s.writes(t, token); got.status != http.StatusAccepted {
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
	fails := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	t.Run("are asked for once in a quarter of an hour", func(t *testing.T) {
		t.Parallel()
		i := newIssuer(t)
		s := i.trusted(t, "role")
		for range 5 {
			accepted(t, s, i.token(t))
		}
		s.clock.advance(14 * time.Minute)
		accepted(t, s, i.token(t))
		if n := i.questions(); n != 1 {
			t.Errorf("it was asked %d times", n)
		}
		s.clock.advance(2 * time.Minute)
		accepted(t, s, i.token(t))
		if n := i.questions(); n != 2 {
			t.Errorf("later it was asked %d times", n)
		}
	})
	t.Run("that are new are found, and those withdrawn are no good", func(t *testing.T) {
		t.Parallel()
		i := newIssuer(t)
		s := i.trusted(t, "role")
		accepted(t, s, i.token(t))
		i.publish(jose.JSONWebKey{Key: i.ec.Public(), KeyID: "new"})
		s.clock.advance(31 * time.Second)
		accepted(t, s, sign(t, map[string]any{"alg": "ES256", "kid": "new"}, good(), signEC(i.ec)))
		s.writes(t, i.token(t)).problem(t, fault.Unauthorized)
	})
	t.Run("that are unknown flood nobody", func(t *testing.T) {
		t.Parallel()
		i := newIssuer(t)
		s := i.trusted(t, "role")
		accepted(t, s, i.token(t))
		s.clock.advance(time.Minute)
		for n := range 20 {
			s.writes(t, sign(t, map[string]any{"alg": "RS256", "kid": fmt.Sprint(n)}, good(), i.signRSA)).problem(t, fault.Unauthorized)
		}
		if n := i.questions(); n != 2 {
			t.Errorf("it was asked %d times", n)
		}
	})
	t.Run("are used for a day while the issuer does not answer, and not longer", func(t *testing.T) {
		t.Parallel()
		i := newIssuer(t)
		s := i.trusted(t, "role")
		s.api.Intake.MaxAge = 0 // nobody works on the lane meanwhile
		forever := claims{"exp": july().Add(1000 * time.Hour).Unix()}
		accepted(t, s, i.token(t, forever))
		i.answers(fails)
		s.clock.advance(23 * time.Hour)
		accepted(t, s, i.token(t, forever))
		s.clock.advance(2 * time.Hour)
		s.writes(t, i.token(t, forever)).problem(t, fault.Unavailable)
		i.publish(i.public()...)
		s.clock.advance(time.Minute)
		accepted(t, s, i.token(t, forever))
	})
	for name, answer := range map[string]http.HandlerFunc{
		"fails":            fails,
		"answers nonsense": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"has no keys":      func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[]}`) },
		"has only secrets": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"keys":[{"kty":"oct","k":"AAAA","kid":"rsa"}]}`)
		},
		"never ends its answer": func(w http.ResponseWriter, _ *http.Request) {
			for range 200 {
				_, _ = w.Write(make([]byte, 16<<10))
			}
		},
		"sends elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		},
	} {
		t.Run("of an issuer that "+name+" leave tokens for later", func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			i.answers(answer)
			s := i.trusted(t, "role")
			got := s.writes(t, i.token(t))
			got.problem(t, fault.Unavailable)
			if got.header.Get("Retry-After") == "" {
				t.Error("it does not say when")
			}
			accepted(t, s, writerKey)
		})
	}
	t.Run("of kinds nobody knows do not spoil the others", func(t *testing.T) {
		t.Parallel()
		i := newIssuer(t)
		known, err := json.Marshal(i.public()[0])
		if err != nil {
			t.Fatal(err)
		}
		i.answers(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"keys":[{"kty":"novel"},{"kty":"RSA","n":"!"},7,%s],"more":1}`, known)
		})
		accepted(t, i.trusted(t, "role"), i.token(t))
	})
	t.Run("are fetched even if the one who caused it has gone", func(t *testing.T) {
		t.Parallel()
		i := newIssuer(t)
		s := i.trusted(t, "role")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/books", strings.NewReader(valid))
		req.Header = bearer(i.token(t))
		s.handler.ServeHTTP(httptest.NewRecorder(), req)
		accepted(t, s, i.token(t))
		if n := i.questions(); n != 1 {
			t.Errorf("it was asked %d times", n)
		}
	})
}
