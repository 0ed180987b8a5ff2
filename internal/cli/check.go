package cli

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v3"

	"acervo/internal/client"
	"acervo/internal/config"
	"acervo/internal/fault"
)

// check is what an operator runs first, with the options of the server.
func (p program) check() *ucli.Command {
	asJSON := false
	cmd := p.configured("check", "check the configuration, the data directory, the database and the server",
		func(ctx context.Context, t *config.ServeText) error {
			findings := p.findings(ctx, t)
			return report(p.screen(asJSON), findings)
		})
	cmd.Flags = append(cmd.Flags, &ucli.BoolFlag{Name: "json", Usage: "print JSON, one document a line", Destination: &asJSON})
	return cmd
}

// findings looks at one thing after the other, and at all of them.
func (p program) findings(ctx context.Context, t *config.ServeText) []Finding {
	_, err := t.Parse()
	findings := []Finding{found("configuration", err, "complete")}
	findings = append(findings, p.doors.Inspect(ctx, t.Data)...)
	return append(findings, found("server", p.ready(ctx, t), "runs and is ready"))
}

func (p program) ready(ctx context.Context, t *config.ServeText) error {
	url, key, err := p.doors.Local(t.Data)
	if err != nil {
		return err
	}
	c, err := client.New(client.Options{URL: url, Key: key, Tries: 1})
	if err != nil {
		return err
	}
	ready, err := c.Ready(ctx)
	if err == nil && ready.Status != "ready" {
		maps.DeleteFunc(ready.Checks, func(_, state string) bool { return state == "ok" })
		failing := strings.Join(slices.Sorted(maps.Keys(ready.Checks)), ", ")
		err = fault.New(fault.Unavailable, "It runs but is not ready: %s.", failing)
	}
	return err
}

func found(what string, err error, good string) Finding {
	if err != nil {
		return Finding{What: what, Detail: Explain(err)}
	}
	return Finding{What: what, OK: true, Detail: good}
}

// report prints the findings, and fails if one of them is bad.
func report(s screen, findings []Finding) error {
	rows := make([][]cell, 0, len(findings))
	bad := 0
	for _, f := range findings {
		state := cell{"ok", green}
		if !f.OK {
			state = cell{"bad", red}
			bad++
		}
		rows = append(rows, []cell{state, {f.What, plain}, {f.Detail, plain}})
		if s.json {
			if err := s.document(f); err != nil {
				return err
			}
		}
	}
	if !s.json {
		s.table([]string{"STATE", "WHAT", "DETAIL"}, rows)
	}
	if bad > 0 {
		return errors.New("something is not as it should be")
	}
	return nil
}
