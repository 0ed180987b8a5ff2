package queuetest

import (
	"fmt"
	"slices"
	"sync"

	"acervo/internal/queue"
)

// concurrentReceivers has receivers race for a few groups. Each deletes what it
// got, but every third batch it gives back in part.
func concurrentReceivers(l *lane) {
	const groups, each, receivers = 6, 12, 5
	c := &crowd{lane: l, holds: map[string]bool{}, done: map[string][]string{}}
	want := map[string][]string{}
	for i := range each {
		for g := range groups {
			group, id := fmt.Sprint("g", g), fmt.Sprintf("g%d.%d", g, i)
			want[group] = append(want[group], id)
			l.send(group, id)
		}
	}
	var wg sync.WaitGroup
	for range receivers {
		wg.Go(c.receiver)
	}
	wg.Wait()
	for group, ids := range want {
		if got := c.done[group]; !slices.Equal(got, ids) {
			l.t.Errorf("%s was done in the order %v, want %v", group, got, ids)
		}
	}
}

// crowd is what receivers know together.
type crowd struct {
	*lane
	mu    sync.Mutex
	holds map[string]bool     // groups that some receiver holds
	done  map[string][]string // ids deleted, by group
}

func (c *crowd) receiver() {
	for round := 1; ; round++ {
		batch, err := c.Receive(c.t.Context(), 4)
		if err != nil {
			c.t.Error(err)
			return
		}
		if len(batch) == 0 {
			return
		}
		c.claim(batch)
		for len(batch) > 0 {
			group := batch[0].Group
			end := slices.IndexFunc(batch, func(d queue.Delivery) bool { return d.Group != group })
			if end < 0 {
				end = len(batch)
			}
			keep := end
			if round%3 == 0 {
				keep = end / 2
			}
			c.finish(batch[:end], keep)
			batch = batch[end:]
		}
	}
}

// claim notes the groups of a batch, which nobody else may hold.
func (c *crowd) claim(batch []queue.Delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	mine := map[string]bool{}
	for _, d := range batch {
		if c.holds[d.Group] && !mine[d.Group] {
			c.t.Errorf("%s was received while another receiver held its group", d.DedupID)
		}
		c.holds[d.Group], mine[d.Group] = true, true
	}
}

// finish deletes the first of a group's deliveries and releases the others. The
// last call frees the group, so the claim ends before it.
func (c *crowd) finish(batch []queue.Delivery, keep int) {
	for i, d := range batch {
		c.mu.Lock()
		if i < keep {
			c.done[d.Group] = append(c.done[d.Group], d.DedupID)
		}
		if i == len(batch)-1 {
			c.holds[d.Group] = false
		}
		c.mu.Unlock()
		var err error
		if i < keep {
			err = c.Delete(c.t.Context(), d.Handle)
		} else {
			err = c.Release(c.t.Context(), d.Handle, 0)
		}
		if err != nil {
			c.t.Error(err)
		}
	}
}
