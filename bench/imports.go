package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"acervo/internal/client"
	"acervo/internal/drop"
)

// manyRows is what goals are held against; leastRows is for a trial.
const (
	manyRows  = 1_000_000
	leastRows = 10_000
)

// measureImports measures the splitter by itself, and then an import from the drop
// to its end, of as many rows as the arguments say.
func measureImports(ctx context.Context, args []string, stdout io.Writer) error {
	rows := manyRows
	if len(args) > 0 {
		n, err := strconv.Atoi(args[0])
		if err != nil || len(args) > 1 || n < leastRows {
			return fmt.Errorf("imports takes a number of rows, %d or more", leastRows)
		}
		rows = n
	}
	if err := measureSplitter(ctx, rows, stdout); err != nil {
		return err
	}
	return measureApplying(ctx, rows, stdout)
}

func importGoals(rows int) table {
	return table{
		{key: "rate", name: fmt.Sprintf("drop to end, %d rows, peer: sqlite3", rows), unit: "rows/s", goal: 0.7},
		{key: "plain", name: "the same, peer: .import of sqlite3", unit: "rows/s"},
		{key: "peak", name: fmt.Sprintf("resident at most, %d rows", rows), unit: "MiB", kind: own, goal: 128},
		{key: "growth", name: fmt.Sprintf("the same, peer: %d rows", rows/10), unit: "MiB", kind: atMost, goal: 1.25},
		{key: "p50", name: "accept to applied p50 beside it, peer: idle", unit: "ms", kind: own},
		{key: "p99", name: "accept to applied p99 beside it, peer: idle", unit: "ms", kind: own},
	}
}

// applying is one run of imports on the one-machine edition.
type applying struct {
	dir    string // for the lists, the binary and what the peer makes
	rows   int
	table  table
	stdout io.Writer
}

// measureApplying drops lists on servers with fresh data, and has the shell of SQLite
// store what came of it.
func measureApplying(ctx context.Context, rows int, stdout io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "acervo-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	a := &applying{dir: dir, rows: rows, table: importGoals(rows), stdout: stdout}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "acervo"), "acervo/acervo")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the binary: %w\n%s", err, out)
	}
	few, err := a.small(ctx)
	if err == nil {
		err = a.large(ctx, few)
	}
	if err != nil {
		return err
	}
	return a.table.print(stdout)
}

// small imports a tenth of the rows, and returns the most mebibytes resident.
func (a *applying) small(ctx context.Context) (float64, error) {
	p, c, err := a.serve(ctx)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	if _, err := a.importAll(ctx, p, c, "few.csv", 0, a.rows/10); err != nil {
		return 0, err
	}
	return p.memory("VmHWM")
}

// large imports all the rows, holds that against the peer, and then times single
// writes beside an import of as many again.
func (a *applying) large(ctx context.Context, few float64) error {
	p, c, err := a.serve(ctx)
	if err != nil {
		return err
	}
	defer p.stop()
	took, err := a.importAll(ctx, p, c, "many.csv", 0, a.rows)
	if err != nil {
		return err
	}
	most, err := p.memory("VmHWM")
	if err != nil {
		return err
	}
	a.table.add("peak", most, few)
	a.table.add("growth", most, few)
	if err := a.shell(ctx, p.dir, took); err != nil {
		return err
	}
	return a.beside(ctx, p, c)
}

func (a *applying) serve(ctx context.Context) (*process, *client.Client, error) {
	b := &bench{acervo: filepath.Join(a.dir, "acervo")}
	p, err := b.serve(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	c, err := client.New(client.Options{URL: "http://" + p.addr, Key: benchKey})
	if err != nil {
		p.stop()
	}
	return p, c, err
}

// drop makes a list and moves it into the drop. It returns when that was.
func (a *applying) drop(p *process, name string, from, rows int) (time.Time, error) {
	path := filepath.Join(a.dir, name)
	if err := writeList(path, from, rows, false); err != nil {
		return time.Time{}, err
	}
	return time.Now(), os.Rename(path, filepath.Join(p.dir, "drop", name))
}

// importAll drops a list and returns how long it took until its last row was applied.
func (a *applying) importAll(ctx context.Context, p *process, c *client.Client, name string, from, rows int) (time.Duration, error) {
	fmt.Fprintf(a.stdout, "imports %d rows\n", rows)
	began, err := a.drop(p, name, from, rows)
	if err != nil {
		return 0, err
	}
	i, err := arrived(ctx, c, name)
	if err == nil {
		i, err = c.Watch(ctx, i.ID, func(client.Import) {})
	}
	if err != nil {
		return 0, err
	}
	if i.State != drop.Succeeded || i.Rows.OK != int64(rows) || i.FinishedAt == nil {
		return 0, fmt.Errorf("the import of %d rows ended as %s: %+v", rows, i.State, i.Rows)
	}
	return i.FinishedAt.Sub(began), nil
}

// arrived returns an import once its file has been noticed.
func arrived(ctx context.Context, c *client.Client, name string) (client.Import, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		for i, err := range c.Imports(ctx) {
			if err != nil || i.Filename == name {
				return i, err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return client.Import{}, fmt.Errorf("%s was not noticed: %w", name, ctx.Err())
		}
	}
}
