package cli

import (
	"context"
	"fmt"

	ucli "github.com/urfave/cli/v3"

	"acervo/internal/client"
	"acervo/internal/job"
)

func (p program) job() *ucli.Command {
	r := &remote{program: p}
	flags := append(r.flags(), &ucli.BoolFlag{Name: "wait", Usage: "wait until it has ended, and fail if it has not succeeded"})
	return leaf("job", "show what became of a write", "ID", flags,
		r.with(func(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
			wait := cmd.Bool("wait")
			ask := c.Job
			if wait {
				ask = c.Wait
			}
			j, err := ask(ctx, cmd.Args().First())
			if err != nil {
				return err
			}
			if err := showJob(s, j); err != nil || !wait || j.State == job.Succeeded {
				return err
			}
			return outcome(j)
		}))
}

func showJob(s screen, j client.Job) error {
	if s.json {
		return s.document(j)
	}
	problem := ""
	if j.Error != nil {
		problem = fmt.Sprintf("%d %s %s", j.Error.Status, j.Error.Title, j.Error.Detail)
	}
	s.facts("id", j.ID, "kind", string(j.Kind), "state", string(j.State), "book", j.BookID, "version", some(j.BookVersion),
		"attempts", fmt.Sprint(j.Attempts), "submitted", moment(&j.SubmittedAt), "next attempt", moment(j.NextAttemptAt),
		"finished", moment(j.FinishedAt), "error", problem)
	return nil
}
