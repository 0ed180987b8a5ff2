package sqlite

import (
	"context"
	"time"

	"github.com/ncruces/go-sqlite3"

	"acervo/internal/job"
)

// keyLife is how long a key signs receipts before a fresh one takes its place.
const keyLife = 90 * 24 * time.Hour

// ReceiptKeys returns the keys that sign receipts, the current one first. It
// makes the first one in a new database, replaces one that has signed for 90
// days, and forgets those that verify nothing any more.
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
		_, err = t.exec(`INSERT INTO receipt_keys (secret, made_at) SELECT ?, ?
			WHERE NOT EXISTS (SELECT 1 FROM receipt_keys WHERE retired_at IS NULL)`, job.NewKey().Secret, now)
		if err != nil {
			return err
		}
		keys, err = t.receiptKeys()
		return err
	})
	if err != nil {
		return job.Key{}, nil, err
	}
	return keys[0], keys[1:], nil
}

func (c *conn) receiptKeys() (keys []job.Key, err error) {
	err = c.each(`SELECT secret, retired_at FROM receipt_keys ORDER BY retired_at IS NOT NULL, retired_at DESC`,
		func(s *sqlite3.Stmt) error {
			k := job.Key{Secret: s.ColumnBlob(0, nil)}
			if s.ColumnType(1) != sqlite3.NULL {
				k.RetiredAt = millis(s, 1)
			}
			keys = append(keys, k)
			return nil
		})
	return keys, err
}
