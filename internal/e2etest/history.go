package e2etest

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// write is one write of one book as its client knows it.
type write struct {
	method string // POST with the book's id, PUT, PATCH or DELETE
	number int    // its content names it, see content
	key    string // its Idempotency-Key, if it has one
	job    string // address of its job, from the 202; empty when no answer came
	end    JobSeen
	sent   time.Duration // when its request began; times are of the test's clock
	known  time.Duration // when the end of its job was first seen; zero while it was not
}

// reading is a book as somebody read it, some time between from and to.
type reading struct {
	seen     bookState
	from, to time.Duration
}

// content is what a book says: the number of the write that set each field. POST
// and PUT set both, PATCH sets the description.
type content struct{ title, description int }

// bookState is all that can be known of a book.
type bookState struct {
	live    bool
	version int64
	content
}

// history is what clients saw of one book. Each write was sent after the one
// before it had been answered, if need be because it was sent again with its key,
// or after the process that had it could no longer answer: what got no answer took
// effect in its place or never will.
type history struct {
	book   string
	writes []write
	reads  []reading // in no order
	final  bookState // as read when all was quiet
}

// check returns what in a history breaks a promise, nothing for one that keeps
// them: every acknowledged job has ended, and some choice of the unanswered
// writes to have happened explains every outcome, every version and the book as
// it was read at last. So no acknowledged write is lost, none is applied twice,
// and all are applied in order.
func check(h history) (complaints []string) {
	for _, w := range h.writes {
		if w.job != "" && !w.end.Ended() {
			complaints = append(complaints, fmt.Sprintf("%s never ended", w.name(h.book)))
		}
	}
	if len(complaints) > 0 {
		return complaints
	}
	possible := []bookState{{}}
	for _, w := range h.writes {
		next := w.after(possible)
		if len(next) == 0 {
			return []string{fmt.Sprintf("%s ended %s with version %d, problem %d, but the writes before it leave the book as %+v",
				w.name(h.book), w.end.State, w.end.BookVersion, w.end.Error.Status, possible)}
		}
		possible = next
	}
	if !slices.ContainsFunc(possible, h.final.looksLike) {
		complaints = append(complaints, fmt.Sprintf("book %s reads as %+v, but its writes leave it as %+v", h.book, h.final, possible))
	}
	return complaints
}

func (w write) name(book string) string {
	return fmt.Sprintf("write %d (%s) of book %s, job %q,", w.number, w.method, book, w.job)
}

// after returns the states that a write can leave when it met one of those
// before and had the outcome that its client saw.
func (w write) after(before []bookState) (possible []bookState) {
	add := func(s bookState) {
		if !slices.Contains(possible, s) {
			possible = append(possible, s)
		}
	}
	for _, s := range before {
		next, refusal := w.apply(s)
		if w.job == "" {
			add(s) // it may never have arrived
		}
		if w.job == "" || w.saw(next, refusal) {
			add(next)
		}
	}
	return possible
}

// apply is the model of a book: the state after a write, or the status with
// which the write is refused.
func (w write) apply(s bookState) (next bookState, refusal int) {
	switch {
	case w.method == http.MethodPost && s.live:
		return s, http.StatusConflict
	case (w.method == http.MethodPatch || w.method == http.MethodDelete) && !s.live:
		return s, http.StatusNotFound
	}
	next = bookState{live: true, version: s.version + 1, content: content{w.number, w.number}}
	switch w.method {
	case http.MethodPatch:
		next.title = s.title
	case http.MethodDelete:
		next.live, next.content = false, content{}
	}
	return next, 0
}

// saw reports whether the job ended as the model says.
func (w write) saw(next bookState, refusal int) bool {
	if refusal != 0 {
		return w.end.State == "failed" && w.end.Error.Status == refusal
	}
	return w.end.State == "succeeded" && w.end.BookVersion == next.version
}

// looksLike reports whether a book that reads as s may be in state o; a deleted
// one does not tell its version.
func (s bookState) looksLike(o bookState) bool { return s == o || !s.live && !o.live }
