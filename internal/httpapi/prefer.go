package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"acervo/internal/fault"
)

// maxWait is the longest that a request is held.
const maxWait = 25 * time.Second

// preferWait reads wait=N of the Prefer header (RFC 7240), zero when there is
// none. What it does not understand it ignores, as the RFC wants; more than 25
// seconds are 25.
func preferWait(r *http.Request) time.Duration {
	for _, value := range r.Header.Values("Prefer") {
		for part := range strings.SplitSeq(value, ",") {
			preference, _, _ := strings.Cut(part, ";")
			name, seconds, _ := strings.Cut(preference, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(seconds), `"`))
			if err != nil || n <= 0 {
				return 0
			}
			return min(maxWait, time.Duration(min(n, 1000))*time.Second)
		}
	}
	return 0
}

// maxIdempotencyKey is the most characters of an Idempotency-Key.
const maxIdempotencyKey = 255

// idempotencyKey reads the Idempotency-Key, empty when there is none: a string of
// RFC 8941 section 3.3.3, whose quotes may be left out.
func idempotencyKey(r *http.Request) (string, error) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	wrong := fault.New(fault.Syntax, "The Idempotency-Key must be one string of 1 to %d printable ASCII characters.", maxIdempotencyKey)
	key := strings.TrimSpace(values[0])
	if strings.HasPrefix(key, `"`) {
		var ok bool
		if key, ok = unquote(key); !ok {
			return "", wrong
		}
	}
	printable := func(c rune) bool { return c >= ' ' && c <= '~' }
	if len(values) > 1 || key == "" || len(key) > maxIdempotencyKey || strings.ContainsFunc(key, func(c rune) bool { return !printable(c) }) {
		return "", wrong
	}
	return key, nil
}

// unquote undoes the quotes and escapes of an RFC 8941 string.
func unquote(s string) (string, bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), i == len(s)-1
		case c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case c == '\\':
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}
