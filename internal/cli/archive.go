package cli

import (
	"context"

	ucli "github.com/urfave/cli/v3"
)

// dataFlag names the directory of the commands that need no server.
func (p program) dataFlag(dir *string) []ucli.Flag {
	return []ucli.Flag{p.text("data", "./data", "the data directory is `DIR`", dir)}
}

func (p program) backup() *ucli.Command {
	var dir string
	return leaf("backup", "write all there is to one new file, also while the server runs", "FILE", p.dataFlag(&dir),
		func(ctx context.Context, cmd *ucli.Command) error {
			file := cmd.Args().First()
			if err := p.doors.Backup(ctx, dir, file); err != nil {
				return err
			}
			p.screen(false).say("Everything in %s up to now is in %s, except the operator key.", safe(dir), safe(file))
			return nil
		})
}

func (p program) restore() *ucli.Command {
	var dir string
	return leaf("restore", "make a data directory of such a file", "FILE", p.dataFlag(&dir),
		func(ctx context.Context, cmd *ucli.Command) error {
			if err := p.doors.Restore(ctx, cmd.Args().First(), dir); err != nil {
				return err
			}
			p.screen(false).say("Restored %s. Start the server with: acervo serve --data %s", safe(dir), safe(dir))
			return nil
		})
}
