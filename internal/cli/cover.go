package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	ucli "github.com/urfave/cli/v3"

	"acervo/internal/cover"
	"acervo/internal/fault"
)

// cover is the command that does to a file what is done to an uploaded cover.
func (p program) cover() *ucli.Command {
	out := &ucli.StringFlag{Name: "out", Required: true, Usage: "write the renditions, w96.jpg to w1200.jpg, into `DIR`"}
	return leaf("cover", "make the renditions of a picture, as is done with an uploaded cover", "FILE", []ucli.Flag{out},
		func(ctx context.Context, cmd *ucli.Command) error {
			return makeCover(ctx, cmd.Args().First(), cmd.String("out"), p.stdout)
		})
}

// coverReport is what the command prints.
type coverReport struct {
	SHA256      string         `json:"sha256"`
	Format      cover.Format   `json:"format"`
	Width       int            `json:"width"`
	Height      int            `json:"height"`
	Orientation int            `json:"orientation"`
	Profile     cover.Profile  `json:"profile"`
	Blurhash    string         `json:"blurhash"`
	Color       string         `json:"color"`
	Renditions  []renditionRow `json:"renditions"`
}

type renditionRow struct {
	File   string `json:"file"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Bytes  int    `json:"bytes"`
}

func makeCover(ctx context.Context, name, out string, stdout io.Writer) error {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 { // GOMEMLIMIT says nothing
		debug.SetMemoryLimit(cover.Memory)
	}
	result, err := renderFile(ctx, name)
	if _, usage := errors.AsType[usageError](err); usage {
		return err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, refusal(err))
	}
	report := coverReport{
		SHA256: result.SHA256, Format: result.Format, Width: result.Width, Height: result.Height,
		Orientation: result.Orientation, Profile: result.Profile, Blurhash: result.Blurhash, Color: result.Color,
	}
	if err := os.MkdirAll(out, 0o750); err != nil {
		return err
	}
	for _, r := range result.Renditions {
		row := renditionRow{File: fmt.Sprintf("w%d.jpg", r.Width), Width: r.Width, Height: r.Height, Bytes: len(r.JPEG)}
		if err := os.WriteFile(filepath.Join(out, row.File), r.JPEG, 0o600); err != nil {
			return err
		}
		report.Renditions = append(report.Renditions, row)
	}
	if err := json.MarshalWrite(stdout, report, jsontext.WithIndent("  ")); err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout)
	return err
}

func renderFile(ctx context.Context, name string) (cover.Result, error) {
	f, info, err := openFile(name)
	if err != nil {
		return cover.Result{}, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return cover.New().Render(ctx, f, info.Size())
}

// refusal is the reason alone, which says it all to the owner of the picture.
func refusal(err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind != fault.Internal {
		return errors.New(e.Detail)
	}
	return err
}
