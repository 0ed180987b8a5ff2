package job_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"acervo/internal/job"
)

// teller is a job whose record may be stored, and tells so.
type teller struct {
	stored   chan struct{}
	state    job.State
	looks    int
	watching int
}

func (w *teller) Watch(string) (stored <-chan struct{}, forget func()) {
	w.watching++
	return w.stored, func() { w.watching-- }
}

func (w *teller) status(context.Context) (job.Job, error) {
	w.looks++
	return job.Job{State: w.state}, nil
}

// store stores another state.
func (w *teller) store(s job.State) {
	told := w.stored
	w.state, w.stored = s, make(chan struct{})
	close(told)
}

func TestWhoWaitsForAJob(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		within time.Duration // of its end
		ends   func(w *teller)
	}{
		"hears at once that it has ended":           {0, func(w *teller) { w.store(job.Succeeded) }},
		"goes on after a record that ends it not":   {0, func(w *teller) { w.store(job.Retrying); synctest.Wait(); w.store(job.Dead) }},
		"hears soon of an end that no record tells": {250 * time.Millisecond, func(w *teller) { w.state = job.Failed }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &teller{stored: make(chan struct{}), state: job.Queued}
				var heard time.Time
				go func() {
					j, err := job.Wait(t.Context(), "a", w, w.status)
					if heard = time.Now(); err != nil || !j.State.Terminal() {
						t.Errorf("got %+v, %v", j, err)
					}
				}()
				time.Sleep(9*time.Second + time.Millisecond)
				synctest.Wait()
				if w.looks != 37 {
					t.Errorf("in nine seconds it looked %d times", w.looks)
				}
				ended := time.Now()
				c.ends(w)
				time.Sleep(c.within)
				synctest.Wait()
				if heard.IsZero() || heard.Sub(ended) > c.within || w.watching != 0 {
					t.Errorf("heard after %v, and %d still watch", heard.Sub(ended), w.watching)
				}
			})
		})
	}
}
