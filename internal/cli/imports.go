package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	ucli "github.com/urfave/cli/v3"

	"acervo/internal/client"
	"acervo/internal/drop"
)

func (p program) imports() *ucli.Command {
	return p.group("imports", "look at imports, get the rows that failed, apply what was planned, cancel", func(r *remote) []*ucli.Command {
		outcome := &ucli.StringFlag{Name: "outcome", Value: "failed", Usage: "failed, superseded, or warned for rows of which something was left out or is in doubt"}
		return []*ucli.Command{
			leaf("list", "list the imports, the latest first", "", []ucli.Flag{
				wholeFlag("limit", 20, 0, "at most `N`, 0 for all"),
			}, r.with(listImports)),
			leaf("show", "show an import", "ID", nil, r.with(showImport)),
			leaf("rows", "list the rows that failed, or were superseded, and why", "ID", []ucli.Flag{outcome}, r.with(listRows)),
			leaf("failed", "print the rows that failed, to be corrected and imported again", "ID", []ucli.Flag{
				&ucli.StringFlag{Name: "out", Usage: "write to a new `FILE`"},
			}, r.with(r.failedRows)),
			leaf("apply", "apply what was planned, and wait for it", "ID", nil,
				r.with(func(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
					i, err := c.ApplyImport(ctx, cmd.Args().First())
					if err != nil {
						return err
					}
					return follow(ctx, c, s, i.ID)
				})),
			leaf("cancel", "end an import; what was applied stays", "ID", nil,
				r.with(func(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
					i, err := c.CancelImport(ctx, cmd.Args().First())
					if err == nil {
						i, err = c.Watch(ctx, i.ID, func(client.Import) {})
					}
					if err != nil {
						return err
					}
					if s.json {
						return s.document(i)
					}
					s.concluded(i)
					return nil
				})),
		}
	})
}

func listImports(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
	heading := []string{"ID", "FILE", "STATE", "ROWS", "OK", "UNCHANGED", "LATE", "FAILED", "SUBMITTED"}
	_, err := list(s, c.Imports(ctx), int(wholeOf(cmd, "limit")), heading, func(i client.Import) []cell {
		return cells(i.ID, i.Filename, string(i.State), or(i.Rows.Total), fmt.Sprint(i.Rows.OK), fmt.Sprint(i.Rows.Unchanged),
			fmt.Sprint(i.Rows.Superseded), fmt.Sprint(i.Rows.Failed), moment(&i.SubmittedAt))
	})
	return err
}

func showImport(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
	i, err := c.Import(ctx, cmd.Args().First())
	if err != nil {
		return err
	}
	if s.json {
		return s.document(i)
	}
	problem, rate := "", ""
	if i.Error != nil {
		problem = fmt.Sprintf("%d %s %s", i.Error.Status, i.Error.Title, i.Error.Detail)
	}
	if i.Rate != nil {
		rate = fmt.Sprintf("%.0f rows/s", *i.Rate)
	}
	s.facts("id", i.ID, "file", i.Filename, "state", string(i.State), "mode", string(i.Mode), "rows", some(i.Rows.Total),
		"rate", rate, "done at", moment(i.ETA), "submitted", moment(&i.SubmittedAt), "finished", moment(i.FinishedAt), "error", problem)
	if i.Format != nil {
		s.describe(i)
	}
	s.concluded(i)
	return nil
}

func listRows(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
	rows := c.ImportRows(ctx, cmd.Args().First(), cmd.String("outcome"))
	_, err := list(s, rows, 0, []string{"LINE", "BYTE", "COLUMN", "VALUE", "CODE", "REASON"}, func(r client.Row) []cell {
		var columns, values, codes, reasons []string
		if r.Outcome == drop.RowSuperseded {
			codes, reasons = append(codes, r.Outcome), append(reasons, later(r))
		}
		for _, n := range r.Notes {
			columns, values = append(columns, or(n.Column)), append(values, or(n.Value))
			codes, reasons = append(codes, n.Code), append(reasons, n.Reason)
		}
		join := func(all []string) string { return strings.Join(all, "; ") }
		return cells(fmt.Sprint(r.Line), fmt.Sprint(r.Offset), join(columns), join(values), join(codes), join(reasons))
	})
	return err
}

// later says what superseded a row.
func later(r client.Row) string {
	if r.LaterLine == nil {
		return "its book has a newer write"
	}
	return fmt.Sprintf("line %d is about the same book", *r.LaterLine)
}

// failedRows prints the rows that failed as they are, or writes them to a file that
// is not there yet.
func (r *remote) failedRows(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) (err error) {
	out := s.out
	if name := cmd.String("out"); name != "" {
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is there already and is kept: give another name, or remove it first", name)
		}
		if err != nil {
			return err
		}
		defer func() {
			if closed := file.Close(); err == nil {
				err = closed
			}
			if err != nil {
				_ = os.Remove(name) // it is not whole
			}
		}()
		out = file
	}
	return c.FailedRows(ctx, cmd.Args().First(), out)
}
