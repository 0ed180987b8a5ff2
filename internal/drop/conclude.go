package drop

import (
	"time"

	"acervo/internal/fault"
)

// Conclude returns an import as it is once the outcomes of a pass are as they are
// now; false when they change nothing. It can be asked any number of times, and late.
func (i Import) Conclude(pass Pass, now time.Time) (Import, bool) {
	p := i.Progress(pass)
	switch {
	case i.State != Queued && i.State != Running && i.State != Cancelling, pass == Comparing && !i.PlannedAt.IsZero():
		return i, false
	case p.Chunks < i.Chunks:
		if i.State == Cancelling || pass != Applying || !i.tooMany(p) {
			return i, false
		}
		return i.Fail(fault.New(fault.Invalid, "The import was stopped because %d of its %d rows had failed by then.", p.Counts.Failed, i.Total)), true
	}
	now = now.UTC().Truncate(time.Millisecond)
	switch {
	case i.State == Cancelling:
		return i.Stopped(now), true
	case pass == Applying && i.tooMany(p): // in whatever order the chunks came to their ends
		i = i.Fail(fault.New(fault.Invalid, "The import failed because %d of its %d rows did, and stop_after allows fewer.", p.Counts.Failed, i.Total))
		return i.Stopped(now), true
	case pass == Comparing:
		i.State, i.PlannedAt = Planned, now
	case p.Counts.Failed > 0:
		i.State, i.FinishedAt = CompletedWithErrors, now
	default:
		i.State, i.FinishedAt = Succeeded, now
	}
	return i, true
}

// Fail returns an import that will have failed for this reason once its chunks are
// through. Those that have not begun are skipped.
func (i Import) Fail(why error) Import {
	problem := fault.ProblemOf(why)
	i.State, i.Error = Cancelling, &problem
	return i
}

// Stopped returns an import of which nothing more is done: as failed if it says why, as
// cancelled otherwise.
func (i Import) Stopped(now time.Time) Import {
	i.State, i.FinishedAt = Cancelled, now.UTC().Truncate(time.Millisecond)
	if i.Error != nil {
		i.State = Failed
	}
	return i
}

// tooMany reports whether as many rows have failed as the import fails for.
func (i Import) tooMany(p Progress) bool {
	return i.Options.StopAfter.exceeded(p.Counts.Failed, i.Total)
}

// exceeded reports whether so many failed rows of so many are too many.
func (l *Limit) exceeded(failed, total int64) bool {
	switch {
	case l == nil || failed == 0:
		return false
	case l.Rows > 0 && failed >= l.Rows:
		return true
	default:
		return l.Percent > 0 && float64(failed)*100 >= l.Percent*float64(total)
	}
}
