package simtest

import (
	"flag"
	"runtime"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Histories holds adapters to the promises through n random histories each, side
// by side, since one history keeps one processor busy. A failing one is made as
// short as can be and printed, with the flag that tells it again.
func Histories(t *testing.T, n int, opens ...Open) {
	t.Helper()
	if err := flag.Set("rapid.checks", strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	for i, open := range opens {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { history(t, open) })
		})
	}
}

func history(t *rapid.T, open Open) {
	s := begin(t, open, rapid.SampledFrom([]int{1, 2, 3}).Draw(t, "books"))
	s.tell(func() {
		for i := 1; i <= maxCommands; i++ {
			c, more := s.next(t, strconv.Itoa(i))
			if !more {
				return
			}
			s.run(c)
		}
	})
}

// next draws a command. There are no more when rapid, shortening a history, has
// taken draws away: then it panics, and the history that is left is short enough
// to be told.
func (s *Sim) next(t *rapid.T, label string) (c command, more bool) {
	defer func() {
		p := recover()
		if bug, ok := p.(runtime.Error); ok {
			panic(bug)
		}
		more = p == nil
	}()
	return rapid.Custom(s.command).Draw(t, label), true
}

// begin opens stores for a history of so many books.
func begin(t logger, open Open, books int) *Sim {
	c := &clock{}
	c.seconds.Store(time.Date(2024, time.February, 29, 12, 0, 0, 0, time.UTC).Unix())
	stores, err := open(c.now)
	if err != nil {
		t.Fatalf("open the stores: %v", err)
	}
	return newSim(t, stores, c, books)
}
