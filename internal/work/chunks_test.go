package work_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/blob"
	"acervo/internal/book"
	"acervo/internal/dir"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
	"acervo/internal/tabular"
	"acervo/internal/work"
)

// press imports files into a store in memory.
type press struct {
	t       *testing.T
	db      *sqlite.DB
	objects *dir.Dir
	chunks  *work.Chunks
	began   time.Time
}

func newPress(t *testing.T) *press {
	t.Helper()
	db, err := sqlite.Open(sqlite.Options{})
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	return pressOver(t, db)
}

func pressOver(t *testing.T, db *sqlite.DB) *press {
	t.Helper()
	objects, err := dir.Open(dir.Options{Path: t.TempDir(), Uploads: "/u/", Ring: dir.NewKeyring(time.Now, dir.NewKey()), Now: time.Now})
	check(t, err)
	t.Cleanup(func() { check(t, objects.Close()) })
	p := &press{t: t, db: db, objects: objects, began: time.Now().UTC().Truncate(time.Millisecond)}
	p.chunks = p.worker(db.Books())
	return p
}

// worker is another one, that sees these books.
func (p *press) worker(books book.Bulk) *work.Chunks {
	return &work.Chunks{
		Drops: p.db.Drops(), Objects: p.objects, Books: books, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Ledger: work.NewApplier(p.db.Books(), p.db.Jobs(), queue.Imports, time.Now),
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dropped is a file that was read, so long after the test began.
func (p *press) dropped(text string, after time.Duration, set func(*drop.Import)) (drop.Import, []drop.Chunk) {
	p.t.Helper()
	ctx := p.t.Context()
	plan, err := tabular.Scan(strings.NewReader(text), tabular.Options{})
	check(p.t, err)
	id := uuid.New()
	object, err := p.objects.Put(ctx, "drop/"+id.String()+".csv", "text/csv", strings.NewReader(text))
	check(p.t, err)
	raw, err := plan.Encode()
	check(p.t, err)
	_, err = p.objects.Put(ctx, drop.PlanKey(id), "application/json", bytes.NewReader(raw))
	check(p.t, err)
	i := drop.Import{
		ID: id, State: drop.Queued, Mode: drop.Apply, Key: object.Key, Version: object.Version, Text: object.Key, TextVersion: object.Version,
		SubmittedAt: p.began, ArrivedAt: p.began.Add(after), Total: plan.Rows, Chunks: len(plan.Chunks), Alone: true,
	}
	if set != nil {
		set(&i)
	}
	check(p.t, p.db.Drops().Create(ctx, i))
	var messages []drop.Chunk
	for n, c := range plan.Chunks {
		messages = append(messages, drop.Chunk{
			Import: id, Pass: drop.Applying, Number: n, Key: object.Key, Version: object.Version,
			Offset: c.Offset, Length: c.Length, Line: c.Line, Rows: c.Rows, Plain: c.Plain,
		})
	}
	return i, messages
}

func delivered(t *testing.T, m drop.Chunk, receives int) queue.Delivery {
	t.Helper()
	body, err := m.Encode()
	check(t, err)
	return queue.Delivery{Message: queue.Message{Group: m.Group(), DedupID: m.DedupID(), Body: body}, Receives: receives}
}

// does has chunks done, and returns the import as it is then.
func (p *press) does(messages ...drop.Chunk) drop.Import {
	p.t.Helper()
	for _, m := range messages {
		check(p.t, p.chunks.Do(p.t.Context(), delivered(p.t, m, 1)))
	}
	i, err := p.db.Drops().Get(p.t.Context(), messages[0].Import)
	check(p.t, err)
	return i
}

// is checks where an import stands and what its rows came to.
func (p *press) is(i drop.Import, state drop.State, want drop.Counts) {
	p.t.Helper()
	if i.State != state || i.Applied.Counts != want {
		p.t.Errorf("the import is %s with %+v, want %s with %+v", i.State, i.Applied.Counts, state, want)
	}
}

// reported is what is told of the rows of a chunk.
func (p *press) reported(m drop.Chunk) string {
	p.t.Helper()
	body, _, err := p.objects.Get(p.t.Context(), drop.ReportKey(m.Import, m.Pass, m.Number), "", blob.Range{})
	check(p.t, err)
	raw, err := io.ReadAll(body)
	check(p.t, errors.Join(err, body.Close()))
	return string(raw)
}

func bookOf(isbn string) uuid.UUID { return book.ID(book.Draft{ISBN: isbn}) }

func (p *press) book(isbn string) book.Item {
	p.t.Helper()
	item, err := p.db.Books().Get(p.t.Context(), bookOf(isbn))
	check(p.t, err)
	return item
}

const (
	estrela  = "9788532508126"
	casmurro = "9788535910667"
	small    = "isbn,title,authors\n" + estrela + ",A hora da estrela,Clarice Lispector\n" + casmurro + ",Dom Casmurro,Machado de Assis\n,,Nobody\n"
)

func TestAChunkIsAppliedAndCounted(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	_, messages := p.dropped(small, 0, nil)
	i := p.does(messages...)
	p.is(i, drop.CompletedWithErrors, drop.Counts{OK: 2, Creates: 2, Failed: 1})
	if item := p.book(estrela); !item.Exists() || item.Version != 1 || item.Draft.Title != "A hora da estrela" || item.Row.Line != 2 {
		t.Errorf("the book is %+v", item)
	}
	if told := p.reported(messages[0]); !strings.Contains(told, `"line":4`) || !strings.Contains(told, `"outcome":"failed"`) || strings.Count(told, "\n") != 1 {
		t.Errorf("it is told that %s", told)
	}
	if i.FinishedAt.IsZero() {
		t.Error("nobody says when it was finished")
	}
}

func TestAChunkDeliveredAgainCountsOnceAndAppliesNothingTwice(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	_, messages := p.dropped(small, 0, nil)
	p.does(messages...)
	again := p.does(messages...)
	p.is(again, drop.CompletedWithErrors, drop.Counts{OK: 2, Creates: 2, Failed: 1})
	if v := p.book(estrela).Version; v != 1 {
		t.Errorf("the book has version %d", v)
	}
}

// Its worker dies between the books and the outcome.
func TestAChunkWhoseOutcomeWasLostCountsAsItDidTheFirstTime(t *testing.T) {
	t.Parallel()
	for _, alone := range []bool{true, false} {
		p := newPress(t)
		p.does(second(p.dropped(small, -time.Hour, nil))...)
		_, messages := p.dropped(strings.Replace(small, "Dom Casmurro", "Memórias", 1), 0, func(i *drop.Import) { i.Alone = alone })
		dying := p.worker(p.db.Books())
		dying.Drops = forgetful{p.db.Drops()}
		for range 3 {
			if err := dying.Do(t.Context(), delivered(t, messages[0], 1)); err == nil {
				t.Fatal("the outcome was not lost")
			}
		}
		p.is(p.does(messages...), drop.CompletedWithErrors, drop.Counts{OK: 1, Unchanged: 1, Failed: 1})
		if v := p.book(casmurro).Version; v != 2 {
			t.Errorf("the book has version %d, want 2", v)
		}
	}
}

func second(_ drop.Import, messages []drop.Chunk) []drop.Chunk { return messages }

// forgetful loses outcomes.
type forgetful struct{ drop.Store }

func (forgetful) Finish(context.Context, uuid.UUID, drop.Pass, int, drop.Counts) (drop.Progress, error) {
	return drop.Progress{}, fault.New(fault.Unavailable, "lost")
}

func TestOfRowsThatNameOneBookTheLastCounts(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("isbn,title,authors\n" + estrela + ",First,A\n")
	for n := range 600 { // the last comes in another chunk
		fmt.Fprintf(&text, ",Other %d,B\n", n)
	}
	text.WriteString(estrela + ",Second,A\n" + estrela + ",Last,A\n" + estrela + ",,A\n")
	for _, backwards := range []bool{false, true} {
		p := newPress(t)
		_, messages := p.dropped(text.String(), 0, nil)
		if len(messages) < 2 {
			t.Fatal("the file has one chunk")
		}
		if backwards {
			messages = []drop.Chunk{messages[1], messages[0]}
		}
		p.is(p.does(messages...), drop.CompletedWithErrors, drop.Counts{OK: 601, Creates: 601, Superseded: 2, Failed: 1})
		if item := p.book(estrela); item.Draft.Title != "Last" || item.Version != 1 {
			t.Errorf("backwards %t: the book is %+v", backwards, item)
		}
	}
}

func TestARowLosesToWhatCameAfterItsFile(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	newer, err := p.db.Books().Get(t.Context(), bookOf(casmurro))
	check(t, err)
	next := newer
	next.Existence, next.Version, next.Draft = book.Live, 1, book.Draft{Title: "Newer", Authors: []string{"A"}}
	next.AcceptedAt = p.began.Add(time.Minute)
	check(t, p.db.Books().Swap(t.Context(), newer, next))
	_, old := p.dropped(strings.Replace(small, "estrela", "lua", 1), -time.Hour, nil)
	_, messages := p.dropped(small, 0, nil)
	p.does(messages...)
	p.is(p.does(old...), drop.CompletedWithErrors, drop.Counts{Superseded: 2, Failed: 1})
	if item := p.book(casmurro); item.Draft.Title != "Newer" || item.Version != 1 {
		t.Errorf("the book is %+v", item)
	}
	if item := p.book(estrela); item.Draft.Title != "A hora da estrela" {
		t.Errorf("the book is %+v", item)
	}
}

func TestAnEqualRowCostsNoWriteWhereNobodyWillAsk(t *testing.T) {
	t.Parallel()
	for _, alone := range []bool{true, false} {
		p := newPress(t)
		p.does(second(p.dropped(small, -time.Hour, nil))...)
		before := p.book(estrela)
		_, messages := p.dropped(small, 0, func(i *drop.Import) { i.Alone = alone })
		p.is(p.does(messages...), drop.CompletedWithErrors, drop.Counts{Unchanged: 2, Failed: 1})
		after := p.book(estrela)
		if written := after.Row != before.Row; written == alone || after.Version != 1 {
			t.Errorf("alone %t: the token was %+v and is %+v, version %d", alone, before.Row, after.Row, after.Version)
		}
	}
}

func TestAComparisonTellsWhatApplyingWouldDoAndDoesNothing(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	p.does(second(p.dropped("isbn,title,authors\n"+estrela+",Old,A\n", -time.Hour, nil))...)
	_, messages := p.dropped(small, 0, func(i *drop.Import) { i.Mode = drop.Plan })
	compare := messages[0]
	compare.Pass = drop.Comparing
	i := p.does(compare)
	if want := (drop.Counts{OK: 2, Creates: 1, Failed: 1}); i.State != drop.Planned || i.Compared.Counts != want {
		t.Errorf("the import is %s with %+v, want %+v", i.State, i.Compared.Counts, want)
	}
	if item := p.book(estrela); item.Draft.Title != "Old" || item.Version != 1 {
		t.Errorf("the book is %+v", item)
	}
	if told := p.reported(compare); !strings.Contains(told, `"title":"Dom Casmurro"`) {
		t.Errorf("there is no sample in %s", told)
	}
	next := i
	next.State = drop.Queued
	check(t, p.db.Drops().Update(t.Context(), i, next))
	if i = p.does(compare); i.State != drop.Queued {
		t.Errorf("a comparison that was delivered late made it %s", i.State)
	}
	p.is(p.does(messages...), drop.CompletedWithErrors, drop.Counts{OK: 2, Creates: 1, Failed: 1})
}

func TestChunksOfAnImportThatIsBeingCancelledAreSkipped(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	_, messages := p.dropped(small, 0, func(i *drop.Import) { i.State = drop.Cancelling })
	p.is(p.does(messages...), drop.Cancelled, drop.Counts{Skipped: 3})
	if p.book(estrela).Exists() {
		t.Error("a row was applied")
	}
}

// noted is the records of imports, of which somebody notes before the first update
// that the chunks were sent.
type noted struct {
	drop.Store
	once sync.Once
}

func (n *noted) Update(ctx context.Context, read, next drop.Import) error {
	var err error
	n.once.Do(func() {
		sent := read
		sent.StartedAt = time.Now().UTC().Truncate(time.Millisecond)
		err = n.Store.Update(ctx, read, sent)
	})
	return cmp.Or(err, n.Store.Update(ctx, read, next))
}

func TestAnImportRunsFromItsFirstChunkAlsoIfItsSenderIsJustDone(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	p.chunks.Drops = &noted{Store: p.db.Drops()}
	_, chunks := p.dropped("isbn,title,authors\n"+strings.Repeat(",,Nobody\n", 600), 0, nil)
	if i := p.does(chunks[0]); i.State != drop.Running || i.StartedAt.IsZero() || i.Applied.Chunks != 1 {
		t.Errorf("it is %+v", i)
	}
}

func TestAnImportStopsWhenTooManyRowsHaveFailed(t *testing.T) {
	t.Parallel()
	text := "isbn,title,authors\n" + strings.Repeat(",,Nobody\n", 600)
	for _, limit := range []drop.Limit{{Rows: 500}, {Percent: 80}} {
		p := newPress(t)
		_, messages := p.dropped(text, 0, func(i *drop.Import) { i.Options.StopAfter = &limit })
		p.is(p.does(messages[0]), drop.Cancelling, drop.Counts{Failed: 500})
		i := p.does(messages[1])
		p.is(i, drop.Failed, drop.Counts{Failed: 500, Skipped: 100})
		if i.Error == nil || !strings.Contains(i.Error.Detail, "stopped because 500") {
			t.Errorf("it says %+v", i.Error)
		}
	}
}

func TestAFileThatChangesEndsItsImport(t *testing.T) {
	t.Parallel()
	for name, happens := range map[string]func(p *press, key string) error{
		"deleted": func(p *press, key string) error { return p.objects.Delete(p.t.Context(), key) },
		"changed": func(p *press, key string) error {
			_, err := p.objects.Put(p.t.Context(), key, "text/csv", strings.NewReader("something else"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPress(t)
			i, messages := p.dropped(small, 0, nil)
			check(t, happens(p, i.Key))
			i = p.does(messages...)
			p.is(i, drop.Failed, drop.Counts{Skipped: 3})
			if i.Error == nil || !strings.Contains(i.Error.Detail, "changed or deleted") {
				t.Errorf("it says %+v", i.Error)
			}
		})
	}
}

// unread books cannot be read.
type unread struct{ book.Bulk }

func (unread) GetMany(context.Context, []uuid.UUID) ([]book.Found, error) {
	return nil, errors.New("broken")
}

func TestAChunkThatKeepsFailingIsBuriedAndItsRowsHaveFailed(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	_, messages := p.dropped(small, 0, nil)
	bad := p.worker(unread{p.db.Books()})
	for n := 1; n <= work.MaxAttempts; n++ {
		d := delivered(t, messages[0], n)
		err := bad.Do(t.Context(), d)
		if err == nil {
			t.Fatalf("attempt %d succeeded", n)
		}
		bad.Failed(t.Context(), d, err)
	}
	check(t, bad.Do(t.Context(), delivered(t, messages[0], work.MaxAttempts+1)))
	check(t, bad.Do(t.Context(), delivered(t, messages[0], work.MaxAttempts+2)))
	p.is(p.does(messages...), drop.CompletedWithErrors, drop.Counts{Failed: 3})
	if told := p.reported(messages[0]); strings.Count(told, `"code":"chunk_dead"`) != 3 || !strings.Contains(told, `"line":4`) {
		t.Errorf("it is told that %s", told)
	}
	dead, _, err := p.db.Jobs().Dead(t.Context(), job.Filter{Lane: queue.Imports}, "", 10)
	check(t, err)
	if len(dead) != 1 || dead[0].Kind != job.Chunk || dead[0].ID != messages[0].DedupID() || len(dead[0].Burial.Message) == 0 || dead[0].Burial.Cause != "broken" {
		t.Errorf("the ledger has %+v", dead)
	}
}

func TestAMessageThatNobodyCanReadIsBuriedWhole(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	d := queue.Delivery{Message: queue.Message{Group: uuid.NewString(), DedupID: "x", Body: []byte(`{"v":1}`)}, Receives: 1}
	check(t, p.chunks.Do(t.Context(), d))
	dead, _, err := p.db.Jobs().Dead(t.Context(), job.Filter{Lane: queue.Imports}, "", 10)
	check(t, err)
	if len(dead) != 1 || string(dead[0].Burial.Message) != `{"v":1}` {
		t.Errorf("the ledger has %+v", dead)
	}
	d.Body = []byte(`{"v":2}`)
	if err := p.chunks.Do(t.Context(), d); !fault.Is(err, fault.Unavailable) {
		t.Errorf("one of another release: %v", err)
	}
}

// crowded books are written by somebody else whenever they have been read.
type crowded struct {
	sqlite.Books
	times int
}

func (c *crowded) GetMany(ctx context.Context, ids []uuid.UUID) ([]book.Found, error) {
	found, err := c.Books.GetMany(ctx, ids)
	if c.times > 0 && len(found) > 0 {
		c.times--
		next := found[0].Item
		next.Fence++
		err = errors.Join(err, c.Swap(ctx, found[0].Item, next))
	}
	return found, err
}

func TestARowThatLosesItsBookToSomebodyIsDecidedAgain(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	_, messages := p.dropped(small, 0, nil)
	p.chunks = p.worker(&crowded{p.db.Books(), 5})
	p.is(p.does(messages...), drop.CompletedWithErrors, drop.Counts{OK: 2, Creates: 2, Failed: 1})
}
