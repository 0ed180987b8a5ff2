package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
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

// Keys are the configured keys and their roles. Only hashes are kept.
type Keys struct{ keys []hashedKey }

type hashedKey struct {
	hash [sha256.Size]byte
	role Role
}

// With returns the keys and one more.
func (k Keys) With(key string, role Role) Keys {
	return Keys{append(k.keys[:len(k.keys):len(k.keys)], hashedKey{sha256.Sum256([]byte(key)), role})}
}

// role returns the role of a key; false when it is unknown.
func (k Keys) role(key string) (Role, bool) {
	hash := sha256.Sum256([]byte(key))
	for _, known := range k.keys {
		if subtle.ConstantTimeCompare(hash[:], known.hash[:]) == 1 {
			return known.role, true
		}
	}
	return 0, false
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
		role, ok := a.Keys.role(strings.TrimSpace(key))
		switch {
		case !ok:
			w.Header().Set("WWW-Authenticate", `Bearer realm="acervo", error="invalid_token"`)
			a.problem(w, r, fault.New(fault.Unauthorized, "The key is not known."))
		case role < need:
			a.problem(w, r, fault.New(fault.Forbidden, "The key's role does not allow this."))
		default:
			next(w, r)
		}
	}
}
