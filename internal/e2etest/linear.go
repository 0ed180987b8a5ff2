package e2etest

import (
	"fmt"
	"math"
	"time"

	"github.com/anishathalye/porcupine"
)

// linearPatience bounds the search for an order, which grows without measure with
// what overlaps. A test has few enough of it to come to an end in no time.
const linearPatience = time.Minute

// linear returns what is wrong with a history as that of one thing on which
// everything happens at one moment: a write between its request and the first
// sight of its end, a read between request and answer. What nobody knows may have
// happened at any time or never. Unlike check it does not know in which order the
// writes were accepted, but it does know the readers and the time.
func linear(h history) error {
	operations := h.operations()
	verdict, info := porcupine.CheckOperationsVerbose(oneBook(), operations, linearPatience)
	if verdict == porcupine.Ok {
		return nil
	}
	longest := 0
	for _, partial := range info.PartialLinearizations()[0] {
		longest = max(longest, len(partial))
	}
	return fmt.Errorf("the history of book %s is not linear (%s): at most %d of its %d reads and writes have an order",
		h.book, verdict, longest, len(operations))
}

// oneBook is the sequential book that a history is compared with.
func oneBook() porcupine.Model {
	book := porcupine.NondeterministicModel{
		Init: func() []any { return []any{bookState{}} },
		Step: func(state, input, _ any) (possible []any) {
			before := state.(bookState)
			switch op := input.(type) {
			case reading:
				if op.seen.looksLike(before) {
					possible = append(possible, before)
				}
			case write:
				for _, after := range op.after([]bookState{before}) {
					possible = append(possible, after)
				}
			}
			return possible
		},
	}
	return book.ToModel()
}

// operations are the reads and writes, what each saw included.
func (h history) operations() (all []porcupine.Operation) {
	for _, w := range h.writes {
		end := int64(math.MaxInt64)
		if w.known > 0 {
			end = int64(w.known)
		}
		all = append(all, porcupine.Operation{Input: w, Call: int64(w.sent), Return: end})
	}
	for _, r := range h.reads {
		all = append(all, porcupine.Operation{Input: r, Call: int64(r.from), Return: int64(r.to)})
	}
	return all
}
