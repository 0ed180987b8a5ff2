package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// resident measures the binary as it is run: its start, its memory idle and
// under a load that accepts faster than the worker applies.
func (b *bench) resident(ctx context.Context) error {
	p, err := b.serve(ctx)
	if err != nil {
		return err
	}
	defer p.stop()
	b.table.add("ready", micros(p.ready)/1000, 0)
	select {
	case <-time.After(settling):
	case <-ctx.Done():
		return ctx.Err()
	}
	idle, err := p.memory("VmRSS")
	if err != nil {
		return err
	}
	b.table.add("idle", idle, 0)
	if _, err := drive(ctx, p.addr, crowd, span, creates(crowd)); err != nil {
		return err
	}
	most, err := p.memory("VmHWM")
	b.table.add("loaded", most, 0)
	return err
}

// serve starts the binary.
func (b *bench) serve(ctx context.Context) (*process, error) {
	return launch(ctx, b.acervo, func(dir string) []string {
		return []string{"serve", "--addr", "127.0.0.1:0", "--data", dir}
	})
}

// reading measures reads of the same books, byte by byte the same: from the
// binary, from rows of the peer and from the memory of the peer.
func (b *bench) reading(ctx context.Context) error {
	ours, err := b.serve(ctx)
	if err != nil {
		return err
	}
	defer ours.stop()
	peer, err := launch(ctx, b.self, func(dir string) []string { return []string{rolePeer, dir} })
	if err != nil {
		return err
	}
	defer peer.stop()
	if err := shelve(ctx, ours, peer); err != nil {
		return err
	}
	a, err1 := ours.readsPerCPU(ctx, "/v1/books/")
	row, err2 := peer.readsPerCPU(ctx, "/row/")
	memory, err3 := peer.readsPerCPU(ctx, "/memory/")
	b.table.add("reads of a row", a, row)
	b.table.add("reads of memory", a, memory)
	return errors.Join(err1, err2, err3)
}

// readsPerCPU is the reads per second of processor time.
func (p *process) readsPerCPU(ctx context.Context, path string) (float64, error) {
	t, err := p.load(ctx, readers, reads(path))
	return float64(t.requests) / t.cpu.Seconds(), err
}

// shelve writes the books that will be read, and gives the peer what Acervo
// answers for each.
func shelve(ctx context.Context, ours, peer *process) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for n := range books {
		if _, err := ours.ask(ctx, http.MethodPut, "/v1/books/"+bookID(n), draft, http.StatusAccepted); err != nil {
			return err
		}
	}
	for n := range books {
		body, err := ours.ask(ctx, http.MethodGet, "/v1/books/"+bookID(n), "", http.StatusOK)
		for err != nil && ctx.Err() == nil { // it is not applied yet
			body, err = ours.ask(ctx, http.MethodGet, "/v1/books/"+bookID(n), "", http.StatusOK)
		}
		if err != nil {
			return err
		}
		if _, err := peer.ask(ctx, http.MethodPut, "/row/"+bookID(n), body, http.StatusCreated); err != nil {
			return err
		}
	}
	return nil
}

func bookID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// ask makes one request and returns the body of the answer, if it has the status.
func (p *process) ask(ctx context.Context, method, path, body string, status int) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.addr+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+benchKey)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	answer, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err == nil && res.StatusCode != status {
		err = fmt.Errorf("%s %s: %s, want %d: %s", method, path, res.Status, status, answer)
	}
	return string(answer), err
}
