package aws_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/aws"
	"acervo/internal/drop"
	"acervo/internal/e2etest"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/tabular"
	"acervo/internal/work"
)

// importer sends files and applies them, over the engines, with every call counted.
type importer struct {
	t       *testing.T
	db, sqs *meter
	store   *aws.Store
	imports *intake.Imports
	runner  *work.Runner
	lost    *work.Lost
	dlq     *aws.Lane
	began   time.Time
}

func newImporter(t *testing.T) *importer {
	t.Helper()
	im := &importer{t: t, sqs: &meter{units: units{}}, began: time.Now().UTC().Truncate(time.Millisecond)}
	im.db, im.store = metered(t)
	im.db.reads = true
	// A lease is longer than the test, so that a slow machine renews none and costs the same.
	urls, opts := queues(t, onSQS(t)), aws.LaneOptions{Poll: time.Second, Lease: 15 * time.Minute}
	clients, s3 := onSQS(t, im.sqs.onCalls), onS3(t)
	lane, objects, log := clients.Lane(urls[aws.ImportsQueue], opts), s3.Objects(bucket(t, s3)), slog.New(slog.DiscardHandler)
	chunks := &work.Chunks{
		Drops: im.store.Drops(), Objects: objects, Books: im.store.Books(), Now: time.Now, Log: log,
		Ledger: work.NewApplier(im.store.Books(), im.store.Jobs(), queue.Imports, time.Now),
	}
	im.imports = &intake.Imports{Drops: im.store.Drops(), Objects: objects, Lane: lane, Now: time.Now}
	im.runner = &work.Runner{
		Lane: lane, Handler: chunks, Unordered: true, Slots: 4, MaxRun: work.MaxRun, Log: log,
	}
	im.dlq = clients.Lane(urls[aws.ImportsDLQ], opts)
	im.lost = &work.Lost{Lane: im.dlq, Chunks: chunks, Log: log}
	return im
}

// dropped is a file that was read, and that arrived so long after the test began.
func (im *importer) dropped(text string, after time.Duration) drop.Import {
	im.t.Helper()
	ctx, id := im.t.Context(), uuid.New()
	plan, err := tabular.Scan(strings.NewReader(text), tabular.Options{})
	ok(im.t, err)
	object, err := im.imports.Objects.Put(ctx, drop.Folder+id.String()+"/list.csv", "text/csv", strings.NewReader(text))
	ok(im.t, err)
	ok(im.t, im.imports.KeepPlan(ctx, id, plan))
	i := drop.Import{
		ID: id, State: drop.Queued, Mode: drop.Apply, Key: object.Key, Version: object.Version, Text: object.Key, TextVersion: object.Version,
		SubmittedAt: im.began, ArrivedAt: im.began.Add(after), Total: plan.Rows, Chunks: len(plan.Chunks), Alone: true,
	}
	ok(im.t, im.imports.Drops.Create(ctx, i))
	return i
}

func (im *importer) get(id uuid.UUID) drop.Import {
	im.t.Helper()
	i, err := im.imports.Drops.Get(im.t.Context(), id)
	ok(im.t, err)
	return i
}

// applies sends the chunks of a file, works until the import has ended, and returns
// what that took for each row, and SQS for each thousand.
func (im *importer) applies(i drop.Import, want drop.Counts) units {
	im.t.Helper()
	ctx, cancel := context.WithTimeout(im.t.Context(), 10*time.Minute)
	defer cancel()
	clear(im.db.units)
	clear(im.sqs.units)
	_, err := im.imports.Send(ctx, i.ID)
	ok(im.t, err)
	for !im.get(i.ID).State.Terminal() {
		ok(im.t, im.runner.Once(ctx, ctx))
	}
	if got := im.get(i.ID); got.State != drop.Succeeded || got.Applied.Counts != want {
		im.t.Errorf("the import is %s with %+v, want %+v", got.State, got.Applied.Counts, want)
	}
	cost := units{}
	for what, n := range im.db.units {
		cost[what] = n / float64(i.Total)
	}
	for _, n := range im.sqs.units {
		cost["sqs"] += n * 1000 / float64(i.Total)
	}
	return cost
}

// list is a file of so many rows, each of a book of one author with an ISBN.
func list(rows, published int) string {
	var text strings.Builder
	text.WriteString("isbn,title,authors,published\n")
	for n := range rows {
		fmt.Fprintf(&text, "%s,The book %d,Clarice Lispector,%d\n", e2etest.ISBN(n), n, published)
	}
	return text.String()
}

// TestRowsCostWhatTheirBooksCost holds the goals of an import: ten requests to SQS for
// a thousand rows, a write unit for a row and one for each index entry that it
// touches, none for a row that changes nothing, and a read unit. What an import and
// its chunks cost beside is shared by their rows.
func TestRowsCostWhatTheirBooksCost(t *testing.T) {
	t.Parallel()
	im := newImporter(t)
	const rows, beside = 2000, 0.05
	for n, c := range []struct {
		what    string
		text    string
		counts  drop.Counts
		books   float64
		indexes units
	}{
		{"new", list(rows, 1973), drop.Counts{OK: rows, Creates: rows}, 1, units{"by_title": 1, "by_author": 1, "by_updated": 1, "by_isbn": 1}},
		{"unchanged", list(rows, 1973), drop.Counts{Unchanged: rows}, 0, units{}},
		{"changed in no key but their time", list(rows, 1974), drop.Counts{OK: rows}, 1, units{"by_updated": 2}},
	} {
		cost := im.applies(im.dropped(c.text, time.Duration(n)*time.Minute), c.counts)
		t.Logf("%d rows that are %s take for each row %v, calls to SQS for each 1,000 %.1f: %v",
			rows, c.what, cost, cost["sqs"], im.sqs.units)
		if cost["sqs"] > 10 {
			t.Errorf("%s: %.1f requests to SQS for 1,000 rows", c.what, cost["sqs"])
		}
		if cost["books"] != c.books {
			t.Errorf("%s: %v write units for the book of a row, want %v", c.what, cost["books"], c.books)
		}
		for _, index := range []string{"by_title", "by_author", "by_updated", "by_isbn"} {
			if cost[index] != c.indexes[index] {
				t.Errorf("%s: %v write units of %s for a row, want %v", c.what, cost[index], index, c.indexes[index])
			}
		}
		if cost["imports"]+cost["jobs"]+cost["ledger"] > beside || cost["reads"] > 1+beside {
			t.Errorf("%s: a row takes %v", c.what, cost)
		}
	}
}

// TestAChunkThatSQSGaveUpIsBuriedAndItsRowsHaveFailed puts chunks where SQS does
// when they were received too often.
func TestAChunkThatSQSGaveUpIsBuriedAndItsRowsHaveFailed(t *testing.T) {
	t.Parallel()
	im := newImporter(t)
	ctx := t.Context()
	i := im.dropped(list(3, 1973), 0)
	im.imports.Lane = im.dlq
	_, err := im.imports.Send(ctx, i.ID)
	ok(t, err)
	ok(t, im.dlq.Send(ctx, message("somebody", "not a chunk")))
	ok(t, im.lost.Once(ctx))
	if got := im.get(i.ID); got.State != drop.CompletedWithErrors || got.Applied.Counts != (drop.Counts{Failed: 3}) {
		t.Errorf("the import is %s with %+v", got.State, got.Applied.Counts)
	}
	dead, _, err := im.store.Jobs().Dead(ctx, job.Filter{Lane: queue.Imports}, "", 10)
	ok(t, err)
	bodies := map[bool]int{}
	for _, rec := range dead {
		bodies[string(rec.Burial.Message) == "not a chunk"]++
	}
	if bodies[true] != 1 || bodies[false] != 1 {
		t.Errorf("the ledger has %+v", dead)
	}
	if s, err := im.dlq.Stats(ctx); err != nil || s.Depth() != 0 {
		t.Errorf("%+v is left (%v)", s, err)
	}
}
