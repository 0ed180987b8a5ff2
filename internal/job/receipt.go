package job

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"

	"acervo/internal/fault"
)

// Receipt is a signed job id: it tells what was accepted, when and for which
// book, and proves it, so that a job needs no record before it ends.
type Receipt struct {
	// ID is the text of the receipt: 80 characters of base32hex in lower case
	// (RFC 4648 section 7), which sort by accept time.
	ID     string
	ULID   ulid.ULID
	Kind   Kind
	BookID uuid.UUID
}

// AcceptedAt is when the job was accepted, to the millisecond, in UTC.
func (r Receipt) AcceptedAt() time.Time { return ulid.Time(r.ULID.Time()).UTC() }

// The layout of a receipt: a format byte, ULID, kind, book id and MAC.
const (
	receiptFormat = 1
	macSize       = 16
	signedSize    = 1 + 16 + 1 + 16
	receiptSize   = signedSize + macSize
	receiptText   = receiptSize * 8 / 5
)

// receiptKinds gives each kind its byte in a receipt: its place here. Append only.
func receiptKinds() []Kind { return []Kind{Create, Replace, Update, Delete, CoverSet, CoverRemove} }

func receiptEncoding() *base32.Encoding {
	return base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)
}

// KeySize is the size in bytes of a key that signs receipts.
const KeySize = 32

// RetiredKeyTTL is how long a retired key still verifies. It outlives every
// receipt that could be believed without a record.
const RetiredKeyTTL = 15 * 24 * time.Hour

// Key signs receipts with HMAC-SHA256, cut to 16 bytes (RFC 2104 section 5).
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

// Keyring mints receipts with its current key and verifies those of retired
// ones too. It is safe for concurrent use.
type Keyring struct {
	keys    []Key
	text    *base32.Encoding
	entropy ulid.MonotonicReader
	now     func() time.Time
}

// NewKeyring returns a ring over keys, of which the first is current.
func NewKeyring(now func() time.Time, current Key, retired ...Key) *Keyring {
	entropy := &ulid.LockedMonotonicReader{MonotonicReader: ulid.Monotonic(rand.Reader, 0)}
	return &Keyring{keys: append([]Key{current}, retired...), text: receiptEncoding(), entropy: entropy, now: now}
}

// Mint returns the receipt of a job that is accepted now. Receipts of one ring
// sort in the order in which they were minted, unless the clock steps back.
func (k *Keyring) Mint(kind Kind, bookID uuid.UUID) (Receipt, error) {
	id, err := ulid.New(ulid.Timestamp(k.now()), k.entropy)
	if err != nil {
		return Receipt{}, fault.Wrap(fault.Internal, err, "mint a ULID")
	}
	code := slices.Index(receiptKinds(), kind)
	if code < 0 {
		return Receipt{}, fault.New(fault.Internal, "the kind %q has no byte in a receipt", kind)
	}
	raw := make([]byte, 0, receiptSize)
	raw = append(raw, receiptFormat)
	raw = append(raw, id[:]...)
	raw = append(raw, byte(code))
	raw = append(raw, bookID[:]...)
	raw = append(raw, mac(k.keys[0], raw)...)
	return Receipt{ID: k.text.EncodeToString(raw), ULID: id, Kind: kind, BookID: bookID}, nil
}

// Verify reads a receipt. One that this ring did not sign is fault.NotFound,
// whatever is wrong with it.
func (k *Keyring) Verify(id string) (Receipt, error) {
	forged := fault.New(fault.NotFound, "There is no such job.")
	if len(id) != receiptText {
		return Receipt{}, forged
	}
	raw, err := k.text.DecodeString(id)
	if err != nil || len(raw) != receiptSize || raw[0] != receiptFormat {
		return Receipt{}, forged
	}
	now := k.now()
	signed := func(key Key) bool {
		live := key.RetiredAt.IsZero() || now.Sub(key.RetiredAt) <= RetiredKeyTTL
		return live && hmac.Equal(mac(key, raw[:signedSize]), raw[signedSize:])
	}
	if !slices.ContainsFunc(k.keys, signed) {
		return Receipt{}, forged
	}
	r := Receipt{ID: id, ULID: ulid.ULID(raw[1:17]), BookID: uuid.UUID(raw[18:34])}
	kinds := receiptKinds()
	if int(raw[17]) >= len(kinds) {
		return Receipt{}, forged
	}
	r.Kind = kinds[raw[17]]
	return r, nil
}

func mac(key Key, signed []byte) []byte {
	h := hmac.New(sha256.New, key.Secret)
	h.Write(signed)
	return h.Sum(nil)[:macSize]
}
