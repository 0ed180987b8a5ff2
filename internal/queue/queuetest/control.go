package queuetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/queue"
)

// ControlHarness is a store under test, with its clock in hand. What it holds may
// be that of others too: the suite makes up lanes of its own.
type ControlHarness struct {
	// Control returns another Control of the lane of this name, as another worker
	// would have it.
	Control func(lane string) queue.Control
	// Reopen closes the store and opens it again, as a restart does; nil for an
	// engine that lives elsewhere. Every Control from before is done with.
	Reopen  func()
	Now     func() time.Time
	Advance func(d time.Duration) // moves Now, and no real time passes
}

// ControlSentence is one promise of queue.Control and the check that holds a
// store to it.
type ControlSentence struct {
	Text  string
	Check func(c *Controls)
}

// ControlSentences returns the contract of queue.Control.
func ControlSentences() []ControlSentence {
	return []ControlSentence{
		{"a lane is not paused until somebody pauses it", notPaused},
		{"a pause is seen by every other control of the lane, and so is its end", pauseSeen},
		{"pausing twice is pausing once, and so is resuming", pauseTwice},
		{"a pause survives a restart, and so does its end", pauseSurvives},
		{"a pause does not end by itself", pauseLasts},
		{"a pause of one lane is no matter to another", pauseOthers},

		{"a lane without workers has no heartbeats", noBeats},
		{"a heartbeat is read as it was written, by every control of the lane", beatAsWritten},
		{"of each worker only the latest heartbeat is told", beatLatest},
		{"heartbeats of several workers are told newest first", beatsNewestFirst},
		{"workers that beat at once are all told", beatsAtOnce},
		{"a heartbeat is believed for its time and no longer", beatExpires},
		{"heartbeats of one lane are no matter to another", beatOthers},
		{"a pause and a heartbeat are no matter to each other", pauseAndBeat},
	}
}

// RunControl holds a store to every sentence of queue.Control, one subtest each.
func RunControl(t *testing.T, open func(t *testing.T) ControlHarness) {
	t.Helper()
	for _, s := range ControlSentences() {
		t.Run(s.Text, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				if t.Skipped() {
					t.Error("a store may not skip a sentence")
				}
			})
			s.Check(&Controls{ControlHarness: open(t), t: t, lane: uuid.NewString()})
		})
	}
}

// Controls is a store under test, with the calls that sentences are made of and
// a lane that nobody else uses.
type Controls struct {
	ControlHarness
	t    *testing.T
	lane string
}

func (c *Controls) pause(lane string, paused bool) {
	c.t.Helper()
	c.ok(c.Control(lane).Pause(c.t.Context(), paused))
}

// paused checks that every control of a lane says so.
func (c *Controls) paused(lane string, want bool) {
	c.t.Helper()
	for range 2 {
		if got, err := c.Control(lane).Paused(c.t.Context()); err != nil || got != want {
			c.t.Fatalf("the lane is said to be paused: %v (%v), want %v", got, err, want)
		}
	}
}

// beat writes the heartbeat of a worker and returns it.
func (c *Controls) beat(lane, worker string) queue.Heartbeat {
	c.t.Helper()
	b := queue.Heartbeat{Worker: worker, At: c.Now().UTC().Truncate(time.Millisecond), Stats: queue.Stats{Waiting: len(worker)}}
	c.ok(c.Control(lane).Beat(c.t.Context(), b))
	return b
}

// beats checks that these are the heartbeats of a lane, in this order.
func (c *Controls) beats(lane string, want ...queue.Heartbeat) {
	c.t.Helper()
	got, err := c.Control(lane).Heartbeats(c.t.Context())
	c.ok(err)
	for i := range got {
		got[i].At = got[i].At.UTC()
	}
	if !slices.Equal(got, want) {
		c.t.Fatalf("the heartbeats are\n%+v, want\n%+v", got, want)
	}
}

func (c *Controls) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func notPaused(c *Controls) {
	c.paused(c.lane, false)
	c.beat(c.lane, "a")
	c.paused(c.lane, false)
}

func pauseSeen(c *Controls) {
	one, other := c.Control(c.lane), c.Control(c.lane)
	for range 3 {
		for _, want := range []bool{true, false} {
			c.ok(one.Pause(c.t.Context(), want))
			if got, err := other.Paused(c.t.Context()); err != nil || got != want {
				c.t.Fatalf("the other control says %v (%v), want %v", got, err, want)
			}
			c.paused(c.lane, want)
			one, other = other, one
		}
	}
}

func pauseTwice(c *Controls) {
	c.pause(c.lane, false)
	c.paused(c.lane, false)
	c.pause(c.lane, true)
	c.pause(c.lane, true)
	c.paused(c.lane, true)
	c.pause(c.lane, false)
	c.paused(c.lane, false)
}

func pauseSurvives(c *Controls) {
	reopen := c.Reopen
	if reopen == nil {
		reopen = func() {} // it is another process that would start again
	}
	for _, want := range []bool{true, false, true} {
		c.pause(c.lane, want)
		reopen()
		c.paused(c.lane, want)
	}
}

func pauseLasts(c *Controls) {
	c.pause(c.lane, true)
	c.Advance(365 * 24 * time.Hour)
	c.paused(c.lane, true)
}

func pauseOthers(c *Controls) {
	for _, other := range []string{uuid.NewString(), c.lane + "2", strings.ToUpper(c.lane)} {
		c.pause(c.lane, true)
		c.paused(other, false)
		c.pause(other, true)
		c.pause(c.lane, false)
		c.paused(other, true)
	}
}

func noBeats(c *Controls) {
	c.beats(c.lane)
	c.pause(c.lane, true)
	c.beats(c.lane)
}

func beatAsWritten(c *Controls) {
	full := queue.Heartbeat{
		Worker: "Ö worker/1", At: c.Now().UTC().Truncate(time.Millisecond),
		Stats:         queue.Stats{Waiting: 200_000, InFlight: 2, Delayed: 3, OldestAge: 14*24*time.Hour + 123456789},
		DonePerSecond: 1234.5, GrowthPerSecond: -0.125, Stuck: 4,
	}
	one, other := c.Control(c.lane), c.Control(c.lane)
	c.ok(one.Beat(c.t.Context(), full))
	c.beats(c.lane, full)
	got, err := other.Heartbeats(c.t.Context())
	c.ok(err)
	if len(got) != 1 || got[0].Worker != full.Worker {
		c.t.Errorf("the other control says %+v", got)
	}
	c.Advance(time.Second)
	empty := queue.Heartbeat{Worker: full.Worker, At: c.Now().UTC().Truncate(time.Millisecond)}
	c.ok(other.Beat(c.t.Context(), empty))
	c.beats(c.lane, empty)
}

func beatLatest(c *Controls) {
	for range 3 {
		c.Advance(queue.HeartbeatEvery)
		c.beats(c.lane, c.beat(c.lane, "a"))
	}
}

func beatsNewestFirst(c *Controls) {
	first := c.beat(c.lane, "b")
	c.Advance(time.Second)
	second := c.beat(c.lane, "a")
	c.Advance(time.Second)
	third := c.beat(c.lane, "c")
	c.beats(c.lane, third, second, first)
	c.Advance(time.Second)
	again := c.beat(c.lane, "b")
	c.beats(c.lane, again, third, second)
}

func beatsAtOnce(c *Controls) {
	const workers = 20
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			b := queue.Heartbeat{Worker: fmt.Sprint(i), At: c.Now()}
			if err := c.Control(c.lane).Beat(c.t.Context(), b); err != nil {
				c.t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := c.Control(c.lane).Heartbeats(c.t.Context()); err != nil || len(got) != workers {
		c.t.Errorf("%d workers are told (%v), want %d", len(got), err, workers)
	}
}

// Engines keep this time to the second.
const margin = 2 * time.Second

func beatExpires(c *Controls) {
	first := c.beat(c.lane, "a")
	c.Advance(queue.HeartbeatTTL - margin)
	c.beats(c.lane, first)
	second := c.beat(c.lane, "b")
	c.beats(c.lane, second, first)
	c.Advance(2 * margin)
	c.beats(c.lane, second)
	c.beats(c.lane, c.beat(c.lane, "c"), second)
	c.Advance(queue.HeartbeatTTL + margin)
	c.beats(c.lane)
	c.beats(c.lane, c.beat(c.lane, "a")) // it is back
}

func beatOthers(c *Controls) {
	other := uuid.NewString()
	mine := c.beat(c.lane, "a")
	c.beats(other)
	c.Advance(time.Second)
	theirs := c.beat(other, "a")
	c.beats(c.lane, mine)
	c.beats(other, theirs)
}

func pauseAndBeat(c *Controls) {
	c.pause(c.lane, true)
	first := c.beat(c.lane, "a")
	c.paused(c.lane, true)
	c.beats(c.lane, first)
	c.pause(c.lane, false)
	c.beats(c.lane, first)
	c.beat(c.lane, "a")
	c.paused(c.lane, false)
}
