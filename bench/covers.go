package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// coverRounds is odd, so that there is a median.
const coverRounds = 5

var (
	//go:embed sharp/cascade.mjs
	sharpCascade []byte
	//go:embed sharp/package.json
	sharpNeeds []byte
)

// covers is one run of what the making of covers costs, ours and others'. Each
// picture is done by a process of its own.
type covers struct {
	dir     string            // for the pictures, the programs and what they make
	missing map[string]string // why a maker of renditions is not there
	table   table
}

// maker makes the renditions of a picture, in as many processes as it needs.
type maker struct {
	name     string
	commands func(c *covers, picture, out string) [][]string
}

const ours = "Acervo"

func makers() []maker {
	return []maker{
		{ours, func(c *covers, picture, out string) [][]string {
			return [][]string{{filepath.Join(c.dir, "acervo"), "cover", picture, "--out", out}}
		}},
		{"sharp", func(c *covers, picture, out string) [][]string {
			return [][]string{{"node", filepath.Join(c.dir, "sharp", "cascade.mjs"), picture, out}}
		}},
		{"vipsthumbnail", func(_ *covers, picture, out string) (all [][]string) {
			for _, width := range []int{1200, 640, 320, 96} {
				to := filepath.Join(out, fmt.Sprintf("w%d.jpg[Q=82,strip]", width))
				all = append(all, []string{"vipsthumbnail", picture, "--size", fmt.Sprintf("%dx>", width), "--output", to})
			}
			return all
		}},
		{"imaging", func(c *covers, picture, out string) [][]string {
			return [][]string{{filepath.Join(c.dir, "imaging"), picture, out, ".jpg"}}
		}},
	}
}

// measureCovers takes every measurement of covers and prints their table.
func measureCovers(ctx context.Context, stdout io.Writer) error {
	dir, err := os.MkdirTemp("", "acervo-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := &covers{dir: dir, missing: map[string]string{}, table: coverGoals()}
	fmt.Fprintln(stdout, "draws the pictures, builds and installs what is measured")
	if err := c.prepare(ctx); err != nil {
		return err
	}
	for n := range coverRounds {
		fmt.Fprintf(stdout, "round %d of %d\n", n+1, coverRounds)
		if err := c.round(ctx); err != nil {
			return err
		}
	}
	var unlike error
	for _, p := range coverPictures() {
		unlike = errors.Join(unlike, c.liken(ctx, p))
	}
	c.skipMissing()
	return errors.Join(unlike, c.table.print(stdout))
}

func (c *covers) prepare(ctx context.Context) error {
	for program, source := range map[string]string{"acervo": "acervo/acervo", "imaging": "acervo/bench/imaging"} {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(c.dir, program), source)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", program, err, out)
		}
	}
	if _, err := exec.LookPath("vipsthumbnail"); err != nil {
		c.missing["vipsthumbnail"] = "there is no vipsthumbnail (libvips-tools)"
	}
	if err := c.installSharp(ctx); err != nil {
		return err
	}
	// In a process of its own: what is forked off a large one counts its memory as theirs.
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, self, rolePictures, c.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("draw the pictures: %w\n%s", err, out)
	}
	return nil
}

// installSharp puts sharp into a directory. Why it cannot be is a line of the table
// and no error.
func (c *covers) installSharp(ctx context.Context) error {
	dir := filepath.Join(c.dir, "sharp")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for name, content := range map[string][]byte{"cascade.mjs": sharpCascade, "package.json": sharpNeeds} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	within, cancel := context.WithTimeout(ctx, installing)
	defer cancel()
	install := exec.CommandContext(within, "npm", "install", "--no-audit", "--no-fund", "--silent")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		c.missing["sharp"] = fmt.Sprintf("npm install: %v", err)
		fmt.Fprintf(os.Stderr, "%s", out)
	}
	return ctx.Err()
}

// usage is what processes cost.
type usage struct {
	cpu  time.Duration // user and system, of all
	most float64       // MiB resident, of the largest
}

// round has every picture done once by every maker, and notes the pairs.
func (c *covers) round(ctx context.Context) error {
	starts := map[string]usage{}
	for _, p := range coverPictures() {
		used := map[string]usage{}
		if _, err := os.Stat(filepath.Join(c.dir, p.file)); err != nil {
			c.missing[p.file] = "vips, which makes the picture, is not there or cannot"
			continue
		}
		for _, m := range makers() {
			if c.missing[m.name] != "" || c.missing[p.file+m.name] != "" || p.own && m.name != ours {
				continue
			}
			u, err := c.make(ctx, m, p)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				c.missing[p.file+m.name] = strings.TrimSpace(err.Error()[strings.LastIndex(err.Error(), ":")+1:])
				continue
			}
			used[m.name] = u
		}
		if p.file == onePixel {
			starts = used
		}
		c.note(p, used, starts)
	}
	return nil
}

// note adds what a picture cost to the table; the makers that are missing are not there.
func (c *covers) note(p coverPicture, used, starts map[string]usage) {
	mine, done := used[ours]
	if !done {
		return
	}
	c.table.add(p.file+" memory", mine.most, used["sharp"].most)
	for _, m := range makers()[1:] {
		if u, done := used[m.name]; done {
			c.table.add(p.file+" "+m.name, millis(mine.cpu), millis(u.cpu))
			c.table.add(p.file+" "+m.name+" net", millis(mine.cpu-starts[ours].cpu), millis(u.cpu-starts[m.name].cpu))
		}
	}
}

func millis(d time.Duration) float64 { return micros(d) / 1000 }

func (c *covers) out(m maker, p coverPicture) string {
	return filepath.Join(c.dir, m.name+" of "+p.file)
}

// make runs a maker on a picture.
func (c *covers) make(ctx context.Context, m maker, p coverPicture) (all usage, err error) {
	out := c.out(m, p)
	if err := os.MkdirAll(out, 0o700); err != nil {
		return usage{}, err
	}
	for _, args := range m.commands(c, filepath.Join(c.dir, p.file), out) {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		var complaint strings.Builder
		cmd.Stderr = &complaint
		if err := cmd.Run(); err != nil {
			return usage{}, errors.New(cmp.Or(strings.TrimSpace(complaint.String()), err.Error()))
		}
		state := cmd.ProcessState
		all.cpu += state.UserTime() + state.SystemTime()
		if u, ok := state.SysUsage().(*syscall.Rusage); ok {
			all.most = max(all.most, float64(u.Maxrss)/1024) // KiB on Linux
		}
	}
	return all, nil
}

// skipMissing says on the lines without a figure why there is none; of a picture that has
// no figures at all only the line of its memory stays.
func (c *covers) skipMissing() {
	c.table = slices.DeleteFunc(c.table, func(f *figure) bool {
		file, rest, _ := strings.Cut(f.key, " ")
		peer, _, _ := strings.Cut(rest, " ")
		whole := cmp.Or(c.missing[file], c.missing[file+ours])
		if len(f.pairs) == 0 {
			f.skipped = cmp.Or(whole, c.missing[peer], c.missing[file+peer])
		}
		return whole != "" && peer != "memory"
	})
}
