package job_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"acervo/internal/job"
)

// teller is a job whose record may be stored, and tells so.
type teller struct {
	mu       sync.Mutex
	stored   chan struct{}
	state    job.State
	looks    int
	watching int
}

func (w *teller) Watch(string) (stored <-chan struct{}, forget func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watching++
	return w.stored, func() { w.mu.Lock(); defer w.mu.Unlock(); w.watching-- }
}

func (w *teller) status(context.Context) (job.Job, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	return job.Job{State: w.state}, nil
}

// store stores another state.
func (w *teller) store(s job.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.stored)
	w.state, w.stored = s, make(chan struct{})
}

// end ends the job, and tells nobody.
func (w *teller) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = job.Failed
}

func TestWhoWaitsForAJob(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		within time.Duration // of its end
		ends   func(w *teller)
	}{
		"hears at once that it has ended":           {0, func(w *teller) { w.store(job.Succeeded) }},
		"goes on after a record that ends it not":   {0, func(w *teller) { w.store(job.Retrying); synctest.Wait(); w.store(job.Dead) }},
		"hears soon of an end that no record tells": {250 * time.Millisecond, (*teller).end},
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
