package sqlite

import (
	"context"
	"time"

	"github.com/ncruces/go-sqlite3"

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
	var keys []job.Key
	now := db.now()
	err = db.write(ctx, synced, func(t *tx) error {
		_, err := t.exec(`DELETE FROM receipt_keys WHERE retired_at <= ?`, now.Add(-job.RetiredKeyTTL))
		if err != nil {
			return err
		}
		_, err = t.exec(`UPDATE receipt_keys SET retired_at = ? WHERE retired_at IS NULL AND made_at <= ?`, now, now.Add(-keyLife))
		if err != nil {
			return err
		}
		secret := job.NewKey().Secret
		_, err = t.exec(`INSERT INTO receipt_keys (secret, made_at, sum) SELECT ?, ?, ?
			WHERE NOT EXISTS (SELECT 1 FROM receipt_keys WHERE retired_at IS NULL)`, secret, now, checksum(secret))
		if err != nil {
			return err
		}
		keys, err = t.receiptKeys()
		return err
	})
	if malformed(err) {
		err = fault.Wrap(fault.Damaged, err, "the keys that sign receipts are damaged")
	}
	if err != nil {
		return job.Key{}, nil, err
	}
	return keys[0], keys[1:], nil
}

func (c *conn) receiptKeys() (keys []job.Key, err error) {
	err = c.each(`SELECT id, secret, retired_at, sum FROM receipt_keys ORDER BY retired_at IS NOT NULL, retired_at DESC`,
		func(s *sqlite3.Stmt) error {
			k := job.Key{Secret: s.ColumnBlob(1, nil)}
			if checksum(k.Secret) != uint32(s.ColumnInt64(3)) {
				return fault.New(fault.Damaged, "the key %d, which signs receipts, is damaged: its checksum is wrong", s.ColumnInt64(0))
			}
			if s.ColumnType(2) != sqlite3.NULL {
				k.RetiredAt = millis(s, 2)
			}
			keys = append(keys, k)
			return nil
		})
	return keys, err
}
