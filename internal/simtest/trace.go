package simtest

import (
	"fmt"
	"testing"

	"acervo/internal/job"
	"acervo/internal/queue"
)

// trace is a history that is told by heart: the shortest way to break a promise
// that a neighbour of the protocol does not keep.
type trace struct {
	name string
	tell func(x *script)
}

// Traces holds an adapter to every trace.
func Traces(t *testing.T, open Open) {
	t.Helper()
	for _, trace := range traces() {
		t.Run(trace.name, func(t *testing.T) {
			s := begin(t, open, 1)
			s.tell(func() { trace.tell(&script{s, s.shelf[0]}) })
		})
	}
}

// script is what traces are written in. They are about one book.
type script struct {
	*Sim
	book *bookModel
}

// asks has a client send a write of the book.
func (x *script) asks(kind job.Kind) *jobModel { return x.asksFor(&payload{kind: kind}) }

func (x *script) asksFor(p *payload) *jobModel {
	x.titles++
	p.title = fmt.Sprintf("t%d", x.titles)
	x.say("a client asks for %s", p)
	x.goOn(x.submits(0, x.book, p, nil), toTheEnd, happens)
	return x.queued[len(x.queued)-1]
}

// expecting has a client ask for an upload.
func (x *script) expecting() *jobModel {
	x.titles++
	x.say("a client asks for an upload")
	return x.expects(x.book, &payload{kind: job.CoverSet, title: fmt.Sprintf("t%d", x.titles)})
}

// lands has the picture of a job uploaded, and arrival i told of it.
func (x *script) lands(i int, j *jobModel) *actor {
	x.say("the picture of %s lands", j)
	x.uploads(j)
	return x.arrives(i, j)
}

// row has a row of an import write the book.
func (x *script) row() {
	x.titles++
	x.say("a row is imported")
	x.goOn(x.imports(0, x.book, &payload{kind: job.Replace, title: fmt.Sprintf("t%d", x.titles)}), toTheEnd, happens)
}

// receiving has worker i receive what there is.
func (x *script) receiving(i int) *actor {
	x.say("worker %d receives", i)
	return x.begun(x.receives(i, queue.MaxBatch, false))
}

// burying has worker i receive a job for the last time.
func (x *script) burying(i int) *actor {
	x.say("worker %d receives a job for the last time", i)
	return x.begun(x.receives(i, queue.MaxBatch, true))
}

func (x *script) begun(a *actor) *actor {
	x.goOn(a, 1, happens)
	if len(a.handles) == 0 {
		x.violated(lane, "%s received nothing", a.name)
	}
	return a
}

// until lets an actor go on until it stands before an access.
func (x *script) until(a *actor, what string) {
	for a.next != nil && a.next.what != what {
		x.step(a, happens)
	}
	if a.next == nil {
		x.violated(ends, "%s ended and did not %s", a.name, what)
	}
}

// through lets an actor go on until it has made an access, which goes as fate has it.
func (x *script) through(a *actor, what string, f fate) {
	x.until(a, what)
	x.step(a, f)
}

// finishes lets actors go on to their end, one after the other.
func (x *script) finishes(some ...*actor) {
	for _, a := range some {
		x.goOn(a, toTheEnd, happens)
	}
}

// dies has a job buried, and the worker gone.
func (x *script) dies(j *jobModel) {
	x.finishes(x.burying(0))
	x.is(j, job.Dead)
}

// retried has an operator ask for a retry, which is sent.
func (x *script) retried(j *jobModel) {
	x.say("an operator retries %s", j)
	x.finishes(x.retries(0, j, nil))
}

// is checks where a job stands.
func (x *script) is(j *jobModel, state job.State) {
	if j.rec.State != state {
		x.violated(ends, "%s is %q, want %s", j, j.rec.State, state)
	}
}
