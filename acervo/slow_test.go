package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	slowClients  = 200
	normalWrites = 200
	pipelined    = 64 // answers that a slow reader asks for, too many for the buffers between
)

func TestTwoHundredSlowClientsDoNotSlowTheOthers(t *testing.T) {
	t.Parallel()
	s := serveDir(t, dataDir(t), nil)
	long := s.longBook(t)
	ctx, hangUp := context.WithCancel(t.Context())
	var dripping sync.WaitGroup
	defer dripping.Wait()
	defer hangUp()
	crowd := s.crowd(ctx, t, long)
	for _, c := range crowd {
		dripping.Go(func() { c.drip(ctx) })
	}
	s.writeNormally(t)
	for i, c := range crowd {
		if !c.head && !c.isOpen() {
			t.Errorf("slow client %d was gone before all was written", i)
		}
	}
	for i, c := range crowd { // the first that the server is to lose patience with
		if c.head && !c.isCut() {
			t.Errorf("slow client %d never ended its head and was not cut off", i)
		}
	}
}

// crowd is as many slow clients of each kind as of the others; some read a long
// book.
func (s *server) crowd(ctx context.Context, t *testing.T, long string) []*slow {
	t.Helper()
	kinds := []func(context.Context, *server, string) (*slow, error){slowHead, slowBody, slowReader}
	crowd := make([]*slow, slowClients)
	var coming errgroup.Group
	for i := range crowd {
		coming.Go(func() (err error) {
			crowd[i], err = kinds[i%len(kinds)](ctx, s, long)
			return err
		})
	}
	if err := coming.Wait(); err != nil {
		t.Fatal(err)
	}
	return crowd
}

// longBook is a book that reads as more than 30 KiB.
func (s *server) longBook(t *testing.T) (path string) {
	t.Helper()
	a, err := s.Call(t.Context(), http.MethodPost, "/v1/books",
		fmt.Sprintf(`{"title": "Long", "authors": ["A"], "description": %q}`, strings.Repeat("x", 30<<10)))
	if err != nil || a.Status != http.StatusAccepted {
		t.Fatalf("the long book is answered with %v, %v", a, err)
	}
	job, err := s.Await(t.Context(), a.Header.Get("Location"))
	if err != nil || job.State != "succeeded" {
		t.Fatalf("the long book is not written: %+v, %v", job, err)
	}
	return "/v1/books/" + job.BookID
}

// writeNormally has many writes made and applied.
func (s *server) writeNormally(t *testing.T) {
	t.Helper()
	var succeeded atomic.Int64
	var writing errgroup.Group
	writing.SetLimit(clients)
	for range normalWrites {
		writing.Go(func() error {
			if s.accepts(t) {
				succeeded.Add(1)
			}
			return nil
		})
	}
	_ = writing.Wait() // it never fails
	if n := succeeded.Load(); n != normalWrites {
		t.Errorf("%d of %d writes succeeded beside the slow clients", n, normalWrites)
	}
}

// slow is a connection over which a byte goes every second.
type slow struct {
	conn net.Conn
	in   *bufio.Reader
	send string // what it sends; nothing for a client that reads
	head bool   // it has not sent its head
}

// slowHead is a client that begins with its first byte.
func slowHead(ctx context.Context, s *server, _ string) (*slow, error) {
	c, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	c.send, c.head = s.head(http.MethodPost, "/v1/books"), true
	return c, nil
}

// slowBody is a client whose head has been read, and whose body is waited for.
func slowBody(ctx context.Context, s *server, _ string) (*slow, error) {
	c, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("%sContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", s.head(http.MethodPost, "/v1/books"), len(aBook))
	c.send = aBook
	if _, err := c.conn.Write([]byte(head)); err != nil {
		return nil, err
	}
	line, err := c.in.ReadString('\n')
	if err == nil && !strings.Contains(line, "100 Continue") {
		err = errors.New(line)
	}
	_, _ = c.in.ReadString('\n') // the empty line behind
	return c, err
}

// slowReader is a client whose answers have begun to come.
func slowReader(ctx context.Context, s *server, book string) (*slow, error) {
	c, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := c.conn.Write([]byte(strings.Repeat(s.head(http.MethodGet, book)+"\r\n", pipelined))); err != nil {
		return nil, err
	}
	line, err := c.in.ReadString('\n')
	if err == nil && !strings.Contains(line, "200 OK") {
		err = errors.New(line)
	}
	return c, err
}

// head is the head of a request, without its end.
func (s *server) head(method, path string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n",
		method, path, strings.TrimPrefix(s.URL, "http://"), s.Key)
}

// dial connects with a receive buffer as small as it gets, until ctx ends.
func (s *server) dial(ctx context.Context) (*slow, error) {
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1)
		})
		return errors.Join(err, failed)
	}}
	conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return &slow{conn: conn, in: bufio.NewReaderSize(conn, 16)}, nil
}

// drip sends a byte every second, or reads one, until ctx ends or the connection
// does.
func (c *slow) drip(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for sent := 0; c.send == "" || sent < len(c.send); sent++ {
		select {
		case <-second.C:
		case <-ctx.Done():
			return
		}
		var err error
		if c.send == "" {
			_, err = c.conn.Read(make([]byte, 1))
		} else {
			_, err = c.conn.Write([]byte{c.send[sent]})
		}
		if err != nil {
			return
		}
	}
}

// isOpen reports whether the server still waits for this client, or has something
// for it to read.
func (c *slow) isOpen() bool {
	_ = c.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	n, err := c.conn.Read(make([]byte, 1))
	if c.send == "" {
		return n == 1 || errors.Is(err, os.ErrDeadlineExceeded)
	}
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// isCut waits until the server ends the connection.
func (c *slow) isCut() bool {
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	_, err := io.Copy(io.Discard, c.conn)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}
