package job

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
)

// varying is what differs between errors that are alike: ids, numbers, addresses.
var varying = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-v]{80}|0x[0-9a-f]+|\d+`)

// Fingerprint is 16 hex digits that errors of one kind of job share when they
// differ in ids and numbers only.
func Fingerprint(kind Kind, cause string) string {
	sum := sha256.Sum256([]byte(string(kind) + "\n" + varying.ReplaceAllString(cause, "#")))
	return hex.EncodeToString(sum[:8])
}
