package cli

import (
	"context"
	"iter"

	ucli "github.com/urfave/cli/v3"

	"acervo/internal/client"
	"acervo/internal/fault"
)

// remote is which server a command talks to, and how it shows what it hears.
type remote struct {
	program
	url, key, data string
	asJSON         bool
}

// group is a command whose subcommands talk to a server. Their flags may stand
// before or behind the subcommand's name.
func (p program) group(name, usage string, build func(r *remote) []*ucli.Command) *ucli.Command {
	r := &remote{program: p}
	return &ucli.Command{
		Name: name, Usage: usage, OnUsageError: onUsageError, Action: noCommand, HideHelpCommand: true,
		Flags: r.flags(), Commands: build(r),
	}
}

func (r *remote) flags() []ucli.Flag {
	return []ucli.Flag{
		r.text("url", "", "talk to the server at `URL` instead of the one on this machine", &r.url),
		r.text("key", "", "use `KEY`; for the server on this machine, that in its directory", &r.key),
		r.text("data", "./data", "the server on this machine runs over `DIR`", &r.data),
		&ucli.BoolFlag{Name: "json", Usage: "print JSON, one document a line", Destination: &r.asJSON},
	}
}

// connect finds the server. The key in a data directory is for the server that
// runs over it, and is shown to no other.
func (r *remote) connect() (*client.Client, error) {
	url, key := r.url, r.key
	if url == "" {
		var local string
		var err error
		if url, local, err = r.doors.Local(r.data); err != nil {
			return nil, err
		}
		if key == "" {
			key = local
		}
	}
	c, err := client.New(client.Options{URL: url, Key: key})
	if fault.Is(err, fault.Syntax) {
		return nil, usageError{err}
	}
	return c, err
}

// with runs a command that needs the server.
func (r *remote) with(do func(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error) ucli.ActionFunc {
	return func(ctx context.Context, cmd *ucli.Command) error {
		c, err := r.connect()
		if err != nil {
			return err
		}
		return do(ctx, cmd, c, r.screen(r.asJSON))
	}
}

// list prints a list as it comes, or as a table with a row for each item; up to
// limit items, all of them for zero. It reports whether there are more.
func list[T any](s screen, items iter.Seq2[T, error], limit int, heading []string, row func(T) []cell) (more bool, err error) {
	var rows [][]cell
	n := 0
	for item, err := range items {
		if err != nil {
			return false, err
		}
		if more = limit > 0 && n == limit; more {
			break
		}
		n++
		if !s.json {
			rows = append(rows, row(item))
			continue
		}
		if err := s.document(item); err != nil {
			return false, err
		}
	}
	if !s.json {
		s.table(heading, rows)
	}
	return more, nil
}
