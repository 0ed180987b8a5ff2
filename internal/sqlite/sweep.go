package sqlite

import "context"

// sweepBatch is the most rows that one commit of the sweep removes, so that it
// never holds up the writers for long.
const sweepBatch = 200

// Sweep removes the records, claims, tombstones and fences whose time is over. Until it
// comes by, readers take them for absent. It returns how many rows it removed.
func (db *DB) Sweep(ctx context.Context) (removed int, err error) {
	now := db.now()
	for _, query := range []string{
		`DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE expires_at <= ? LIMIT ?)`,
		`DELETE FROM claims WHERE (caller, key) IN (SELECT caller, key FROM claims WHERE expires_at <= ? LIMIT ?)`,
		`DELETE FROM books WHERE id IN (SELECT id FROM books WHERE expires_at <= ? LIMIT ?)`,
	} {
		for n := int64(sweepBatch); n == sweepBatch; {
			err := db.write(ctx, buffered, func(t *tx) error {
				n, err = t.exec(query, now, sweepBatch)
				return err
			})
			if err != nil {
				return removed, err
			}
			removed += int(n)
		}
	}
	return removed, nil
}
