package arrive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"acervo/internal/blob"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/tabular"
)

// scan reads the file of an import once, and returns the import as it is then. A
// gzipped one is expanded beside the drop, since chunks are cut from its text.
func (d *Drops) scan(ctx context.Context, i drop.Import) (drop.Import, tabular.Plan, error) {
	ctx, cancel := context.WithCancel(ctx)
	body, _, err := d.Imports.Objects.Get(ctx, i.Key, i.Version, blob.Range{})
	if err != nil {
		cancel()
		return i, tabular.Plan{}, moved(err)
	}
	defer func() { _ = body.Close(); cancel() }() // it was only read
	in := bufio.NewReaderSize(body, 64<<10)
	head, _ := in.Peek(2) // Scan tells what went wrong
	var plan tabular.Plan
	i.Text, i.TextVersion = i.Key, i.Version
	if tabular.Gzipped(head) {
		i.Text = drop.TextKey(i.ID)
		plan, i.TextVersion, err = d.expand(ctx, i, in)
	} else {
		plan, err = tabular.Scan(in, options(i.Options))
	}
	if err == nil {
		err = d.unchanged(ctx, i)
	}
	return understood(i, plan), plan, moved(err)
}

// moved says of a file that is not there any more what has happened to it.
func moved(err error) error {
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Changed) {
		return fault.Wrap(fault.Gone, err, "The file was changed or deleted while it was read: drop it again when it is complete.")
	}
	return err
}

// unchanged makes sure that what was read is still what was dropped.
func (d *Drops) unchanged(ctx context.Context, i drop.Import) error {
	body, object, err := d.Imports.Objects.Get(ctx, i.Key, i.Version, blob.Range{Length: 1})
	if err != nil {
		return err
	}
	if object.Size != i.Bytes {
		err = fault.New(fault.Changed, "it had %d bytes and has %d", i.Bytes, object.Size)
	}
	return errors.Join(err, body.Close())
}

// expand scans a gzipped file while it writes its text to a file of its own, and
// stores that.
func (d *Drops) expand(ctx context.Context, i drop.Import, in io.Reader) (plan tabular.Plan, version string, err error) {
	spool, err := os.CreateTemp(d.Spool, "acervo-drop-*")
	if err != nil {
		return plan, "", fault.Wrap(fault.Unavailable, err, "expand a drop")
	}
	defer func() { err = errors.Join(err, spool.Close(), os.Remove(spool.Name())) }()
	out := bufio.NewWriterSize(spool, 256<<10)
	plan, err = tabular.Scan(io.TeeReader(tabular.Expand(in, intake.MaxDrop), &spooled{out}), options(i.Options))
	if err != nil {
		return plan, "", err
	}
	if err := out.Flush(); err != nil {
		return plan, "", fault.Wrap(fault.Unavailable, err, "expand a drop")
	}
	object, err := d.Imports.Objects.Put(ctx, i.Text, intake.UploadType, spool)
	return plan, object.Version, err
}

// spooled tells trouble with the spool from trouble with the drop.
type spooled struct{ w io.Writer }

func (s *spooled) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	return n, fault.Wrap(fault.Unavailable, err, "expand a drop")
}

func options(o drop.Options) tabular.Options {
	return tabular.Options{
		Mapping: o.Mapping, Delimiter: o.Delimiter, Encoding: o.Encoding, Currency: o.Currency, Key: o.Key, MaxBytes: intake.MaxDrop,
	}
}

// understood is the import of a file that was read.
func understood(i drop.Import, p tabular.Plan) drop.Import {
	i.Digest, i.Total, i.Chunks, i.Format = p.Digest, p.Rows, len(p.Chunks), format(p)
	for _, row := range p.Preview {
		i.Preview = append(i.Preview, drop.Preview{Line: row.Line, Cells: texts(row.Cells)})
	}
	for _, n := range p.Warnings {
		i.Warnings = append(i.Warnings, drop.Note(n))
	}
	if n := len(p.Duplicates); n > 0 {
		about := "about"
		if p.Overflow {
			about = "more than"
		}
		i.Warnings = append(i.Warnings, drop.Note{
			Code: "duplicates", Reason: fmt.Sprintf("%s %d books stand in more than one row; the last row of each counts", about, n),
		})
	}
	return i
}

// texts are cells that JSON can hold.
func texts(cells []string) []string {
	all := make([]string, len(cells))
	for i, cell := range cells {
		all[i] = strings.ToValidUTF8(cell, "\uFFFD")
	}
	return all
}

func format(p tabular.Plan) *drop.Format {
	f := &drop.Format{Kind: string(p.Kind), Encoding: string(p.Encoding), Delimiter: p.Delimiter, Columns: []drop.Column{}}
	for n, c := range p.Columns {
		f.Columns = append(f.Columns, drop.Column{Name: tabular.Brief(c.Name), Field: c.Field, Key: slices.Contains(p.Key, n)})
	}
	return f
}
