package sqlite

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"acervo/internal/fault"
	"acervo/internal/queue"
)

// LaneOptions tune a lane. The zero value of a field is its default.
type LaneOptions struct {
	Lease    time.Duration // how long a delivery is hidden; 30 s
	Poll     time.Duration // how long Receive waits for the first message; 20 s
	MaxDepth int           // messages on the lane before Send refuses; 200,000
	// Unordered lanes deliver the messages of a group in any order and at once, and
	// let groups take turns.
	Unordered bool
}

// Lane is queue.Sender, queue.Receiver and queue.Gauge over rows of one file.
// Messages and receives are rows; order, leases and delays are in memory, where
// they may be, since no other process has the directory. All of them end with the
// process, so that a clock that is put back between two lives holds nothing up.
type Lane struct {
	db   *DB
	name string
	opts LaneOptions

	mu    sync.Mutex
	sched *schedule
	wake  chan struct{} // closed and replaced when the schedule changed
}

var (
	_ queue.Sender   = (*Lane)(nil)
	_ queue.Receiver = (*Lane)(nil)
	_ queue.Gauge    = (*Lane)(nil)
)

// Lane loads a lane by its name. It is loaded once.
func (db *DB) Lane(ctx context.Context, name string, opts LaneOptions) (*Lane, error) {
	if opts.Lease == 0 {
		opts.Lease = 30 * time.Second
	}
	if opts.Poll == 0 {
		opts.Poll = 20 * time.Second
	}
	if opts.MaxDepth == 0 {
		opts.MaxDepth = 200_000
	}
	l := &Lane{db: db, name: name, opts: opts, sched: newSchedule(opts.Unordered), wake: make(chan struct{})}
	err := db.read(ctx, func(c *conn) error {
		return c.each(`SELECT seq, grp, sent_at, receives FROM messages WHERE lane = ? ORDER BY seq`,
			func(s *sqlite3.Stmt) error {
				l.sched.add(s.ColumnInt64(0), s.ColumnText(1), millis(s, 2), s.ColumnInt(3))
				return nil
			}, name)
	})
	return l, err
}

// loadSeq finds the last message sent.
func (db *DB) loadSeq(c *conn) error {
	return c.each(`SELECT coalesce(max(seq), 0) FROM messages`, func(s *sqlite3.Stmt) error {
		db.seq = s.ColumnInt64(0)
		return nil
	})
}

// Send is queue.Sender's.
func (l *Lane) Send(ctx context.Context, m queue.Message) error {
	if m.Group == "" || m.DedupID == "" || len(m.Body) > queue.MaxBody {
		return fault.New(fault.Internal, "a message needs a group, a deduplication id and at most %d bytes", queue.MaxBody)
	}
	now := l.db.now()
	return l.db.write(ctx, synced, func(t *tx) error {
		if l.full(t) {
			return l.refuse(t, m)
		}
		l.db.seq++ // never given twice while this process lives, so that an old handle fits no new message
		seq := l.db.seq
		n, err := t.exec(`INSERT INTO messages (seq, lane, grp, dedup, sent_at, receives, body, sum)
			VALUES (?, ?, ?, ?, ?, 0, ?, ?) ON CONFLICT (lane, dedup) DO NOTHING`,
			seq, l.name, m.Group, m.DedupID, now, m.Body, messageSum(m))
		if err == nil && n > 0 {
			t.sent[l.name]++
			t.onCommit(func() { l.change(func() { l.sched.add(seq, m.Group, now, 0) }) })
		}
		return err
	})
}

func messageSum(m queue.Message) uint32 {
	return checksum([]byte(m.Group), []byte(m.DedupID), m.Body)
}

func (l *Lane) full(t *tx) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sched.entries)+t.sent[l.name] >= l.opts.MaxDepth
}

// refuse refuses a message for want of room, unless it is on the lane already.
func (l *Lane) refuse(t *tx, m queue.Message) error {
	err := error(fault.New(fault.Unavailable, "The lane %s is full.", l.name))
	failed := t.each(`SELECT 1 FROM messages WHERE lane = ? AND dedup = ?`, func(*sqlite3.Stmt) error {
		err = nil
		return nil
	}, l.name, m.DedupID)
	return cmp.Or(failed, err)
}

// change alters the schedule and wakes the receivers, who look what there is to
// deliver now, or how long to wait.
func (l *Lane) change(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn()
	close(l.wake)
	l.wake = make(chan struct{})
}

// Lease is queue.Receiver's.
func (l *Lane) Lease() time.Duration { return l.opts.Lease }

// Receive is queue.Receiver's.
func (l *Lane) Receive(ctx context.Context, limit int) ([]queue.Delivery, error) {
	poll := time.NewTimer(l.opts.Poll)
	defer poll.Stop()
	for {
		taken, wake, next := l.take(min(limit, queue.MaxBatch))
		if len(taken) > 0 {
			return l.deliver(ctx, taken)
		}
		due := time.NewTimer(next)
		select {
		case <-wake:
		case <-due.C:
		case <-poll.C:
			due.Stop()
			return nil, nil
		case <-ctx.Done():
			due.Stop()
			return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "The receive was given up.")
		}
		due.Stop()
	}
}

// take leases what can be delivered, or tells what to wait for.
func (l *Lane) take(limit int) (taken []taking, wake chan struct{}, next time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.db.now()
	taken = l.sched.take(limit, now, l.opts.Lease)
	next = l.opts.Poll
	if due, ok := l.sched.nextDue(); ok {
		next = min(next, due.Sub(now))
	}
	return taken, l.wake, next
}

// deliver counts the receives and fetches the bodies of what was taken.
func (l *Lane) deliver(ctx context.Context, taken []taking) ([]queue.Delivery, error) {
	deliveries := make([]queue.Delivery, 0, len(taken))
	err := l.db.write(ctx, buffered, func(t *tx) error {
		deliveries = deliveries[:0]
		for _, k := range taken {
			d := queue.Delivery{Handle: handle(k.seq, k.receives), Receives: k.receives, SentAt: k.sentAt}
			found := false // unless a deletion came before the end of its lease
			err := t.each(`UPDATE messages SET receives = ? WHERE seq = ? RETURNING grp, dedup, body, sum`,
				func(s *sqlite3.Stmt) error {
					found = true
					d.Group, d.DedupID, d.Body = s.ColumnText(0), s.ColumnText(1), s.ColumnBlob(2, nil)
					d.Damaged = messageSum(d.Message) != uint32(s.ColumnInt64(3))
					return nil
				}, k.receives, k.seq)
			if err != nil {
				return err
			}
			if found {
				deliveries = append(deliveries, d)
			}
		}
		return nil
	})
	if err != nil {
		l.change(func() {
			for _, k := range taken {
				l.sched.untake(k)
			}
		})
		return nil, err
	}
	return deliveries, nil
}

func handle(seq int64, receives int) string {
	return strconv.FormatInt(seq, 10) + "." + strconv.Itoa(receives)
}

// owned returns the entry that a handle owns, nil when it is stale. The caller
// holds the lock.
func (l *Lane) owned(h string) *entry {
	first, second, _ := strings.Cut(h, ".")
	seq, err1 := strconv.ParseInt(first, 10, 64)
	receives, err2 := strconv.Atoi(second)
	if err1 != nil || err2 != nil {
		return nil
	}
	l.sched.advance(l.db.now())
	e := l.sched.entries[seq]
	if e == nil || e.state != leased || e.receives != receives {
		return nil
	}
	return e
}

// Extend is queue.Receiver's.
func (l *Lane) Extend(_ context.Context, h string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.owned(h)
	if e == nil {
		return fault.New(fault.Stale, "the lease of delivery %s is over", h)
	}
	l.sched.hold(e, leased, l.db.now().Add(l.opts.Lease))
	return nil
}

// Release is queue.Receiver's.
func (l *Lane) Release(_ context.Context, h string, delay time.Duration) error {
	l.change(func() {
		e := l.owned(h)
		switch {
		case e == nil:
		case delay <= 0:
			l.sched.free(e)
		default:
			l.sched.hold(e, delayed, l.db.now().Add(delay))
		}
	})
	return nil
}

// Delete is queue.Receiver's.
func (l *Lane) Delete(ctx context.Context, h string) error {
	return l.db.write(ctx, buffered, func(t *tx) error {
		l.mu.Lock()
		e := l.owned(h)
		l.mu.Unlock()
		if e == nil {
			return nil
		}
		if err := t.deleteMessage(e.seq); err != nil {
			return err
		}
		t.onCommit(func() { l.change(func() { l.sched.remove(e) }) })
		return nil
	})
}

// deleteMessage deletes a row. When damage has made the row and its place in the
// index differ, the index is made anew, so that the group can go on.
func (t *tx) deleteMessage(seq int64) error {
	const query = `DELETE FROM messages WHERE seq = ?`
	_, err := t.exec(query, seq)
	if !errors.Is(err, sqlite3.CORRUPT_INDEX) {
		return err
	}
	if _, err := t.exec(`REINDEX messages_dedup`); err != nil {
		return err
	}
	_, err = t.exec(query, seq)
	return err
}

// Stats is queue.Gauge's.
func (l *Lane) Stats(context.Context) (queue.Stats, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.db.now()
	l.sched.advance(now)
	s := queue.Stats{InFlight: l.sched.leased, Delayed: l.sched.delayed}
	s.Waiting = len(l.sched.entries) - s.InFlight - s.Delayed
	if oldest, ok := l.sched.oldest(); ok {
		s.OldestAge = max(0, now.Sub(oldest))
	}
	return s, nil
}
