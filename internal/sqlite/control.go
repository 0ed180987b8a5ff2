package sqlite

import (
	"context"
	"time"

	"github.com/ncruces/go-sqlite3"

	"acervo/internal/queue"
)

var _ queue.Control = (*Lane)(nil)

// Pause is queue.Control's.
func (l *Lane) Pause(ctx context.Context, paused bool) error {
	flag := 0
	if paused {
		flag = 1
	}
	return l.db.write(ctx, synced, func(t *tx) error {
		_, err := t.exec(`INSERT INTO lanes (name, paused) VALUES (?, ?)
			ON CONFLICT (name) DO UPDATE SET paused = excluded.paused`, l.name, flag)
		return err
	})
}

// Paused is queue.Control's.
func (l *Lane) Paused(ctx context.Context) (paused bool, err error) {
	err = l.db.read(ctx, func(c *conn) error {
		return c.each(`SELECT paused FROM lanes WHERE name = ?`, func(s *sqlite3.Stmt) error {
			paused = s.ColumnBool(0)
			return nil
		}, l.name)
	})
	return paused, err
}

// Beat is queue.Control's. Old heartbeats go when a new one comes.
func (l *Lane) Beat(ctx context.Context, b queue.Heartbeat) error {
	return l.db.write(ctx, buffered, func(t *tx) error {
		if _, err := t.exec(`DELETE FROM heartbeats WHERE at <= ?`, b.At.Add(-queue.HeartbeatTTL)); err != nil {
			return err
		}
		_, err := t.exec(`INSERT OR REPLACE INTO heartbeats (lane, worker, at, waiting, in_flight, delayed, oldest_age,
			done_per_second, growth_per_second, stuck) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			l.name, b.Worker, b.At, b.Stats.Waiting, b.Stats.InFlight, b.Stats.Delayed, int64(b.Stats.OldestAge),
			b.DonePerSecond, b.GrowthPerSecond, b.Stuck)
		return err
	})
}

// Heartbeats is queue.Control's.
func (l *Lane) Heartbeats(ctx context.Context) (beats []queue.Heartbeat, err error) {
	err = l.db.read(ctx, func(c *conn) error {
		return c.each(`SELECT worker, at, waiting, in_flight, delayed, oldest_age, done_per_second, growth_per_second, stuck
			FROM heartbeats WHERE lane = ? AND at > ? ORDER BY at DESC`, func(s *sqlite3.Stmt) error {
			beats = append(beats, queue.Heartbeat{
				Worker: s.ColumnText(0), At: millis(s, 1),
				Stats: queue.Stats{
					Waiting: s.ColumnInt(2), InFlight: s.ColumnInt(3), Delayed: s.ColumnInt(4),
					OldestAge: time.Duration(s.ColumnInt64(5)),
				},
				DonePerSecond: s.ColumnFloat(6), GrowthPerSecond: s.ColumnFloat(7), Stuck: s.ColumnInt(8),
			})
			return nil
		}, l.name, l.db.now().Add(-queue.HeartbeatTTL))
	})
	return beats, err
}
