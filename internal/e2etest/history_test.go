package e2etest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// honest is a history that keeps every promise: number 3 got no answer but
// happened, number 5 did not happen.
func honest() history {
	acked := func(method string, number int, version int64) write {
		return write{method: method, number: number, job: "j", end: JobSeen{State: "succeeded", BookVersion: version}}
	}
	refused := acked(http.MethodPatch, 7, 0)
	refused.end.State, refused.end.Error.Status = "failed", http.StatusNotFound
	return history{
		book: "b",
		writes: []write{
			acked(http.MethodPost, 1, 1),
			acked(http.MethodPatch, 2, 2),
			{method: http.MethodPut, number: 3},
			acked(http.MethodPatch, 4, 4),
			{method: http.MethodPut, number: 5},
			acked(http.MethodDelete, 6, 5),
			refused,
			acked(http.MethodPut, 8, 6),
			acked(http.MethodPatch, 9, 7),
		},
		final: bookState{live: true, version: 7, content: content{title: 8, description: 9}},
	}
}

func TestTheCheckerComplains(t *testing.T) {
	t.Parallel()
	complaints := func(t *testing.T, h history, about string) {
		t.Helper()
		if got := strings.Join(check(h), "\n"); got == "" || !strings.Contains(got, about) {
			t.Errorf("complains %q, want something about %q", got, about)
		}
	}
	for name, c := range map[string]struct {
		spoil func(*history)
		about string
	}{
		"of a job that never ended":                    {func(h *history) { h.writes[3].end = JobSeen{State: "queued"} }, "write 4 (PATCH) of book b, job \"j\", never ended"},
		"of a job that still tries":                    {func(h *history) { h.writes[3].end.State = "retrying" }, "never ended"},
		"of a job that ended dead":                     {func(h *history) { h.writes[1].end.State = "dead" }, "write 2"},
		"of a lost write that is said to be applied":   {func(h *history) { h.writes[1].end.BookVersion = 1; h.writes[3].end.BookVersion = 3 }, "write 2"},
		"of a lost last write":                         {func(h *history) { h.final = bookState{true, 6, content{8, 8}} }, "book b reads"},
		"of a lost book":                               {func(h *history) { h.final = bookState{} }, "book b reads"},
		"of a write applied twice":                     {func(h *history) { later(h, 1, 1) }, "write 2"},
		"of a last write applied twice":                {func(h *history) { h.final.version++ }, "book b reads"},
		"of more gaps than unanswered writes":          {func(h *history) { later(h, 3, 1) }, "write 4"},
		"of two writes applied in the other order":     {func(h *history) { swapVersions(h, 0, 1) }, "write 1"},
		"of versions in order over content that isn't": {func(h *history) { h.final.title = 3 }, "book b reads"},
		"of a refusal without a reason":                {func(h *history) { h.writes[6].end.Error.Status = http.StatusConflict }, "write 7"},
		"of a success that should be a refusal":        {func(h *history) { h.writes[6].end = JobSeen{State: "succeeded", BookVersion: 6} }, "write 7"},
		"of an unanswered write that came too late":    {func(h *history) { h.final.title, h.final.description, h.final.version = 5, 5, 8 }, "book b reads"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := honest()
			c.spoil(&h)
			complaints(t, h, c.about)
		})
	}
}

// later raises the versions from a write on.
func later(h *history, from int, by int64) {
	for i := from; i < len(h.writes); i++ {
		if h.writes[i].end.State == "succeeded" {
			h.writes[i].end.BookVersion += by
		}
	}
	h.final.version += by
}

func swapVersions(h *history, i, j int) {
	h.writes[i].end.BookVersion, h.writes[j].end.BookVersion = h.writes[j].end.BookVersion, h.writes[i].end.BookVersion
}

func TestTheCheckerIsContent(t *testing.T) {
	t.Parallel()
	t.Run("with an honest history", func(t *testing.T) {
		t.Parallel()
		if got := check(honest()); got != nil {
			t.Error(got)
		}
	})
	t.Run("whatever became of the unanswered writes, but not with a write more or less", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			h, applied := anyHistory(t, 20)
			if got := check(h); got != nil {
				t.Fatal(got)
			}
			if len(applied) == 0 {
				return
			}
			victim := rapid.SampledFrom(applied).Draw(t, "victim")
			by := rapid.SampledFrom([]int64{-1, 1}).Draw(t, "by")
			answered := !slices.ContainsFunc(h.writes, func(w write) bool { return w.job == "" })
			later(&h, victim, by)
			if answered && check(h) == nil {
				t.Fatalf("content with versions %+d from write %d on", by, victim)
			}
		})
	})
}

// anyHistory is an honest history of at most so many writes, and the places of the
// acknowledged ones that were applied.
func anyHistory(t *rapid.T, most int) (h history, applied []int) {
	method := rapid.SampledFrom([]string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete})
	fate := rapid.SampledFrom([]string{"answered", "answered", "answered", "cut, happened", "cut, lost"})
	var s bookState
	for i := range rapid.IntRange(0, most).Draw(t, "writes") {
		w := write{method: method.Draw(t, "method"), number: i + 1}
		fate := fate.Draw(t, "fate")
		next, refusal := w.apply(s)
		if fate == "answered" {
			w.job, w.end.State, w.end.BookVersion = "j", "succeeded", next.version
			if refusal != 0 {
				w.end = JobSeen{State: "failed"}
				w.end.Error.Status = refusal
			} else {
				applied = append(applied, i)
			}
		}
		if fate != "cut, lost" {
			s = next
		}
		h.writes = append(h.writes, w)
	}
	h.final = s
	return h, applied
}
