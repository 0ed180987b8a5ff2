package sqlite

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

	"acervo/internal/fault"
	"acervo/internal/job"
)

// deadWhere is a job.Filter; its four parameters are those of filterArgs. A NULL
// parameter chooses all.
const deadWhere = `buried_at IS NOT NULL AND lane = coalesce(?1, lane) AND kind = coalesce(?2, kind)
	AND fingerprint = coalesce(?3, fingerprint) AND book_id = coalesce(?4, book_id)`

func filterArgs(f job.Filter) []any {
	args := make([]any, 4)
	for i, v := range []string{f.Lane, string(f.Kind), f.Fingerprint} {
		if v != "" {
			args[i] = v
		}
	}
	if f.Book != uuid.Nil {
		args[3] = f.Book[:]
	}
	return args
}

// Dead is job.Store's. A damaged record is listed with what its columns tell.
func (j Jobs) Dead(ctx context.Context, f job.Filter, cursor string, limit int) (page []job.Record, next string, err error) {
	after, afterID, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	var places []string
	err = j.db.read(ctx, func(c *conn) error {
		return c.each(`SELECT `+recordColumns+`, buried_at FROM jobs WHERE `+deadWhere+`
			AND (?5 IS NULL OR buried_at < ?5 OR buried_at = ?5 AND id > ?6) ORDER BY buried_at DESC, id LIMIT ?7`,
			func(s *sqlite3.Stmt) error {
				rec, err := readRecord(s)
				if err != nil && !fault.Is(err, fault.Damaged) {
					return err
				}
				page = append(page, rec)
				places = append(places, formatCursor(s.ColumnInt64(7), rec.ID))
				return nil
			}, append(filterArgs(f), after, afterID, limit+1)...)
	})
	if err == nil && len(page) > limit {
		page, next = page[:limit], places[limit-1]
	}
	return page, next, err
}

// formatCursor begins with a checksum, so that a cursor which was cut or mistyped
// begins no page somewhere else.
func formatCursor(buriedAt int64, id string) string {
	place := fmt.Sprintf("%d %s", buriedAt, id)
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%x %s", checksum([]byte(place)), place))
}

// parseCursor returns the place after which a page begins, NULL for the first.
func parseCursor(cursor string) (buriedAt, id any, err error) {
	if cursor == "" {
		return nil, nil, nil
	}
	raw, _ := base64.RawURLEncoding.DecodeString(cursor) // of a bad one the checksum is wrong
	_, place, _ := strings.Cut(string(raw), " ")
	at, rest, _ := strings.Cut(place, " ")
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil || formatCursor(ms, rest) != cursor {
		return nil, nil, fault.New(fault.Syntax, "The cursor is not one that was given out.")
	}
	return ms, rest, nil
}

// maxGroups is the most groups that are told.
const maxGroups = 100

// Groups is job.Store's.
func (j Jobs) Groups(ctx context.Context, f job.Filter) (groups []job.Group, err error) {
	err = j.db.read(ctx, func(c *conn) error {
		var oldest, latest []string
		err := c.each(`SELECT fingerprint, lane, count(*), min(printf('%016d', buried_at) || id), max(printf('%016d', buried_at) || id)
			FROM jobs WHERE `+deadWhere+` GROUP BY fingerprint, lane ORDER BY count(*) DESC, fingerprint LIMIT ?5`,
			func(s *sqlite3.Stmt) error {
				groups = append(groups, job.Group{Fingerprint: s.ColumnText(0), Lane: s.ColumnText(1), Count: s.ColumnInt(2)})
				oldest = append(oldest, s.ColumnText(3)[16:])
				latest = append(latest, s.ColumnText(4)[16:])
				return nil
			}, append(filterArgs(f), maxGroups)...)
		for i := range groups {
			if err == nil {
				groups[i].Oldest, err = c.record(oldest[i])
			}
			if err == nil {
				groups[i].Latest, err = c.record(latest[i])
			}
		}
		return err
	})
	return groups, err
}

// record reads one record, however damaged.
func (c *conn) record(id string) (rec job.Record, err error) {
	err = c.each(`SELECT `+recordColumns+` FROM jobs WHERE id = ?`, func(s *sqlite3.Stmt) error {
		if rec, err = readRecord(s); fault.Is(err, fault.Damaged) {
			return nil
		}
		return err
	}, id)
	return rec, err
}
