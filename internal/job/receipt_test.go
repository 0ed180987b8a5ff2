package job_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"acervo/internal/fault"
	"acervo/internal/job"
)

func july() time.Time { return time.Date(2026, 7, 1, 12, 0, 0, 123_000_000, time.UTC) }

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func someID() uuid.UUID { return uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057") }

func kinds() []job.Kind {
	return []job.Kind{job.Create, job.Replace, job.Update, job.Delete, job.CoverSet, job.CoverRemove}
}

func mint(t *testing.T, ring *job.Keyring) job.Receipt {
	t.Helper()
	r, err := ring.Mint(job.Update, someID())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// text is how a receipt is written: base32hex in lower case.
func text() *base32.Encoding {
	return base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)
}

// sign writes a receipt from its parts, as its layout is fixed: what was signed
// by one release is verified by the next.
func sign(key job.Key, format byte, at time.Time, kind byte, id uuid.UUID) string {
	raw := []byte{format}
	raw = append(raw, binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli()))[2:]...)
	raw = append(raw, "randomness"...)
	raw = append(raw, kind)
	raw = append(raw, id[:]...)
	mac := hmac.New(sha256.New, key.Secret)
	mac.Write(raw)
	return text().EncodeToString(append(raw, mac.Sum(nil)[:16]...))
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	t.Run("what was minted is verified, and tells what, when and which book", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			accepted := time.UnixMilli(rapid.Int64Range(0, 1<<48-1).Draw(t, "accepted"))
			kind := rapid.SampledFrom(kinds()).Draw(t, "kind")
			id := uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
			ring := job.NewKeyring(at(accepted.Add(999*time.Microsecond)), job.NewKey())
			minted, err := ring.Mint(kind, id)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ring.Verify(minted.ID)
			if err != nil || got != minted {
				t.Errorf("got %+v, %v; want %+v", got, err, minted)
			}
			if got.Kind != kind || got.BookID != id || got.AcceptedAt() != accepted.UTC() || len(got.ID) != 80 {
				t.Errorf("got %+v, accepted %s", got, got.AcceptedAt())
			}
		})
	})
	t.Run("a receipt stays as it was written by an earlier release", func(t *testing.T) {
		t.Parallel()
		key := job.NewKey()
		ring := job.NewKeyring(at(july()), key)
		for i, kind := range kinds() {
			got, err := ring.Verify(sign(key, 1, july(), byte(i), someID()))
			if err != nil || got.Kind != kind || got.BookID != someID() || !got.AcceptedAt().Equal(july()) {
				t.Errorf("%s: got %+v, %v", kind, got, err)
			}
		}
	})
	t.Run("two receipts of one moment differ", func(t *testing.T) {
		t.Parallel()
		ring := job.NewKeyring(at(july()), job.NewKey())
		if a, b := mint(t, ring), mint(t, ring); a.ID == b.ID {
			t.Errorf("both are %s", a.ID)
		}
	})
	t.Run("receipts sort as they were minted", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			now := july()
			ring := job.NewKeyring(func() time.Time { return now }, job.NewKey())
			var ids []string
			for _, wait := range rapid.SliceOf(rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Hour, 365 * 24 * time.Hour})).Draw(t, "waits") {
				now = now.Add(wait)
				r, err := ring.Mint(rapid.SampledFrom(kinds()).Draw(t, "kind"), uuid.New())
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, r.ID)
			}
			if !slices.IsSorted(ids) {
				t.Errorf("not in order: %q", ids)
			}
		})
	})
	t.Run("many may mint at once", func(t *testing.T) {
		t.Parallel()
		ring := job.NewKeyring(at(july()), job.NewKey())
		var all sync.WaitGroup
		var minted sync.Map
		for range 8 {
			all.Go(func() {
				for range 100 {
					r, err := ring.Mint(job.Delete, someID())
					if _, twice := minted.LoadOrStore(r.ID, true); twice || err != nil {
						t.Errorf("%s, twice: %v, %v", r.ID, twice, err)
					}
				}
			})
		}
		all.Wait()
	})
	t.Run("a kind without a byte is not minted", func(t *testing.T) {
		t.Parallel()
		if r, err := job.NewKeyring(at(july()), job.NewKey()).Mint("book.burn", someID()); !fault.Is(err, fault.Internal) {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

func TestForgedReceipts(t *testing.T) {
	t.Parallel()
	key := job.NewKey()
	ring := job.NewKeyring(at(july()), key)
	refuse := func(t *testing.T, what, id string) {
		t.Helper()
		if r, err := ring.Verify(id); !fault.Is(err, fault.NotFound) || r != (job.Receipt{}) {
			t.Errorf("%s: got %+v, %v", what, r, err)
		}
	}
	t.Run("every flipped bit of the bytes is noticed", func(t *testing.T) {
		t.Parallel()
		raw, err := text().DecodeString(mint(t, ring).ID)
		if err != nil {
			t.Fatal(err)
		}
		for bit := range len(raw) * 8 {
			flipped := slices.Clone(raw)
			flipped[bit/8] ^= 1 << (bit % 8)
			refuse(t, "a flipped bit", text().EncodeToString(flipped))
		}
	})
	t.Run("every flipped bit of the text is noticed", func(t *testing.T) {
		t.Parallel()
		id := mint(t, ring).ID
		for bit := range len(id) * 8 {
			flipped := []byte(id)
			flipped[bit/8] ^= 1 << (bit % 8)
			refuse(t, "a flipped bit", string(flipped))
		}
	})
	t.Run("every truncation is noticed, at either end", func(t *testing.T) {
		t.Parallel()
		id := mint(t, ring).ID
		for n := range len(id) {
			refuse(t, "a head", id[:n])
			refuse(t, "a tail", id[len(id)-n:])
		}
	})
	t.Run("other ways of writing it are refused", func(t *testing.T) {
		t.Parallel()
		id := mint(t, ring).ID
		for _, other := range []string{id + "0", id + "=", id + "\n", "\n" + id[:79], id[:79] + "\n", id[:40] + "\r\n" + id[40:], " " + id, strings.ToUpper(id)} {
			refuse(t, "another spelling", other)
		}
	})
	t.Run("a key of others does not count", func(t *testing.T) {
		t.Parallel()
		refuse(t, "a foreign receipt", mint(t, job.NewKeyring(at(july()), job.NewKey())).ID)
	})
	t.Run("a kind or a format that this release does not know is refused, signed or not", func(t *testing.T) {
		t.Parallel()
		for code := len(kinds()); code < 256; code++ {
			refuse(t, "an unknown kind", sign(key, 1, july(), byte(code), someID()))
		}
		refuse(t, "an older format", sign(key, 0, july(), 0, someID()))
		refuse(t, "a later format", sign(key, 2, july(), 0, someID()))
	})
}

func TestRetiredKeys(t *testing.T) {
	t.Parallel()
	const days15 = 15 * 24 * time.Hour
	old := job.NewKey()
	receipt := mint(t, job.NewKeyring(at(july()), old))
	old.RetiredAt = july()
	for _, c := range []struct {
		name  string
		since time.Duration
		ok    bool
	}{
		{"a key verifies at the moment it retires", 0, true},
		{"a key verifies for 15 days", days15, true},
		{"and no longer", days15 + time.Millisecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ring := job.NewKeyring(at(july().Add(c.since)), job.NewKey(), job.NewKey(), old)
			got, err := ring.Verify(receipt.ID)
			if c.ok && (err != nil || got != receipt) || !c.ok && !fault.Is(err, fault.NotFound) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	t.Run("the current key verifies however old the receipt is", func(t *testing.T) {
		t.Parallel()
		key := job.NewKey()
		old := mint(t, job.NewKeyring(at(july()), key))
		if _, err := job.NewKeyring(at(july().AddDate(10, 0, 0)), key).Verify(old.ID); err != nil {
			t.Error(err)
		}
	})
	t.Run("new receipts are signed with the current key", func(t *testing.T) {
		t.Parallel()
		current := job.NewKey()
		minted := mint(t, job.NewKeyring(at(july()), current, old))
		if _, err := job.NewKeyring(at(july()), current).Verify(minted.ID); err != nil {
			t.Error(err)
		}
	})
	t.Run("two keys are never the same", func(t *testing.T) {
		t.Parallel()
		if a, b := job.NewKey(), job.NewKey(); len(a.Secret) != job.KeySize || slices.Equal(a.Secret, b.Secret) {
			t.Errorf("got %x and %x", a.Secret, b.Secret)
		}
	})
}

func FuzzVerify(f *testing.F) {
	key := job.Key{Secret: []byte("a key for the fuzzer, 32 bytes..")}
	ring := job.NewKeyring(at(july()), key)
	known := map[string]bool{}
	for i := range kinds() {
		id := sign(key, 1, july(), byte(i), someID())
		known[id] = true
		f.Add(id)
	}
	f.Add("")
	f.Add(sign(key, 1, july(), 200, someID()))
	f.Add(strings.Repeat("0", 80))
	f.Add(strings.Repeat("\n", 80))
	f.Fuzz(func(t *testing.T, id string) {
		r, err := ring.Verify(id)
		if known[id] != (err == nil) {
			t.Errorf("got %+v, %v", r, err)
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			t.Errorf("got %v", err)
		}
	})
}
