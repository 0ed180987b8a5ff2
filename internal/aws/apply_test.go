package aws_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/aws"
	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/work"
)

// TestJobsAreAppliedOnceInOrderWhateverTroubleTheirStoreHas drives the apply
// protocol over stores whose calls fail by chance, before or after they were done,
// and delivers each job until it has ended, some of them again.
func TestJobsAreAppliedOnceInOrderWhateverTroubleTheirStoreHas(t *testing.T) {
	t.Parallel()
	const histories, jobs = 12, 30
	prefix := tables(t)
	for seed := range uint64(histories) {
		t.Run(fmt.Sprint("history ", seed), func(t *testing.T) {
			t.Parallel()
			s := &script{}
			under, plain := troubled(t, prefix, s, calls)
			h := &history{t: t, rng: rand.New(rand.NewPCG(seed, 1)), plain: plain, script: s}
			h.applier = work.NewApplier(under.Books(), under.Jobs(), "writes", time.Now)
			h.book.ID = uuid.New()
			for range jobs {
				h.step()
			}
		})
	}
}

// history is what was done to one book, and what should have become of it.
type history struct {
	t       *testing.T
	rng     *rand.Rand
	plain   *aws.Store
	script  *script
	applier *work.Applier
	book    book.Item // with its existence, version, fence and title only
}

// anyTrouble befalls two calls of five.
func (h *history) anyTrouble(operation string, _ any) trouble {
	if h.rng.IntN(5) > 1 {
		return nil
	}
	troubles := []trouble{throttled, unreachable, answerLost}
	switch operation {
	case "PutItem", "UpdateItem":
		troubles = append(troubles, conflict)
	case "TransactWriteItems":
		troubles = append(troubles, cancelled("TransactionConflict"), cancelled("ThrottlingError"))
	}
	return troubles[h.rng.IntN(len(troubles))]
}

// step delivers a job until it has ended, and checks what it has left.
func (h *history) step() {
	h.t.Helper()
	m := h.message()
	receives, dies := 1, h.rng.IntN(6) == 0
	if dies {
		receives = work.MaxReceives + 1
	}
	h.script.set(h.anyTrouble)
	for range 1 + h.rng.IntN(2) {
		h.deliver(m, receives)
	}
	h.script.set(nil)
	state := h.expect(m, dies)

	rec, _, err := h.plain.Jobs().Get(h.t.Context(), m.Job)
	ok(h.t, err)
	if rec.State != state || rec.Revision != 1 || rec.State == job.Succeeded && rec.BookVersion != h.book.Version {
		h.t.Fatalf("%s of %+v: the record is %+v, want it %s", m.Kind, h.book, rec, state)
	}
	item, err := h.plain.Books().Get(h.t.Context(), h.book.ID)
	ok(h.t, err)
	if item.Existence != h.book.Existence || item.Version != h.book.Version || item.Fence != h.book.Fence || item.Draft.Title != h.book.Draft.Title {
		h.t.Fatalf("after %s the book is %+v, want %+v", m.Kind, item, h.book)
	}
	for i, author := range h.authors() {
		page, _, err := h.plain.Books().List(h.t.Context(), book.Query{Author: author, Order: book.ByAuthor, Limit: 2})
		if err != nil || (len(page) == 1) != (i < len(item.Draft.Authors)) || len(page) > 1 {
			h.t.Fatalf("the book of %q is listed %d times under %s (%v)", item.Draft.Authors, len(page), author, err)
		}
	}
}

// authors are those of this book only.
func (h *history) authors() (names []string) {
	for i := range 3 {
		names = append(names, fmt.Sprintf("%s %d", h.book.ID, i))
	}
	return names
}

// deliver is what a lane and its workers do. None of the errors may burn an attempt.
func (h *history) deliver(m job.Message, receives int) {
	h.t.Helper()
	const most = 500
	for range most {
		err := h.applier.Apply(h.t.Context(), m, []byte("body"), receives)
		switch {
		case err == nil:
			return
		case !fault.Is(err, fault.Throttled) && !fault.Is(err, fault.Unavailable):
			h.t.Fatal(err)
		}
	}
	h.t.Fatalf("%d deliveries did not suffice", most)
}

func (h *history) message() job.Message {
	kinds := []job.Kind{job.Create, job.Replace, job.Replace, job.Update, job.Update, job.Delete}
	title := fmt.Sprint("Title ", h.rng.IntN(3))
	m := job.Message{
		V: job.MessageVersion, Job: strings.ReplaceAll(uuid.NewString()+uuid.NewString(), "-", ""), Generation: 1,
		Kind: kinds[h.rng.IntN(len(kinds))], BookID: h.book.ID, AcceptedAt: time.Now(),
	}
	switch m.Kind {
	case job.Create, job.Replace:
		m.Draft = &book.Draft{Title: title, Authors: h.authors()[:1+h.rng.IntN(3)]}
	case job.Update:
		m.Patch = book.Patch(fmt.Sprintf(`{"title":%q}`, title))
	}
	return m
}

// expect notes what a job should have done, and returns how it should have ended.
func (h *history) expect(m job.Message, dies bool) job.State {
	exists := h.book.Exists()
	switch {
	case dies:
		h.book.Fence++
		return job.Dead
	case exists == (m.Kind == job.Create) && m.Kind != job.Replace:
		return job.Failed
	case m.Kind == job.Delete:
		h.book.Existence, h.book.Draft = book.Tombstone, book.Draft{}
	case m.Kind == job.Update:
		h.book.Draft.Title = strings.Split(string(m.Patch), `"`)[3]
	default:
		h.book.Existence, h.book.Draft = book.Live, *m.Draft
	}
	h.book.Version++
	return job.Succeeded
}
