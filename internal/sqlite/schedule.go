package sqlite

import (
	"container/heap"
	"container/list"
	"slices"
	"time"
)

// schedule is the order of one lane, kept in memory beside the rows: which
// message is next, which groups stand still, which leases run out when. It knows
// nothing of SQL and is not safe for concurrent use.
//
// An unordered one has no groups that stand still: a group is ready as long as a
// message of it waits, and groups take turns.
type schedule struct {
	unordered bool
	turns     int64 // of groups, so far

	entries map[int64]*entry
	groups  map[string]*group
	ready   readyHeap  // groups that nothing holds up, oldest head first
	due     dueHeap    // entries that are leased or delayed, soonest first
	byAge   *list.List // of *entry, oldest first

	leased, delayed int
}

type entryState int

const (
	waiting entryState = iota
	leased
	delayed
)

// entry is one message.
type entry struct {
	seq      int64
	group    *group
	state    entryState
	receives int
	sentAt   time.Time
	until    time.Time // end of the lease or of the delay
	dueIndex int       // place in due, while leased or delayed
	age      *list.Element
}

// group is the messages of one group in the order sent. It stands still while
// one of them is leased or delayed.
type group struct {
	name       string
	entries    []*entry
	held       int   // entries that are leased or delayed
	turn       int64 // the latest that it had, in an unordered lane
	readyIndex int   // place in ready, or -1
}

func newSchedule(unordered bool) *schedule {
	return &schedule{unordered: unordered, entries: map[int64]*entry{}, groups: map[string]*group{}, byAge: list.New()}
}

// add appends a message to its group. Messages are added in the order of seq.
func (s *schedule) add(seq int64, name string, sentAt time.Time, receives int) {
	g, ok := s.groups[name]
	if !ok {
		g = &group{name: name, readyIndex: -1}
		s.groups[name] = g
	}
	e := &entry{seq: seq, group: g, sentAt: sentAt, receives: receives}
	e.age = s.byAge.PushBack(e)
	s.entries[seq] = e
	g.entries = append(g.entries, e)
	s.settle(g)
}

// taking is one leasing of a message. It is a copy, since the lease may end, and
// another begin, before the message is delivered.
type taking struct {
	seq      int64
	receives int
	sentAt   time.Time
}

// take leases up to limit messages, oldest group first and each group in order. Of
// an unordered lane each group gives one in its turn.
func (s *schedule) take(limit int, now time.Time, lease time.Duration) (taken []taking) {
	s.advance(now)
	for len(taken) < limit && len(s.ready) > 0 {
		g := s.ready[0]
		next := g.entries[:min(len(g.entries), limit-len(taken))]
		if s.unordered {
			s.turns++
			g.turn, next = s.turns, g.firstWaiting()
		}
		for _, e := range next {
			e.receives++
			s.hold(e, leased, now.Add(lease))
			taken = append(taken, taking{e.seq, e.receives, e.sentAt})
		}
	}
	return taken
}

// firstWaiting is the oldest message of a group that nobody has. Few come before it:
// those in hand, and those that were delayed.
func (g *group) firstWaiting() []*entry {
	for i, e := range g.entries {
		if e.state == waiting {
			return g.entries[i : i+1]
		}
	}
	return nil
}

// untake takes back a leasing of which nobody heard.
func (s *schedule) untake(t taking) {
	if e := s.entries[t.seq]; e != nil && e.receives == t.receives {
		e.receives--
		s.free(e)
	}
}

// advance ends the leases and delays that are over.
func (s *schedule) advance(now time.Time) {
	for len(s.due) > 0 && !s.due[0].until.After(now) {
		s.free(s.due[0])
	}
}

// hold makes an entry leased or delayed, whatever it was.
func (s *schedule) hold(e *entry, state entryState, until time.Time) {
	s.free(e)
	e.state, e.until = state, until
	e.group.held++
	s.count(state, 1)
	heap.Push(&s.due, e)
	s.settle(e.group)
}

// free makes an entry waiting.
func (s *schedule) free(e *entry) {
	if e.state == waiting {
		return
	}
	heap.Remove(&s.due, e.dueIndex)
	s.count(e.state, -1)
	e.state = waiting
	e.group.held--
	s.settle(e.group)
}

func (s *schedule) count(state entryState, by int) {
	if state == leased {
		s.leased += by
	} else {
		s.delayed += by
	}
}

// remove forgets an entry, which two deletions of one commit may both ask for.
func (s *schedule) remove(e *entry) {
	if s.entries[e.seq] != e {
		return
	}
	s.free(e)
	delete(s.entries, e.seq)
	s.byAge.Remove(e.age)
	g := e.group
	if i := slices.Index(g.entries, e); i == 0 {
		g.entries = g.entries[1:]
	} else {
		g.entries = slices.Delete(g.entries, i, i+1)
	}
	s.settle(g)
	if len(g.entries) == 0 {
		delete(s.groups, g.name)
	}
}

// settle puts a group in, or takes it out of, the ready heap.
func (s *schedule) settle(g *group) {
	ready := g.held == 0 && len(g.entries) > 0 || s.unordered && g.held < len(g.entries)
	switch {
	case ready && g.readyIndex < 0:
		heap.Push(&s.ready, g)
	case ready:
		heap.Fix(&s.ready, g.readyIndex)
	case g.readyIndex >= 0:
		heap.Remove(&s.ready, g.readyIndex)
	}
}

// nextDue is when the next lease or delay ends; false when there is none.
func (s *schedule) nextDue() (time.Time, bool) {
	if len(s.due) == 0 {
		return time.Time{}, false
	}
	return s.due[0].until, true
}

// oldest is when the oldest message was sent; false for an empty lane.
func (s *schedule) oldest() (time.Time, bool) {
	front := s.byAge.Front()
	if front == nil {
		return time.Time{}, false
	}
	return front.Value.(*entry).sentAt, true
}

// readyHeap orders groups by their turns, if they take any, and by the age of their
// head.
type readyHeap []*group

func (h readyHeap) Len() int { return len(h) }

func (h readyHeap) Less(i, j int) bool {
	if h[i].turn != h[j].turn {
		return h[i].turn < h[j].turn
	}
	return h[i].entries[0].seq < h[j].entries[0].seq
}

func (h readyHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].readyIndex, h[j].readyIndex = i, j
}

func (h *readyHeap) Push(x any) {
	g := x.(*group)
	g.readyIndex = len(*h)
	*h = append(*h, g)
}

func (h *readyHeap) Pop() any {
	old := *h
	g := old[len(old)-1]
	old[len(old)-1] = nil
	g.readyIndex = -1
	*h = old[:len(old)-1]
	return g
}

// dueHeap orders entries by the end of their lease or delay.
type dueHeap []*entry

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].until.Before(h[j].until) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].dueIndex, h[j].dueIndex = i, j
}

func (h *dueHeap) Push(x any) {
	e := x.(*entry)
	e.dueIndex = len(*h)
	*h = append(*h, e)
}

func (h *dueHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}
