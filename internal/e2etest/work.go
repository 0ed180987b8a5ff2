package e2etest

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// MostWrites is how many turns of one client end the test of a server that was to
// end before.
const MostWrites = 2000

var errOutlived = errors.New("the server outlived all writes")

// Work writes and reads any books until the server is gone.
func (c *Client) Work(ctx context.Context) error {
	for range MostWrites {
		answered, err := c.turn(ctx)
		if err != nil || !answered {
			return err
		}
	}
	return errOutlived
}

// Insist writes and reads any books until ctx ends, each time over any of the
// servers that there are then, whether they answer or not.
func (c *Client) Insist(ctx context.Context, servers func() []*Server) error {
	for ctx.Err() == nil {
		there := servers()
		c.Server = there[c.Dice.IntN(len(there))]
		// What has begun is ended, so that nothing is under way when ctx has ended.
		if _, err := c.turn(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// turn is a read, or a write, whose end one client in four awaits before it looks
// whether the book shows it.
func (c *Client) turn(ctx context.Context) (answered bool, err error) {
	b := c.Books[c.Dice.IntN(len(c.Books))]
	if c.Dice.IntN(4) == 0 {
		return c.read(ctx, b)
	}
	for !b.turn.TryLock() { // there are more books than clients
		b = c.Books[c.Dice.IntN(len(c.Books))]
	}
	i := b.next(c.anyMethod(), c.anyKey())
	answered, err = c.write(ctx, b, i)
	b.turn.Unlock()
	if err != nil || !answered {
		return false, err
	}
	c.Acked()
	if c.Dice.IntN(4) > 0 {
		return true, nil
	}
	if answered, err = c.follow(ctx, b, i); err != nil || !answered {
		return false, err
	}
	return c.read(ctx, b)
}

// anyKey is an Idempotency-Key for one write in three.
func (c *Client) anyKey() string {
	if c.Dice.IntN(3) > 0 {
		return ""
	}
	return fmt.Sprintf("%016x", c.Dice.Uint64())
}

// Settle closes the history of every book with a POST, which changes no book but
// makes the deleted ones readable. When its job has ended, so must have the jobs
// before it. Then Settle reads jobs and books and lets both judges speak.
func (c *Client) Settle(t *testing.T) {
	t.Helper()
	for _, b := range c.Books {
		if err := c.closes(t.Context(), b); err != nil {
			t.Fatalf("the closing write of book %s: %v", b.book, err)
		}
	}
	all, unanswered, again, reads := 0, 0, 0, 0
	for _, b := range c.Books {
		if _, err := c.Await(t.Context(), b.writes[len(b.writes)-1].job); err != nil {
			t.Fatalf("the closing write of book %s does not end: %v", b.book, err)
		}
		for i, w := range b.writes {
			switch {
			case w.job == "":
				unanswered++
			case w.key != "":
				again++
			}
			if err := c.settles(t.Context(), b, i); err != nil {
				t.Errorf("%s %v", b.writes[i].name(b.book), err)
			}
		}
		if answered, err := c.read(t.Context(), b); err != nil || !answered {
			t.Fatalf("book %s cannot be read: %v", b.book, err)
		}
		b.final = b.reads[len(b.reads)-1].seen
		for _, complaint := range check(b.history) {
			t.Error(complaint)
		}
		if err := linear(b.history); err != nil {
			t.Fatal(err)
		}
		all, reads = all+len(b.writes), reads+len(b.reads)
	}
	t.Logf("%d reads and %d writes, %d of them without an answer; %d keys asked again", reads, all, unanswered, again)
}
