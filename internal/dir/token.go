package dir

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"

	"acervo/internal/blob"
	"acervo/internal/fault"
)

// The layout of a token: a format byte, the second of its expiry, the length of the
// body, bytes at random, the length of the content type, the type, the key and a MAC.
const (
	tokenFormat = 1
	nonceSize   = 8
	macSize     = 16
	typeAt      = 1 + 8 + 8 + nonceSize
	leastToken  = typeAt + 1 + macSize
	mostToken   = leastToken + blob.MaxType + blob.MaxKey
)

// KeySize is the size in bytes of a key that signs uploads.
const KeySize = 32

// Key signs uploads with HMAC-SHA256, cut to 16 bytes (RFC 2104 section 5).
type Key struct {
	Secret    []byte
	RetiredAt time.Time // zero for the current key
}

// NewKey returns a fresh random key.
func NewKey() Key {
	secret := make([]byte, KeySize)
	_, _ = rand.Read(secret) // never fails, says its documentation
	return Key{Secret: secret}
}

// Keyring signs uploads with its current key and verifies those of retired ones too,
// until all that they signed has expired. It is safe for concurrent use.
type Keyring struct {
	keys []Key
	now  func() time.Time
}

// NewKeyring returns a ring over keys, of which the first is current.
func NewKeyring(now func() time.Time, current Key, retired ...Key) *Keyring {
	return &Keyring{keys: append([]Key{current}, retired...), now: now}
}

// terms are what a token promises to take.
type terms struct {
	key, contentType string
	bytes            int64
	expiresAt        time.Time // a whole second
}

// mint returns a token for these terms, unlike any other. It is the only authority
// that an upload needs.
func (k *Keyring) mint(t terms) string {
	raw := make([]byte, 0, leastToken+len(t.contentType)+len(t.key))
	raw = append(raw, tokenFormat)
	raw = binary.BigEndian.AppendUint64(raw, uint64(t.expiresAt.Unix()))
	raw = binary.BigEndian.AppendUint64(raw, uint64(t.bytes))
	raw = raw[:typeAt]
	_, _ = rand.Read(raw[typeAt-nonceSize:]) // never fails, says its documentation
	raw = append(raw, byte(len(t.contentType)))
	raw = append(raw, t.contentType...)
	raw = append(raw, t.key...)
	return base64.RawURLEncoding.EncodeToString(append(raw, mac(k.keys[0], raw)...))
}

// verify reads a token, and returns its MAC too, which names it. One that this ring did not
// sign is fault.UploadRefused, whatever is wrong with it.
func (k *Keyring) verify(token string) (terms, []byte, error) {
	forged := fault.New(fault.UploadRefused, "This is not an address that was given out for an upload.")
	if len(token) > base64.RawURLEncoding.EncodedLen(mostToken) {
		return terms{}, nil, forged
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < leastToken || raw[0] != tokenFormat {
		return terms{}, nil, forged
	}
	signed, sum := raw[:len(raw)-macSize], raw[len(raw)-macSize:]
	now := k.now()
	if !slices.ContainsFunc(k.keys, func(key Key) bool {
		live := key.RetiredAt.IsZero() || now.Sub(key.RetiredAt) <= blob.MaxExpiry
		return live && hmac.Equal(mac(key, signed), sum)
	}) {
		return terms{}, nil, forged
	}
	rest := signed[typeAt+1:]
	end := int(signed[typeAt])
	if end > len(rest) {
		return terms{}, nil, forged
	}
	return terms{
		key: string(rest[end:]), contentType: string(rest[:end]),
		bytes:     int64(binary.BigEndian.Uint64(signed[9:])),
		expiresAt: time.Unix(int64(binary.BigEndian.Uint64(signed[1:])), 0),
	}, sum, nil
}

func mac(key Key, signed []byte) []byte {
	h := hmac.New(sha256.New, key.Secret)
	h.Write(signed)
	return h.Sum(nil)[:macSize]
}
