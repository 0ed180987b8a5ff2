package job

import (
	"time"

	"acervo/internal/fault"
)

// Originals is where the pictures lie that were uploaded for covers, each under the
// id of its job.
const Originals = "originals/"

// OriginalKey is the key of the picture that was uploaded for a job.
func OriginalKey(id string) string { return Originals + id }

const (
	// UploadTTL is how long after its accept the upload of a picture may begin.
	UploadTTL = 10 * time.Minute
	// UploadMost is how long after its accept a picture may be there. One that comes
	// later is refused, so that a job that was told to have failed stays so.
	UploadMost = 25 * time.Minute
	// clockSkew is how far apart the clocks of those who judge may be.
	clockSkew = time.Minute
)

// Overdue reports whether no picture can come any more for the job of a receipt.
func Overdue(r Receipt, now time.Time) bool {
	return r.Kind == CoverSet && now.Sub(r.AcceptedAt()) > UploadMost+clockSkew
}

// NothingArrived is the job of an overdue receipt for which no picture came.
func NothingArrived(r Receipt) Job {
	problem := fault.ProblemOf(fault.New(fault.Gone, "No picture was uploaded in time."))
	at := r.AcceptedAt().Add(UploadMost)
	return Job{
		ID: r.ID, Kind: r.Kind, State: Failed, BookID: r.BookID, SubmittedAt: r.AcceptedAt(),
		Record: Record{ID: r.ID, Kind: r.Kind, BookID: r.BookID, Generation: 1, State: Failed, FinishedAt: at, Error: &problem},
	}
}
