package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// Jobs is job.Store and job.Claims.
type Jobs struct{ db *DB }

var (
	_ job.Store  = Jobs{}
	_ job.Claims = Jobs{}
)

// Jobs returns the records of jobs in this database.
func (db *DB) Jobs() Jobs { return Jobs{db} }

// Get is job.Store's.
func (j Jobs) Get(ctx context.Context, id string) (rec job.Record, ok bool, err error) {
	now := j.db.now()
	err = j.db.read(ctx, func(c *conn) error {
		return c.each(`SELECT `+recordColumns+` FROM jobs WHERE id = ?`, func(s *sqlite3.Stmt) error {
			stored, err := readRecord(s)
			// Only a sound record says when its time is over.
			if err == nil && s.ColumnType(4) != sqlite3.NULL && !millis(s, 4).After(now) {
				return nil
			}
			rec, ok = stored, true
			return err
		}, id)
	})
	if malformed(err) {
		return job.Record{ID: id}, true, fault.Wrap(fault.Damaged, err, "the record of job %s is damaged", id)
	}
	return rec, ok, err
}

// recordColumns are those that readRecord reads.
const recordColumns = `id, generation, state, revision, expires_at, doc, sum`

func readRecord(s *sqlite3.Stmt) (job.Record, error) {
	rec := job.Record{ID: s.ColumnText(0), Generation: s.ColumnInt(1), State: job.State(s.ColumnText(2)), Revision: s.ColumnInt64(3)}
	expires := int64(0)
	if s.ColumnType(4) != sqlite3.NULL {
		expires = s.ColumnInt64(4)
	}
	doc := s.ColumnRawBlob(5)
	if recordSum(rec, expires, doc) != uint32(s.ColumnInt64(6)) {
		return rec, fault.New(fault.Damaged, "the record of job %s is damaged: its checksum is wrong", rec.ID)
	}
	err := json.Unmarshal(doc, &rec)
	return rec, fault.Wrap(fault.Damaged, err, "the record of job %s is damaged", rec.ID)
}

// recordSum is over all that decides; expires is in Unix milliseconds, zero for
// never.
func recordSum(rec job.Record, expires int64, doc []byte) uint32 {
	head := fmt.Appendf(nil, "%s %d %s %d ", rec.ID, rec.Generation, rec.State, expires)
	return checksum(head, doc)
}

// write stores the record of a job, and tells whoever watches it.
func (j Jobs) write(ctx context.Context, id string, fn func(*tx) error) error {
	err := j.db.write(ctx, synced, fn)
	if err == nil {
		j.db.watched.tell(id)
	}
	return err
}

// Save is job.Store's.
func (j Jobs) Save(ctx context.Context, rec job.Record) error {
	return j.write(ctx, rec.ID, func(t *tx) error { return t.saveRecord(rec, j.db.now()) })
}

// SaveIfUnchanged is job.Store's.
func (j Jobs) SaveIfUnchanged(ctx context.Context, rec job.Record, read book.Item) error {
	now := j.db.now()
	return j.write(ctx, rec.ID, func(t *tx) error {
		if err := t.unchanged(read, now); err != nil {
			return err
		}
		return t.saveRecord(rec, now)
	})
}

// Bury is job.Store's.
func (j Jobs) Bury(ctx context.Context, rec job.Record, read book.Item) error {
	if read.ID == uuid.Nil {
		return j.Save(ctx, rec)
	}
	now := j.db.now()
	err := j.write(ctx, rec.ID, func(t *tx) error {
		if err := t.unchanged(read, now); err != nil {
			return err
		}
		if err := t.raiseFence(read, now); err != nil {
			return err
		}
		return t.saveRecord(rec, now)
	})
	if malformed(err) { // SQLite writes nothing beside a book that it cannot read
		return j.Save(ctx, rec)
	}
	return err
}

// Amend is job.Store's.
func (j Jobs) Amend(ctx context.Context, read, next job.Record) error {
	return j.write(ctx, read.ID, func(t *tx) error {
		same := false
		err := t.each(`SELECT revision FROM jobs WHERE id = ?`, func(s *sqlite3.Stmt) error {
			same = s.ColumnInt64(0) == read.Revision
			return nil
		}, read.ID)
		if err == nil && !same {
			err = fault.New(fault.Changed, "the record of job %s is no longer as it was read", read.ID)
		}
		if err != nil {
			return err
		}
		return t.putRecord(next, j.db.now())
	})
}

// saveRecord stores a record unless one of another generation, or a terminal one,
// stands in its place, or another one than it was made of.
func (c *conn) saveRecord(rec job.Record, now time.Time) error {
	ended, revision := false, int64(job.Unwritten)
	err := c.each(`SELECT generation, state, revision FROM jobs WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)`,
		func(s *sqlite3.Stmt) error {
			ended = s.ColumnInt(0) != rec.Generation || job.State(s.ColumnText(1)).Terminal()
			revision = s.ColumnInt64(2)
			return nil
		}, rec.ID, now)
	if err != nil {
		return err
	}
	if ended || rec.Revision != 0 && rec.Revision != revision {
		return fault.New(fault.Changed, "job %s has ended, or been retried, meanwhile", rec.ID)
	}
	return c.putRecord(rec, now)
}

func (c *conn) putRecord(rec job.Record, now time.Time) error {
	doc, err := json.Marshal(rec)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encode the record of job %s", rec.ID)
	}
	var expires, buriedAt, lane, kind, bookID, fingerprint any
	ends := int64(0)
	if at, ok := rec.Expires(now); ok {
		expires, ends = at, at.UnixMilli()
	} else {
		buriedAt, lane, kind, bookID, fingerprint = rec.Burial.At, rec.Burial.Lane, string(rec.Kind), rec.BookID[:], rec.Burial.Fingerprint
	}
	_, err = c.exec(`INSERT INTO jobs
		(id, generation, state, revision, expires_at, doc, sum, buried_at, lane, kind, book_id, fingerprint)
		VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET generation = excluded.generation, state = excluded.state, revision = revision + 1,
		expires_at = excluded.expires_at, doc = excluded.doc, sum = excluded.sum, buried_at = excluded.buried_at,
		lane = excluded.lane, kind = excluded.kind, book_id = excluded.book_id, fingerprint = excluded.fingerprint`,
		rec.ID, rec.Generation, string(rec.State), expires, doc, recordSum(rec, ends, doc),
		buriedAt, lane, kind, bookID, fingerprint)
	return err
}

// Claim is job.Claims's.
func (j Jobs) Claim(ctx context.Context, c job.Claim) (stands job.Claim, mine bool, err error) {
	now := j.db.now()
	c.Sent = false
	err = j.db.write(ctx, synced, func(t *tx) error {
		// Only a sound claim says when its time is over.
		if stands, _, err = t.claim(c.Caller, c.Key); err != nil {
			return err
		}
		ends := now.Add(job.ClaimTTL)
		n, err := t.exec(`INSERT INTO claims (caller, key, hash, job, sent, sum, expires_at) VALUES (?, ?, ?, ?, 0, ?, ?)
			ON CONFLICT (caller, key) DO UPDATE SET hash = excluded.hash, job = excluded.job, sent = 0, sum = excluded.sum,
			expires_at = excluded.expires_at WHERE expires_at <= ?`,
			c.Caller, c.Key, c.Hash, c.Job, claimSum(c, ends.UnixMilli()), ends, now)
		if n > 0 {
			stands = c
		}
		return err
	})
	return stands, err == nil && stands.Job == c.Job, err
}

// MarkSent is job.Claims's.
func (j Jobs) MarkSent(ctx context.Context, c job.Claim) error {
	return j.db.write(ctx, buffered, func(t *tx) error {
		stands, ends, err := t.claim(c.Caller, c.Key)
		if err != nil || stands.Job != c.Job {
			return err
		}
		stands.Sent = true
		_, err = t.exec(`UPDATE claims SET sent = 1, sum = ? WHERE caller = ? AND key = ?`,
			claimSum(stands, ends), c.Caller, c.Key)
		return err
	})
}

// claim reads a claim, the zero one when there is none, and when its time ends.
func (c *conn) claim(caller, key string) (stands job.Claim, ends int64, err error) {
	err = c.each(`SELECT hash, job, sent, expires_at, sum FROM claims WHERE caller = ? AND key = ?`,
		func(s *sqlite3.Stmt) error {
			stands = job.Claim{Caller: caller, Key: key, Hash: s.ColumnText(0), Job: s.ColumnText(1), Sent: s.ColumnBool(2)}
			ends = s.ColumnInt64(3)
			if claimSum(stands, ends) != uint32(s.ColumnInt64(4)) {
				return fault.New(fault.Damaged, "the claim of %s on the key %q is damaged: its checksum is wrong", caller, key)
			}
			return nil
		}, caller, key)
	if malformed(err) {
		err = fault.Wrap(fault.Damaged, err, "the claim of %s on the key %q is damaged", caller, key)
	}
	return stands, ends, err
}

// claimSum is over the whole of a claim; ends is in Unix milliseconds.
func claimSum(c job.Claim, ends int64) uint32 {
	return checksum(fmt.Appendf(nil, "%q %q %q %q %t %d", c.Caller, c.Key, c.Hash, c.Job, c.Sent, ends))
}
