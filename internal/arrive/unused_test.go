package arrive_test

import (
	"bytes"
	"context"
	"image/color"
	"log/slog"
	"testing"
	"time"

	"acervo/internal/arrive"
	"acervo/internal/blob"
	"acervo/internal/book"
	"acervo/internal/job"
	"acervo/internal/queue"
)

func (s *studio) unused(objects blob.Store) *arrive.Unused {
	return &arrive.Unused{Objects: objects, Shelf: s.db.Books(), Now: s.Now, Log: slog.New(slog.DiscardHandler)}
}

// cover uploads a picture for the book and has it shown.
func (s *studio) cover(t *testing.T, picture []byte) book.Cover {
	t.Helper()
	_, o := s.landed(t, picture)
	ok(t, s.Arrived(t.Context(), o))
	s.work(t)
	return *s.book(t).Cover
}

// kept lists what is kept of a cover.
func (s *studio) kept(t *testing.T, c book.Cover) int {
	t.Helper()
	page, err := s.puts.List(t.Context(), book.Renditions+c.SHA256+"/", "", 100)
	ok(t, err)
	return len(page.Objects)
}

func TestRenditionsThatNoBookShowsGoLateAndOthersStay(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	replaced, shown := s.cover(t, photo(t, 400, 400, color.White)), s.cover(t, photo(t, 400, 400, color.Black))
	remove := func(want int) {
		t.Helper()
		if n, err := s.unused(s.puts).Remove(t.Context()); err != nil || n != want {
			t.Errorf("%d objects were removed (%v), want %d", n, err, want)
		}
	}
	s.now = s.now.Add(arrive.KeepUnused)
	remove(0)
	s.now = s.now.Add(time.Millisecond)
	remove(3)
	if s.kept(t, replaced) != 0 || s.kept(t, shown) != 3 {
		t.Errorf("of the replaced one %d are kept, of the shown one %d", s.kept(t, replaced), s.kept(t, shown))
	}
	r, err := s.Ring.Mint(job.Delete, s.id)
	ok(t, err)
	body, err := job.Message{Job: r.ID, Generation: 1, Kind: r.Kind, BookID: r.BookID, AcceptedAt: r.AcceptedAt()}.Encode()
	ok(t, err)
	ok(t, s.lane.Send(t.Context(), queue.Message{Group: s.id.String(), DedupID: r.ID + ".1", Body: body}))
	s.work(t)
	remove(3)
	if _, err := s.puts.Stat(t.Context(), "originals/x"); err == nil {
		t.Error("something else is there")
	}
}

// A picture that is uploaded again while its old renditions are being removed is shown
// whole: what is old is made anew, and what is made anew is another version.
func TestAPictureThatComesBackWhileItIsRemovedIsShownWhole(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	picture := photo(t, 400, 400, color.White)
	old := s.cover(t, picture)
	s.cover(t, photo(t, 400, 400, color.Black))
	s.now = s.now.Add(arrive.KeepUnused + time.Hour)
	back := &comingBack{Store: s.puts, comes: func() {
		_, o := s.landed(t, picture)
		ok(t, s.Arrived(t.Context(), o)) // and waits on the lane, where no shelf knows of it
	}}
	if _, err := s.unused(back).Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.work(t)
	if n := s.kept(t, old); n != 3 || s.book(t).Cover.SHA256 != old.SHA256 {
		t.Errorf("of what the book shows %d are kept", n)
	}
}

// comingBack is a store of objects where something happens after the first look at one.
type comingBack struct {
	blob.Store
	comes func()
}

func (c *comingBack) Stat(ctx context.Context, key string) (blob.Object, error) {
	o, err := c.Store.Stat(ctx, key)
	if comes := c.comes; comes != nil {
		c.comes = nil
		comes()
	}
	return o, err
}

func TestWhatOthersPutAmongTheRenditionsStays(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	_, err := s.puts.Dir.Put(t.Context(), "covers/a-file-of-somebody", "text/plain", bytes.NewReader(nil))
	ok(t, err)
	s.now = s.now.Add(arrive.KeepUnused + time.Hour)
	if n, err := s.unused(s.puts).Remove(t.Context()); err != nil || n != 0 {
		t.Errorf("%d (%v)", n, err)
	}
}
