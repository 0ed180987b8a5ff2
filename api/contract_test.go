package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"acervo/internal/arrive"
	"acervo/internal/aws"
	"acervo/internal/contracttest"
	"acervo/internal/cover"
	"acervo/internal/e2etest"
	"acervo/internal/job"
)

// TestTheEditionOnAWSKeepsTheContract asks a process of the API with tokens for
// those who are no operators, since nobody makes keys there.
func TestTheEditionOnAWSKeepsTheContract(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	jwks, token := newIssuer(t)
	env := append(slices.Clone(f.env), "ACERVO_OIDC_ISSUER=https://id.example", "ACERVO_OIDC_AUDIENCE=acervo", "ACERVO_OIDC_JWKS="+jwks)
	p := e2etest.Launch(t, f.dir+"/api", env)
	dead, planned := f.prepare(t, 7)
	contracttest.Run(t, contracttest.Target{
		URL: p.Greeting("The API serves"), Operator: operator, Writer: token("writer"), Reader: token("reader"), Dead: dead, Planned: planned,
		Landed: f.landed(t),
	})
}

// landed does what Lambda does when S3 tells of a picture.
func (f *fleet) landed(t *testing.T) func(t *testing.T, id string) {
	t.Helper()
	engines := f.engines(t)
	store := engines.Store
	covers := &arrive.Covers{
		Ring: f.ring(t), Jobs: store.Jobs(), Books: store.Books(), Lane: engines.Writes, Objects: engines.Objects,
		Renderer: cover.New(), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	return func(t *testing.T, id string) {
		t.Helper()
		o, err := engines.Objects.Stat(t.Context(), job.OriginalKey(id))
		if err == nil {
			err = covers.Arrived(t.Context(), arrive.Object{Key: o.Key, Version: o.Version, Size: o.Size, At: o.ModifiedAt})
		}
		if err != nil {
			t.Error(err)
		}
	}
}

func (f *fleet) engines(t *testing.T) *aws.Engines {
	t.Helper()
	engines, err := aws.Open(t.Context(), aws.Place{
		DynamoDBEndpoint: os.Getenv("ACERVO_TEST_DYNAMODB"), SQSEndpoint: os.Getenv("ACERVO_TEST_SQS"), S3Endpoint: os.Getenv("ACERVO_TEST_S3"),
		Prefix: f.variable("ACERVO_PREFIX"),
	}, aws.LaneOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engines.Close)
	return engines
}

// ring is that of the processes.
func (f *fleet) ring(t *testing.T) *job.Keyring {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(f.variable("ACERVO_RECEIPT_KEYS"))
	if err != nil {
		t.Fatal(err)
	}
	return job.NewKeyring(time.Now, job.Key{Secret: key})
}

// prepare puts dead jobs, and an import that is planned, into the stores of the fleet.
func (f *fleet) prepare(t *testing.T, n int) (dead []string, planned string) {
	t.Helper()
	engines := f.engines(t)
	return contracttest.Bury(t, engines.Store.Jobs(), f.ring(t), n), contracttest.Plan(t, engines.Store.Drops(), engines.Objects)
}

// variable is one of the environment of the processes.
func (f *fleet) variable(name string) string {
	for _, v := range f.env {
		if value, found := strings.CutPrefix(v, name+"="); found {
			return value
		}
	}
	return ""
}

// newIssuer is an issuer of tokens: where its keys are, and a token of a role.
func newIssuer(t *testing.T) (jwks string, token func(role string) string) {
	t.Helper()
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
	return issuer.URL, func(role string) string {
		claims := jwt.Claims{
			Issuer: "https://id.example", Audience: jwt.Audience{"acervo"}, Subject: "the " + role, Expiry: jwt.NewNumericDate(time.Now().Add(time.Hour)),
		}
		raw, err := jwt.Signed(signer).Claims(claims).Claims(map[string]any{"role": role}).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
}
