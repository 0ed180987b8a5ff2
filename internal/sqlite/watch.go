package sqlite

import (
	"sync"

	"acervo/internal/job"
)

var _ job.Watcher = Jobs{}

// watched are the jobs whose next records somebody waits for.
type watched struct {
	mu sync.Mutex
	of map[string]*watch
}

type watch struct {
	stored chan struct{} // closed by the next record
	n      int           // who wait
}

// Watch is job.Watcher's. The record is committed when the channel is closed.
func (j Jobs) Watch(id string) (stored <-chan struct{}, forget func()) {
	all := &j.db.watched
	all.mu.Lock()
	defer all.mu.Unlock()
	w := all.of[id]
	if w == nil {
		w = &watch{stored: make(chan struct{})}
		all.of[id] = w
	}
	w.n++
	return w.stored, func() { all.forget(id, w) }
}

func (all *watched) forget(id string, w *watch) {
	all.mu.Lock()
	defer all.mu.Unlock()
	w.n--
	if w.n == 0 && all.of[id] == w {
		delete(all.of, id)
	}
}

// tell wakes whoever waits for a record of a job.
func (all *watched) tell(id string) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if w := all.of[id]; w != nil {
		close(w.stored)
		delete(all.of, id)
	}
}
