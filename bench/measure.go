package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// How long and how often. The whole of it stays below five minutes.
const (
	rounds   = 7
	warm     = 300 * time.Millisecond
	span     = 1500 * time.Millisecond
	crowd    = 64 // clients at once
	readers  = 16
	books    = 200 // of the shelf, that single reads are of
	settling = time.Second
)

// bench is one run of all the measurements.
type bench struct {
	acervo    string // the binary under measurement
	self      string // this program
	shelf     string // Acervo's data with the books to read
	catalogue string // the same for its peers
	flask     string // the peer in Python
	noFlask   string // why there is none
	table     table
}

// measure takes every measurement, prints the table, and fails when the one
// figure that depends on no machine is out of bounds.
func measure(ctx context.Context, stdout io.Writer) error {
	tmp, err := os.MkdirTemp("", "acervo-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	b := &bench{acervo: filepath.Join(tmp, "acervo"), table: goals()}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	for name, dir := range map[string]*string{"shelf": &b.shelf, "catalogue": &b.catalogue, "flask": &b.flask} {
		*dir = filepath.Join(tmp, name)
		if err := os.Mkdir(*dir, 0o700); err != nil {
			return err
		}
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", b.acervo, "acervo/acervo")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the binary: %w\n%s", err, out)
	}
	if err := b.size(); err != nil {
		return err
	}
	if err := b.prepare(ctx, stdout); err != nil {
		return err
	}
	for n := range rounds {
		fmt.Fprintf(stdout, "round %d of %d\n", n+1, rounds)
		for _, part := range []func(context.Context) error{
			b.disk, b.writesOf(1), b.writesOf(crowd), b.reading, b.resident,
		} {
			if err := part(ctx); err != nil {
				return err
			}
		}
	}
	return errors.Join(b.table.print(stdout), b.table.check())
}

// prepare makes what all rounds read.
func (b *bench) prepare(ctx context.Context, stdout io.Writer) (err error) {
	fmt.Fprintf(stdout, "prepares %d books and a peer in Python\n", shelf)
	if err := b.shelve(ctx); err != nil {
		return err
	}
	b.noFlask, err = installFlask(ctx, b.flask)
	b.table.skip("reads of flask", b.noFlask)
	b.table.skip("pages of flask", b.noFlask)
	return err
}

func (b *bench) size() error {
	info, err := os.Stat(b.acervo)
	if err != nil {
		return err
	}
	b.table.add("size", float64(info.Size())/(1<<20), 0)
	return nil
}

// disk times what every durable write waits for: a page written in place and
// synced.
func (b *bench) disk(context.Context) error {
	file, err := os.CreateTemp("", "acervo-bench-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	page := make([]byte, 4096)
	var all []float64
	for range 200 {
		if _, err := file.WriteAt(page, 0); err != nil {
			return err
		}
		began := time.Now()
		if err := file.Sync(); err != nil {
			return err
		}
		all = append(all, micros(time.Since(began)))
	}
	b.table.add("fsync", median(all), 0)
	return nil
}

// writesOf measures accepting, applying and the peer's insert, one after the
// other, under the same load.
func (b *bench) writesOf(clients int) func(context.Context) error {
	return func(ctx context.Context) error {
		turns := map[string]turn{}
		for _, role := range []string{roleAccept, roleApply, rolePeer} {
			t, err := b.write(ctx, role, clients)
			if err != nil {
				return err
			}
			turns[role] = t
		}
		insert := turns[rolePeer]
		for _, role := range []string{roleAccept, roleApply} {
			t, key := turns[role], fmt.Sprintf("%s %d ", role, clients)
			b.table.add(key+"rate", t.perSecond(), insert.perSecond())
			b.table.add(key+"p50", micros(t.p50), micros(insert.p50))
			b.table.add(key+"cpu", t.cpuEach(), insert.cpuEach())
			b.table.add(key+"commits", t.commitsEach(), insert.commitsEach())
		}
		return nil
	}
}

// turn is what one server did under one load.
type turn struct {
	result
	cpu     time.Duration
	commits int
}

func (t turn) cpuEach() float64     { return micros(t.cpu) / float64(t.requests) }
func (t turn) commitsEach() float64 { return float64(t.commits) / float64(t.requests) }

// write loads one of bench's own servers with new books.
func (b *bench) write(ctx context.Context, role string, clients int) (turn, error) {
	p, err := launch(ctx, b.self, func(dir string) []string { return []string{role, dir} })
	if err != nil {
		return turn{}, err
	}
	defer p.stop()
	return p.load(ctx, clients, creates(clients))
}

// load warms a server up and then measures it.
func (p *process) load(ctx context.Context, clients int, next requests) (turn, error) {
	if _, err := drive(ctx, p.addr, clients, warm, next); err != nil {
		return turn{}, err
	}
	commits, err := p.commits()
	if err != nil {
		return turn{}, err
	}
	r, cpu, err := p.measured(ctx, clients, next)
	if err != nil {
		return turn{}, err
	}
	after, err := p.commits()
	return turn{r, cpu, after - commits}, err
}

// measured loads a server that is warm, and tells what that cost it.
func (p *process) measured(ctx context.Context, clients int, next requests) (result, time.Duration, error) {
	before, err := p.cpu()
	if err != nil {
		return result{}, 0, err
	}
	r, err := drive(ctx, p.addr, clients, span, next)
	if err != nil {
		return result{}, 0, err
	}
	after, err := p.cpu()
	return r, after - before, err
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
