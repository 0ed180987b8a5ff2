package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"acervo/internal/fault"
)

// item is an entry of a test: so many bytes, and a fate of its own.
type item struct {
	n, size int
	fate    error
}

// desk takes batches, one after the other or several at once, and takes its time.
type desk struct {
	combiner[item]
	takes time.Duration

	mu      sync.Mutex
	batches [][]item
	began   []time.Time
}

func newDesk(takes time.Duration) *desk {
	d := &desk{takes: takes}
	d.size = func(i item) int { return i.size }
	d.call = func(_ context.Context, batch []item) []error {
		d.mu.Lock()
		d.batches = append(d.batches, slices.Clone(batch))
		d.began = append(d.began, time.Now())
		d.mu.Unlock()
		time.Sleep(d.takes)
		fates := make([]error, len(batch))
		for i, e := range batch {
			fates[i] = e.fate
		}
		return fates
	}
	return d
}

// sizes are how many entries each call had.
func (d *desk) sizes() (sizes []int) {
	for _, b := range d.batches {
		sizes = append(sizes, len(b))
	}
	return sizes
}

// onDesk runs a test on fake time.
func onDesk(t *testing.T, test func(t *testing.T, d *desk)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, newDesk(100*time.Millisecond)) })
}

// come has n callers come at once, and waits for all of them.
func (d *desk) come(ctx context.Context, n int) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { _ = d.do(ctx, item{n: i}) })
	}
	wg.Wait()
}

func TestALoneCallerGoesAtOnce(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		for range 3 {
			began := time.Now()
			d.come(t.Context(), 1)
			if took := time.Since(began); took != d.takes {
				t.Errorf("a lone call took %v, want %v", took, d.takes)
			}
		}
	})
}

func TestThoseWhoComeWhileACallIsInFlightShareTheNext(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				_ = d.do(t.Context(), item{n: i})
			})
		}
		wg.Wait()
		// The second waits a moment for the one of the first, who might come again.
		if !slices.Equal(d.sizes(), []int{1, 5}) || time.Since(began) != 2*d.takes+linger {
			t.Errorf("calls of %v entries took %v", d.sizes(), time.Since(began))
		}
	})
}

func TestAFullBatchDoesNotWaitForTheCallBefore(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		began := time.Now()
		d.come(t.Context(), 1+2*maxEntries)
		if !slices.Equal(d.sizes(), []int{1, maxEntries, maxEntries}) || time.Since(began) != d.takes {
			t.Errorf("calls of %v entries took %v", d.sizes(), time.Since(began))
		}
	})
}

func TestABatchHasNoMoreBytesThanACallTakes(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		var wg sync.WaitGroup
		for i := range 7 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				_ = d.do(t.Context(), item{n: i, size: maxBytes/3 + 1})
			})
		}
		wg.Wait()
		// The fourth and the seventh show that those before fill a batch.
		if !slices.Equal(d.sizes(), []int{1, 2, 2, 2}) {
			t.Errorf("calls of %v entries", d.sizes())
		}
	})
}

func TestEachCallerGetsTheFateOfItsOwnEntry(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		var wg sync.WaitGroup
		for i := range 25 {
			wg.Go(func() {
				var want error
				if i%3 == 0 {
					want = fmt.Errorf("fate %d", i)
				}
				if err := d.do(t.Context(), item{n: i, fate: want}); !errors.Is(err, want) {
					t.Errorf("entry %d: got %v, want %v", i, err, want)
				}
			})
		}
		wg.Wait()
	})
}

// Ten who come back a little after each call do not come at once, so the first of
// them has to wait for the others; and without the eleventh no batch is full.
func TestTenWhoComeAgainAndAgainFillEveryCall(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.takes = 8 * time.Millisecond
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				for range 100 {
					_ = d.do(t.Context(), item{n: i})
					time.Sleep(time.Duration(i) * linger / 20)
				}
			})
		}
		wg.Wait()
		if len(d.batches) > 110 {
			t.Errorf("%d calls for 1,000 entries: %v", len(d.batches), d.sizes())
		}
	})
}

func TestWhoIsLeftAloneWaitsForCompanyOnceAndNotLong(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.come(t.Context(), 1+maxEntries/2)
		for _, want := range []time.Duration{d.takes + linger, d.takes} {
			began := time.Now()
			d.come(t.Context(), 1)
			if took := time.Since(began); took != want {
				t.Errorf("took %v, want %v", took, want)
			}
		}
		d.come(t.Context(), 1+maxEntries/2)
		time.Sleep(linger)
		began := time.Now()
		d.come(t.Context(), 1)
		if took := time.Since(began); took != d.takes {
			t.Errorf("took %v, though the company is long gone", took)
		}
	})
}

func TestTheFirstWaitsForThoseThatAreNear(t *testing.T) {
	for _, c := range []struct {
		name         string
		near, behind int // behind come one millisecond after the first
		want         time.Duration
	}{
		{"nobody is", 1, 0, 0},
		{"all of them come", 4, 3, time.Millisecond},
		{"more than a batch is", 30, maxEntries - 1, time.Millisecond},
		{"one does not come", 4, 2, linger},
	} {
		t.Run(c.name, func(t *testing.T) {
			onDesk(t, func(t *testing.T, d *desk) {
				d.company = func() int { return c.near }
				var wg sync.WaitGroup
				began := time.Now()
				wg.Go(func() { _ = d.do(t.Context(), item{}) })
				time.Sleep(time.Millisecond)
				wg.Go(func() { d.come(t.Context(), c.behind) })
				wg.Wait()
				if waited := d.began[0].Sub(began); waited != c.want || len(d.batches) != 1 {
					t.Errorf("the first call began after %v with %v entries, want %v", waited, d.sizes(), c.want)
				}
			})
		})
	}
}

func TestWhoHasGoneIsNotQueuedButWhoGoesLaterIsBroughtThrough(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		ctx, cancel := context.WithCancel(t.Context())
		call := d.call
		d.call = func(ctx context.Context, batch []item) []error {
			cancel()
			if _, ok := ctx.Deadline(); ctx.Err() != nil || !ok {
				t.Error("the call has to last for everyone in it, and not for ever")
			}
			return call(ctx, batch)
		}
		if err := d.do(ctx, item{}); err != nil {
			t.Error(err)
		}
		if err := d.do(ctx, item{}); !fault.Is(err, fault.Unavailable) || len(d.batches) != 1 {
			t.Errorf("got %v and %d calls", err, len(d.batches))
		}
	})
}

func TestACallThatPanicsFailsEveryoneInItAndNobodyElse(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		call := d.call
		d.call = func(ctx context.Context, batch []item) []error {
			if errs := call(ctx, batch); len(batch) == 1 {
				return errs
			}
			panic("in the SDK")
		}
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				defer func() { _ = recover() }()
				time.Sleep(time.Duration(i) * time.Millisecond)
				if err := d.do(t.Context(), item{n: i}); (err != nil) != (i > 0) {
					t.Errorf("entry %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		d.come(t.Context(), 1)
		if !slices.Equal(d.sizes(), []int{1, 3, 1}) {
			t.Errorf("calls of %v entries", d.sizes())
		}
	})
}

// visit is a caller of a random crowd.
type visit struct {
	item
	at    time.Duration
	takes time.Duration // of the call that it leads
}

func visits() *rapid.Generator[[]visit] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) visit {
		v := visit{
			at:    time.Duration(rapid.IntRange(0, 60).Draw(t, "at")) * time.Millisecond,
			takes: time.Duration(rapid.IntRange(0, 30).Draw(t, "takes")) * time.Millisecond,
		}
		v.size = rapid.SampledFrom([]int{0, 1, 1000, maxBytes / 3, maxBytes}).Draw(t, "size")
		if rapid.IntRange(0, 3).Draw(t, "fails") == 0 {
			v.fate = errors.New("failed")
		}
		return v
	}), 1, 60)
}

func TestWhateverTheCrowdEveryEntryIsInOneCallAndGetsItsFate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		crowd := visits().Draw(rt, "crowd")
		near := rapid.IntRange(-1, 12).Draw(rt, "near") // -1: as the last call showed
		var wrong error
		synctest.Test(t, func(t *testing.T) { wrong = serve(t.Context(), crowd, near) })
		if wrong != nil {
			rt.Fatal(wrong)
		}
	})
}

// serve brings a crowd through, and tells what went wrong.
func serve(ctx context.Context, crowd []visit, near int) (wrong error) {
	d := newDesk(0)
	call := d.call
	d.call = func(ctx context.Context, batch []item) []error {
		time.Sleep(crowd[batch[0].n].takes)
		return call(ctx, batch)
	}
	if near >= 0 {
		d.company = func() int { return near }
	}
	begin := time.Now()
	errs, ends := make([]error, len(crowd)), make([]time.Duration, len(crowd))
	var wg sync.WaitGroup
	for i, v := range crowd {
		v.n = i
		wg.Go(func() {
			time.Sleep(v.at)
			errs[i] = d.do(ctx, v.item)
			ends[i] = time.Since(begin)
		})
	}
	wg.Wait()
	times := make([]int, len(crowd))
	for _, b := range d.batches {
		bytes := 0
		for _, e := range b {
			times[e.n]++
			bytes += e.size
		}
		if len(b) > maxEntries || len(b) > 1 && bytes > maxBytes {
			return fmt.Errorf("a call of %d entries and %d bytes", len(b), bytes)
		}
	}
	for i, v := range crowd {
		switch {
		case times[i] != 1:
			return fmt.Errorf("entry %d was in %d calls", i, times[i])
		case !errors.Is(errs[i], v.fate):
			return fmt.Errorf("entry %d got another fate: %w", i, errs[i])
		case ends[i] > v.at+2*(30*time.Millisecond+linger):
			return fmt.Errorf("entry %d came at %v and had to wait until %v", i, v.at, ends[i])
		}
	}
	return nil
}
