package sqlite

import (
	"context"
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
	err = j.db.read(ctx, func(c *conn) error {
		return c.each(`SELECT id, generation, state, revision, doc, sum FROM jobs
			WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)`,
			func(s *sqlite3.Stmt) error {
				ok = true
				rec, err = readRecord(s)
				return err
			}, id, j.db.now())
	})
	return rec, ok, err
}

// readRecord reads the columns id, generation, state, revision, doc and sum.
func readRecord(s *sqlite3.Stmt) (job.Record, error) {
	rec := job.Record{ID: s.ColumnText(0), Generation: s.ColumnInt(1), State: job.State(s.ColumnText(2)), Revision: s.ColumnInt64(3)}
	doc := s.ColumnRawBlob(4)
	if checksum([]byte(rec.ID), doc) != uint32(s.ColumnInt64(5)) {
		return rec, fault.New(fault.Damaged, "the record of job %s is damaged: its checksum is wrong", rec.ID)
	}
	err := json.Unmarshal(doc, &rec)
	return rec, fault.Wrap(fault.Damaged, err, "the record of job %s is damaged", rec.ID)
}

// Save is job.Store's.
func (j Jobs) Save(ctx context.Context, rec job.Record) error {
	return j.db.write(ctx, synced, func(t *tx) error { return t.saveRecord(rec, j.db.now()) })
}

// SaveIfUnchanged is job.Store's.
func (j Jobs) SaveIfUnchanged(ctx context.Context, rec job.Record, read book.Item) error {
	now := j.db.now()
	return j.db.write(ctx, synced, func(t *tx) error {
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
	return j.db.write(ctx, synced, func(t *tx) error {
		if err := t.unchanged(read, now); err != nil {
			return err
		}
		if err := t.raiseFence(read, now); err != nil {
			return err
		}
		return t.saveRecord(rec, now)
	})
}

// Amend is job.Store's.
func (j Jobs) Amend(ctx context.Context, read, next job.Record) error {
	return j.db.write(ctx, synced, func(t *tx) error {
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
// stands in its place.
func (c *conn) saveRecord(rec job.Record, now time.Time) error {
	ended := false
	err := c.each(`SELECT generation, state FROM jobs WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)`,
		func(s *sqlite3.Stmt) error {
			ended = s.ColumnInt(0) != rec.Generation || job.State(s.ColumnText(1)).Terminal()
			return nil
		}, rec.ID, now)
	if err != nil {
		return err
	}
	if ended {
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
	if at, ok := rec.Expires(now); ok {
		expires = at
	} else {
		buriedAt, lane, kind, bookID, fingerprint = rec.Burial.At, rec.Burial.Lane, string(rec.Kind), rec.BookID[:], rec.Burial.Fingerprint
	}
	_, err = c.exec(`INSERT INTO jobs
		(id, generation, state, revision, expires_at, doc, sum, buried_at, lane, kind, book_id, fingerprint)
		VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET generation = excluded.generation, state = excluded.state, revision = revision + 1,
		expires_at = excluded.expires_at, doc = excluded.doc, sum = excluded.sum, buried_at = excluded.buried_at,
		lane = excluded.lane, kind = excluded.kind, book_id = excluded.book_id, fingerprint = excluded.fingerprint`,
		rec.ID, rec.Generation, string(rec.State), expires, doc, checksum([]byte(rec.ID), doc),
		buriedAt, lane, kind, bookID, fingerprint)
	return err
}

// Claim is job.Claims's.
func (j Jobs) Claim(ctx context.Context, c job.Claim) (stands job.Claim, mine bool, err error) {
	now := j.db.now()
	err = j.db.write(ctx, synced, func(t *tx) error {
		n, err := t.exec(`INSERT INTO claims (caller, key, hash, job, sent, expires_at) VALUES (?, ?, ?, ?, 0, ?)
			ON CONFLICT (caller, key) DO UPDATE SET hash = excluded.hash, job = excluded.job, sent = 0,
			expires_at = excluded.expires_at WHERE expires_at <= ?`,
			c.Caller, c.Key, c.Hash, c.Job, now.Add(job.ClaimTTL), now)
		stands, mine = c, n > 0
		if err != nil || mine {
			return err
		}
		return t.each(`SELECT hash, job, sent FROM claims WHERE caller = ? AND key = ?`, func(s *sqlite3.Stmt) error {
			stands.Hash, stands.Job, stands.Sent = s.ColumnText(0), s.ColumnText(1), s.ColumnBool(2)
			return nil
		}, c.Caller, c.Key)
	})
	return stands, mine, err
}

// MarkSent is job.Claims's.
func (j Jobs) MarkSent(ctx context.Context, c job.Claim) error {
	return j.db.write(ctx, buffered, func(t *tx) error {
		_, err := t.exec(`UPDATE claims SET sent = 1 WHERE caller = ? AND key = ? AND job = ?`, c.Caller, c.Key, c.Job)
		return err
	})
}
