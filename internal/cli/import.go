package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v3"

	"acervo/internal/client"
	"acervo/internal/drop"
	"acervo/internal/fault"
)

func (p program) importFile() *ucli.Command {
	r := &remote{program: p}
	flags := append(r.flags(),
		&ucli.BoolFlag{Name: "plan", Usage: "only tell what applying would do; acervo imports apply goes on"},
		&ucli.StringSliceFlag{Name: "map", Usage: "`COLUMN=FIELD`, such as OBRA=title; a column without a field is ignored; may be repeated"},
		&ucli.StringFlag{Name: "delimiter", Usage: "one of , ; | or tab"},
		&ucli.StringFlag{Name: "encoding", Usage: "utf-8, utf-16le, utf-16be, windows-1252 or iso-8859-1"},
		&ucli.StringFlag{Name: "currency", Usage: "the `CODE` of prices that name none, such as BRL"},
		&ucli.StringSliceFlag{Name: "key-column", Usage: "a `COLUMN` that tells one book from the others, instead of the ISBN (an id in the row comes first); may be repeated"},
		&ucli.StringFlag{Name: "stop-after", Usage: "fail the import once so many rows have failed, such as 100 or 5%, which is looked at whenever some 500 rows are through"},
		&ucli.BoolFlag{Name: "new-versions", Usage: "of what export --ndjson printed: number the books that are not there anew, which a writer may do"},
	)
	return leaf("import", "import a list of books: CSV, TSV or NDJSON, also gzipped; or take back what export --ndjson printed", "FILE", flags,
		r.with(func(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
			file, info, err := openFile(cmd.Args().First())
			if err != nil {
				return err
			}
			defer func() { _ = file.Close() }() // it was only read
			a, said, err := announcement(cmd, info)
			if err != nil {
				return err
			}
			exported, err := isExport(file)
			if err != nil {
				return err
			}
			renumber := cmd.Bool("new-versions")
			if exported && !said {
				return takeBack(ctx, c, s, file, info.Size(), renumber)
			}
			if renumber {
				return wrongUsage("--new-versions goes with what export --ndjson printed, and with no other option")
			}
			return upload(ctx, c, s, file, a)
		}))
}

// announcement is what the command line says of a file, and whether it says
// anything.
func announcement(cmd *ucli.Command, info fs.FileInfo) (a client.Announcement, said bool, err error) {
	a = client.Announcement{
		Filename: info.Name(), Bytes: info.Size(), Delimiter: cmd.String("delimiter"), Encoding: cmd.String("encoding"),
		Currency: cmd.String("currency"), Key: cmd.StringSlice("key-column"), StopAfter: cmd.String("stop-after"),
	}
	if cmd.Bool("plan") {
		a.Mode = drop.Plan
	}
	for _, pair := range cmd.StringSlice("map") {
		i := strings.LastIndexByte(pair, '=') // fields have none
		if i <= 0 {
			return a, false, wrongUsage("--map takes COLUMN=FIELD, not %q", pair)
		}
		if a.Mapping == nil {
			a.Mapping = map[string]string{}
		}
		a.Mapping[pair[:i]] = pair[i+1:]
	}
	for _, name := range []string{"plan", "map", "delimiter", "encoding", "currency", "key-column", "stop-after"} {
		said = said || cmd.IsSet(name)
	}
	if a.Bytes == 0 {
		return a, said, fault.New(fault.Invalid, "%s is empty", a.Filename)
	}
	return a, said, nil
}

// upload has a file imported, and waits for the end of it.
func upload(ctx context.Context, c *client.Client, s screen, file *os.File, a client.Announcement) error {
	i, u, err := c.Announce(ctx, a)
	if err != nil {
		return err
	}
	if err := c.Upload(ctx, u, &metered{file, s, 0, a.Bytes}); err != nil {
		return err
	}
	s.say("Import %s", i.ID)
	return follow(ctx, c, s, i.ID)
}

// metered shows how much of a file has been read.
type metered struct {
	io.Reader
	s         screen
	done, all int64
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.done += int64(n)
	m.s.progress("uploaded", int(m.done), int(m.all))
	return n, err
}

// follow shows an import until it has ended, or is planned, and fails unless all of
// its rows were taken.
func follow(ctx context.Context, c *client.Client, s screen, id string) error {
	described := false
	i, err := c.Watch(ctx, id, func(i client.Import) {
		if !described && i.Format != nil {
			described = true
			s.describe(i)
		}
		s.advance(i)
	})
	if errors.Is(err, context.Canceled) {
		s.say("\nIt goes on without you: acervo imports show %s; acervo imports cancel %s", id, id)
	}
	if err != nil {
		return err
	}
	if s.json {
		if err := s.document(i); err != nil {
			return err
		}
	} else {
		s.concluded(i)
	}
	return verdict(i)
}

// describe tells what was understood of a file.
func (s screen) describe(i client.Import) {
	if s.json {
		return
	}
	var used, ignored []string
	for n, column := range i.Format.Columns {
		switch name := columnName(column, n); {
		case column.Field != "" && column.Key:
			used = append(used, name+" → "+column.Field+" and key")
		case column.Key:
			used = append(used, name+" → key")
		case column.Field != "":
			used = append(used, name+" → "+column.Field)
		default:
			ignored = append(ignored, name)
		}
	}
	delimiter := map[string]string{"": "", "\t": "tab"}[i.Format.Delimiter]
	if delimiter == "" {
		delimiter = i.Format.Delimiter
	}
	read := i.Format.Kind
	if i.Format.Encoding != "" { // which is known once the whole file has been read
		read += ", " + i.Format.Encoding
	}
	s.facts("read as", read, "delimiter", delimiter,
		"columns", strings.Join(used, ", "), "ignored", strings.Join(ignored, ", "))
	for _, w := range i.Warnings {
		s.say("%s", safe("warning: "+w.Reason+place(w)))
	}
	s.preview(i)
}

// columnName is what a column is called: by its number, which --map takes too, where
// the file has no header.
func columnName(c drop.Column, n int) string {
	if c.Name == "" {
		return "#" + strconv.Itoa(n+1)
	}
	return c.Name
}

// place is where what a warning is about stands, if it stands anywhere.
func place(w drop.Note) string {
	switch {
	case w.Line > 0:
		return fmt.Sprintf(" (line %d, byte %d)", w.Line, w.Offset)
	case w.Offset > 0:
		return fmt.Sprintf(" (byte %d)", w.Offset)
	default:
		return ""
	}
}

// preview shows the first rows of a file, under the names of its first columns.
func (s screen) preview(i client.Import) {
	const most = 6
	if len(i.Preview) == 0 {
		return
	}
	heading := []string{"LINE"}
	for n, column := range i.Format.Columns[:min(most, len(i.Format.Columns))] {
		heading = append(heading, columnName(column, n))
	}
	var rows [][]cell
	for _, row := range i.Preview {
		texts := append([]string{strconv.FormatInt(row.Line, 10)}, row.Cells...)
		rows = append(rows, cells(texts[:min(len(heading), len(texts))]...))
	}
	s.table(heading, rows)
}

// advance shows on a terminal how far an import has come.
func (s screen) advance(i client.Import) {
	const wide = 30
	if !s.terminal || s.json || i.Rows.Total == nil || *i.Rows.Total == 0 {
		return
	}
	done, all := i.Rows.Done(), *i.Rows.Total
	fill := int(wide * done / all)
	text := fmt.Sprintf("\r%s%s %d/%d rows", strings.Repeat("█", fill), strings.Repeat("░", wide-fill), done, all)
	if i.Rate != nil {
		text += fmt.Sprintf(", %.0f/s", *i.Rate)
	}
	if i.ETA != nil && !i.State.Terminal() {
		text += fmt.Sprintf(", %s left", max(0, time.Until(*i.ETA)).Round(time.Second))
	}
	if i.Rows.Failed > 0 {
		text += fmt.Sprintf(", %d failed", i.Rows.Failed)
	}
	fmt.Fprintf(s.out, "%s\x1b[K", text)
	if i.State.Terminal() || i.State == drop.Planned {
		fmt.Fprintln(s.out)
	}
}

// concluded tells how an import has ended, and what can be done next.
func (s screen) concluded(i client.Import) {
	switch {
	case i.DuplicateOf != nil:
		s.say("Nothing was done: the same file was already imported as %s.", *i.DuplicateOf)
		return
	case i.State == drop.Failed && i.Rows.Done() == 0:
		return // the error says all there is
	case i.State == drop.Planned && i.Plan != nil:
		s.say("Applying it would make %d books, change %d, leave %d as they are and reject %d rows.",
			i.Plan.Creates, i.Plan.Changes, i.Plan.Unchanged, i.Plan.Rejects)
		if i.Plan.Superseded > 0 {
			s.say("%d rows would come too late: acervo imports rows --outcome superseded %s", i.Plan.Superseded, i.ID)
		}
		s.say("Go on with: acervo imports apply %s", i.ID)
		return
	}
	s.say("%s: %d rows made or changed books, %d say what is there already, %d came too late, %d failed.",
		strings.ReplaceAll(string(i.State), "_", " "), i.Rows.OK, i.Rows.Unchanged, i.Rows.Superseded, i.Rows.Failed)
	if i.Rows.Skipped > 0 {
		s.say("%d rows were not looked at any more.", i.Rows.Skipped)
	}
	if i.Rows.Superseded > 0 {
		s.say("Which rows came too late, and after what: acervo imports rows --outcome superseded %s", i.ID)
	}
	if i.Rows.Warnings > 0 {
		s.say("%d cells were left out or may mean something else: acervo imports rows --outcome warned %s", i.Rows.Warnings, i.ID)
	}
	if i.Rows.Failed > 0 {
		kind := "csv"
		if i.Format != nil {
			kind = i.Format.Kind
		}
		s.say("Correct them and import that: acervo imports failed %s > failed.%s", i.ID, kind)
	}
}

// verdict is the error of an import that did not go as one would wish.
func verdict(i client.Import) error {
	switch {
	case i.Error != nil:
		return client.Fault(*i.Error)
	case i.State == drop.CompletedWithErrors:
		return fault.New(fault.Invalid, "%d rows failed", i.Rows.Failed)
	case i.State == drop.Succeeded, i.State == drop.Planned:
		return nil
	default:
		return fault.New(fault.Conflict, "the import was %s", i.State)
	}
}
