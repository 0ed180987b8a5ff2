package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// result is what a load came to.
type result struct {
	requests int
	elapsed  time.Duration
	p50      time.Duration
}

func (r result) perSecond() float64 { return float64(r.requests) / r.elapsed.Seconds() }

// requests makes the i-th request of a client. What it returns is good until it
// is called again by that client.
type requests func(client, i int) []byte

// drive keeps clients busy for a while, each on its own connection and with one
// request at a time. An answer of 300 or above ends it.
func drive(ctx context.Context, addr string, clients int, span time.Duration, next requests) (result, error) {
	all := make([][]time.Duration, clients)
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for n := range clients {
		group.Go(func() (err error) {
			all[n], err = drive1(ctx, addr, began.Add(span), func(i int) []byte { return next(n, i) })
			return err
		})
	}
	err := group.Wait()
	took := slices.Concat(all...)
	if err != nil || len(took) == 0 {
		return result{}, fmt.Errorf("no load on %s: %w", addr, err)
	}
	slices.Sort(took)
	return result{requests: len(took), elapsed: time.Since(began), p50: took[len(took)/2]}, nil
}

// drive1 is one client. It speaks HTTP by hand, so that the load leaves the
// machine to the servers.
func drive1(ctx context.Context, addr string, until time.Time, next func(i int) []byte) (took []time.Duration, err error) {
	var dial net.Dialer
	conn, err := dial.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for now := time.Now(); now.Before(until) && ctx.Err() == nil; {
		if _, err := conn.Write(next(len(took))); err != nil {
			return nil, err
		}
		if err := readAnswer(answers); err != nil {
			return nil, err
		}
		asked := now
		now = time.Now()
		took = append(took, now.Sub(asked))
	}
	return took, nil
}

// readAnswer reads an answer that has a length.
func readAnswer(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < 12 || line[9] != '2' { // HTTP/1.1 200
		return fmt.Errorf("the answer is %q", line)
	}
	length := 0
	for len(line) > 2 {
		if line, err = r.ReadSlice('\n'); err != nil {
			return err
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	_, err = r.Discard(length)
	return err
}

// Each write is of a book of its own, and has every field, so that validating it
// is not cheap.
const (
	isbnMark   = "9780000000002"
	draftTitle = "Memórias póstumas de Brás Cubas"
	draft      = `{"title":"` + draftTitle + `","authors":["Machado de Assis","Sônia Brayner"],` +
		`"isbn":"` + isbnMark + `","published":1881,"language":"pt-BR","rating":4.5,` +
		`"price":{"amount":"39.90","currency":"BRL"},"description":"Ao verme que primeiro roeu as frias carnes do meu ` +
		`cadáver dedico como saudosa lembrança estas memórias póstumas. Algum tempo hesitei se devia abrir estas ` +
		`memórias pelo princípio ou pelo fim, isto é, se poria em primeiro lugar o meu nascimento ou a minha morte."}`
)

// creates returns writes of new books, for up to a hundred clients.
func creates(clients int) requests {
	request := []byte("POST /v1/books HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " + benchKey +
		"\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(draft)) + "\r\n\r\n" + draft)
	at := bytes.Index(request, []byte(isbnMark))
	own := make([][]byte, clients)
	made := make([]int, clients) // counts on from drive to drive
	for n := range own {
		own[n] = slices.Clone(request)
	}
	return func(client, _ int) []byte {
		setISBN(own[client][at:], client*10_000_000+made[client])
		made[client]++
		return own[client]
	}
}

// setISBN writes the n-th ISBN, its check digit included.
func setISBN(to []byte, n int) {
	for i := 11; i >= 3; i-- {
		to[i] = byte('0' + n%10)
		n /= 10
	}
	sum := 0
	for i, c := range to[:12] {
		sum += (1 + 2*(i%2)) * int(c-'0')
	}
	to[12] = byte('0' + (10-sum%10)%10)
}

// reads returns reads below a path of the books on the shelf, each client in
// another order.
func reads(path string) requests {
	all := make([][]byte, books)
	for n := range all {
		all[n] = []byte("GET " + path + bookID(n) + " HTTP/1.1\r\nHost: bench\r\n\r\n")
	}
	return func(client, i int) []byte { return all[(client*31+i*7)%len(all)] }
}
