package e2etest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	shelfSize   = 20
	fillerBytes = 3 << 10
	// lateness is more than a request without an answer can be under way to the lane:
	// the next write of the book must not overtake it.
	lateness = time.Second
)

// Shelf is the books of one test, written and read by all clients.
type Shelf []*shelved

// shelved is a book and its history.
type shelved struct {
	turn  sync.Mutex // of who writes: each write is sent when the one before has its answer
	began time.Time  // where the test's clock is zero

	notes sync.Mutex
	history
}

// NewShelf returns twenty books that nobody has written yet.
func NewShelf() Shelf {
	s, began := make(Shelf, shelfSize), time.Now()
	for i := range s {
		s[i] = &shelved{began: began, history: history{book: uuid.NewString()}}
	}
	return s
}

// next notes a new write of the book and returns its place. When the last one has
// a key and no answer, it is that one, which has to be sent again first. The
// caller has the turn.
func (b *shelved) next(method, key string) int {
	b.notes.Lock()
	defer b.notes.Unlock()
	last := len(b.writes) - 1
	if last >= 0 && b.writes[last].key != "" && b.writes[last].job == "" {
		return last
	}
	b.writes = append(b.writes, write{method: method, number: len(b.writes) + 1, key: key, sent: time.Since(b.began)})
	return last + 1
}

// at returns what is known of a write.
func (b *shelved) at(i int) write {
	b.notes.Lock()
	defer b.notes.Unlock()
	return b.writes[i]
}

// note adds to what is known of a write.
func (b *shelved) note(i int, learnt func(*write)) {
	b.notes.Lock()
	defer b.notes.Unlock()
	learnt(&b.writes[i])
}

// Client writes and reads the books of a shelf. It notes what it learns, and says
// so when it learns what must not be. A server that does not answer is no error.
type Client struct {
	// Server is the one that the client asks next.
	*Server
	Books Shelf
	Dice  *rand.Rand
	// Acked is called for each acknowledged write.
	Acked func()
}

func (c *Client) anyMethod() string {
	return []string{
		http.MethodPut, http.MethodPut, http.MethodPut, http.MethodPatch, http.MethodPatch, http.MethodPatch,
		http.MethodPost, http.MethodPost, http.MethodDelete,
	}[c.Dice.IntN(9)]
}

// write sends a write. One with a key may have its connection cut at any point,
// and is sent again then. An answer other than 202 is an error.
func (c *Client) write(ctx context.Context, b *shelved, i int) (answered bool, err error) {
	w := b.at(i)
	var a *Answer // its head is enough: an error beside it is a body that was cut off
	if w.key != "" && c.Dice.IntN(2) == 0 {
		short, cut := context.WithTimeout(ctx, time.Duration(c.Dice.Int64N(int64(5*time.Millisecond))))
		a, _ = c.submit(short, b.book, w)
		cut()
	}
	if a == nil {
		a, _ = c.submit(ctx, b.book, w)
	}
	switch {
	case a == nil && w.key == "" && c.Troubled:
		<-time.After(lateness)
		return false, nil
	case a == nil:
		return false, nil
	case a.Status != http.StatusAccepted:
		return false, fmt.Errorf("%s answers %v", w.method, a)
	}
	b.note(i, func(w *write) { w.job = a.Header.Get("Location") })
	return true, nil
}

// submit sends the request of a write, which is the same each time.
func (c *Client) submit(ctx context.Context, book string, w write) (*Answer, error) {
	path, fields := "/v1/books/"+book, map[string]any{"description": describe(w.number)}
	switch w.method {
	case http.MethodPost:
		path, fields["id"] = "/v1/books", book
		fallthrough
	case http.MethodPut:
		fields["title"], fields["authors"] = fmt.Sprintf("write %d", w.number), []string{"a client"}
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	var headers []string
	if w.key != "" {
		headers = []string{"Idempotency-Key", w.key}
	}
	return c.Send(ctx, w.method, path, strings.NewReader(string(body)), headers...)
}

// describe is the description that a write gives, long enough that the server's
// log is folded into its file now and then.
func describe(number int) string {
	return fmt.Sprintf("write %d\n", number) + strings.Repeat("x", fillerBytes)
}

// follow asks for the job of a write until it has ended.
func (c *Client) follow(ctx context.Context, b *shelved, i int) (answered bool, err error) {
	err = Poll(ctx, func() (ended bool, err error) {
		answered, err = c.ask(ctx, b, i)
		return !answered || b.at(i).end.Ended(), err
	})
	return answered, err
}

// ask notes what the job of a write says now. Once it has ended, it says the same
// for ever.
func (c *Client) ask(ctx context.Context, b *shelved, i int) (answered bool, err error) {
	before := b.at(i)
	var seen JobSeen
	a, err := c.look(ctx, before.job, &seen)
	switch {
	case a == nil || err != nil:
		return false, err
	case a.Status != http.StatusOK:
		return false, fmt.Errorf("its job is answered with %v", a)
	case before.known > 0 && seen != before.end:
		return false, fmt.Errorf("its job had ended as %+v and is now %+v", before.end, seen)
	}
	b.note(i, func(w *write) {
		w.end = seen
		if w.known == 0 && seen.Ended() {
			w.known = time.Since(b.began)
		}
	})
	return true, nil
}

// look is get, to which an answer that was cut off is none.
func (c *Client) look(ctx context.Context, path string, v any) (*Answer, error) {
	a, err := c.Call(ctx, http.MethodGet, path, "")
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // no answer is no error
	}
	if a.Status == http.StatusOK {
		err = json.Unmarshal(a.Body, v)
	}
	return a, err
}

// read notes what readers see of a book now.
func (c *Client) read(ctx context.Context, b *shelved) (answered bool, err error) {
	var seen struct {
		Title, Description string
		Version            int64
	}
	r := reading{from: time.Since(b.began)}
	a, err := c.look(ctx, "/v1/books/"+b.book, &seen)
	r.to = time.Since(b.began)
	switch {
	case a == nil || err != nil:
		return false, err
	case a.Status == http.StatusNotFound:
	case a.Status != http.StatusOK:
		return false, fmt.Errorf("book %s is answered with %v", b.book, a)
	default:
		r.seen = bookState{live: true, version: seen.Version}
		_, _ = fmt.Sscanf(seen.Title, "write %d", &r.seen.title)
		_, _ = fmt.Sscanf(seen.Description, "write %d", &r.seen.description)
		if seen.Description != describe(r.seen.description) {
			return false, fmt.Errorf("the description of book %s is not as it was sent", b.book)
		}
	}
	b.notes.Lock()
	defer b.notes.Unlock()
	b.reads = append(b.reads, r)
	return true, nil
}

// closes sends the closing write of a book, and before it what is still to be
// sent again.
func (c *Client) closes(ctx context.Context, b *shelved) error {
	for closed := false; !closed; {
		place := b.next(http.MethodPost, "")
		if answered, err := c.write(ctx, b, place); err != nil || !answered {
			return errors.Join(err, fmt.Errorf("answered: %v", answered))
		}
		closed = b.at(place).key == ""
	}
	return nil
}

// settles learns the end of a write. Asked again, its key gives the same job.
func (c *Client) settles(ctx context.Context, b *shelved, i int) error {
	w := b.at(i)
	if w.job == "" {
		return nil
	}
	if answered, err := c.ask(ctx, b, i); err != nil || !answered {
		return errors.Join(err, fmt.Errorf("the question for its job was answered: %v", answered))
	}
	if w.key == "" {
		return nil
	}
	a, err := c.submit(ctx, b.book, w)
	if a == nil || a.Header.Get("Location") != w.job || a.Header.Get("Idempotent-Replayed") != "true" {
		return errors.Join(err, fmt.Errorf("asked again its key gives %v", a))
	}
	return nil
}
