package simtest

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"acervo/internal/fault"
	"acervo/internal/queue"
)

// message is one message on the model of the lane, in the order sent.
type message struct {
	group, dedup string
	sent         time.Time
	receives     int
	handle       string    // of its delivery, empty while it is not leased
	until        time.Time // end of its lease or of its delay, zero while it waits
}

// held reports whether the message keeps its group standing still.
func (m *message) held() bool { return !m.until.IsZero() }

// tick ends the leases and delays that are over.
func (s *Sim) tick() {
	now := s.clock.now()
	for _, m := range s.lane {
		if m.held() && !m.until.After(now) {
			m.handle, m.until = "", time.Time{}
		}
	}
}

// owned returns the message that a handle owns, nil when it is stale.
func (s *Sim) owned(handle string) *message {
	s.tick()
	for _, m := range s.lane {
		if m.handle == handle {
			return m
		}
	}
	return nil
}

func (s *Sim) onLane(dedup string) bool {
	return slices.ContainsFunc(s.lane, func(m *message) bool { return m.dedup == dedup })
}

// send is queue.Sender's, on the lane and on its model.
func (s *Sim) send(m queue.Message) error {
	err := s.stores.Lane.Send(context.Background(), m)
	if err != nil {
		return err
	}
	if !s.onLane(m.DedupID) && (!s.stores.SentOnce || !s.sent[m.DedupID]) {
		s.lane = append(s.lane, &message{group: m.Group, dedup: m.DedupID, sent: s.clock.now()})
	}
	s.sent[m.DedupID] = true
	j, generation := s.job(m.DedupID)
	if generation == 1 && !slices.Contains(j.book.sent, j) {
		j.book.sent = append(j.book.sent, j)
	}
	if generation == 1 {
		j.body = m.Body
	}
	s.gauge()
	return nil
}

// receive is queue.Receiver's. It holds what is delivered against the model.
func (s *Sim) receive(limit int) ([]queue.Delivery, error) {
	s.tick()
	batch, err := s.stores.Lane.Receive(context.Background(), limit)
	if err != nil {
		return nil, err
	}
	standing := s.standing()
	until := s.clock.now().Add(s.stores.Lane.Lease())
	for _, d := range batch {
		s.delivered(d, standing, until)
	}
	if len(batch) == 0 && s.deliverable() {
		s.violated(lane, "nothing was delivered although something waits")
	}
	s.gauge()
	return batch, nil
}

// standing returns the groups that stand still.
func (s *Sim) standing() map[string]bool {
	standing := map[string]bool{}
	for _, m := range s.lane {
		standing[m.group] = standing[m.group] || m.held()
	}
	return standing
}

// deliverable reports whether a receive would return something.
func (s *Sim) deliverable() bool {
	standing := s.standing()
	return !s.paused && slices.ContainsFunc(s.lane, func(m *message) bool { return !standing[m.group] })
}

// delivered checks one delivery and leases its message on the model.
func (s *Sim) delivered(d queue.Delivery, standing map[string]bool, until time.Time) {
	head := slices.IndexFunc(s.lane, func(m *message) bool { return m.group == d.Group && !m.held() })
	switch {
	case d.Damaged:
		s.violated(damage, "%s was delivered damaged", s.named(d.DedupID))
	case standing[d.Group]:
		s.violated(lane, "%s was delivered although its group stands still", s.named(d.DedupID))
	case head < 0 || s.lane[head].dedup != d.DedupID:
		s.violated(lane, "%s was delivered out of order", s.named(d.DedupID))
	}
	m := s.lane[head]
	m.receives++
	if d.Receives != m.receives {
		s.violated(lane, "%s was delivered as receive %d, want %d", s.named(d.DedupID), d.Receives, m.receives)
	}
	m.handle, m.until = d.Handle, until
	s.handles = append(s.handles, d.Handle)
}

func (s *Sim) delete(handle string) error {
	err := s.stores.Lane.Delete(context.Background(), handle)
	if m := s.owned(handle); err == nil && m != nil {
		s.lane = slices.DeleteFunc(s.lane, func(other *message) bool { return other == m })
	}
	s.gauge()
	return err
}

func (s *Sim) release(handle string, delay time.Duration) error {
	err := s.stores.Lane.Release(context.Background(), handle, delay)
	if m := s.owned(handle); err == nil && m != nil {
		m.handle, m.until = "", time.Time{}
		if delay > 0 {
			m.until = s.clock.now().Add(delay)
		}
	}
	s.gauge()
	return err
}

func (s *Sim) extend(handle string) error {
	m := s.owned(handle)
	err := s.stores.Lane.Extend(context.Background(), handle)
	if fault.Is(err, fault.Stale) != (m == nil) {
		s.violated(lane, "extending a delivery whose lease is over: %t, returned %v", m == nil, err)
	}
	if m != nil {
		m.until = s.clock.now().Add(s.stores.Lane.Lease())
	}
	s.gauge()
	return err
}

// gauge compares what the lane counts with the model.
func (s *Sim) gauge() {
	s.tick()
	stats, err := s.stores.Lane.Stats(context.Background())
	s.unreadable(err, "the gauge")
	var want queue.Stats
	for _, m := range s.lane {
		switch {
		case m.handle != "":
			want.InFlight++
		case m.held():
			want.Delayed++
		default:
			want.Waiting++
		}
	}
	if len(s.lane) > 0 {
		want.OldestAge = max(0, s.clock.now().Sub(s.lane[0].sent))
	}
	if s.stores.AgesInHand {
		want.OldestAge = stats.OldestAge
	}
	if stats != want {
		s.violated(lane, "it counts %+v, want %+v", stats, want)
	}
}

// job returns the job and the generation of a message.
func (s *Sim) job(dedup string) (j *jobModel, generation int) {
	id, number, _ := strings.Cut(dedup, ".")
	generation, _ = strconv.Atoi(number)
	return s.jobs[id], generation
}

// named is a message as people read it.
func (s *Sim) named(dedup string) string {
	j, generation := s.job(dedup)
	return j.name + "." + strconv.Itoa(generation)
}

// holder names the message of a delivery that may be over.
func (s *Sim) holder(handle string) string {
	if m := s.owned(handle); m != nil {
		return s.named(m.dedup)
	}
	return "a delivery whose lease is over"
}
