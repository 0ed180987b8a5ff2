package simtest

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"acervo/internal/job"
	"acervo/internal/work"
)

const (
	maxSteps = 300                  // accesses of one actor
	restFor  = 10 * time.Second     // how long a message rests after a failed attempt
	tooOften = work.MaxReceives + 1 // receives that bury a job
)

// The promises, by which a violation is named.
const (
	durable = "P1 acknowledged is durable"
	order   = "P2 in order per book"
	once    = "P3 once in effect"
	newer   = "P4 nothing newer is overwritten"
	ends    = "P5 every job ends"
	record  = "record and effect agree"
	refusal = "refusals are true"
	content = "books hold what was written"
	ledger  = "the dead stay listed until an operator decides"
	key     = "one key, one job"
	lane    = "the lane keeps its contract"
	damage  = "nothing is damaged"
)

// logger is who tells of a history: a test, or a property of rapid.
type logger interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// violation is a promise that was broken. It ends a history by panic, so that
// every one ends in one place.
type violation struct{ promise, how string }

// clock is the time of a history, to the second.
type clock struct{ seconds atomic.Int64 }

func (c *clock) now() time.Time { return time.Unix(c.seconds.Load(), 0).UTC() }

func (c *clock) pass(d time.Duration) { c.seconds.Add(int64(d / time.Second)) }

// Sim is one history: the stores, the actors at work on them, and the model.
type Sim struct {
	t      logger
	stores Stores
	clock  *clock
	ring   *job.Keyring
	log    *slog.Logger

	workers, clients, operators, rows, arrivals []*actor // nil where nobody is at work
	late                                        []func() // accesses that are still to land

	books  map[uuid.UUID]*bookModel
	shelf  []*bookModel // the same in order
	jobs   map[string]*jobModel
	queued []*jobModel // the same in order of being met
	keys   []*keyModel
	lane   []*message

	pictures map[string]*jobModel // that were uploaded and not removed, by key

	dropped []*dropModel
	arrival time.Time // of the latest file

	sent   map[string]bool // every message, by its deduplication id
	caller string          // whose the keys are

	handles []string // every handle that was given out
	titles  int      // payloads that were drawn
	story   []said
	wrote   bool // something was written in this command
	paused  bool
}

func newSim(t logger, stores Stores, c *clock, books int) *Sim {
	s := &Sim{
		t: t, stores: stores, clock: c, ring: job.NewKeyring(c.now, job.NewKey()),
		log:     slog.New(slog.DiscardHandler),
		workers: make([]*actor, 3), clients: make([]*actor, 2), operators: make([]*actor, 2), rows: make([]*actor, 2),
		arrivals: make([]*actor, 2), pictures: map[string]*jobModel{},
		books: map[uuid.UUID]*bookModel{}, jobs: map[string]*jobModel{}, sent: map[string]bool{}, caller: uuid.NewString(),
	}
	for i := range books {
		b := &bookModel{name: fmt.Sprintf("b%d", i), id: uuid.New()}
		b.item.ID = b.id
		s.books[b.id] = b
		s.shelf = append(s.shelf, b)
	}
	for i := range 2 {
		s.keys = append(s.keys, &keyModel{text: fmt.Sprintf("k%d", i)})
	}
	return s
}

// said is a part of the tale of a history. It is put together when somebody
// reads it.
type said struct {
	format string
	args   []any
}

func (s *Sim) violated(promise, how string, args ...any) {
	panic(violation{promise, fmt.Sprintf(how, args...)})
}

// say begins a line of the tale.
func (s *Sim) say(format string, args ...any) { s.story = append(s.story, said{"\n" + format, args}) }

// note adds to the line.
func (s *Sim) note(format string, args ...any) { s.story = append(s.story, said{format, args}) }

func (s *Sim) tale() string {
	var b strings.Builder
	for _, part := range s.story {
		fmt.Fprintf(&b, part.format, part.args...)
	}
	return b.String()
}

// actors returns everybody at work.
func (s *Sim) actors() (all []*actor) {
	for _, slots := range [][]*actor{s.workers, s.clients, s.operators, s.rows, s.arrivals} {
		for _, a := range slots {
			if a != nil && a.next != nil {
				all = append(all, a)
			}
		}
	}
	return all
}

// tell runs a history to its end. A broken promise fails the test, always from
// the same place, by which rapid knows a failure again.
func (s *Sim) tell(history func()) {
	if v := s.broken(history); v != nil {
		s.t.Logf("what happened:%s", s.tale())
		s.t.Fatalf("VIOLATED %s: %s", v.promise, v.how)
	}
}

// broken runs a history, lets it settle and returns what was violated, if
// anything was. It leaves no goroutine behind.
func (s *Sim) broken(history func()) (v *violation) {
	defer s.killAll()
	defer func() {
		switch p := recover().(type) {
		case nil:
		case violation:
			v = &p
		default:
			panic(p)
		}
	}()
	history()
	s.settle()
	return nil
}

// run does a command and looks at everything if it has written something.
func (s *Sim) run(c command) {
	s.wrote = false
	s.say("%s", c.text)
	c.do()
	if s.wrote {
		s.sweep()
	}
}

// killAll leaves no goroutine behind, whatever became of the history.
func (s *Sim) killAll() {
	for _, a := range s.actors() {
		s.kill(a)
	}
}
