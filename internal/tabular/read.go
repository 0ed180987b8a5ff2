package tabular

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"acervo/internal/fault"
)

// NewReader returns a reader of the chunks of a plan. The year of now bounds
// years of publication.
func NewReader(p Plan, now time.Time) *Reader {
	r := &Reader{plan: p, now: now, sources: sources(p.Columns)}
	r.escaped = slices.ContainsFunc(p.Columns, func(c Column) bool { return ours(c.Name) })
	return r
}

// Rows reads the rows of a chunk from its bytes. They are those that Scan counted;
// blank lines and repeated headers are none. It ends after the first error: one of
// in, or fault.Damaged when the bytes are not those that were scanned, which is
// known only after the last row.
func (r *Reader) Rows(c Chunk, in io.Reader) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		x := r.lexer(c, in)
		rows := 0
		for {
			rec, err := x.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			if r.plan.skips(rec, x.delim) {
				continue
			}
			rows++
			if !yield(r.row(rec), nil) {
				return
			}
		}
		if rows != c.Rows || x.offset != c.Offset+c.Length {
			yield(Row{}, fault.New(fault.Damaged, "The file has changed since it was scanned: %d rows from byte %d to %d were %d.",
				rows, c.Offset, x.offset, c.Rows))
		}
	}
}

func (r *Reader) lexer(c Chunk, in io.Reader) *lexer {
	in = io.LimitReader(in, c.Length)
	isWide := r.plan.Encoding == UTF16LE || r.plan.Encoding == UTF16BE
	if isWide {
		in = newWide(in, r.plan.Encoding)
	}
	x := newLexer(in, MaxRecord)
	x.wide, x.offset, x.line, x.plain = isWide, c.Offset, c.Line, c.Plain
	if r.plan.Delimiter != "" {
		x.delim = r.plan.Delimiter[0]
	}
	return x
}

// row decodes and splits a record. The one cell of NDJSON is its line.
func (r *Reader) row(rec record) Row {
	row := Row{Line: rec.line, Offset: rec.offset, Fault: rec.fault, Plain: rec.plain}
	if rec.raw == nil {
		return row
	}
	text := r.plan.Encoding.text(trimMark(rec.raw))
	if r.plan.Kind == NDJSON {
		row.Cells = []string{string(text)}
		return row
	}
	row.Cells = split(text, r.plan.Delimiter[0])
	if r.escaped {
		for i, cell := range row.Cells {
			row.Cells[i] = unescape(cell)
		}
	}
	return row
}

func (p *Plan) warn(at Row, code, format string, args ...any) {
	const most = 50
	if len(p.Warnings) < most {
		p.Warnings = append(p.Warnings, note(at, "", "", trouble{code, fmt.Sprintf(format, args...)}))
	}
}

// brief shortens a row for the preview.
func brief(row Row) Row {
	row.Cells = slices.Clone(row.Cells[:min(len(row.Cells), previewCells)])
	for i, cell := range row.Cells {
		row.Cells[i] = shorten(cell)
	}
	return row
}

func note(row Row, column, value string, t trouble) Note {
	return Note{Line: row.Line, Offset: row.Offset, Column: shorten(column), Value: shorten(value), Code: t.code, Reason: t.reason}
}
