package job_test

import (
	"reflect"
	"testing"
	"time"

	"acervo/internal/fault"
	"acervo/internal/job"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	const days14 = 14 * 24 * time.Hour
	receipt := mint(t, job.NewKeyring(at(july()), job.NewKey()))
	t.Run("a job without a record is queued", func(t *testing.T) {
		t.Parallel()
		want := job.Job{ID: receipt.ID, Kind: job.Update, State: job.Queued, BookID: someID(), SubmittedAt: july()}
		if got, err := job.Status(receipt, job.Record{}, false, july()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("it is believed to be queued for 14 days", func(t *testing.T) {
		t.Parallel()
		if got, err := job.Status(receipt, job.Record{}, false, july().Add(days14)); err != nil || got.State != job.Queued {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("after that nobody knows any more", func(t *testing.T) {
		t.Parallel()
		got, err := job.Status(receipt, job.Record{}, false, july().Add(days14+time.Millisecond))
		if !fault.Is(err, fault.Gone) || !reflect.DeepEqual(got, job.Job{}) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("a record counts whatever the age", func(t *testing.T) {
		t.Parallel()
		rec := job.Record{
			ID: receipt.ID, Generation: 1, State: job.Failed, Attempts: 1, FinishedAt: july(),
			Error: &fault.Problem{Status: 404},
		}
		for _, age := range []time.Duration{0, 100 * days14} {
			got, err := job.Status(receipt, rec, true, july().Add(age))
			if err != nil || got.State != job.Failed || !reflect.DeepEqual(got.Record, rec) || got.ID != receipt.ID {
				t.Errorf("after %s: got %+v, %v", age, got, err)
			}
		}
	})
}

func TestStates(t *testing.T) {
	t.Parallel()
	for state, want := range map[job.State]bool{
		job.Queued: false, job.Succeeded: true, job.Failed: true, job.Superseded: true, "retrying": false, "": false,
	} {
		if got := state.Terminal(); got != want {
			t.Errorf("%q is an end: %v", state, got)
		}
	}
}
