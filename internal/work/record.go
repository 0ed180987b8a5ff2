package work

import (
	"time"

	"acervo/internal/fault"
	"acervo/internal/job"
)

// outcome is the record of a job as it goes on from what was read: its history
// and its place in the ledger are kept.
func outcome(m job.Message, r reading, state job.State) job.Record {
	rec := job.Record{ID: m.Job, Generation: m.Generation, State: state, History: r.record.History}
	rec.Kind, rec.BookID = m.Kind, m.BookID
	if r.record.Generation == m.Generation {
		rec.Attempts = r.record.Attempts
	}
	if r.record.Burial != nil {
		burial := *r.record.Burial
		burial.Listed = burial.Listed && !state.Terminal() || state == job.Dead
		rec.Burial = &burial
	}
	if state.Terminal() {
		rec.FinishedAt = r.now.UTC()
	}
	return rec
}

// started is a job that goes on with so many starts of which nobody told the end.
func started(m job.Message, r reading, starts int) job.Record {
	rec := outcome(m, r, job.Retrying)
	rec.Starts, rec.Error, rec.NextAttemptAt = starts, r.record.Error, r.now.UTC()
	return rec
}

// ends notes the end of a job that had a history worth going on with.
func ends(rec job.Record) job.Record {
	rec.Attempts++
	if len(rec.History) > 0 {
		rec.Note(job.Event{At: rec.FinishedAt, What: string(rec.State)})
	}
	return rec
}

func succeeded(m job.Message, r reading, version int64) job.Record {
	rec := outcome(m, r, job.Succeeded)
	rec.BookVersion = version
	return ends(rec)
}

// refused is a job that ends for a reason of its own.
func refused(m job.Message, r reading, state job.State, why error) job.Record {
	rec := outcome(m, r, state)
	problem := fault.ProblemOf(why)
	rec.Error = &problem
	return ends(rec)
}

// failedAttempt is a job that waits for another attempt.
func failedAttempt(m job.Message, r reading, why error, next time.Time) job.Record {
	rec := outcome(m, r, job.Retrying)
	rec.Attempts++
	rec.NextAttemptAt = next.UTC()
	problem := fault.ProblemOf(why)
	rec.Error = &problem
	rec.Note(job.Event{At: r.now.UTC(), What: "attempt_failed", Why: why.Error()})
	return rec
}

// buried is a job that is given up. The version noted at its first burial stays.
func buried(m job.Message, r reading) job.Record {
	rec := outcome(m, r, job.Dead)
	problem := fault.ProblemOf(r.spent)
	if r.record.Error != nil {
		problem = *r.record.Error
	}
	rec.Error = &problem
	cause := r.spent.Error()
	for _, e := range r.record.History { // the last attempt tells more
		if e.What == "attempt_failed" && e.Generation == m.Generation {
			cause = e.Why
		}
	}
	if rec.Burial == nil {
		rec.Burial = &job.Burial{BookVersion: r.item.Version}
	}
	rec.Burial.Listed, rec.Burial.At = true, rec.FinishedAt
	rec.Burial.Cause, rec.Burial.Fingerprint = cause, job.Fingerprint(m.Kind, cause)
	rec.Note(job.Event{At: rec.FinishedAt, What: "buried", Why: r.spent.Error()})
	return rec
}
