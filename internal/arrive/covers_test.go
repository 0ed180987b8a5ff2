package arrive_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/arrive"
	"acervo/internal/blob"
	"acervo/internal/book"
	"acervo/internal/cover"
	"acervo/internal/dir"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
	"acervo/internal/work"
)

// studio deals with pictures over real stores, on a clock of its own.
type studio struct {
	*arrive.Covers
	db   *sqlite.DB
	lane *sqlite.Lane
	now  time.Time
	puts *counted
	id   uuid.UUID // of a book that is there
}

// counted is a store of objects that counts what is put.
type counted struct {
	*dir.Dir
	n     int
	fails error
}

func (c *counted) Put(ctx context.Context, key, contentType string, body io.ReadSeeker) (blob.Object, error) {
	c.n++
	if c.fails != nil {
		return blob.Object{}, c.fails
	}
	return c.Dir.Put(ctx, key, contentType, body)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newStudio(t *testing.T) *studio {
	t.Helper()
	s := &studio{now: time.Now().Truncate(time.Millisecond), id: uuid.New()}
	now := func() time.Time { return s.now }
	objects, err := dir.Open(dir.Options{Path: t.TempDir(), Ring: dir.NewKeyring(now, dir.NewKey()), Now: now})
	ok(t, err)
	t.Cleanup(func() { ok(t, objects.Close()) })
	s.db, err = sqlite.Open(sqlite.Options{Now: now})
	ok(t, err)
	t.Cleanup(func() { ok(t, s.db.Close()) })
	s.lane, err = s.db.Lane(t.Context(), queue.Writes, sqlite.LaneOptions{Poll: time.Millisecond})
	ok(t, err)
	s.puts = &counted{Dir: objects}
	s.Covers = &arrive.Covers{
		Ring: job.NewKeyring(now, job.NewKey()), Jobs: s.db.Jobs(), Books: s.db.Books(), Lane: s.lane, Objects: s.puts,
		Renderer: cover.New(), Now: now, Log: slog.New(slog.DiscardHandler),
	}
	ok(t, s.db.Books().Swap(t.Context(), book.Item{ID: s.id}, book.Item{
		ID: s.id, Existence: book.Live, Version: 1, Draft: book.Draft{Title: "A", Authors: []string{"B"}},
	}))
	return s
}

// landed is a picture that was uploaded for a job of the book.
func (s *studio) landed(t *testing.T, picture []byte) (job.Receipt, arrive.Object) {
	t.Helper()
	r, err := s.Ring.Mint(job.CoverSet, s.id)
	ok(t, err)
	return r, s.put(t, job.OriginalKey(r.ID), picture)
}

func (s *studio) put(t *testing.T, key string, picture []byte) arrive.Object {
	t.Helper()
	o, err := s.puts.Dir.Put(t.Context(), key, "image/jpeg", bytes.NewReader(picture))
	ok(t, err)
	return arrive.Object{Key: o.Key, Version: o.Version, Size: o.Size, At: s.now}
}

// work applies what is on the lane, and returns how much that was.
func (s *studio) work(t *testing.T) (n int) {
	t.Helper()
	applier := work.NewApplier(s.db.Books(), s.db.Jobs(), queue.Writes, s.Now)
	for {
		stats, err := s.lane.Stats(t.Context())
		ok(t, err)
		if stats.Depth() == 0 {
			return n
		}
		batch, err := s.lane.Receive(t.Context(), 1)
		ok(t, err)
		m, err := job.DecodeMessage(batch[0].Body)
		ok(t, err)
		ok(t, applier.Apply(t.Context(), m, batch[0].Body, batch[0].Receives))
		ok(t, s.lane.Delete(t.Context(), batch[0].Handle))
		n++
	}
}

func (s *studio) record(t *testing.T, r job.Receipt) job.Record {
	t.Helper()
	rec, _, err := s.db.Jobs().Get(t.Context(), r.ID)
	ok(t, err)
	return rec
}

func (s *studio) book(t *testing.T) book.Item {
	t.Helper()
	item, err := s.db.Books().Get(t.Context(), s.id)
	ok(t, err)
	return item
}

// left lists the originals that still lie there.
func (s *studio) left(t *testing.T) int {
	t.Helper()
	page, err := s.puts.List(t.Context(), job.Originals, "", 100)
	ok(t, err)
	return len(page.Objects)
}

// photo is a JPEG of one colour.
func photo(t *testing.T, width, height int, c color.Color) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		img.Set(i%width, i/width, c)
	}
	var b bytes.Buffer
	ok(t, jpeg.Encode(&b, img, nil))
	return b.Bytes()
}

func TestAPictureThatLandsIsShownByItsBook(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	r, o := s.landed(t, photo(t, 700, 350, color.RGBA{R: 200, A: 255}))
	ok(t, s.Arrived(t.Context(), o))
	if rec := s.record(t, r); rec.State != job.Queued || s.left(t) != 0 {
		t.Errorf("before it is applied its job is %+v and %d originals lie there", rec, s.left(t))
	}
	if n := s.work(t); n != 1 {
		t.Errorf("%d jobs came to the lane", n)
	}
	item := s.book(t)
	if rec := s.record(t, r); rec.State != job.Succeeded || rec.BookVersion != 2 || item.Version != 2 || item.Cover == nil {
		t.Fatalf("its job is %+v and its book %+v", rec, item)
	}
	for i, want := range []book.Rendition{{Width: 96, Height: 48}, {Width: 320, Height: 160}, {Width: 640, Height: 320}} {
		if got := item.Cover.Renditions[i]; got != want {
			t.Errorf("rendition %d is %+v", i, got)
		}
		body, _, err := s.puts.Get(t.Context(), book.RenditionKey(item.Cover.SHA256, want.Width), "", blob.Range{})
		ok(t, err)
		if config, err := jpeg.DecodeConfig(body); err != nil || config.Width != want.Width || config.Height != want.Height {
			t.Errorf("it is stored as %+v (%v)", config, err)
		}
		ok(t, body.Close())
	}
}

func TestAPictureThatIsRefusedEndsItsJobWithTheReason(t *testing.T) {
	t.Parallel()
	var small bytes.Buffer
	ok(t, png.Encode(&small, image.NewGray(image.Rect(0, 0, 2, 2))))
	whole := photo(t, 64, 64, color.White)
	for what, c := range map[string]struct {
		picture []byte
		status  int
		says    string
	}{
		"a text named like a picture":  {[]byte("Not a picture at all, whatever its name says."), http.StatusUnsupportedMediaType, "no picture"},
		"a page that passes for one":   {[]byte("<!DOCTYPE html><html><script>alert(1)</script></html>"), http.StatusUnsupportedMediaType, ""},
		"an SVG":                       {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), http.StatusUnsupportedMediaType, ""},
		"half a picture":               {whole[:len(whole)/2], http.StatusUnprocessableEntity, ""},
		"nothing but its first bytes":  {whole[:3], http.StatusUnprocessableEntity, ""},
		"a picture with a broken head": {append([]byte{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, small.Bytes()[12:]...), http.StatusUnprocessableEntity, ""},
		"a picture that is too large":  {make([]byte, cover.MaxBytes+1), http.StatusRequestEntityTooLarge, "bytes"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newStudio(t)
			r, o := s.landed(t, c.picture)
			ok(t, s.Arrived(t.Context(), o))
			rec := s.record(t, r)
			if rec.State != job.Failed || rec.Error == nil || rec.Error.Status != c.status || !strings.Contains(rec.Error.Detail, c.says) || rec.Error.Detail == "" {
				t.Errorf("its job is %+v (%+v)", rec, rec.Error)
			}
			if s.work(t) > 0 || s.left(t) > 0 || s.puts.n > 0 || s.book(t).Version != 1 {
				t.Error("it has left something behind")
			}
		})
	}
}

// A file that is a picture and a page at once is served as what was made of it.
func TestOfAPolyglotOnlyThePictureIsLeft(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	_, o := s.landed(t, append(photo(t, 100, 100, color.Black), "<script>alert(1)</script>"...))
	ok(t, s.Arrived(t.Context(), o))
	s.work(t)
	c := s.book(t).Cover
	if c == nil {
		t.Fatal("it is no cover")
	}
	body, _, err := s.puts.Get(t.Context(), book.RenditionKey(c.SHA256, 96), "", blob.Range{})
	ok(t, err)
	if made, err := io.ReadAll(body); err != nil || bytes.Contains(made, []byte("<script")) {
		t.Errorf("the page is still in it (%v)", err)
	}
	ok(t, body.Close())
}

func TestTheSamePictureTwiceIsMadeOnce(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	picture := photo(t, 400, 400, color.RGBA{B: 200, A: 255})
	_, o := s.landed(t, picture)
	ok(t, s.Arrived(t.Context(), o))
	once := s.puts.n
	again, o := s.landed(t, picture)
	ok(t, s.Arrived(t.Context(), o))
	s.work(t)
	if s.puts.n != once || once != 3 {
		t.Errorf("first %d objects were put, then %d", once, s.puts.n-once)
	}
	if item := s.book(t); item.CoverJob != again.ID || len(item.Cover.Renditions) != 2 {
		t.Errorf("the book is %+v", item)
	}
	s.now = s.now.Add(31 * 24 * time.Hour) // too long ago to rely on
	_, o = s.landed(t, picture)
	ok(t, s.Arrived(t.Context(), o))
	if s.puts.n != 2*once {
		t.Errorf("a month later %d objects were put", s.puts.n-once)
	}
}

func TestEventsMayComeTwiceAndLateAndInAnyOrder(t *testing.T) {
	t.Parallel()
	t.Run("twice", func(t *testing.T) {
		t.Parallel()
		s := newStudio(t)
		r, o := s.landed(t, photo(t, 100, 100, color.White))
		for range 2 {
			ok(t, s.Arrived(t.Context(), o))
			s.work(t)
			ok(t, s.Arrived(t.Context(), o))
		}
		if rec := s.record(t, r); rec.State != job.Succeeded || s.book(t).Version != 2 {
			t.Errorf("its job is %+v, its book of version %d", rec, s.book(t).Version)
		}
	})
	t.Run("again with its picture, after its job has ended", func(t *testing.T) {
		t.Parallel()
		s := newStudio(t)
		r, o := s.landed(t, photo(t, 100, 100, color.White))
		ok(t, s.Arrived(t.Context(), o))
		s.work(t)
		ok(t, s.Arrived(t.Context(), s.put(t, o.Key, photo(t, 100, 100, color.Black))))
		if s.work(t) != 0 || s.left(t) != 0 || s.record(t, r).BookVersion != 2 {
			t.Error("the job was done once more")
		}
	})
	t.Run("out of order: the later accepted stays", func(t *testing.T) {
		t.Parallel()
		s := newStudio(t)
		first, early := s.landed(t, photo(t, 100, 100, color.White))
		second, late := s.landed(t, photo(t, 100, 100, color.Black))
		ok(t, s.Arrived(t.Context(), late))
		ok(t, s.Arrived(t.Context(), early))
		s.work(t)
		if a, b := s.record(t, first).State, s.record(t, second).State; a != job.Superseded || b != job.Succeeded || s.book(t).CoverJob != second.ID {
			t.Errorf("the first is %s, the second %s, the cover is of %s", a, b, s.book(t).CoverJob)
		}
	})
	t.Run("of an object that is gone", func(t *testing.T) {
		t.Parallel()
		s := newStudio(t)
		r, o := s.landed(t, photo(t, 100, 100, color.White))
		ok(t, s.puts.Delete(t.Context(), o.Key))
		ok(t, s.Arrived(t.Context(), o))
		if _, recorded, err := s.db.Jobs().Get(t.Context(), r.ID); recorded || err != nil || s.work(t) != 0 {
			t.Errorf("something came of it (%v)", err)
		}
	})
	t.Run("of an object that was overwritten since: the newer one has an event of its own", func(t *testing.T) {
		t.Parallel()
		s := newStudio(t)
		r, old := s.landed(t, photo(t, 100, 100, color.White))
		o := s.put(t, old.Key, photo(t, 200, 100, color.White))
		ok(t, s.Arrived(t.Context(), old))
		if s.work(t) != 0 || s.left(t) != 1 {
			t.Error("the old one was dealt with")
		}
		ok(t, s.Arrived(t.Context(), o))
		s.work(t)
		if rec := s.record(t, r); rec.State != job.Succeeded || s.book(t).Cover.Renditions[0].Height != 48 {
			t.Errorf("its job is %+v", rec)
		}
	})
}

func TestAPictureThatNobodyAskedForIsLeftWhereItIs(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	other, err := job.NewKeyring(s.Now, job.NewKey()).Mint(job.CoverSet, s.id)
	ok(t, err)
	update, err := s.Ring.Mint(job.Update, s.id)
	ok(t, err)
	set, err := s.Ring.Mint(job.CoverSet, s.id)
	ok(t, err)
	for _, key := range []string{
		job.OriginalKey("x"), job.OriginalKey(other.ID), job.OriginalKey(update.ID), job.OriginalKey(set.ID + ".jpg"), "originals/y/" + set.ID,
	} {
		o := s.put(t, key, photo(t, 10, 10, color.White))
		ok(t, s.Arrived(t.Context(), o))
		ok(t, s.GiveUp(t.Context(), o, errors.New("no")))
		if _, err := s.puts.Stat(t.Context(), key); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	if s.work(t) != 0 {
		t.Error("something came of them")
	}
}

func TestAPictureThatComesAfterItsJobWasToldToHaveFailedIsRefused(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	r, o := s.landed(t, photo(t, 100, 100, color.White))
	o.At = r.AcceptedAt().Add(job.UploadMost + time.Second)
	ok(t, s.Arrived(t.Context(), o))
	if rec := s.record(t, r); rec.State != job.Failed || rec.Error.Status != http.StatusGone || s.left(t) != 0 {
		t.Errorf("its job is %+v", rec)
	}
	r, o = s.landed(t, photo(t, 100, 100, color.White))
	o.At = r.AcceptedAt().Add(job.UploadMost)
	s.now = s.now.Add(time.Hour) // nobody looked at it before
	ok(t, s.Arrived(t.Context(), o))
	s.work(t)
	if s.record(t, r).State != job.Succeeded {
		t.Errorf("one that came in time is %+v", s.record(t, r))
	}
}

func TestAPictureThatIsGivenUpIsBuriedAndCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	r, o := s.landed(t, photo(t, 100, 100, color.White))
	s.puts.fails = fault.New(fault.Internal, "the bucket is on fire")
	if err := s.Arrived(t.Context(), o); err == nil {
		t.Fatal("a picture whose renditions cannot be kept is taken")
	}
	ok(t, s.GiveUp(t.Context(), o, s.puts.fails))
	rec := s.record(t, r)
	if rec.State != job.Dead || rec.Burial == nil || !rec.Burial.Listed || rec.Burial.Lane != arrive.CoversLane ||
		rec.Burial.Cause != "the bucket is on fire" || rec.Burial.BookVersion != 1 || s.book(t).Fence != 1 || s.left(t) != 1 {
		t.Fatalf("it is %+v (%+v), the book %+v", rec, rec.Burial, s.book(t))
	}
	ok(t, s.GiveUp(t.Context(), o, s.puts.fails)) // told twice
	if again := s.record(t, r); len(again.History) != len(rec.History) {
		t.Errorf("it was buried twice: %+v", again.History)
	}
	s.puts.fails = nil
	ok(t, s.Arrived(t.Context(), o)) // and it is told of once more, as after a restart
	if s.left(t) != 1 {
		t.Error("the picture is gone that an operator may have tried again")
	}

	var again []blob.Object
	in := &intake.Intake{Ring: s.Ring, Lane: s.lane, Jobs: s.db.Jobs(), Originals: s.puts, Now: s.Now, Again: func(ctx context.Context, id string) error {
		landed, err := s.Again(ctx, id)
		again = append(again, landed)
		return err
	}}
	ok(t, in.Retry(t.Context(), r.ID, intake.Order{Who: "olga"}))
	if s.work(t) != 0 || len(again) != 1 || again[0].Version == o.Version {
		t.Fatalf("the picture landed as %+v", again)
	}
	ok(t, s.Arrived(t.Context(), arrive.Object{Key: again[0].Key, Version: again[0].Version, Size: again[0].Size, At: s.now.Add(time.Hour)}))
	s.work(t)
	if rec := s.record(t, r); rec.State != job.Succeeded || rec.Generation != 2 || rec.Burial.Listed || s.book(t).Cover == nil || s.left(t) != 0 {
		t.Errorf("tried again it is %+v", rec)
	}
}

// overtaken is a store of jobs of which somebody else makes use before the first save.
type overtaken struct {
	job.Store
	first func()
}

// Save is job.Store's.
func (o *overtaken) Save(ctx context.Context, rec job.Record) error {
	if first := o.first; first != nil {
		o.first = nil
		first()
	}
	return o.Store.Save(ctx, rec)
}

func TestAPictureThatIsGivenUpWhileSomebodyElseIsAtItStays(t *testing.T) {
	t.Parallel()
	for name, picture := range map[string][]byte{"a good one": photo(t, 100, 100, color.White), "one that is refused": []byte("no picture")} {
		s := newStudio(t)
		r, o := s.landed(t, picture)
		s.Jobs = &overtaken{s.Jobs, func() { ok(t, s.GiveUp(t.Context(), o, errors.New("the function ran out of memory"))) }}
		ok(t, s.Arrived(t.Context(), o))
		s.work(t)
		if rec := s.record(t, r); s.book(t).Version != 1 || rec.State != job.Dead || s.left(t) != 1 {
			t.Errorf("%s is %+v, and %d are left", name, rec, s.left(t))
		}
	}
}

// slow is a delivery of a picture that stands still at a call.
type slow struct {
	blob.Store
	queue.Sender
	beforeSend, beforeDelete func()
}

func (s *slow) Send(ctx context.Context, m queue.Message) error {
	s.beforeSend()
	return s.Sender.Send(ctx, m)
}

func (s *slow) Delete(ctx context.Context, key string) error {
	s.beforeDelete()
	return s.Store.Delete(ctx, key)
}

// A function may be told of a picture twice, and stand still in one of the two while
// the other is given up and an operator has the job tried again. It goes on whenever it
// likes: the job ends as it should, and no picture goes that a retry still needs.
func TestASlowDeliveryTakesNoPictureFromARetry(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(d *slow, meanwhile func()){
		"before its job is sent":  func(d *slow, meanwhile func()) { d.beforeSend = meanwhile },
		"before the picture goes": func(d *slow, meanwhile func()) { d.beforeDelete = meanwhile },
	} {
		for _, retried := range []bool{false, true} {
			s := newStudio(t)
			r, o := s.landed(t, photo(t, 100, 100, color.White))
			var again blob.Object
			in := &intake.Intake{Ring: s.Ring, Lane: s.lane, Jobs: s.db.Jobs(), Originals: s.puts, Now: s.Now, Again: func(ctx context.Context, id string) (err error) {
				again, err = s.Again(ctx, id)
				return err
			}}
			d := &slow{Store: s.puts, Sender: s.lane, beforeSend: func() {}, beforeDelete: func() {}}
			once := false
			at(d, func() {
				if once {
					return
				}
				once = true
				ok(t, s.GiveUp(t.Context(), o, errors.New("the function ran out of memory")))
				if dead := s.record(t, r).State == job.Dead; dead && retried {
					ok(t, in.Retry(t.Context(), r.ID, intake.Order{}))
				}
			})
			first := *s.Covers
			first.Objects, first.Lane = d, d
			ok(t, first.Arrived(t.Context(), o))
			rec := s.record(t, r)
			if wanted := rec.State == job.Dead || again.Key != "" && rec.Burial.Lane == arrive.CoversLane; wanted && s.left(t) != 1 {
				t.Errorf("%s, retried %t: the picture of %+v is gone", name, retried, rec)
			}
			if rec.State == job.Dead {
				ok(t, in.Retry(t.Context(), r.ID, intake.Order{}))
			}
			if again.Key != "" {
				ok(t, s.Arrived(t.Context(), arrive.Object{Key: again.Key, Version: again.Version, At: s.now}))
			}
			s.work(t)
			if rec := s.record(t, r); rec.State != job.Succeeded || s.book(t).Version != 2 || s.left(t) != 0 {
				t.Errorf("%s, retried %t: it is %+v, and %d pictures are left", name, retried, rec, s.left(t))
			}
		}
	}
}

func TestAPictureWhoseJobIsOnItsLaneIsNotGivenUp(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	r, o := s.landed(t, photo(t, 100, 100, color.White))
	ok(t, s.GiveUp(t.Context(), o, errors.New("the function ran out of memory")))
	in := &intake.Intake{Ring: s.Ring, Lane: s.lane, Jobs: s.db.Jobs(), Originals: s.puts, Now: s.Now, Again: func(context.Context, string) error { return nil }}
	ok(t, in.Retry(t.Context(), r.ID, intake.Order{}))
	tried := *s.Covers
	tried.Lane = &refusing{s.lane}
	if err := tried.Arrived(t.Context(), o); err == nil {
		t.Fatal("a job that was not sent is taken for one that was")
	}
	ok(t, s.GiveUp(t.Context(), o, errors.New("the function ran out of memory again")))
	s.work(t)
	if rec := s.record(t, r); rec.State != job.Succeeded || rec.Generation != 2 || s.book(t).Cover == nil || s.left(t) != 0 {
		t.Errorf("it is %+v, and %d pictures are left", rec, s.left(t))
	}
}

// refusing is a lane to which nothing can be sent.
type refusing struct{ queue.Sender }

func (r *refusing) Send(context.Context, queue.Message) error {
	return fault.New(fault.Internal, "the lane is on fire")
}

func TestAPictureThatIsTriedAgainCanBeRefusedAndOneThatIsGoneCannotBeTried(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	r, o := s.landed(t, []byte("no picture"))
	ok(t, s.GiveUp(t.Context(), o, errors.New("the function ran out of memory")))
	in := &intake.Intake{Ring: s.Ring, Lane: s.lane, Jobs: s.db.Jobs(), Originals: s.puts, Now: s.Now, Again: func(ctx context.Context, id string) error {
		landed, err := s.Again(ctx, id)
		if err == nil {
			err = s.Arrived(ctx, arrive.Object{Key: landed.Key, Version: landed.Version, At: s.now})
		}
		return err
	}}
	ok(t, in.Retry(t.Context(), r.ID, intake.Order{}))
	if rec := s.record(t, r); rec.State != job.Failed || rec.Burial.Listed || rec.Generation != 2 {
		t.Errorf("it is %+v", rec)
	}
	r, o = s.landed(t, []byte("no picture"))
	ok(t, s.GiveUp(t.Context(), o, errors.New("the function ran out of memory")))
	ok(t, in.Discard(t.Context(), r.ID, intake.Order{}))
	ok(t, s.Arrived(t.Context(), o))
	if s.left(t) != 0 {
		t.Error("the picture of a job that was discarded is left")
	}
	r, o = s.landed(t, []byte("no picture"))
	ok(t, s.GiveUp(t.Context(), o, errors.New("the function ran out of memory")))
	ok(t, s.puts.Delete(t.Context(), o.Key))
	err := in.Retry(t.Context(), r.ID, intake.Order{})
	if rec := s.record(t, r); !fault.Is(err, fault.Conflict) || rec.State != job.Dead || rec.Generation != 1 {
		t.Errorf("one that is gone is %+v (%v)", rec, err)
	}
}

func TestAJobWhosePictureNeverCameHasFailedOnceItCannotComeAnyMore(t *testing.T) {
	t.Parallel()
	s := newStudio(t)
	in := &intake.Intake{Ring: s.Ring, Lane: s.lane, Jobs: s.db.Jobs(), Originals: s.puts, Now: s.Now}
	never, _, err := in.Expect(t.Context(), intake.Write{Kind: job.CoverSet, BookID: s.id})
	ok(t, err)
	there, o := s.landed(t, photo(t, 100, 100, color.White))
	taken, o2 := s.landed(t, photo(t, 100, 100, color.White))
	ok(t, s.Arrived(t.Context(), o2)) // and waits on the lane
	states := func(want ...job.State) {
		t.Helper()
		for i, r := range []job.Receipt{never, there, taken} {
			j, err := in.Status(t.Context(), r)
			if err != nil || j.State != want[i] {
				t.Errorf("job %d is %+v (%v), want %s", i, j, err, want[i])
			}
			if j.State == job.Failed && (j.Record.Error == nil || j.Record.Error.Status != http.StatusGone || j.Record.FinishedAt.IsZero()) {
				t.Errorf("it has failed as %+v", j.Record)
			}
		}
	}
	states(job.Queued, job.Queued, job.Queued)
	s.now = s.now.Add(job.UploadMost + time.Minute)
	states(job.Queued, job.Queued, job.Queued)
	s.now = s.now.Add(time.Millisecond)
	states(job.Failed, job.Queued, job.Queued)
	ok(t, s.Arrived(t.Context(), o))
	s.work(t)
	states(job.Failed, job.Superseded, job.Succeeded)
}
