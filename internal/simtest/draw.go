package simtest

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"acervo/internal/book"
	"acervo/internal/job"
	"acervo/internal/queue"
)

// maxCommands is the most commands of a history.
const maxCommands = 40

// command is one command of a history, as it is told and as it is done.
type command struct {
	text string
	do   func()
}

// GoString is how rapid shows a command.
func (c command) GoString() string { return c.text }

// dice draw the commands of a history. They lean towards what a small draw means.
type dice struct {
	s *Sim
	t *rapid.T
}

// below draws a number from 0 to n-1.
func (d dice) below(n int) int {
	if n <= 1 {
		return 0
	}
	return rapid.IntRange(0, n-1).Draw(d.t, "below")
}

func pick[T any](d dice, some []T) T { return some[d.below(len(some))] }

// chance is true once in n draws, or somewhat less often.
func (d dice) chance(n int) bool { return d.below(n) == n-1 }

// command draws the next command of a history.
func (s *Sim) command(t *rapid.T) command {
	d := dice{s, t}
	draws := s.draws()
	draw := draws[d.below(len(draws))]
	if c := draw(d); c.do != nil {
		return c
	}
	return d.works()
}

// draws is the table of commands: how often each stands in it is its weight, and
// the first ones are drawn more often still.
func (s *Sim) draws() []func(dice) command {
	table := []struct {
		weight int
		draw   func(dice) command
	}{
		{2, dice.works},
		{2, dice.submits},
		{4, dice.works},
		{3, dice.ends},
		{3, dice.operates},
		{3, dice.imports},
		{2, dice.covers},
		{4, dice.works},
		{2, dice.submits},
		{2, dice.covers},
		{2, dice.others},
		{1, dice.time},
		{1, dice.late},
		{1, dice.sendsAgain},
		{1, dice.stale},
		{1, dice.extends},
		{1, dice.rare},
		{1, dice.operates},
	}
	var draws []func(dice) command
	for _, row := range table {
		for range row.weight {
			draws = append(draws, row.draw)
		}
	}
	return draws
}

// way is how far an actor goes in one command: some accesses, then perhaps one
// with another fate, then some more.
type way struct {
	first int
	fate  fate
	then  int
}

func (d dice) way(lengths ...int) way {
	w := way{first: pick(d, lengths), fate: happens}
	if w.first != toTheEnd && (w.first == 0 || d.chance(3)) {
		w.fate = pick(d, []fate{diesBefore, answerLost, fails, diesAfter, unavailable, lands, throttled, interrupted})
		w.then = pick(d, []int{toTheEnd, 1, 2, 0})
	}
	return w
}

// shortWay is the way of a request, which makes few accesses.
func (d dice) shortWay() way { return d.way(toTheEnd, 1, 0, toTheEnd, 2) }

func (w way) String() string {
	if w.fate == happens {
		return far(w.first)
	}
	return fmt.Sprintf("%s, then one that %s, then %s", far(w.first), w.fate, far(w.then))
}

func far(n int) string {
	switch n {
	case 0:
		return "no further"
	case 1:
		return "one access"
	case toTheEnd:
		return "to the end"
	default:
		return fmt.Sprintf("%d accesses", n)
	}
}

// goes lets an actor go its way, if there is one.
func (s *Sim) goes(a *actor, w way) {
	if a == nil {
		return
	}
	s.goOn(a, w.first, happens)
	if w.fate != happens {
		s.goOn(a, 1, w.fate)
		s.goOn(a, w.then, happens)
	}
}

// goesOn is the command that an actor goes on.
func (d dice) goesOn(a *actor) command {
	w := d.way(1, toTheEnd, 2, toTheEnd, 3, 0, 4, toTheEnd)
	return command{fmt.Sprintf("%s goes on, %s", a.name, w), func() { d.s.goes(a, w) }}
}

// works has a worker go on, or begin.
func (d dice) works() command {
	i := d.below(len(d.s.workers))
	if a := d.s.workers[i]; a.busy() {
		return d.goesOn(a)
	}
	if !d.s.deliverable() {
		return d.instead()
	}
	w := d.way(toTheEnd, 1, 2, 3, 4, 5, toTheEnd, 6)
	limit, spent := pick(d, []int{queue.MaxBatch, 2, 1, 3}), d.chance(6)
	text := fmt.Sprintf("worker %d receives up to %d and goes on, %s", i, limit, w)
	if spent {
		text += "; it is the last try"
	}
	return command{text, func() { d.s.goes(d.s.receives(i, limit, spent), w) }}
}

// instead is what a worker that would receive nothing makes room for.
func (d dice) instead() command {
	for _, a := range d.s.workers {
		if a.busy() {
			return d.goesOn(a)
		}
	}
	switch {
	case d.s.paused:
		return d.pauses()
	case len(d.s.lane) > 0:
		return d.ends()
	}
	if c := d.submits(); c.do != nil {
		return c
	}
	return d.imports()
}

// submits has a client ask for a write.
func (d dice) submits() command {
	i := d.below(len(d.s.clients))
	if d.s.clients[i].busy() || len(d.s.queued) > 7 {
		return command{}
	}
	b, p := pick(d, d.s.shelf), d.payload()
	if d.chance(8) {
		p = &payload{kind: job.CoverRemove, title: p.title}
	}
	p.ifMatch, p.ifNoneMatch = d.conditions(b)
	var k *keyModel
	if d.chance(3) {
		k = pick(d, d.s.keys)
		if k.request != nil && !d.chance(4) {
			p, b = k.request, k.book
		}
	}
	w := d.shortWay()
	text := fmt.Sprintf("client %d asks for %s of %s, %s", i, p, b, w)
	if k != nil {
		text += " with " + k.text
	}
	return command{text, func() { d.s.goes(d.s.submits(i, b, p, k), w) }}
}

// payload draws what a write asks for.
func (d dice) payload() *payload {
	d.s.titles++
	p := &payload{
		kind:  pick(d, []job.Kind{job.Replace, job.Update, job.Create, job.Delete}),
		title: fmt.Sprintf("t%d", d.s.titles),
	}
	d.price(p)
	if p.kind == job.Replace && d.chance(3) {
		p.begins = int64(1 + d.below(9))
	}
	return p
}

// price draws a price now and then.
func (d dice) price(p *payload) {
	switch pick(d, []int{0, 0, 0, 1, 2}) {
	case 1:
		p.amount, p.currency = "5", "JPY"
	case 2:
		p.amount, p.currency = "1.50", "USD"
	}
}

// conditions draws preconditions around the version of a book.
func (d dice) conditions(b *bookModel) (match, noneMatch *book.Tags) {
	switch d.below(8) {
	case 4, 5:
		return &book.Tags{Versions: []int64{max(0, b.item.Version-1) + int64(d.below(4))}}, nil
	case 6:
		return nil, &book.Tags{Versions: []int64{b.item.Version + int64(d.below(2))}}
	case 7:
		anyVersion := &book.Tags{Any: true}
		if d.chance(2) {
			return anyVersion, nil
		}
		return nil, anyVersion
	}
	return nil, nil
}

// ends has leases run out, so that others take over from whoever is slow.
func (d dice) ends() command { return command{"the leases run out", d.s.leasesEnd} }

// others has somebody go on who is no worker.
func (d dice) others() command {
	var some []*actor
	for _, a := range d.s.actors() {
		if a.stop == nil {
			some = append(some, a)
		}
	}
	if len(some) == 0 {
		return command{}
	}
	return d.goesOn(pick(d, some))
}

// operates has an operator decide about a job that is dead, or was just now.
func (d dice) operates() command {
	var dead []*jobModel
	for _, j := range d.s.queued {
		if j.listed {
			dead = append(dead, j)
		}
	}
	i := d.below(len(d.s.operators))
	if len(dead) == 0 || d.s.operators[i].busy() {
		return command{}
	}
	j, w := pick(d, dead), d.shortWay()
	choice := d.below(8)
	switch {
	case choice == 6:
		return command{fmt.Sprintf("operator %d discards %s, %s", i, j, w), func() { d.s.goes(d.s.discards(i, j), w) }}
	case choice == 7 && !j.asks().kind.OfCover(): // which hold nothing to edit
		edit := d.payload()
		edit.kind = j.asks().kind
		return command{fmt.Sprintf("operator %d retries %s as %q, %s", i, j, edit.title, w), func() {
			d.s.goes(d.s.retries(i, j, edit), w)
		}}
	default:
		return command{fmt.Sprintf("operator %d retries %s, %s", i, j, w), func() { d.s.goes(d.s.retries(i, j, nil), w) }}
	}
}

// time has the clock go on or jump.
func (d dice) time() command {
	by := pick(d, []time.Duration{time.Second, -10 * time.Minute, 10 * time.Minute, 10 * time.Second, -5 * time.Second})
	return command{fmt.Sprintf("the clock goes by %s", by), func() { d.s.passes(by) }}
}

// late has an access land that its caller has given up.
func (d dice) late() command {
	if len(d.s.late) == 0 {
		return command{}
	}
	i := d.below(len(d.s.late))
	return command{"an access that was given up lands", func() {
		land := d.s.late[i]
		d.s.late = append(d.s.late[:i:i], d.s.late[i+1:]...)
		land()
	}}
}

// sendsAgain has a message sent once more.
func (d dice) sendsAgain() command {
	var sent []*jobModel
	for _, j := range d.s.queued {
		if j.body != nil {
			sent = append(sent, j)
		}
	}
	if len(sent) == 0 {
		return command{}
	}
	j := pick(d, sent)
	return command{fmt.Sprintf("%s is sent again", j), func() { d.s.sendsAgain(j) }}
}

// stale has a handle used that owns nothing any more.
func (d dice) stale() command {
	var stale []string
	for _, h := range d.s.handles {
		if d.s.owned(h) == nil {
			stale = append(stale, h)
		}
	}
	if len(stale) == 0 {
		return command{}
	}
	h, how := pick(d, stale), d.below(3)
	verb := []string{"delete", "release", "extend"}[how]
	return command{"a stale handle is used to " + verb, func() { d.s.usesStale(h, how) }}
}

// extends has a worker renew its leases.
func (d dice) extends() command {
	a := d.s.workers[d.below(len(d.s.workers))]
	if !a.busy() {
		return command{}
	}
	return command{a.name + " renews its leases", func() { d.s.extends(a) }}
}

// pauses has the lane paused, or resumed.
func (d dice) pauses() command {
	if d.s.paused {
		return command{"the lane is resumed", func() { d.s.pauses(false) }}
	}
	return command{"the lane is paused", func() { d.s.pauses(true) }}
}

// rare is what happens now and then.
func (d dice) rare() command {
	switch d.below(4) {
	case 2:
		b := pick(d, d.s.shelf)
		return command{fmt.Sprintf("something unreadable is sent for %s", b), func() { d.s.sendsGarbage(b) }}
	case 3:
		if d.s.stores.Restart != nil {
			return command{"the process is killed and starts again", d.s.restarts}
		}
		return d.time()
	default:
		return d.pauses()
	}
}
