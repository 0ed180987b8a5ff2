package queuetest

import (
	"slices"
	"time"

	"acervo/internal/queue"
)

// model is a lane of a few lines. It knows what a lane must do, not what it may
// choose: which group comes next and how many of it. Calls take time on a real
// clock, so it keeps the earliest and the latest moment of everything, and is
// unsure in between.
type model struct {
	lease  time.Duration
	groups map[string][]*msg // not deleted, in order
	given  []*grant          // every delivery, in order
}

type msg struct {
	queue.Message
	sent     span
	receives int
	held     hold
	grant    *grant // its latest delivery
}

// grant is a delivery.
type grant struct {
	handle  string
	msg     *msg
	deleted bool
}

// span is when something happened: at or after from, at or before to.
type span struct{ from, to time.Time }

func (s span) add(d time.Duration) span { return span{s.from.Add(d), s.to.Add(d)} }

// hold is what keeps a message from being delivered until it ends.
type hold struct {
	leased bool // else delayed
	ends   span
}

// held reports whether a hold surely lasts until after t; over, whether it has
// surely ended at t.
func (h hold) held(t time.Time) bool { return h.ends.from.After(t) }
func (h hold) over(t time.Time) bool { return !h.ends.to.After(t) }

// sure reports whether the model knows what every message is doing from t until
// some moment before soon.
func (m *model) sure(t, soon time.Time) bool {
	for _, g := range m.groups {
		for _, x := range g {
			if !x.held.over(t) && !x.held.held(soon) {
				return false
			}
		}
	}
	return true
}

// owns reports whether a delivery surely has its lease at t.
func (g *grant) owns(t time.Time) bool {
	return !g.deleted && g.msg.grant == g && g.msg.held.leased && g.msg.held.held(t)
}

// deliverable reports whether some group surely stands free at t.
func (m *model) deliverable(t time.Time) bool {
	for _, g := range m.groups {
		if len(g) > 0 && !slices.ContainsFunc(g, func(x *msg) bool { return !x.held.over(t) }) {
			return true
		}
	}
	return false
}

// stats counts what the messages are doing at t. The age is that of the oldest in
// hand, by the latest moment at which it can have been sent.
func (m *model) stats(t time.Time) (s queue.Stats) {
	for _, g := range m.groups {
		for _, x := range g {
			switch {
			case x.held.over(t):
				s.Waiting++
				continue
			case x.held.leased:
				s.InFlight++
			default:
				s.Delayed++
			}
			s.OldestAge = max(s.OldestAge, t.Sub(x.sent.to))
		}
	}
	return s
}

func (m *model) remove(g *grant) {
	g.deleted = true
	group := m.groups[g.msg.Group]
	i := slices.Index(group, g.msg)
	m.groups[g.msg.Group] = slices.Delete(group, i, i+1)
}

// left counts the messages that are not deleted.
func (m *model) left() (n int) {
	for _, g := range m.groups {
		n += len(g)
	}
	return n
}
