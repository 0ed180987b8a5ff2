package arrive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"acervo/internal/arrive"
	"acervo/internal/dir"
	"acervo/internal/fault"
)

// desk is a handler that writes down what it is asked.
type desk struct {
	mu    sync.Mutex
	said  []string
	fails func(key string, before int) error
	tries map[string]int
	store *dir.Dir // removes from it what is dealt with
}

func (d *desk) Arrived(ctx context.Context, o arrive.Object) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tries == nil {
		d.tries = map[string]int{}
	}
	before := d.tries[o.Key]
	d.tries[o.Key]++
	if d.fails != nil {
		if err := d.fails(o.Key, before); err != nil {
			return err
		}
	}
	d.said = append(d.said, "dealt with "+o.Key)
	return d.store.Delete(ctx, o.Key)
}

func (d *desk) GiveUp(ctx context.Context, o arrive.Object, why error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.said = append(d.said, "gave up "+o.Key+": "+why.Error())
	return d.store.Delete(ctx, o.Key)
}

func (d *desk) has() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.said)
}

// hall is a porter over a folder, with a desk for one prefix.
type hall struct {
	*arrive.Porter
	desk *desk
	dir  *dir.Dir
	stop func()
}

// open starts a porter over a folder.
func open(t *testing.T, at string, fails func(key string, before int) error) *hall {
	t.Helper()
	store, err := dir.Open(dir.Options{Path: at, Uploads: "/v1/uploads/", Ring: dir.NewKeyring(time.Now, dir.NewKey()), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	h := &hall{desk: &desk{fails: fails, store: store}, dir: store}
	log := slog.New(slog.DiscardHandler)
	h.Porter = &arrive.Porter{
		Store: store, Inbox: store, Log: log,
		Router: &arrive.Router{Log: log, Routes: []arrive.Route{{Prefix: "originals/", Handler: h.desk, Leftovers: true}}},
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); h.Run(ctx) }()
	synctest.Wait() // what lay there was looked for: what lands from now on is carried once
	h.stop = func() {
		cancel()
		<-ended
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	return h
}

func (h *hall) put(t *testing.T, key string) {
	t.Helper()
	if _, err := h.dir.Put(t.Context(), key, "image/jpeg", bytes.NewReader([]byte("x"))); err != nil {
		t.Fatal(err)
	}
}

// upload makes an upload that was signed.
func (h *hall) upload(t *testing.T, key string) {
	t.Helper()
	u, err := h.dir.Sign(t.Context(), key, "image/jpeg", 1, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Accept(t.Context(), strings.TrimPrefix(u.URL, "/v1/uploads/"), "image/jpeg", 1, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
}

func (h *hall) wants(t *testing.T, want ...string) {
	t.Helper()
	if got := h.desk.has(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAPorterCarriesWhatWasUploadedAndNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), nil)
		h.upload(t, "originals/a")
		h.upload(t, "covers/a/96.jpg") // what we made is nobody's input
		h.put(t, "originals/b")        // nobody tells of it
		synctest.Wait()
		h.wants(t, "dealt with originals/a")
		h.stop()
	})
}

func TestWhatLiesThereAtTheStartIsDealtWith(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := t.TempDir()
		h := open(t, at, func(string, int) error { return fault.New(fault.Unavailable, "the store is down") })
		var want []string
		for i := range 103 { // more than a page
			h.put(t, fmt.Sprintf("originals/%03d", i))
			want = append(want, fmt.Sprintf("dealt with originals/%03d", i))
		}
		h.upload(t, "originals/uploaded")
		synctest.Wait()
		h.stop()
		h.wants(t)
		h = open(t, at, nil)
		h.wants(t, append(want, "dealt with originals/uploaded")...)
		h.stop()
	})
}

func TestMoreThanAPorterCanRememberIsFoundInTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := true
		h := open(t, t.TempDir(), func(string, int) error {
			if down {
				return fault.New(fault.Unavailable, "the store is down")
			}
			return nil
		})
		for i := range 400 {
			h.upload(t, fmt.Sprintf("originals/%d", i))
		}
		synctest.Wait()
		h.desk.mu.Lock()
		down = false
		h.desk.mu.Unlock()
		<-time.After(time.Minute)
		synctest.Wait()
		said := h.desk.has()
		slices.Sort(said)
		if n := len(slices.Compact(said)); n != 400 {
			t.Errorf("%d of 400 were dealt with", n)
		}
		h.stop()
	})
}

func TestWhatFailsIsTriedFiveTimesAndGivenUpAndAStoreThatIsDownDoesNotCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := open(t, t.TempDir(), func(key string, before int) error {
			switch {
			case key == "originals/bad" && before < 7:
				return fault.New(fault.Unavailable, "the store is down")
			case key == "originals/bad":
				return errors.New("no good")
			case before < 4:
				return errors.New("not yet")
			}
			return nil
		})
		h.upload(t, "originals/bad")
		h.upload(t, "originals/slow")
		<-time.After(5 * time.Minute)
		h.wants(t, "gave up originals/bad: no good", "dealt with originals/slow")
		if n := h.desk.tries["originals/bad"]; n != 7+arrive.Attempts {
			t.Errorf("it was tried %d times", n)
		}
		h.stop()
	})
}

func TestARouterPassesOverWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	var said []string
	r := &arrive.Router{Bucket: "acervo-objects", Log: slog.New(slog.DiscardHandler), Routes: []arrive.Route{
		{Prefix: "drop/", Handler: listed{"drops", &said}}, {Prefix: "originals/", Handler: listed{"covers", &said}},
	}}
	for _, event := range []string{
		ofAmazon,
		strings.Replace(ofAmazon, `"name":"acervo-objects"`, `"name":"another"`, 1),
		strings.Replace(ofAmazon, "drop/", "covers/", 1),
		strings.Replace(ofAmazon, "drop/", "reports/drop/", 1),
		strings.Replace(ofAmazon, "drop/", "originals%2F", 1),
	} {
		if err := r.Event(t.Context(), []byte(event)); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"drops drop/Preços 100%.csv", "covers originals/Preços 100%.csv"}; !slices.Equal(said, want) {
		t.Errorf("got %q, want %q", said, want)
	}
}

func TestEveryObjectOfAnEventIsDealtWithAlsoAfterOneThatFails(t *testing.T) {
	t.Parallel()
	record := strings.TrimSuffix(strings.TrimPrefix(ofAmazon, `{"Records":[`), `]}`)
	event := `{"Records":[` + strings.Replace(record, "drop/", "broken/", 1) + "," + record + `]}`
	var said []string
	r := &arrive.Router{Bucket: "acervo-objects", Log: slog.New(slog.DiscardHandler), Routes: []arrive.Route{
		{Prefix: "broken/", Handler: broken{}}, {Prefix: "drop/", Handler: listed{"drops", &said}},
	}}
	if err := r.Event(t.Context(), []byte(event)); err == nil || len(said) != 1 {
		t.Errorf("got %v and %q", err, said)
	}
}

// listed is a handler that writes down what it is asked.
type listed struct {
	name string
	said *[]string
}

func (l listed) Arrived(_ context.Context, o arrive.Object) error {
	*l.said = append(*l.said, l.name+" "+o.Key)
	return nil
}
func (l listed) GiveUp(context.Context, arrive.Object, error) error { return nil }

type broken struct{}

func (broken) Arrived(context.Context, arrive.Object) error       { return errors.New("broken") }
func (broken) GiveUp(context.Context, arrive.Object, error) error { return nil }
