package httpapi

import (
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"acervo/internal/fault"
	"acervo/internal/job"
)

// jobView is a job on the wire. What is absent is null.
type jobView struct {
	ID            string         `json:"id"`
	Kind          job.Kind       `json:"kind"`
	State         job.State      `json:"state"`
	BookID        uuid.UUID      `json:"book_id"`
	SubmittedAt   time.Time      `json:"submitted_at"`
	FinishedAt    *time.Time     `json:"finished_at"`
	Attempts      int            `json:"attempts"`
	NextAttemptAt *time.Time     `json:"next_attempt_at"`
	BookVersion   *int64         `json:"book_version"`
	Error         *fault.Problem `json:"error"`
	Links         jobLinks       `json:"links"`
}

type jobLinks struct {
	Self string `json:"self"`
	Book string `json:"book"`
}

func viewJob(j job.Job) jobView {
	return jobView{
		ID: j.ID, Kind: j.Kind, State: j.State, BookID: j.BookID, SubmittedAt: j.SubmittedAt,
		FinishedAt: orNull(j.Record.FinishedAt.UTC()), Attempts: j.Record.Attempts,
		NextAttemptAt: nextAttempt(j),
		BookVersion:   orNull(j.Record.BookVersion), Error: j.Record.Error,
		Links: jobLinks{Self: jobPath(j.ID), Book: "/v1/books/" + j.BookID.String()},
	}
}

// nextAttempt is when a job that failed will be tried again.
func nextAttempt(j job.Job) *time.Time {
	if j.State != job.Retrying {
		return nil
	}
	return orNull(j.Record.NextAttemptAt.UTC())
}

func jobPath(id string) string { return "/v1/jobs/" + id }

// getJob answers for every authentic receipt; the record is read only after the
// receipt has proved itself. A caller who prefers to wait is held until the job
// has ended.
func (a *API) getJob(w http.ResponseWriter, r *http.Request) {
	receipt, err := a.Ring.Verify(chi.URLParam(r, "id"))
	var j job.Job
	if err == nil {
		j, err = a.Intake.Status(r.Context(), receipt)
	}
	if wait := preferWait(r); err == nil && wait > 0 {
		w.Header().Set("Preference-Applied", fmt.Sprintf("wait=%d", wait/time.Second))
		j, err = a.wait(r, j, wait)
	}
	if err != nil {
		a.problem(w, r, err)
		return
	}
	if !j.State.Terminal() {
		w.Header().Set("Retry-After", a.retryAfter(r.Context(), j))
	}
	w.Header().Set("Cache-Control", "no-store")
	a.json(w, r, http.StatusOK, viewJob(j))
}
