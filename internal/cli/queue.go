package cli

import (
	"context"

	ucli "github.com/urfave/cli/v3"

	"acervo/internal/client"
)

func (p program) queue() *ucli.Command {
	r := &remote{program: p}
	cmd := leaf("queue", "show the lanes; pause one, or have it go on", "", r.flags(), r.with(r.queues))
	cmd.Commands = []*ucli.Command{
		leaf("pause", "stop applying; what is accepted waits", "[LANE]", nil, r.pause(true)),
		leaf("resume", "go on applying", "[LANE]", nil, r.pause(false)),
	}
	return cmd
}

func (r *remote) queues(ctx context.Context, _ *ucli.Command, c *client.Client, s screen) error {
	heading := []string{"LANE", "STATE", "WAITING", "IN FLIGHT", "DELAYED", "OLDEST S", "IN/S", "OUT/S", "DEAD"}
	_, err := list(s, c.Queues(ctx), 0, heading, func(q client.Queue) []cell {
		row := cells(q.Name, "open", or(q.Waiting), or(q.InFlight), or(q.Delayed), rounded(q.OldestAgeSeconds),
			rounded(q.InPerSecond), rounded(q.OutPerSecond), or(&q.Dead))
		if row[1].tone = green; q.Paused {
			row[1] = cell{"paused", amber}
		}
		if q.Dead > 0 {
			row[8].tone = red
		}
		return row
	})
	return err
}

// pause pauses the lane that is named, or the one of the writes.
func (r *remote) pause(paused bool) ucli.ActionFunc {
	return r.with(func(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
		lane := "writes"
		if cmd.Args().Present() {
			lane = cmd.Args().First()
		}
		if err := c.Pause(ctx, lane, paused); err != nil {
			return err
		}
		if paused {
			s.say("The lane %s is paused.", safe(lane))
		} else {
			s.say("The lane %s goes on.", safe(lane))
		}
		return nil
	})
}
