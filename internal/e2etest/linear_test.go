package e2etest

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// timed is an honest history of writes and reads that overlap. Write i is sent at
// 10i and happens at 10i + 5; acknowledged ones are known to have ended at 10i + 9.
func timed() history {
	h := honest()
	var s bookState
	for i := range h.writes {
		w := &h.writes[i]
		w.sent = time.Duration(10 * i)
		if w.job != "" {
			w.known = w.sent + 9
		}
		before := s
		if w.number != 5 { // which did not happen
			s, _ = w.apply(s)
		}
		h.reads = append(h.reads,
			reading{seen: before, from: w.sent + 1, to: w.sent + 6}, // both overlap the write
			reading{seen: s, from: w.sent + 4, to: w.sent + 7})
	}
	h.reads = append(h.reads, reading{seen: h.final, from: 1000, to: 1001})
	return h
}

func TestAHistoryThatIsNotLinearIsNoticed(t *testing.T) {
	t.Parallel()
	read := func(i int, after bool) int { // place of a read around write i
		if after {
			return 2*i + 1
		}
		return 2 * i
	}
	for name, spoil := range map[string]func(*history){
		"a read that is older than a write known to have ended": func(h *history) {
			r := &h.reads[read(1, false)]
			r.from, r.to = 20, 21
		},
		"a read of what was not yet sent": func(h *history) {
			r := &h.reads[read(3, true)]
			r.from, r.to = 21, 22
		},
		"two reads one after the other that go backwards": func(h *history) {
			h.reads[read(3, true)].to, h.reads[read(3, false)].from = 35, 36
			h.reads[read(3, false)].to = 37
		},
		"a read of content that no write gave": func(h *history) { h.reads[read(3, true)].seen.title = 2 },
		"a version that no write gave":         func(h *history) { h.reads[read(7, true)].seen.version++ },
		"a book that is not there, though it was not deleted": func(h *history) {
			h.reads[read(3, true)].seen = bookState{}
		},
		"a write applied twice": func(h *history) { later(h, 3, 1); laterReads(h, 3) },
		"a write that was lost": func(h *history) {
			h.reads = append(h.reads, reading{seen: bookState{true, 6, content{8, 8}}, from: 1002, to: 1003})
		},
		"a write that ended before the one it followed was sent": func(h *history) {
			h.writes[3].sent, h.writes[3].known = 0, 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := timed()
			spoil(&h)
			if linear(h) == nil {
				t.Error("it passed for linear")
			}
		})
	}
}

// laterReads raises by one the versions read from write i on.
func laterReads(h *history, i int) {
	for n := range h.reads {
		if r := &h.reads[n]; n > 2*i && r.seen.live {
			r.seen.version++
		}
	}
}

func TestAnHonestHistoryIsLinear(t *testing.T) {
	t.Parallel()
	t.Run("when reads and writes overlap", func(t *testing.T) {
		t.Parallel()
		if err := linear(timed()); err != nil {
			t.Error(err)
		}
	})
	t.Run("when writes without an answer happened late, or never", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			h, _ := anyHistory(t, 10) // all of which overlap
			sent := rapid.SliceOfN(rapid.Int64Range(0, 50), len(h.writes), len(h.writes)).Draw(t, "sent")
			slices.Sort(sent)
			for i := range h.writes {
				w := &h.writes[i]
				w.sent = time.Duration(sent[i])
				if w.job != "" {
					w.known = time.Duration(rapid.Int64Range(1000, 2000).Draw(t, "known"))
				}
			}
			h.reads = []reading{{seen: h.final, from: 2001, to: 2002}}
			if err := linear(h); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("and stays so when a refusal is seen long after", func(t *testing.T) {
		t.Parallel()
		h := timed()
		i := slices.IndexFunc(h.writes, func(w write) bool { return w.end.Error.Status == http.StatusNotFound })
		h.writes[i].known = 5000
		if err := linear(h); err != nil {
			t.Error(err)
		}
	})
}
