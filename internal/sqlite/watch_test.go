package sqlite_test

import (
	"testing"

	"acervo/internal/job"
	"acervo/internal/sqlite"
)

func TestWhoWatchesAJobHearsOfItsRecordsAlone(t *testing.T) {
	t.Parallel()
	jobs := open(t, sqlite.Options{}).Jobs()
	told := func(stored <-chan struct{}) bool {
		select {
		case <-stored:
			return true
		default:
			return false
		}
	}
	first, forgetFirst := jobs.Watch("a")
	second, forgetSecond := jobs.Watch("a")
	other, forgetOther := jobs.Watch("b")
	defer forgetOther()
	if told(first) {
		t.Error("it was told of nothing")
	}
	ok(t, jobs.Save(t.Context(), job.Record{ID: "a", Generation: 1, State: job.Succeeded}))
	if !told(first) || !told(second) || told(other) {
		t.Error("it was not told to those who watch the job, and to nobody else")
	}
	forgetFirst()
	again, forgetAgain := jobs.Watch("a")
	forgetSecond() // which is not of the one who watches now
	if err := jobs.Save(t.Context(), job.Record{ID: "a", Generation: 1, State: job.Failed}); err == nil || told(again) {
		t.Errorf("it was told of what was not stored (%v)", err)
	}
	read, _, err := jobs.Get(t.Context(), "a")
	ok(t, err)
	ok(t, jobs.Amend(t.Context(), read, read))
	if !told(again) {
		t.Error("it was not told of what was amended")
	}
	forgetAgain()
}
