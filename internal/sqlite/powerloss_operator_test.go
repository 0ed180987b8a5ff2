package sqlite

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/job"
)

// deeds are the last steps beside the sending and applying of jobs of which the
// application was told that they are done. Every other job of a book has one of
// each: a claim, a burial that spares the jobs of its book, since it is of a book
// of its own, a retry of what was buried, and a lane that is paused and, each
// second time, resumed.
type deeds struct{ claimed, buried, retried, paused, resumed int64 }

const (
	deedEvery   = 2
	resumeEvery = 2 * deedEvery
)

// poisoned is a book whose job dies. Each second one exists by then.
func poisoned(b int, n int64) book.Item {
	item := book.Item{ID: uuid.UUID{0: 0x50, 14: byte(n), 15: byte(b)}}
	if n%resumeEvery == 0 {
		item.Existence, item.Version, item.Draft = book.Live, 1, book.Draft{Title: jobText(b, n), Authors: []string{"Anon."}}
	}
	return item
}

func deadRecord(b int, n int64) job.Record {
	rec := job.Record{
		ID: "dead " + jobID(b, n), Kind: job.Create, BookID: poisoned(b, n).ID, Generation: 1, State: job.Dead, FinishedAt: noon(),
		Burial: &job.Burial{Listed: true, Lane: "writes", Message: []byte(jobText(b, n)), At: noon(), Fingerprint: "f00d"},
	}
	rec.Note(job.Event{At: noon(), What: "buried"})
	return rec
}

func retryRecord(b int, n int64) job.Record {
	rec := deadRecord(b, n)
	rec.Generation, rec.State = 2, job.Queued
	rec.Note(job.Event{At: noon(), What: "retried", Who: "operator"})
	return rec
}

func claimOf(b int, n int64) job.Claim {
	return job.Claim{Caller: fmt.Sprint(b), Key: fmt.Sprint(n), Hash: "hash", Job: jobID(b, n)}
}

func (c *clerk) control(b int, n int64) *Lane { return &Lane{db: c.db, name: "lane of " + jobID(b, n)} }

// deed does one of each.
func (c *clerk) deed(ctx context.Context, b int, n int64) error {
	if n%deedEvery != 0 {
		return nil
	}
	tell := func(err error, to func(*deeds) *int64) error {
		if err == nil {
			c.told(func(l *ledger) { raise(to(&l.books[b].deeds), n) })
		}
		return err
	}
	_, _, err := c.db.Jobs().Claim(ctx, claimOf(b, n))
	if err := tell(err, func(d *deeds) *int64 { return &d.claimed }); err != nil {
		return err
	}
	if err := c.db.Jobs().MarkSent(ctx, claimOf(b, n)); err != nil { // which may be lost
		return err
	}
	item := poisoned(b, n)
	if item.Exists() {
		if err := c.db.Books().Swap(ctx, book.Item{ID: item.ID}, item); err != nil {
			return err
		}
	}
	if err := tell(c.db.Jobs().Bury(ctx, deadRecord(b, n), item), func(d *deeds) *int64 { return &d.buried }); err != nil {
		return err
	}
	read, _, err := c.db.Jobs().Get(ctx, deadRecord(b, n).ID)
	if err == nil {
		err = c.db.Jobs().Amend(ctx, read, retryRecord(b, n))
	}
	if err := tell(err, func(d *deeds) *int64 { return &d.retried }); err != nil {
		return err
	}
	if err := tell(c.control(b, n).Pause(ctx, true), func(d *deeds) *int64 { return &d.paused }); err != nil {
		return err
	}
	if n%resumeEvery != 0 {
		return nil
	}
	return tell(c.control(b, n).Pause(ctx, false), func(d *deeds) *int64 { return &d.resumed })
}

// review holds the database against the deeds that were told, and looks for the
// one under way that may be half done.
func (c *clerk) review(ctx context.Context, b int, told deeds) error {
	for n := int64(deedEvery); n <= told.claimed+deedEvery; n += deedEvery {
		if err := errors.Join(c.reviewDead(ctx, b, n, told), c.reviewRest(ctx, b, n, told)); err != nil {
			return fmt.Errorf("deed %d: %w; told were %+v", n, err, told)
		}
	}
	return nil
}

func (c *clerk) reviewDead(ctx context.Context, b int, n int64, told deeds) error {
	rec, found, err := c.db.Jobs().Get(ctx, deadRecord(b, n).ID)
	if err != nil {
		return err
	}
	item, err := c.db.Books().Get(ctx, poisoned(b, n).ID)
	if err != nil {
		return err
	}
	listed, _, err := c.db.Jobs().Dead(ctx, job.Filter{Book: item.ID}, "", 2)
	if err != nil {
		return err
	}
	want := deadRecord(b, n)
	if n <= told.retried || rec.Generation == 2 {
		want = retryRecord(b, n)
	}
	rec.Revision = 0
	fenced := poisoned(b, n)
	fenced.Fence = 1
	switch {
	case n <= told.buried && !found:
		return errors.New("the dead job is lost")
	case found != (item.Fence == 1), found != (len(listed) == 1):
		return fmt.Errorf("half a burial: recorded %v, fence %d, listed %d", found, item.Fence, len(listed))
	case found && !reflect.DeepEqual(rec, want):
		return fmt.Errorf("the dead job is %+v", rec)
	case found && !reflect.DeepEqual(item, fenced):
		return fmt.Errorf("the book of the dead job is %+v", item)
	}
	return nil
}

func (c *clerk) reviewRest(ctx context.Context, b int, n int64, told deeds) error {
	if n <= told.claimed {
		other := claimOf(b, n)
		other.Job = "of another request"
		stands, mine, err := c.db.Jobs().Claim(ctx, other)
		stands.Sent = false
		if err != nil || mine || stands != claimOf(b, n) {
			return fmt.Errorf("the claim is %+v (%w)", stands, err)
		}
	}
	paused, err := c.control(b, n).Paused(ctx)
	switch {
	case err != nil:
		return err
	case n <= told.resumed && n%resumeEvery == 0 && paused:
		return errors.New("the lane that was resumed is paused")
	case n <= told.paused && n%resumeEvery != 0 && !paused:
		return errors.New("the lane that was paused is not")
	}
	return nil
}
