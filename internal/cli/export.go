package cli

import (
	"context"
	"fmt"

	ucli "github.com/urfave/cli/v3"

	"acervo/internal/client"
	"acervo/internal/fault"
)

// exportedBook is a line of an export: a book as it reads, with the picture of its
// cover, so that the file is whole in itself.
type exportedBook struct {
	client.Book
	Cover *exportedCover `json:"cover"`
}

// exportedCover is a cover with its largest rendition. Covers are made of an original
// that nobody keeps; the largest rendition is what comes nearest to it.
type exportedCover struct {
	client.Cover
	Picture []byte `json:"picture,omitzero"` // in base64
}

// maxPixels is the most that a picture in an export has: with these it stays below
// maxPicture, however little it can be compressed.
const maxPixels = 8_000_000

// portable is the largest rendition of a cover that fits into a line.
func portable(c *client.Cover) (r client.Rendition) {
	for _, next := range c.Renditions {
		if next.Width*next.Height <= maxPixels {
			r = next
		}
	}
	return r
}

func (p program) export() *ucli.Command {
	r := &remote{program: p}
	flags := append(r.flags(),
		&ucli.BoolFlag{Name: "ndjson", Usage: "as JSON, one book a line, with ids, versions and the pictures of covers"},
		&ucli.BoolFlag{Name: "no-covers", Usage: "leave the pictures out: a smaller file, of which import takes back no covers"},
	)
	return leaf("export", "print all books by title, for import to take back or to work with", "", flags,
		r.with(func(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
			if !cmd.Bool("ndjson") {
				return wrongUsage("export wants its format: --ndjson")
			}
			return exportAll(ctx, c, s, !cmd.Bool("no-covers"))
		}))
}

// exportAll prints all books, one a line. A picture that cannot be had is left out, and
// told of in the end.
func exportAll(ctx context.Context, c *client.Client, s screen, pictures bool) error {
	missing := 0
	var told []fault.Field // the first maxTold
	for b, err := range c.Books(ctx, client.Listing{Limit: 100}) {
		if err != nil {
			return err
		}
		line := exportedBook{Book: b}
		if b.Cover != nil {
			line.Cover = &exportedCover{Cover: *b.Cover}
		}
		if b.Cover != nil && pictures {
			line.Cover.Picture, err = c.Picture(ctx, portable(b.Cover))
		}
		if ending(err) {
			return fmt.Errorf("the cover of %s: %w", b.ID, err)
		}
		if err != nil {
			line.Cover.Picture = nil
			missing++
			if missing <= maxTold {
				told = append(told, fault.Field{Pointer: b.ID, Detail: err.Error()})
			}
		}
		if err := s.document(line); err != nil {
			return err
		}
	}
	return fault.Of(fault.Invalid, fmt.Sprintf("%d covers could not be fetched and are not in the export", missing), told)
}
