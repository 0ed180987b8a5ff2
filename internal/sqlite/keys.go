package sqlite

import (
	"context"
	"time"

	"github.com/ncruces/go-sqlite3"

	"acervo/internal/blob"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// keyLife is how long a key signs receipts before a fresh one takes its place.
const keyLife = 90 * 24 * time.Hour

// ReceiptKeys returns the keys that sign receipts, the current one first. It
// makes the first one in a new database, replaces one that has signed for 90
// days, and forgets those that verify nothing any more. A key that is damaged is
// fault.Damaged: without it receipts that were given out are taken for forged.
func (db *DB) ReceiptKeys(ctx context.Context) (current job.Key, retired []job.Key, err error) {
	keys, err := db.signingKeys(ctx, signing{"receipt_keys", "receipts", job.RetiredKeyTTL})
	if err != nil {
		return job.Key{}, nil, err
	}
	for _, k := range keys[1:] {
		retired = append(retired, job.Key(k))
	}
	return job.Key(keys[0]), retired, nil
}

// UploadKey signs uploads, or verifies those of before it was retired.
type UploadKey struct {
	Secret    []byte
	RetiredAt time.Time // zero for the current key
}

// UploadKeys is ReceiptKeys for the keys that sign uploads.
func (db *DB) UploadKeys(ctx context.Context) (current UploadKey, retired []UploadKey, err error) {
	keys, err := db.signingKeys(ctx, signing{"upload_keys", "uploads", blob.MaxExpiry})
	if err != nil {
		return UploadKey{}, nil, err
	}
	return keys[0], keys[1:], nil
}

// signing is a table of keys, what they sign, and for how long a retired one verifies.
type signing struct {
	table, what string
	verifies    time.Duration
}

func (db *DB) signingKeys(ctx context.Context, of signing) (keys []UploadKey, err error) {
	now := db.now()
	err = db.write(ctx, synced, func(t *tx) error {
		_, err := t.exec(`DELETE FROM `+of.table+` WHERE retired_at <= ?`, now.Add(-of.verifies))
		if err != nil {
			return err
		}
		_, err = t.exec(`UPDATE `+of.table+` SET retired_at = ? WHERE retired_at IS NULL AND made_at <= ?`, now, now.Add(-keyLife))
		if err != nil {
			return err
		}
		secret := job.NewKey().Secret
		_, err = t.exec(`INSERT INTO `+of.table+` (secret, made_at, sum) SELECT ?, ?, ?
			WHERE NOT EXISTS (SELECT 1 FROM `+of.table+` WHERE retired_at IS NULL)`, secret, now, checksum(secret))
		if err != nil {
			return err
		}
		keys, err = t.readKeys(of)
		return err
	})
	if malformed(err) {
		err = fault.Wrap(fault.Damaged, err, "the keys that sign %s are damaged", of.what)
	}
	return keys, err
}

func (c *conn) readKeys(of signing) (keys []UploadKey, err error) {
	err = c.each(`SELECT id, secret, retired_at, sum FROM `+of.table+` ORDER BY retired_at IS NOT NULL, retired_at DESC`,
		func(s *sqlite3.Stmt) error {
			k := UploadKey{Secret: s.ColumnBlob(1, nil)}
			if checksum(k.Secret) != uint32(s.ColumnInt64(3)) {
				return fault.New(fault.Damaged, "the key %d, which signs %s, is damaged: its checksum is wrong", s.ColumnInt64(0), of.what)
			}
			if s.ColumnType(2) != sqlite3.NULL {
				k.RetiredAt = millis(s, 2)
			}
			keys = append(keys, k)
			return nil
		})
	return keys, err
}
