package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v3"

	"acervo/internal/client"
)

func (p program) key() *ucli.Command {
	return p.group("key", "make, list and revoke keys", func(r *remote) []*ucli.Command {
		add := []ucli.Flag{
			&ucli.StringFlag{Name: "role", Required: true, Usage: "`ROLE` is reader, writer or operator"},
			&ucli.StringFlag{Name: "expires", Usage: "after `TIME`, such as 90d or 12h; never if not given"},
		}
		return []*ucli.Command{
			leaf("add", "make a key, which is shown once", "NAME", add, r.with(addKey)),
			leaf("list", "list the keys", "", nil, r.with(listKeys)),
			leaf("revoke", "end a key at once", "NAME", nil, r.with(revokeKey)),
		}
	})
}

func addKey(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
	var expires *time.Time
	if text := cmd.String("expires"); text != "" {
		life, ok := lifetime(text)
		if !ok {
			return wrongUsage("--expires must be a time such as 90d or 12h")
		}
		at := time.Now().Add(life).UTC().Truncate(time.Second)
		expires = &at
	}
	k, err := c.AddKey(ctx, cmd.Args().First(), cmd.String("role"), expires)
	if err != nil {
		return err
	}
	if s.json {
		return s.document(k)
	}
	s.facts("name", k.Name, "role", k.Role, "expires", moment(k.ExpiresAt), "key", k.Secret)
	s.say("Keep the key now: it is not shown again.")
	return nil
}

// maxLife is the longest that a key with an end lives.
const maxLife = 100 * 365 * 24 * time.Hour

// lifetime reads a time in days, or as Go writes it.
func lifetime(text string) (time.Duration, bool) {
	if number, ok := strings.CutSuffix(text, "d"); ok {
		days, err := strconv.ParseUint(number, 10, 16)
		life := time.Duration(days) * 24 * time.Hour
		return life, err == nil && life > 0 && life <= maxLife
	}
	life, err := time.ParseDuration(text)
	return life, err == nil && life > 0 && life <= maxLife
}

func listKeys(ctx context.Context, _ *ucli.Command, c *client.Client, s screen) error {
	now := time.Now()
	_, err := list(s, c.Keys(ctx), 0, []string{"NAME", "ROLE", "MADE", "BY", "EXPIRES"}, func(k client.Key) []cell {
		row := cells(k.Name, k.Role, moment(&k.MadeAt), k.MadeBy, "never")
		if k.ExpiresAt != nil {
			row[4] = cell{moment(k.ExpiresAt), plain}
			if !now.Before(*k.ExpiresAt) {
				row[4] = cell{"expired " + row[4].text, dim}
			}
		}
		return row
	})
	return err
}

func revokeKey(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
	if err := c.RevokeKey(ctx, cmd.Args().First()); err != nil {
		return err
	}
	s.say("The key %s opens nothing any more.", safe(cmd.Args().First()))
	return nil
}
