package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"acervo/internal/fault"
	"acervo/internal/key"
)

// Caller is whoever sent a request.
type Caller struct {
	// Name is that of the key, or the issuer and the subject of the token, with a
	// space between them that no key's name has: for history and idempotency.
	Name string
	Role key.Role
}

// Keys are the configured keys. Only hashes are kept.
type Keys struct{ keys []hashedKey }

type hashedKey struct {
	hash   key.Hash
	caller Caller
}

// With returns the keys and one more.
func (k Keys) With(secret string, caller Caller) Keys {
	return Keys{append(slices.Clip(k.keys), hashedKey{key.HashOf(secret), caller})}
}

// caller returns whose key it is; false when it is unknown.
func (k Keys) caller(h key.Hash) (Caller, bool) {
	for _, known := range k.keys {
		if h == known.hash {
			return known.caller, true
		}
	}
	return Caller{}, false
}

type callerKey struct{}

// callerOf returns whoever sent a request that with has let through.
func callerOf(r *http.Request) Caller {
	c, _ := r.Context().Value(callerKey{}).(Caller)
	return c
}

// with lets only callers of a role through (RFC 6750).
func (a *API) with(need key.Role, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		caller, err := a.identify(r)
		if err == nil && caller.Role < need {
			err = fault.New(fault.Forbidden, "The role of the key or of the token does not allow this.")
		}
		if err != nil {
			if fault.Is(err, fault.Unauthorized) {
				w.Header().Set("WWW-Authenticate", challenge(r))
			}
			a.problem(w, r, err)
			return
		}
		next(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
	}
}

// reading lets everybody through to what is public to read, unless the
// configuration says otherwise.
func (a *API) reading(next http.HandlerFunc) http.HandlerFunc {
	if a.PrivateReads {
		return a.with(key.Reader, next)
	}
	return next
}

func challenge(r *http.Request) string {
	if credential(r) == "" {
		return `Bearer realm="acervo"`
	}
	return `Bearer realm="acervo", error="invalid_token"`
}

// credential is the one key or token that a request brings, empty for none.
func credential(r *http.Request) string {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return ""
	}
	scheme, sent, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(sent)
}

// maxCredential is the most bytes of a key or a token.
const maxCredential = 8 << 10

// identify returns whoever sent a request: by a configured key, a kept key or a
// token.
func (a *API) identify(r *http.Request) (Caller, error) {
	sent := credential(r)
	switch {
	case sent == "":
		return Caller{}, fault.New(fault.Unauthorized, "Send one key or token as Authorization: Bearer.")
	case len(sent) > maxCredential:
		return Caller{}, fault.New(fault.Unauthorized, "The key or token has more than %d bytes.", maxCredential)
	}
	hash := key.HashOf(sent)
	if caller, ok := a.Keys.caller(hash); ok {
		return caller, nil
	}
	if a.Tokens != nil && strings.Count(sent, ".") == 2 { // a kept key has no dots
		return a.Tokens.caller(r.Context(), sent)
	}
	if a.KeyStore == nil {
		return Caller{}, fault.New(fault.Unauthorized, "The key is not known.")
	}
	kept, ok, err := a.KeyStore.Find(r.Context(), hash)
	switch {
	case err != nil:
		return Caller{}, err
	case !ok:
		return Caller{}, fault.New(fault.Unauthorized, "The key is not known.")
	case kept.Expired(a.Now()):
		return Caller{}, fault.New(fault.Unauthorized, "The key has expired.")
	}
	return Caller{Name: kept.Name, Role: kept.Role}, nil
}
