package httpapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"acervo/internal/fault"
	"acervo/internal/key"
)

// leeway is how far the clocks of the issuer and of this machine may be apart.
const leeway = time.Minute

// maxSubject is the most bytes of a subject (OpenID Connect Core, section 2).
const maxSubject = 255

// TokenOptions say whose tokens are taken.
type TokenOptions struct {
	Issuer, Audience string
	// JWKS is the address of the issuer's keys (RFC 7517).
	JWKS string
	// RoleClaim names the claim with the role, or is a JSON pointer to it, such as
	// /realm_access/roles. Its value is a role or a list with roles in it.
	RoleClaim string
	// Client fetches the keys; nil for one that gives up after five seconds.
	Client *http.Client
	Now    func() time.Time
	Log    *slog.Logger
}

// Tokens takes the tokens of one issuer: JWTs (RFC 7519) signed with RS256, ES256
// or EdDSA by one of the keys that the issuer publishes. It is safe for
// concurrent use.
type Tokens struct {
	options TokenOptions
	keys    *keySet
}

// NewTokens returns Tokens. The issuer is asked for its keys with the first token.
func NewTokens(o TokenOptions) *Tokens { return &Tokens{o, newKeySet(o)} }

// invalidToken is the one answer to whatever is wrong with a token that could not
// be trusted so far: a forger learns nothing of how near it came.
func invalidToken(err error) error {
	return fault.Wrap(fault.Unauthorized, err, "The token is not valid.")
}

// caller returns whose token it is, if it is valid now.
func (t *Tokens) caller(ctx context.Context, raw string) (Caller, error) {
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA})
	if err != nil || len(token.Headers) != 1 {
		return Caller{}, invalidToken(err)
	}
	header := token.Headers[0]
	keys, err := t.keys.find(ctx, header.KeyID)
	if err != nil {
		return Caller{}, err
	}
	var claims jwt.Claims
	all := map[string]any{}
	err = errors.New("no key suits it")
	for _, k := range keys {
		if !suits(k, header.Algorithm) {
			continue
		}
		if err = token.Claims(k.Key, &claims, &all); err == nil {
			break
		}
	}
	if err != nil {
		return Caller{}, invalidToken(err)
	}
	if err := t.judge(claims); err != nil {
		return Caller{}, err
	}
	role := roleIn(all, t.options.RoleClaim) // none is enough for nothing
	return Caller{Name: t.options.Issuer + " " + claims.Subject, Role: role}, nil
}

// suits reports whether a key is for an algorithm. What decides is the key, never
// the token: each kind of key here has one algorithm.
func suits(k jose.JSONWebKey, algorithm string) bool {
	if k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != algorithm {
		return false
	}
	switch public := k.Key.(type) {
	case *rsa.PublicKey:
		return algorithm == string(jose.RS256) && public.N.BitLen() >= 2048
	case *ecdsa.PublicKey:
		return algorithm == string(jose.ES256) && public.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return algorithm == string(jose.EdDSA)
	default:
		return false
	}
}

// judge looks at the claims of a token whose signature is right.
func (t *Tokens) judge(c jwt.Claims) error {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	err := c.ValidateWithLeeway(jwt.Expected{
		Issuer: t.options.Issuer, AnyAudience: jwt.Audience{t.options.Audience}, Time: t.options.Now(),
	}, leeway)
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return fault.Wrap(fault.Unauthorized, err, "The token has expired.")
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return fault.Wrap(fault.Unauthorized, err, "The token is not valid yet.")
	case err != nil:
		return invalidToken(err)
	case c.Expiry == nil:
		return fault.New(fault.Unauthorized, "The token never expires.")
	case c.Subject == "", len(c.Subject) > maxSubject, strings.ContainsFunc(c.Subject, unprintable):
		return fault.New(fault.Unauthorized, "The token names no subject of 1 to %d printable characters.", maxSubject)
	default:
		return nil
	}
}

// roleIn returns the highest role that a claim names, zero for none.
func roleIn(claims map[string]any, claim string) key.Role {
	value := claims[claim]
	if strings.HasPrefix(claim, "/") {
		value = at(claims, jsontext.Pointer(claim))
	}
	highest := key.Role(0)
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, name := range list {
		text, _ := name.(string)
		role, _ := key.ParseRole(text)
		highest = max(highest, role)
	}
	return highest
}

// at returns what a pointer points to, nil for nothing.
func at(claims any, pointer jsontext.Pointer) any {
	for token := range pointer.Tokens() {
		object, ok := claims.(map[string]any)
		if !ok {
			return nil
		}
		claims = object[token]
	}
	return claims
}

// readKeys reads a set of keys. Those of kinds that this release does not know,
// and private ones, are left out.
func readKeys(body []byte) (keys []jose.JSONWebKey, err error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, err
	}
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if err := k.UnmarshalJSON(raw); err == nil && k.IsPublic() && k.Valid() {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("it holds no public key that can be read")
	}
	return keys, nil
}
