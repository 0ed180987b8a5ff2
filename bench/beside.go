package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"acervo/internal/client"
	"acervo/internal/job"
)

const (
	// writesEach is how far apart the single writes are that are timed: 50 a second.
	writesEach = 20 * time.Millisecond
	idleFor    = 10 * time.Second
	// besideFor is the most that they are timed beside an import.
	besideFor = time.Minute
)

// beside times single writes on a server with all the rows of one list, first when it
// does nothing else and then while it imports as many again.
func (a *applying) beside(ctx context.Context, p *process, c *client.Client) error {
	fmt.Fprintf(a.stdout, "writes a book every %s, idle and beside an import\n", writesEach)
	quiet, cancel := context.WithTimeout(ctx, idleFor)
	idle, err := timeWrites(quiet, c)
	cancel()
	if err != nil {
		return err
	}
	const name = "beside.csv"
	if _, err := a.drop(p, name, a.rows, a.rows); err != nil {
		return err
	}
	i, err := arrived(ctx, c, name)
	if err != nil {
		return err
	}
	running, cancel := context.WithTimeout(ctx, besideFor)
	defer cancel()
	go func() {
		_, _ = c.Watch(running, i.ID, func(client.Import) {}) // it ended, or the time is up
		cancel()
	}()
	busy, err := timeWrites(running, c)
	if err != nil {
		return err
	}
	p50, p99 := at(idle, 50), at(idle, 99)
	a.table.add("p50", at(busy, 50), p50)
	a.table.add("p99", at(busy, 99), p99)
	for _, f := range a.table {
		if f.key == "p99" {
			f.goal = max(3*p99, 50)
		}
	}
	fmt.Fprintf(a.stdout, "%d writes idle, %d beside the import, which took at most %s ms\n", len(idle), len(busy), number(at(busy, 100)))
	return nil
}

// timeWrites writes a book now and then until ctx ends, and returns the milliseconds
// that each took, sorted.
func timeWrites(ctx context.Context, c *client.Client) ([]float64, error) {
	group, within := errgroup.WithContext(context.WithoutCancel(ctx))
	var mu sync.Mutex // of took
	var took []float64
	tick := time.NewTicker(writesEach)
	defer tick.Stop()
	for ctx.Err() == nil && within.Err() == nil {
		select {
		case <-tick.C:
			group.Go(func() error {
				one, err := timeWrite(within, c)
				mu.Lock()
				defer mu.Unlock()
				took = append(took, millis(one))
				return err
			})
		case <-within.Done():
		case <-ctx.Done():
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if len(took) == 0 {
		return nil, errors.New("nothing was written: the import is too short, take more rows")
	}
	slices.Sort(took)
	return took, nil
}

// timeWrite writes a book and returns how long it took from its request, which is
// before it was accepted, until its client heard that it was applied.
func timeWrite(ctx context.Context, c *client.Client) (time.Duration, error) {
	began := time.Now()
	j, err := c.Replace(ctx, uuid.NewString(), []byte(draft), 0)
	if err != nil {
		return 0, err
	}
	if j, err = c.Wait(ctx, j.ID); err == nil && j.State != job.Succeeded {
		err = fmt.Errorf("a write ended as %s: %+v", j.State, j.Error)
	}
	return time.Since(began), err
}

// at is a percentile of what is sorted.
func at(sorted []float64, percent int) float64 {
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}
