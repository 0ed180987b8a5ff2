package work_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"acervo/internal/drop"
)

func TestAnImportOfWhichTooManyRowsFailedEndsAsFailedInWhateverOrderItsChunksRun(t *testing.T) {
	t.Parallel()
	some := strings.Repeat(",,Nobody\n", 3)
	for says, c := range map[string]struct {
		text string
		last bool // the chunk with the failures is the last to run
		want drop.Counts
	}{
		"first":         {some + strings.Repeat(",Any,Body\n", 597), false, drop.Counts{OK: 497, Creates: 497, Failed: 3, Skipped: 100}},
		"last":          {some + strings.Repeat(",Any,Body\n", 597), true, drop.Counts{OK: 597, Creates: 597, Failed: 3}},
		"all there are": {some + ",Any,Body\n", false, drop.Counts{OK: 1, Creates: 1, Failed: 3}},
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			p := newPress(t)
			_, messages := p.dropped("isbn,title,authors\n"+c.text, 0, func(i *drop.Import) { i.Options.StopAfter = &drop.Limit{Rows: 2} })
			if c.last {
				slices.Reverse(messages)
			}
			i := p.does(messages...)
			p.is(i, drop.Failed, c.want)
			if i.Error == nil || !strings.Contains(i.Error.Detail, "3 of its ") {
				t.Errorf("it says %+v", i.Error)
			}
		})
	}
	t.Run("but one that is cancelled is cancelled, and one that is compared is planned", func(t *testing.T) {
		t.Parallel()
		done := drop.Progress{Chunks: 1, Counts: drop.Counts{Failed: 3}}
		i := drop.Import{
			State: drop.Cancelling, Total: 3, Chunks: 1, Options: drop.Options{StopAfter: &drop.Limit{Rows: 2}}, Compared: done, Applied: done,
		}
		if i, _ := i.Conclude(drop.Applying, time.Now()); i.State != drop.Cancelled || i.Error != nil {
			t.Errorf("it is %s: %v", i.State, i.Error)
		}
		i.State = drop.Queued
		if i, _ := i.Conclude(drop.Comparing, time.Now()); i.State != drop.Planned || i.Error != nil {
			t.Errorf("it is %s: %v", i.State, i.Error)
		}
	})
}
