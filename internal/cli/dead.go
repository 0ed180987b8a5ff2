package cli

import (
	"context"
	"fmt"

	ucli "github.com/urfave/cli/v3"

	"acervo/internal/client"
)

// deadCommand is what its subcommands share: the filter and the reason.
type deadCommand struct {
	*remote
	filter client.Filter
	reason string
	all    bool
}

func (p program) dead() *ucli.Command {
	return p.group("dead", "see to the writes that were given up", func(r *remote) []*ucli.Command {
		d := &deadCommand{remote: r}
		return []*ucli.Command{
			leaf("list", "list them, the latest first", "", d.filters(50, 0), r.with(d.list)),
			leaf("groups", "count them by their errors", "", d.filters(0, 0), r.with(d.groups)),
			leaf("show", "show one with its payload and history", "JOB", nil, r.with(d.show)),
			leaf("retry", "send them to their lane again", "[JOB...]", d.orders(), r.with(d.order((*client.Client).Retry, (*client.Client).RetryAll))),
			leaf("edit", "send one to its lane again with another draft", "JOB", []ucli.Flag{
				&ucli.StringFlag{Name: "file", Required: true, Usage: "the draft, or the patch, is the JSON in `FILE`"},
				d.reasonFlag(),
			}, r.with(d.edit)),
			leaf("discard", "let them go for good", "[JOB...]", d.orders(), r.with(d.order((*client.Client).Discard, (*client.Client).DiscardAll))),
		}
	})
}

// filters are the flags that choose; a limit of zero has no flag.
func (d *deadCommand) filters(limit, least int64) []ucli.Flag {
	flags := []ucli.Flag{
		&ucli.StringFlag{Name: "lane", Usage: "of the lane `NAME`", Destination: &d.filter.Lane},
		&ucli.StringFlag{Name: "kind", Usage: "of the `KIND`, such as book.update", Destination: &d.filter.Kind},
		&ucli.StringFlag{Name: "error", Usage: "with the error `FINGERPRINT`", Destination: &d.filter.Error},
		&ucli.StringFlag{Name: "book", Usage: "of the book `ID`", Destination: &d.filter.Book},
	}
	if limit > 0 {
		flags = append(flags, wholeFlag("limit", limit, least, "at most `N` of them"))
	}
	return flags
}

func (d *deadCommand) reasonFlag() ucli.Flag {
	return &ucli.StringFlag{Name: "reason", Usage: "keep `TEXT` in the history", Destination: &d.reason}
}

func (d *deadCommand) orders() []ucli.Flag {
	all := &ucli.BoolFlag{Name: "all", Usage: "all that the filter chooses, instead of those named", Destination: &d.all}
	return append(d.filters(100, 1), all, d.reasonFlag())
}

func (d *deadCommand) list(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
	heading := []string{"JOB", "BURIED", "KIND", "BOOK", "ERROR", "CAUSE"}
	more, err := list(s, c.Dead(ctx, d.filter), int(wholeOf(cmd, "limit")), heading, func(j client.Dead) []cell {
		row := cells(j.ID, moment(&j.BuriedAt), string(j.Kind), j.BookID, j.Fingerprint, j.Cause)
		if row[5].tone = red; j.RetryAsked {
			row[5] = cell{"retry asked: " + j.Cause, amber}
		}
		return row
	})
	if more {
		s.say("There are more; --limit shows them.")
	}
	return err
}

func (d *deadCommand) groups(ctx context.Context, _ *ucli.Command, c *client.Client, s screen) error {
	heading := []string{"ERROR", "LANE", "COUNT", "OLDEST", "LATEST", "CAUSE"}
	_, err := list(s, c.DeadGroups(ctx, d.filter), 0, heading, func(g client.Group) []cell {
		return cells(g.Fingerprint, g.Lane, fmt.Sprint(g.Count), moment(&g.Oldest), moment(&g.Latest), g.Cause)
	})
	return err
}

func (d *deadCommand) show(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
	j, err := c.DeadJob(ctx, cmd.Args().First())
	if err != nil || s.json {
		if err == nil {
			err = s.document(j)
		}
		return err
	}
	s.facts("job", j.ID, "kind", string(j.Kind), "state", string(j.State), "book", j.BookID, "lane", j.Lane,
		"buried", moment(&j.BuriedAt), "attempts", fmt.Sprint(j.Attempts), "error", j.Fingerprint, "cause", j.Cause)
	s.say("payload  %s", safe(string(j.Payload)))
	rows := make([][]cell, 0, len(j.History))
	for _, e := range j.History {
		rows = append(rows, cells(moment(&e.At), e.What, e.Who, e.Why))
	}
	s.table([]string{"WHEN", "WHAT", "WHO", "WHY"}, rows)
	return nil
}

func (d *deadCommand) edit(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
	draft, err := readJSON(cmd.String("file"))
	if err != nil {
		return err
	}
	j, err := c.Retry(ctx, cmd.Args().First(), client.Order{Reason: d.reason, Draft: draft})
	if err != nil {
		return err
	}
	return d.done(cmd, s, j)
}

// order does something to the jobs that are named, or to all that the filter
// chooses.
func (d *deadCommand) order(
	one func(*client.Client, context.Context, string, client.Order) (client.Dead, error),
	many func(*client.Client, context.Context, client.Order) (int, error),
) func(context.Context, *ucli.Command, *client.Client, screen) error {
	return func(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
		if d.all == cmd.Args().Present() || !d.all && d.filter != (client.Filter{}) {
			return wrongUsage("%s takes either jobs, or --all and a filter", cmd.FullName())
		}
		o := client.Order{Reason: d.reason}
		if d.all {
			o.Filter, o.Limit = &d.filter, int(wholeOf(cmd, "limit"))
			matched, err := many(c, ctx, o)
			if err != nil {
				return err
			}
			s.say("%s: %d of them", cmd.Name, matched)
			if s.json {
				return s.document(map[string]int{"matched": matched})
			}
			return nil
		}
		for _, id := range cmd.Args().Slice() {
			j, err := one(c, ctx, id, o)
			if err == nil {
				err = d.done(cmd, s, j)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func (d *deadCommand) done(cmd *ucli.Command, s screen, j client.Dead) error {
	if s.json {
		return s.document(j)
	}
	s.say("%s: %s is now %s", cmd.Name, safe(j.ID), safe(string(j.State)))
	return nil
}
