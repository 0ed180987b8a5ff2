// Package key holds what callers of the API may do and what is kept of their
// keys, and the port to the kept ones.
package key

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"time"

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

// String is the role on the wire.
func (r Role) String() string {
	switch r {
	case Reader:
		return "reader"
	case Writer:
		return "writer"
	case Operator:
		return "operator"
	default:
		return "none"
	}
}

// ParseRole reads a role; false when there is no such.
func ParseRole(text string) (Role, bool) {
	for _, r := range []Role{Reader, Writer, Operator} {
		if text == r.String() {
			return r, true
		}
	}
	return 0, false
}

// Hash is what is kept of a key.
type Hash [sha256.Size]byte

// HashOf returns the hash of a key. A plain SHA-256 does: a key is 256 random
// bits, so that nobody can try them out, however fast, and a slow hash would cost
// every request its time. That hashes are compared byte by byte tells nothing
// either: whoever sends a key cannot choose its hash.
func HashOf(secret string) Hash { return sha256.Sum256([]byte(secret)) }

// NewSecret returns a new key: 256 random bits.
func NewSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return "acervo_" + base64.RawURLEncoding.EncodeToString(b[:])
}

// Key is what is kept of a key. Its name is that of the caller in the history of
// jobs, and the scope of its idempotency keys.
type Key struct {
	Name      string
	Role      Role
	Hash      Hash
	MadeAt    time.Time // in milliseconds
	MadeBy    string
	ExpiresAt time.Time // in milliseconds; zero for never
}

// Expired reports whether the time of the key is over.
func (k Key) Expired(now time.Time) bool { return !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) }

// ConfiguredName is the name of the key that the configuration gives.
const ConfiguredName = "operator"

// namePattern leaves out what a name of a token's caller always has: a space.
var namePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`)

// Check returns fault.Invalid with every field of a new key that breaks a rule.
func (k Key) Check(now time.Time) error {
	var faults []fault.Field
	wrong := func(pointer, code, detail string) {
		faults = append(faults, fault.Field{Pointer: pointer, Code: code, Detail: detail})
	}
	switch {
	case !namePattern.MatchString(k.Name):
		wrong("/name", "pattern", "must be 1 to 64 lower-case letters, digits, dots, hyphens and underscores, a letter or a digit at both ends")
	case k.Name == ConfiguredName:
		wrong("/name", "reserved", "is the name of the key that the configuration gives")
	}
	if k.Role < Reader || k.Role > Operator {
		wrong("/role", "unknown", "must be reader, writer or operator")
	}
	if k.Expired(now) {
		wrong("/expires_at", "past", "must be in the future")
	}
	return fault.Of(fault.Invalid, "The key breaks rules.", faults)
}

// MaxKeys is the most keys that are kept.
const MaxKeys = 1000

// Store is the port to the kept keys. Its reads are strong, so that a revoked key
// opens nothing from then on. It is safe for concurrent use. Its contract suite
// is keytest.
type Store interface {
	// Add keeps a key; fault.Conflict when one has its name already or there are
	// MaxKeys.
	Add(ctx context.Context, k Key) error

	// Find returns the key of a hash; false when there is none. One whose time is
	// over is returned too. fault.Damaged when it is not as it was written.
	Find(ctx context.Context, h Hash) (Key, bool, error)

	// List returns the keys by name, also those that are damaged.
	List(ctx context.Context) ([]Key, error)

	// Remove forgets a key; fault.NotFound when there is none of this name.
	Remove(ctx context.Context, name string) error
}
