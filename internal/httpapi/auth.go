package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"

	"acervo/internal/fault"
)

// Role is what a caller may do. Each includes the ones before it.
type Role int

// The roles.
const (
	Reader Role = iota + 1
	Writer
	Operator
)

// Caller is whoever sent a request.
type Caller struct {
	Name string // of the key, for history and idempotency
	Role Role
}

// Keys are the configured keys. Only hashes are kept.
type Keys struct{ keys []hashedKey }

type hashedKey struct {
	hash   [sha256.Size]byte
	caller Caller
}

// With returns the keys and one more.
func (k Keys) With(key string, caller Caller) Keys {
	return Keys{append(slices.Clip(k.keys), hashedKey{sha256.Sum256([]byte(key)), caller})}
}

// caller returns whose key it is; false when it is unknown.
func (k Keys) caller(key string) (Caller, bool) {
	hash := sha256.Sum256([]byte(key))
	for _, known := range k.keys {
		if subtle.ConstantTimeCompare(hash[:], known.hash[:]) == 1 {
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
func (a *API) with(need Role, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || key == "" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="acervo"`)
			a.problem(w, r, fault.New(fault.Unauthorized, "Send a key as Authorization: Bearer."))
			return
		}
		caller, ok := a.Keys.caller(strings.TrimSpace(key))
		switch {
		case !ok:
			w.Header().Set("WWW-Authenticate", `Bearer realm="acervo", error="invalid_token"`)
			a.problem(w, r, fault.New(fault.Unauthorized, "The key is not known."))
		case caller.Role < need:
			a.problem(w, r, fault.New(fault.Forbidden, "The key's role does not allow this."))
		default:
			next(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
		}
	}
}
