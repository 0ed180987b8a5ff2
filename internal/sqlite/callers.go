package sqlite

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/ncruces/go-sqlite3"

	"acervo/internal/fault"
	"acervo/internal/key"
)

// CallerKeys is key.Store.
type CallerKeys struct{ db *DB }

var _ key.Store = CallerKeys{}

// CallerKeys returns the keys of callers in this database.
func (db *DB) CallerKeys() CallerKeys { return CallerKeys{db} }

// Add is key.Store's.
func (s CallerKeys) Add(ctx context.Context, k key.Key) error {
	var expires any
	if !k.ExpiresAt.IsZero() {
		expires = k.ExpiresAt
	}
	return s.db.write(ctx, synced, func(t *tx) error {
		added, err := t.exec(`INSERT INTO caller_keys (name, role, hash, made_at, made_by, expires_at, sum)
			SELECT ?, ?, ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM caller_keys) < ? ON CONFLICT (name) DO NOTHING`,
			k.Name, k.Role.String(), k.Hash[:], k.MadeAt, k.MadeBy, expires, keySum(k), key.MaxKeys)
		if err == nil && added == 0 {
			err = fault.New(fault.Conflict, "There is a key of this name already, or there are %d.", key.MaxKeys)
		}
		return err
	})
}

// Find is key.Store's.
func (s CallerKeys) Find(ctx context.Context, h key.Hash) (found key.Key, ok bool, err error) {
	err = s.db.read(ctx, func(c *conn) error {
		return c.each(selectKeys+` WHERE hash = ?`, func(row *sqlite3.Stmt) error {
			k, sound := readKey(row)
			if !sound {
				return fault.New(fault.Damaged, "key %q is damaged: its checksum is wrong", k.Name)
			}
			found, ok = k, true
			return nil
		}, h[:])
	})
	return found, ok, err
}

// List is key.Store's.
func (s CallerKeys) List(ctx context.Context) (keys []key.Key, err error) {
	err = s.db.read(ctx, func(c *conn) error {
		return c.each(selectKeys+` ORDER BY name`, func(row *sqlite3.Stmt) error {
			k, _ := readKey(row)
			keys = append(keys, k)
			return nil
		})
	})
	return keys, err
}

// Remove is key.Store's.
func (s CallerKeys) Remove(ctx context.Context, name string) error {
	return s.db.write(ctx, synced, func(t *tx) error {
		removed, err := t.exec(`DELETE FROM caller_keys WHERE name = ?`, name)
		if err == nil && removed == 0 {
			err = fault.New(fault.NotFound, "There is no key of this name.")
		}
		return err
	})
}

const selectKeys = `SELECT name, role, hash, made_at, made_by, expires_at, sum FROM caller_keys`

// readKey reads a row, and reports whether it is as it was written.
func readKey(row *sqlite3.Stmt) (k key.Key, sound bool) {
	k = key.Key{Name: row.ColumnText(0), MadeAt: millis(row, 3), MadeBy: row.ColumnText(4)}
	k.Role, _ = key.ParseRole(row.ColumnText(1))
	hashed := copy(k.Hash[:], row.ColumnRawBlob(2))
	if row.ColumnType(5) != sqlite3.NULL {
		k.ExpiresAt = millis(row, 5)
	}
	return k, hashed == len(k.Hash) && keySum(k) == uint32(row.ColumnInt64(6))
}

// keySum is over what decides who may do what until when.
func keySum(k key.Key) uint32 {
	expires := int64(0)
	if !k.ExpiresAt.IsZero() {
		expires = k.ExpiresAt.Truncate(time.Millisecond).UnixMilli()
	}
	return checksum([]byte(k.Name), []byte{0, byte(k.Role)}, k.Hash[:], binary.BigEndian.AppendUint64(nil, uint64(expires)))
}
