package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"

	"acervo/internal/fault"
)

// sweepBatch is the most rows that one commit of the sweep removes, so that it
// never holds up the writers for long.
const sweepBatch = 200

// Sweep removes the records, claims, tombstones, fences and imports whose time is over. Until it
// comes by, readers take them for absent. It returns how many rows it removed;
// those that it had to leave because they are damaged are a fault.Damaged.
func (db *DB) Sweep(ctx context.Context) (removed int, err error) {
	now := db.now()
	var damage []error
	for _, table := range []expiring{
		{"books", "id"},
		{"jobs", "id"},
		{"claims", "caller, key"},
		{"imports", "id"},
		{"chunks", "import, pass, number"},
		{"import_claims", "digest"},
	} {
		n, err := db.sweep(ctx, table, now)
		removed += n
		if err != nil && !fault.Is(err, fault.Damaged) {
			return removed, err
		}
		damage = append(damage, err)
	}
	return removed, errors.Join(damage...)
}

// expiring is a table with a column expires_at.
type expiring struct{ name, key string }

// sweep removes what has expired of a table. Of a batch that cannot be removed
// whole, rows go one by one up to the damaged one, which is left.
func (db *DB) sweep(ctx context.Context, table expiring, now time.Time) (removed int, err error) {
	left := 0
	for limit := sweepBatch; ; {
		due, n, failed := db.removeDue(ctx, table, now, limit, left)
		removed += n
		switch {
		case failed != nil && !malformed(failed):
			return removed, failed
		case failed == nil && n == due:
			if due < limit {
				return removed, err
			}
		case limit > 1:
			limit = 1
		default:
			left, limit = left+1, sweepBatch
			err = errors.Join(fault.New(fault.Damaged, "%d rows of %s are damaged and cannot be removed", left, table.name), failed)
		}
	}
}

// removeDue removes up to limit rows that have expired, passing over the first
// few. It returns how many there were and how many it removed.
func (db *DB) removeDue(ctx context.Context, table expiring, now time.Time, limit, left int) (due, removed int, err error) {
	where := ` FROM ` + table.name + ` WHERE expires_at <= ? ORDER BY expires_at LIMIT ? OFFSET ?`
	err = db.write(ctx, buffered, func(t *tx) error {
		err := t.each(`SELECT count(*) FROM (SELECT 1`+where+`)`, func(s *sqlite3.Stmt) error {
			due = s.ColumnInt(0)
			return nil
		}, now, limit, left)
		if err != nil {
			return err
		}
		n, err := t.exec(`DELETE FROM `+table.name+` WHERE (`+table.key+`) IN (SELECT `+table.key+where+`)`, now, limit, left)
		removed = int(n)
		return err
	})
	if err != nil {
		return due, 0, err
	}
	return due, removed, nil
}
