package intake

import (
	"context"

	"acervo/internal/fault"
	"acervo/internal/job"
)

// Expect returns the receipt of a job whose picture is still to be uploaded, and
// whether an earlier request with the same key has got it. Nothing is sent: what
// lands under the receipt goes on with the job, and if nothing does, it has failed.
func (in *Intake) Expect(ctx context.Context, w Write) (r job.Receipt, replayed bool, err error) {
	if err := in.admit(ctx); err != nil {
		return job.Receipt{}, false, err
	}
	if r, err = in.Ring.Mint(w.Kind, w.BookID); err != nil || w.Key == "" {
		return r, false, err
	}
	claim, mine, err := in.Claims.Claim(ctx, job.Claim{Caller: w.Caller, Key: w.Key, Hash: w.Hash, Job: r.ID})
	switch {
	case err != nil || mine:
		return r, false, err
	case claim.Hash != w.Hash:
		return job.Receipt{}, false, fault.New(fault.Invalid, "The Idempotency-Key was used for another request.")
	}
	r, err = in.Ring.Verify(claim.Job)
	return r, true, fault.Wrap(fault.Internal, err, "read the receipt of a claim")
}

// overdue tells of a job without a record for which no picture can come any more.
// A picture is removed only after its job has a record, so that one of the two is
// found if it came.
func (in *Intake) overdue(ctx context.Context, r job.Receipt) (job.Job, error) {
	_, missing := in.Originals.Stat(ctx, job.OriginalKey(r.ID))
	if missing != nil && !fault.Is(missing, fault.NotFound) {
		return job.Job{}, missing
	}
	rec, recorded, err := in.Jobs.Get(ctx, r.ID)
	if err != nil {
		return job.Job{}, err
	}
	j, err := job.Status(r, rec, recorded, in.Now())
	if missing != nil && !recorded && err == nil {
		return job.NothingArrived(r), nil
	}
	return j, err
}
