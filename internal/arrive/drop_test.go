package arrive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/arrive"
	"acervo/internal/blob"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/queue"
	"acervo/internal/tabular"
)

// rows reads what the chunks that were sent hold.
func (d *shelf) rows(t *testing.T, id uuid.UUID, chunks []drop.Chunk) (titles []string) {
	t.Helper()
	plan, err := d.Imports.Plan(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	r := tabular.NewReader(plan, july())
	for n, c := range chunks {
		if c.Number != n || c.Import != id {
			t.Fatalf("chunk %d is %+v", n, c)
		}
		slice := tabular.Chunk{Offset: c.Offset, Length: c.Length, Line: c.Line, Rows: c.Rows, Plain: c.Plain}
		for row, err := range r.Rows(slice, bytes.NewReader(d.text(t, c))) {
			if err != nil {
				t.Fatal(err)
			}
			draft, _, _ := r.Draft(row)
			titles = append(titles, draft.Title)
		}
	}
	return titles
}

func many(n int) string {
	var b strings.Builder
	b.WriteString("title,author\n")
	for i := range n {
		fmt.Fprintf(&b, "Title %d,Author\n", i)
	}
	return b.String()
}

func TestDrops(t *testing.T) {
	t.Parallel()
	t.Run("a file becomes an import whose chunks are all its rows", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		i := d.drops(t, "drop/lista de livros.csv", many(1700))
		titles := d.rows(t, i.ID, d.lane.chunks())
		if i.State != drop.Queued || i.Total != 1700 || i.Chunks != 4 || i.Filename != "lista de livros.csv" || !i.Alone || len(titles) != 1700 || titles[1699] != "Title 1699" {
			t.Errorf("%+v, %d rows", i, len(titles))
		}
		if f := i.Format; f.Kind != "csv" || f.Encoding != "utf-8" || f.Delimiter != "," || f.Columns[1] != (drop.Column{Name: "author", Field: "authors"}) || len(i.Preview) != 10 {
			t.Errorf("%+v", f)
		}
		if !i.ArrivedAt.Equal(july().Add(-time.Minute)) || i.StartedAt.IsZero() || i.Text != i.Key {
			t.Errorf("%+v", i)
		}
	})
	t.Run("a gzipped one is expanded beside the drop", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		o := d.put(t, "drop/list.csv.gz", gzipped(t, []byte(many(700))))
		i := d.arrives(t, o)
		if titles := d.rows(t, i.ID, d.lane.chunks()); len(titles) != 700 || i.Text != drop.TextKey(i.ID) || len(d.spooled(t)) > 0 {
			t.Errorf("%d rows of %s, left is %v", len(titles), i.Text, d.spooled(t))
		}
	})
	t.Run("an upload is the import that announced it, with its options", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		i, upload, err := d.Imports.Announce(t.Context(), intake.Announcement{
			Filename: "Preço: 10%.csv", Bytes: 10, Mode: drop.Apply, By: "walter", Options: drop.Options{Delimiter: ";", Mapping: map[string]string{"obra": "title", "quem": "authors"}},
		})
		if err != nil || upload.Method == "" {
			t.Fatal(err)
		}
		got := d.drops(t, i.Key, "obra;quem\nA, B;C\n")
		if got.ID != i.ID || got.State != drop.Queued || got.Filename != "Preço: 10%.csv" || got.By != "walter" || len(d.all(t)) != 1 {
			t.Errorf("%+v", got)
		}
		if titles := d.rows(t, i.ID, d.lane.chunks()); !slices.Equal(titles, []string{"A, B"}) {
			t.Errorf("read %q", titles)
		}
	})
	t.Run("an event told twice, late, or without a version does nothing more", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		o := d.put(t, "drop/a.csv", []byte(list))
		first := d.arrives(t, o)
		o.At = o.At.Add(time.Hour)
		second := d.arrives(t, o)
		o.Version = ""
		third := d.arrives(t, o)
		if first.ID != second.ID || third.Revision != first.Revision || len(d.lane.sent) != 1 || len(d.all(t)) != 1 {
			t.Errorf("%d imports, %d messages", len(d.all(t)), len(d.lane.sent))
		}
	})
	t.Run("one that is given up has failed and says what can be done, and not why", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		o := d.put(t, "drop/a.csv", []byte(list))
		if err := d.GiveUp(t.Context(), o, errors.New("a secret of the disk")); err != nil {
			t.Fatal(err)
		}
		i := d.all(t)[0]
		if i.State != drop.Failed || i.FinishedAt.IsZero() || i.Error == nil || !strings.Contains(i.Error.Detail, "drop it again") || strings.Contains(i.Error.Detail, "secret") {
			t.Errorf("%+v, %+v", i, i.Error)
		}
	})
	t.Run("an event of an object that is gone is nothing", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		o := d.put(t, "drop/a.csv", []byte(list))
		if err := d.objects.Delete(t.Context(), o.Key); err != nil {
			t.Fatal(err)
		}
		if err := d.Arrived(t.Context(), o); err != nil || len(d.all(t)) != 0 {
			t.Errorf("%v, %v", err, d.all(t))
		}
	})
	t.Run("an event of what was overwritten is nothing, the newer one is imported", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		old := d.put(t, "drop/a.csv", []byte(list))
		i := d.drops(t, "drop/a.csv", many(3))
		if err := d.Arrived(t.Context(), old); err != nil || len(d.all(t)) != 1 || i.Total != 3 {
			t.Errorf("%v, %v", err, d.all(t))
		}
	})
	t.Run("a file never arrives later than now", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		o := d.put(t, "drop/a.csv", []byte(list))
		o.At = july().Add(24 * time.Hour)
		if i := d.arrives(t, o); !i.ArrivedAt.Equal(july()) {
			t.Errorf("it arrived at %s", i.ArrivedAt)
		}
	})
	t.Run("an older import that is unfinished is known", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		older := d.put(t, "drop/a.csv", []byte(list))
		older.At = older.At.Add(-time.Hour)
		d.arrives(t, older)
		if i := d.drops(t, "drop/b.csv", many(3)); i.Alone {
			t.Error("it is not")
		}
	})
	t.Run("a name that is no key is refused by name, once", func(t *testing.T) {
		t.Parallel()
		for _, key := range []string{"drop/../secrets.csv", "drop/a\nb.csv", "drop/" + strings.Repeat("x", 600), "drop/"} {
			d := newShelf(t)
			for range 2 {
				if err := d.Arrived(t.Context(), arrive.Object{Key: key, Version: "1"}); err != nil {
					t.Fatal(err)
				}
			}
			if all := d.all(t); len(all) != 1 || all[0].State != drop.Failed || all[0].Error.Status != 422 {
				t.Errorf("%q: %+v", key, all)
			}
		}
	})
	t.Run("percent signs and accents are names like others", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		if i := d.drops(t, "drop/100%25 é +.csv", list); i.State != drop.Queued {
			t.Errorf("%+v", i)
		}
	})
}

func TestFilesThatCannotBeImported(t *testing.T) {
	t.Parallel()
	bomb := gzipped(t, append([]byte("title,author\n"), bytes.Repeat([]byte("a,b\n"), 8<<20)...))
	for _, c := range []struct {
		name, content, code string
	}{
		{"empty", "", "empty"},
		{"a header only", "title,author\n", "no_rows"},
		{"binary", strings.Repeat("\x00\x01\x02", 2000), "binary"},
		{"a zip", "PK\x03\x04..........a.csv", "zip"},
		{"a workbook", "PK\x03\x04....[Content_Types].xml....xl/workbook.xml", "xlsx"},
		{"a gzip that ends too early", string(gzipped(t, []byte(many(2000)))[:2000]), "gzip_truncated"},
		{"a bomb", string(bomb), "gzip_ratio"},
		{"two million columns", strings.Repeat("a,", 2_000_000) + "\nA,B\n", "too_many_columns"},
		{"a list without authors", "title,shelf\nA,B\n", "no_authors"},
	} {
		t.Run(c.name+" fails by name, and harms no other", func(t *testing.T) {
			t.Parallel()
			d := newShelf(t)
			i := d.drops(t, "drop/a", c.content)
			if i.State != drop.Failed || i.Error == nil || len(i.Error.Errors) != 1 || i.Error.Errors[0].Code != c.code || i.FinishedAt.IsZero() {
				t.Errorf("%s: %+v", i.State, i.Error)
			}
			if len(d.lane.sent) > 0 || len(d.spooled(t)) > 0 {
				t.Errorf("%d messages, %v", len(d.lane.sent), d.spooled(t))
			}
			if other := d.drops(t, "drop/b", list); other.State != drop.Queued {
				t.Errorf("another is %s", other.State)
			}
		})
	}
	t.Run("the columns that there are are told", func(t *testing.T) {
		t.Parallel()
		if i := newShelf(t).drops(t, "drop/a.csv", "título,estante\nA,B\n"); len(i.Format.Columns) != 2 || i.Format.Columns[0].Field != "title" {
			t.Errorf("%+v", i.Format)
		}
	})
}

// meddled does something when an object is read for the nth time.
type meddled struct {
	blob.Store
	after int32
	do    func()
}

func (m *meddled) Get(ctx context.Context, key, version string, part blob.Range) (io.ReadCloser, blob.Object, error) {
	body, o, err := m.Store.Get(ctx, key, version, part)
	if atomic.AddInt32(&m.after, -1) == 0 {
		m.do()
	}
	return body, o, err
}

func TestFilesThatChangeWhileTheyAreRead(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*testing.T, *shelf){
		"overwritten": func(t *testing.T, d *shelf) { d.put(t, "drop/a.csv", []byte(many(5))) },
		"deleted": func(t *testing.T, d *shelf) {
			if err := d.objects.Delete(t.Context(), "drop/a.csv"); err != nil {
				t.Error(err)
			}
		},
		"appended to": func(t *testing.T, d *shelf) {
			file, err := os.OpenFile(filepath.Join(d.at, "drop/a.csv"), os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = file.WriteString("More,Rows\n")
			}
			if err := errors.Join(err, file.Close()); err != nil {
				t.Error(err)
			}
		},
	} {
		for n := int32(1); n <= 2; n++ { // when it is noticed, and when it is read
			t.Run(fmt.Sprintf("one that is %s at the %d. look fails with the reason", name, n), func(t *testing.T) {
				t.Parallel()
				d := newShelf(t)
				o := d.put(t, "drop/a.csv", []byte(list))
				d.Drops = d.over(d.store, &meddled{d.objects, n, func() { do(t, d) }}, d.lane)
				i := d.arrives(t, o)
				if i.State != drop.Failed || !strings.Contains(i.Error.Detail, "changed or deleted") || len(d.lane.sent) > 0 {
					t.Errorf("it is %s, %+v", i.State, i.Error)
				}
			})
		}
	}
}

func TestTheSameBytesAgain(t *testing.T) {
	t.Parallel()
	again := func(t *testing.T, d *shelf, first drop.Import, options drop.Options) drop.Import {
		t.Helper()
		announced, _, err := d.Imports.Announce(t.Context(), intake.Announcement{Filename: "b.csv", Bytes: 1, Mode: first.Mode, Options: options})
		if err != nil {
			t.Fatal(err)
		}
		return d.drops(t, announced.Key, list)
	}
	t.Run("are said to be imported already, and nothing is done", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		first := d.drops(t, "drop/a.csv", list)
		second := again(t, d, first, drop.Options{})
		if second.State != drop.Succeeded || second.DuplicateOf != first.ID || second.FinishedAt.IsZero() || len(d.lane.sent) != 1 {
			t.Errorf("%+v, %d messages", second, len(d.lane.sent))
		}
		gz := d.arrives(t, d.put(t, "drop/a.csv.gz", gzipped(t, []byte(list))))
		if gz.DuplicateOf != first.ID {
			t.Errorf("the same gzipped is %+v", gz)
		}
	})
	t.Run("read in another way are another import", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		first := d.drops(t, "drop/a.csv", list)
		if second := again(t, d, first, drop.Options{Key: []string{"title"}}); second.State != drop.Queued {
			t.Errorf("%+v", second)
		}
	})
	t.Run("may come when the first try failed or was cancelled", func(t *testing.T) {
		t.Parallel()
		for _, state := range []drop.State{drop.Failed, drop.Cancelled} {
			d := newShelf(t)
			first := d.drops(t, "drop/a.csv", list)
			next := first
			next.State = state
			if err := d.store.Update(t.Context(), first, next); err != nil {
				t.Fatal(err)
			}
			if second := again(t, d, first, drop.Options{}); second.State != drop.Queued || second.DuplicateOf != uuid.Nil {
				t.Errorf("%+v", second)
			}
		}
	})
	t.Run("may be applied after they were planned, once", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		planned := func() drop.Import {
			i, _, err := d.Imports.Announce(t.Context(), intake.Announcement{Filename: "a.csv", Bytes: 1, Mode: drop.Plan})
			if err != nil {
				t.Fatal(err)
			}
			i = d.drops(t, i.Key, list)
			d.compared(t, i)
			return i
		}
		first, second := planned(), planned()
		if _, err := d.Imports.Apply(t.Context(), first.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Imports.Apply(t.Context(), second.ID); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), first.ID.String()) {
			t.Errorf("the second is %v", err)
		}
	})
}

// compared ends the comparing of an import, as a worker does.
func (d *shelf) compared(t *testing.T, i drop.Import) {
	t.Helper()
	for n := range i.Chunks {
		if _, err := d.store.Finish(t.Context(), i.ID, drop.Comparing, n, drop.Counts{OK: 2, Creates: 2}); err != nil {
			t.Fatal(err)
		}
	}
	read, err := d.store.Get(t.Context(), i.ID)
	if err != nil {
		t.Fatal(err)
	}
	next := read
	next.State, next.PlannedAt = drop.Planned, july()
	if err := d.store.Update(t.Context(), read, next); err != nil {
		t.Fatal(err)
	}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	t.Run("a plan compares first, and applies when it is told to", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		i, _, err := d.Imports.Announce(t.Context(), intake.Announcement{Filename: "a.csv", Bytes: 1, Mode: drop.Plan})
		if err != nil {
			t.Fatal(err)
		}
		i = d.drops(t, i.Key, list)
		if i.State != drop.Queued || d.lane.sent[0].Pass != drop.Comparing {
			t.Errorf("%s, %+v", i.State, d.lane.sent)
		}
		if _, err := d.Imports.Apply(t.Context(), i.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("before it is planned it is %v", err)
		}
		d.compared(t, i)
		i, err = d.Imports.Apply(t.Context(), i.ID)
		if err != nil || i.State != drop.Queued || len(d.lane.sent) != 2 || d.lane.sent[1].Pass != drop.Applying {
			t.Errorf("%v, %+v", err, d.lane.sent)
		}
		if _, err := d.Imports.Apply(t.Context(), i.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("the second time it is %v", err)
		}
	})
}

func TestCancelling(t *testing.T) {
	t.Parallel()
	in := func(t *testing.T, state drop.State) (*shelf, drop.Import, error) {
		t.Helper()
		d := newShelf(t)
		i := drop.Import{ID: uuid.New(), State: state, SubmittedAt: july()}
		if err := d.store.Create(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		i, err := d.Imports.Cancel(t.Context(), i.ID)
		return d, i, err
	}
	for state, want := range map[drop.State]drop.State{
		drop.AwaitingUpload: drop.Cancelled, drop.Reading: drop.Cancelled, drop.Planned: drop.Cancelled,
		drop.Queued: drop.Cancelling, drop.Running: drop.Cancelling, drop.Cancelling: drop.Cancelling,
	} {
		if _, i, err := in(t, state); err != nil || i.State != want || (want == drop.Cancelled) == i.FinishedAt.IsZero() {
			t.Errorf("%s becomes %s, %v", state, i.State, err)
		}
	}
	for _, state := range []drop.State{drop.Succeeded, drop.CompletedWithErrors, drop.Failed, drop.Cancelled} {
		if _, _, err := in(t, state); !fault.Is(err, fault.Conflict) {
			t.Errorf("one that is %s can be cancelled: %v", state, err)
		}
	}
	t.Run("while the file is read nothing is sent any more", func(t *testing.T) {
		t.Parallel()
		d := newShelf(t)
		o := d.put(t, "drop/a.csv", []byte(list))
		d.Drops = d.over(d.store, &meddled{d.objects, 2, func() {
			if _, err := d.Imports.Cancel(t.Context(), d.all(t)[0].ID); err != nil {
				t.Error(err)
			}
		}}, d.lane)
		if i := d.arrives(t, o); i.State != drop.Cancelled || len(d.lane.sent) > 0 {
			t.Errorf("%s, %d messages", i.State, len(d.lane.sent))
		}
	})
}

// crashes ends a process at its nth call of a store, before or after it is done:
// that call, and every one that follows, fails.
type crashes struct {
	mu    sync.Mutex
	left  int
	after bool
}

var errCrash = fault.New(fault.Unavailable, "crashed")

func (c *crashes) call(do func() error) error {
	c.mu.Lock()
	c.left--
	left := c.left
	c.mu.Unlock()
	if left < 0 || left == 0 && !c.after {
		return errCrash
	}
	err := do()
	if left == 0 {
		return errCrash
	}
	return err
}

type crashingDrops struct {
	drop.Store
	c *crashes
}

func (s crashingDrops) Create(ctx context.Context, i drop.Import) error {
	return s.c.call(func() error { return s.Store.Create(ctx, i) })
}

func (s crashingDrops) Update(ctx context.Context, read, next drop.Import) error {
	return s.c.call(func() error { return s.Store.Update(ctx, read, next) })
}

func (s crashingDrops) Get(ctx context.Context, id uuid.UUID) (i drop.Import, err error) {
	err = s.c.call(func() error { i, err = s.Store.Get(ctx, id); return err })
	return i, err
}

func (s crashingDrops) Claim(ctx context.Context, digest string, id uuid.UUID) (holder uuid.UUID, err error) {
	err = s.c.call(func() error { holder, err = s.Store.Claim(ctx, digest, id); return err })
	return holder, err
}

type crashingObjects struct {
	blob.Store
	c *crashes
}

func (s crashingObjects) Put(ctx context.Context, key, contentType string, body io.ReadSeeker) (o blob.Object, err error) {
	err = s.c.call(func() error { o, err = s.Store.Put(ctx, key, contentType, body); return err })
	return o, err
}

func (s crashingObjects) Get(ctx context.Context, key, version string, part blob.Range) (body io.ReadCloser, o blob.Object, err error) {
	err = s.c.call(func() error { body, o, err = s.Store.Get(ctx, key, version, part); return err })
	if err != nil && body != nil {
		_ = body.Close()
	}
	return body, o, err
}

type crashingLane struct {
	queue.Sender
	c *crashes
}

func (l crashingLane) Send(ctx context.Context, m queue.Message) error {
	return l.c.call(func() error { return l.Sender.Send(ctx, m) })
}

func TestACrashAnywhereIsRepairedByTheNextTry(t *testing.T) {
	t.Parallel()
	for _, content := range [][]byte{[]byte(many(1200)), gzipped(t, []byte(many(1200)))} {
		for _, after := range []bool{false, true} {
			for n := 1; ; n++ {
				d := newShelf(t)
				o := d.put(t, "drop/a.csv", content)
				c := &crashes{left: n, after: after}
				err := d.over(crashingDrops{d.store, c}, crashingObjects{d.objects, c}, crashingLane{d.lane, c}).Arrived(t.Context(), o)
				if err == nil {
					if n < 8 {
						t.Errorf("only %d calls are made", n)
					}
					break
				}
				i := d.arrives(t, o)
				titles := d.rows(t, i.ID, d.lane.chunks())
				if i.State != drop.Queued || i.StartedAt.IsZero() || len(d.all(t)) != 1 || len(titles) != 1200 || i.DuplicateOf != uuid.Nil {
					t.Fatalf("after a crash at call %d it is %s with %d rows", n, i.State, len(titles))
				}
			}
		}
	}
}
