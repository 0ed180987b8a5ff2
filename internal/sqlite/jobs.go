package sqlite

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/ncruces/go-sqlite3"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// Jobs is job.Store.
type Jobs struct{ db *DB }

var _ job.Store = Jobs{}

// Jobs returns the records of jobs in this database.
func (db *DB) Jobs() Jobs { return Jobs{db} }

// Get is job.Store's.
func (j Jobs) Get(ctx context.Context, id string) (rec job.Record, ok bool, err error) {
	err = j.db.read(ctx, func(c *conn) error {
		return c.each(`SELECT doc, sum FROM jobs WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)`,
			func(s *sqlite3.Stmt) error {
				doc := s.ColumnRawBlob(0)
				if checksum([]byte(id), doc) != uint32(s.ColumnInt64(1)) {
					return fault.New(fault.Internal, "the record of job %s is damaged: its checksum is wrong", id)
				}
				ok = true
				return fault.Wrap(fault.Internal, json.Unmarshal(doc, &rec), "the record of job %s is damaged", id)
			}, id, j.db.now())
	})
	return rec, ok, err
}

// End is job.Store's.
func (j Jobs) End(ctx context.Context, rec job.Record) error {
	now := j.db.now()
	return j.db.write(ctx, synced, func(t *tx) error { return t.end(rec, now) })
}

// EndIfUnchanged is job.Store's.
func (j Jobs) EndIfUnchanged(ctx context.Context, rec job.Record, read book.Item) error {
	now := j.db.now()
	return j.db.write(ctx, synced, func(t *tx) error {
		if err := t.unchanged(read, now); err != nil {
			return err
		}
		return t.end(rec, now)
	})
}

func (t *tx) end(rec job.Record, now time.Time) error {
	doc, err := json.Marshal(rec)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encode the record of job %s", rec.ID)
	}
	n, err := t.exec(`INSERT INTO jobs (id, generation, state, expires_at, doc, sum) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET generation = excluded.generation, state = excluded.state, expires_at = excluded.expires_at,
		doc = excluded.doc, sum = excluded.sum
		WHERE generation = excluded.generation AND state NOT IN ('succeeded', 'failed', 'superseded') OR expires_at <= ?`,
		rec.ID, rec.Generation, string(rec.State), rec.FinishedAt.Add(job.RecordTTL), doc, checksum([]byte(rec.ID), doc), now)
	if err == nil && n == 0 {
		err = fault.New(fault.Changed, "job %s has been ended by another delivery", rec.ID)
	}
	return err
}
