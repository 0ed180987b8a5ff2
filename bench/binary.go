package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// resident measures the binary as it is run: its start, its memory idle and
// under a load that accepts faster than the worker applies.
func (b *bench) resident(ctx context.Context) error {
	p, err := b.serve(ctx, "")
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

// serve starts the binary on the data in a directory, or on fresh data for "".
func (b *bench) serve(ctx context.Context, data string) (*process, error) {
	return launch(ctx, b.acervo, func(dir string) []string {
		return []string{"serve", "--addr", "127.0.0.1:0", "--data", cmp.Or(data, dir)}
	})
}

// ask reads a path and returns the body of the answer, if it is 200.
func (p *process) ask(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+path, http.NoBody)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	answer, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, res.Status, answer)
	}
	return string(answer), err
}
