package cli

import (
	"context"
	"mime"
	"path/filepath"
	"strings"

	ucli "github.com/urfave/cli/v3"

	"acervo/internal/client"
)

func (r *remote) bookCover() *ucli.Command {
	remove := &ucli.BoolFlag{Name: "rm", Usage: "remove the cover"}
	return leaf("cover", "upload the picture in FILE as the cover of a book, or remove it", "ID [FILE]", []ucli.Flag{remove, ifVersion(), noWait()},
		r.with(func(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
			id, file, version := cmd.Args().Get(0), cmd.Args().Get(1), wholeOf(cmd, "if-version")
			var j client.Job
			var err error
			switch {
			case cmd.Bool("rm") == (file != ""):
				return wrongUsage("give either a FILE or --rm")
			case file == "":
				j, err = c.RemoveCover(ctx, id, version)
			case version > 0:
				return wrongUsage("--if-version goes with --rm only: a picture is still to be uploaded")
			default:
				j, err = uploadCover(ctx, c, id, file)
			}
			return followed(ctx, cmd, c, s, j, err)
		}))
}

// uploadCover uploads a file as the cover of a book. Its type is announced by its name;
// what it is, the server sees.
func uploadCover(ctx context.Context, c *client.Client, id, name string) (client.Job, error) {
	file, info, err := openFile(name)
	if err != nil {
		return client.Job{}, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	contentType := mime.TypeByExtension(filepath.Ext(name))
	if !strings.HasPrefix(contentType, "image/") {
		contentType = "application/octet-stream"
	}
	upload, j, err := c.SetCover(ctx, id, contentType, info.Size())
	if err != nil {
		return j, err
	}
	return j, c.Upload(ctx, upload, file)
}
