package sqlite

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

	"acervo/internal/drop"
	"acervo/internal/fault"
)

// Drops is drop.Store. All its writes are synced: the outcome of a chunk makes the
// books of its rows durable with it, since the log is written in order.
type Drops struct{ db *DB }

var _ drop.Store = Drops{}

// Drops returns the records of imports in this database.
func (db *DB) Drops() Drops { return Drops{db} }

// Create is drop.Store's.
func (d Drops) Create(ctx context.Context, i drop.Import) error {
	now := d.db.now()
	return d.db.write(ctx, synced, func(t *tx) error {
		_, stands, err := t.imported(i.ID, now)
		if err == nil && stands {
			err = fault.New(fault.Conflict, "There is an import %s already.", i.ID)
		}
		if err != nil {
			return err
		}
		i.Compared, i.Applied, i.Revision = drop.Progress{}, drop.Progress{}, 1
		return t.putImport(i, now)
	})
}

// Get is drop.Store's.
func (d Drops) Get(ctx context.Context, id uuid.UUID) (i drop.Import, err error) {
	var stands bool
	err = d.db.read(ctx, func(c *conn) error {
		i, stands, err = c.imported(id, d.db.now())
		return err
	})
	if err == nil && !stands {
		err = fault.New(fault.NotFound, "There is no import %s.", id)
	}
	return i, err
}

// Update is drop.Store's.
func (d Drops) Update(ctx context.Context, read, next drop.Import) error {
	now := d.db.now()
	return d.db.write(ctx, synced, func(t *tx) error {
		i, stands, err := t.imported(read.ID, now)
		if err == nil && (!stands || i.Revision != read.Revision) {
			err = fault.New(fault.Changed, "import %s is no longer as it was read", read.ID)
		}
		if err != nil {
			return err
		}
		next.Compared, next.Applied, next.Revision = i.Compared, i.Applied, i.Revision+1
		return t.putImport(next, now)
	})
}

// importColumns are those that readImport reads.
const importColumns = `id, revision, expires_at, doc, compared, applied, sum`

func readImport(s *sqlite3.Stmt) (i drop.Import, err error) {
	copy(i.ID[:], s.ColumnRawBlob(0))
	revision, doc, compared, applied := s.ColumnInt64(1), s.ColumnRawBlob(3), s.ColumnRawBlob(4), s.ColumnRawBlob(5)
	expires := int64(0)
	if s.ColumnType(2) != sqlite3.NULL {
		expires = s.ColumnInt64(2)
	}
	id := i.ID
	if importSum(id, revision, expires, doc, compared, applied) != uint32(s.ColumnInt64(6)) {
		return i, fault.New(fault.Damaged, "import %s is damaged: its checksum is wrong", id)
	}
	err = json.Unmarshal(doc, &i)
	if err == nil {
		err = json.Unmarshal(compared, &i.Compared)
	}
	if err == nil {
		err = json.Unmarshal(applied, &i.Applied)
	}
	i.Revision = revision
	return i, fault.Wrap(fault.Damaged, err, "import %s is damaged", id)
}

// importSum is over the whole of an import; expires is in Unix milliseconds, zero for
// never.
func importSum(id uuid.UUID, revision, expires int64, doc, compared, applied []byte) uint32 {
	head := binary.BigEndian.AppendUint64(nil, uint64(revision))
	head = binary.BigEndian.AppendUint64(head, uint64(expires))
	head = binary.BigEndian.AppendUint64(head, uint64(len(doc)))
	return checksum(id[:], head, doc, compared, []byte(" "), applied)
}

// imported reads an import; false when there is none, or when its time is over.
func (c *conn) imported(id uuid.UUID, now time.Time) (i drop.Import, stands bool, err error) {
	err = c.each(`SELECT `+importColumns+` FROM imports WHERE id = ?`, func(s *sqlite3.Stmt) error {
		stored, err := readImport(s)
		// Only a sound record says when its time is over.
		if err == nil && s.ColumnType(2) != sqlite3.NULL && !millis(s, 2).After(now) {
			return nil
		}
		i, stands = stored, true
		return err
	}, id[:])
	if malformed(err) {
		err = fault.Wrap(fault.Damaged, err, "import %s is damaged", id)
	}
	return i, stands, err
}

func (c *conn) putImport(i drop.Import, now time.Time) error {
	doc, err := json.Marshal(i)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encode import %s", i.ID)
	}
	compared, err1 := json.Marshal(i.Compared)
	applied, err2 := json.Marshal(i.Applied)
	if err1 != nil || err2 != nil {
		return fault.New(fault.Internal, "encode the progress of import %s", i.ID)
	}
	var pending, expires any
	ends := int64(0)
	if i.Pending() {
		pending = i.ArrivedAt
	}
	if at, ok := i.Expires(now); ok {
		expires, ends = at, at.UnixMilli()
	}
	_, err = c.exec(`INSERT OR REPLACE INTO imports
		(id, submitted_at, pending_since, revision, expires_at, doc, compared, applied, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		i.ID[:], i.SubmittedAt, pending, i.Revision, expires, doc, compared, applied,
		importSum(i.ID, i.Revision, ends, doc, compared, applied))
	return err
}

// List is drop.Store's.
func (d Drops) List(ctx context.Context, cursor string, limit int) (page []drop.Import, next string, err error) {
	after, text, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	var afterID any
	if text, ok := text.(string); ok {
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, "", fault.New(fault.Syntax, "The cursor is not one that was given out.")
		}
		afterID = id[:]
	}
	now := d.db.now()
	var places []string
	err = d.db.read(ctx, func(c *conn) error {
		return c.each(`SELECT `+importColumns+`, submitted_at FROM imports WHERE (expires_at IS NULL OR expires_at > ?1)
			AND (?2 IS NULL OR submitted_at < ?2 OR submitted_at = ?2 AND id > ?3) ORDER BY submitted_at DESC, id LIMIT ?4`,
			func(s *sqlite3.Stmt) error {
				i, err := readImport(s)
				if err != nil && !fault.Is(err, fault.Damaged) {
					return err
				}
				page, places = append(page, i), append(places, formatCursor(s.ColumnInt64(7), i.ID.String()))
				return nil
			}, now, after, afterID, limit+1)
	})
	if err == nil && len(page) > limit {
		page, next = page[:limit], places[limit-1]
	}
	return page, next, err
}

// Unfinished is drop.Store's.
func (d Drops) Unfinished(ctx context.Context, at time.Time, limit int) (ids []uuid.UUID, err error) {
	err = d.db.read(ctx, func(c *conn) error {
		return c.each(`SELECT id FROM imports WHERE pending_since <= ? ORDER BY pending_since DESC LIMIT ?`, func(s *sqlite3.Stmt) error {
			var id uuid.UUID
			copy(id[:], s.ColumnRawBlob(0))
			ids = append(ids, id)
			return nil
		}, at, limit)
	})
	return ids, err
}

// Claim is drop.Store's.
func (d Drops) Claim(ctx context.Context, digest string, id uuid.UUID) (holder uuid.UUID, err error) {
	now := d.db.now()
	err = d.db.write(ctx, synced, func(t *tx) error {
		_, err := t.exec(`INSERT INTO import_claims (digest, import, expires_at) VALUES (?1, ?2, ?3)
			ON CONFLICT (digest) DO UPDATE SET import = ?2, expires_at = ?3 WHERE import = ?2 OR expires_at <= ?4`,
			digest, id[:], now.Add(drop.TTL), now)
		if err != nil {
			return err
		}
		return t.each(`SELECT import FROM import_claims WHERE digest = ?`, func(s *sqlite3.Stmt) error {
			copy(holder[:], s.ColumnRawBlob(0))
			return nil
		}, digest)
	})
	return holder, err
}

// Unclaim is drop.Store's.
func (d Drops) Unclaim(ctx context.Context, digest string, id uuid.UUID) error {
	return d.db.write(ctx, synced, func(t *tx) error {
		_, err := t.exec(`DELETE FROM import_claims WHERE digest = ? AND import = ?`, digest, id[:])
		return err
	})
}

// Finish is drop.Store's.
func (d Drops) Finish(ctx context.Context, id uuid.UUID, pass drop.Pass, chunk int, counts drop.Counts) (p drop.Progress, err error) {
	now := d.db.now()
	err = d.db.write(ctx, synced, func(t *tx) error {
		i, stands, err := t.imported(id, now)
		if err != nil || !stands { // it has ended long ago
			return err
		}
		n, err := t.exec(`INSERT INTO chunks (import, pass, number, expires_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			id[:], string(pass), chunk, now.Add(drop.TTL))
		p = i.Progress(pass)
		if err != nil || n == 0 {
			return err
		}
		p = drop.Progress{Chunks: p.Chunks + 1, Counts: p.Counts.Plus(counts)}
		if pass == drop.Comparing {
			i.Compared = p
		} else {
			i.Applied = p
		}
		return t.putImport(i, now)
	})
	return p, err
}

// Finished is drop.Store's.
func (d Drops) Finished(ctx context.Context, id uuid.UUID, pass drop.Pass, chunk int) (found bool, err error) {
	err = d.db.read(ctx, func(c *conn) error {
		return c.each(`SELECT 1 FROM chunks WHERE import = ? AND pass = ? AND number = ?`, func(*sqlite3.Stmt) error {
			found = true
			return nil
		}, id[:], string(pass), chunk)
	})
	return found, err
}
