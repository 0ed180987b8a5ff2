package simtest

import (
	"context"
	"errors"
	"time"

	"acervo/internal/fault"
)

// actor is one worker, or one request: code of the product in a goroutine that
// stops before each access to a store or to the lane, until the scheduler says
// how that access is to go.
type actor struct {
	name string
	asks chan *access
	done chan struct{}

	next  *access // what it will do when it goes on; nil when it has ended
	dead  bool    // it was killed: whatever it still calls does nothing
	steps int
	quits bool // it gives a picture up

	ended      func()             // called once it has ended, unless it was killed
	wants      *payload           // the write of a client or of a row, the edit of an operator
	handles    []string           // of the deliveries that a worker holds
	stop, shut context.CancelFunc // end what a worker does, and keep it from beginning more
}

// access is one access of an actor to a store or to the lane.
type access struct {
	what   string
	do     func() error
	lasts  bool // it writes, and may still land after its caller has given it up
	result chan error
}

// fate is how an access goes.
type fate string

const (
	happens     fate = "happens"
	unavailable fate = "finds the store down"
	fails       fate = "fails"
	throttled   fate = "is throttled"
	answerLost  fate = "happens, and the answer is lost"
	diesBefore  fate = "is not reached: the process is killed"
	diesAfter   fate = "happens, and the process is killed"
	lands       fate = "is given up, and happens later"
	interrupted fate = "is interrupted"
)

func errDead() error { return fault.New(fault.Unavailable, "the process was killed") }

// gate stops the actor before an access and returns how it went.
func (a *actor) gate(ctx context.Context, x *access) error {
	if a.dead {
		return errDead()
	}
	if ctx.Err() != nil {
		return fault.Wrap(fault.Unavailable, ctx.Err(), "given up")
	}
	x.result = make(chan error, 1)
	a.asks <- x
	return <-x.result
}

// start makes an actor of fn and lets it run to its first access.
func (s *Sim) start(name string, wants *payload, fn func(a *actor)) *actor {
	a := &actor{name: name, wants: wants, asks: make(chan *access), done: make(chan struct{})}
	go func() {
		defer close(a.done)
		fn(a)
	}()
	s.await(a)
	return a
}

// busy reports whether there is an actor that has not ended.
func (a *actor) busy() bool { return a != nil && a.next != nil }

// await waits until the actor stands before its next access, or has ended.
func (s *Sim) await(a *actor) {
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	select {
	case a.next = <-a.asks:
		a.steps++
		if a.steps > maxSteps {
			s.violated(ends, "%s does not come to an end", a.name)
		}
	case <-a.done:
		a.next = nil
		if a.ended != nil && !a.dead {
			a.ended()
		}
	case <-late.C:
		s.violated(ends, "%s hangs", a.name)
	}
}

// step lets an actor make its next access, which goes as fate has it.
func (s *Sim) step(a *actor, f fate) {
	x := a.next
	if f == lands && !x.lasts {
		f = fails
	}
	var err error
	switch f {
	case happens:
		err = s.perform(a, x)
	case answerLost, diesAfter:
		if err = s.perform(a, x); err == nil {
			err = errors.New("the answer was lost")
		}
		s.note(", which %s", f)
	default:
		s.say("  %s: %s, which %s", a.name, x.what, f)
		err = f.err()
	}
	switch f {
	case diesBefore, diesAfter:
		a.dead, err = true, errDead()
	case interrupted:
		a.interrupt()
	case lands:
		s.late = append(s.late, func() { _ = s.perform(a, x) })
	default:
	}
	x.result <- err
	s.await(a)
}

// err is what the caller of an access hears that does not happen.
func (f fate) err() error {
	switch f {
	case unavailable:
		return fault.New(fault.Unavailable, "the store is down")
	case throttled:
		return fault.New(fault.Throttled, "too many requests")
	case interrupted:
		return fault.Wrap(fault.Unavailable, context.Canceled, "given up")
	default:
		return errors.New("something failed")
	}
}

// perform makes an access happen.
func (s *Sim) perform(a *actor, x *access) error {
	s.say("  %s: %s", a.name, x.what)
	err := x.do()
	if err != nil {
		s.note(": %s", fault.KindOf(err))
	}
	return err
}

// interrupt ends the context of an actor's work.
func (a *actor) interrupt() {
	if a.stop != nil {
		a.stop()
	}
}

// kill ends an actor wherever it stands.
func (s *Sim) kill(a *actor) {
	a.dead = true
	for a.next != nil {
		a.next.result <- errDead()
		s.await(a)
	}
}
