package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"acervo/internal/queue"
)

// When damage has made a row of the lane such that SQLite itself cannot read it,
// the others go on: it is delivered as damaged with what is left of it, so that
// it can be buried, and is then taken off the lane.

// salvage is load by way of the index, row by row.
func (l *Lane) salvage(c *conn, now time.Time) error {
	var seqs []int64
	err := c.each(`SELECT seq FROM messages INDEXED BY messages_dedup WHERE lane = ?`, func(s *sqlite3.Stmt) error {
		seqs = append(seqs, s.ColumnInt64(0))
		return nil
	}, l.name)
	if err != nil {
		return err
	}
	slices.Sort(seqs)
	for _, seq := range seqs {
		found := false
		err := c.each(`SELECT `+entryColumns+` FROM messages WHERE seq = ?`, func(s *sqlite3.Stmt) error {
			found = true
			l.enter(s, now)
			return nil
		}, seq)
		switch {
		case found:
		case err == nil || malformed(err): // its group is lost, so it gets its own
			l.sched.add(seq, fmt.Sprintf("message %d", seq), now, 0).lost = true
		default:
			return err
		}
	}
	return nil
}

// deliverDamaged fills a delivery with what can be told of a malformed row. The
// index has kept its deduplication id.
func (t *tx) deliverDamaged(k taking, d *queue.Delivery) error {
	d.Group, d.DedupID, d.Damaged = k.group, fmt.Sprintf("message %d", k.seq), true
	err := t.each(`SELECT dedup FROM messages INDEXED BY messages_dedup WHERE seq = ?`, func(s *sqlite3.Stmt) error {
		d.DedupID = s.ColumnText(0)
		return nil
	}, k.seq)
	if err != nil && !malformed(err) {
		return err
	}
	err = t.each(`SELECT grp, dedup, body, sum FROM messages WHERE seq = ?`, func(s *sqlite3.Stmt) error {
		readMessage(s, d)
		return nil
	}, k.seq)
	if malformed(err) {
		return nil
	}
	return err
}

// deleteMessage deletes a row. When damage has made the row and its place in the
// index differ, the index is made anew, so that the group can go on. A row that
// cannot be deleted comes again with the next start, and its job has ended then.
func (t *tx) deleteMessage(seq int64) error {
	const query = `DELETE FROM messages WHERE seq = ?`
	_, err := t.exec(query, seq)
	if errors.Is(err, sqlite3.CORRUPT_INDEX) {
		if _, err = t.exec(`REINDEX messages_dedup`); err == nil {
			_, err = t.exec(query, seq)
		}
	}
	if malformed(err) {
		return nil
	}
	return err
}
