package sqlite

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"acervo/internal/job"
)

// ReceiptKeys returns the keys that sign receipts, the current one first; it
// makes and stores the first one in a new database.
func (db *DB) ReceiptKeys(ctx context.Context) (current job.Key, retired []job.Key, err error) {
	var keys []job.Key
	err = db.write(ctx, synced, func(t *tx) error {
		keys = nil
		err := t.each(`SELECT secret, retired_at FROM receipt_keys ORDER BY retired_at IS NOT NULL, retired_at DESC`,
			func(s *sqlite3.Stmt) error {
				k := job.Key{Secret: s.ColumnBlob(0, nil)}
				if s.ColumnType(1) != sqlite3.NULL {
					k.RetiredAt = millis(s, 1)
				}
				keys = append(keys, k)
				return nil
			})
		if err != nil || len(keys) > 0 {
			return err
		}
		keys = []job.Key{job.NewKey()}
		_, err = t.exec(`INSERT INTO receipt_keys (secret) VALUES (?)`, keys[0].Secret)
		return err
	})
	if err != nil {
		return job.Key{}, nil, err
	}
	return keys[0], keys[1:], nil
}
