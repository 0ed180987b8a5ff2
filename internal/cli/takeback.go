package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"acervo/internal/client"
	"acervo/internal/fault"
	"acervo/internal/job"
)

const (
	// maxLine is the most bytes of a line of an export: a book has 64 KiB, and
	// escapes may make them six times as many.
	maxLine = 1 << 20
	// maxOpen is how many writes of an import may be under way.
	maxOpen = 64
	// maxTold is how many lines are told of that were not taken.
	maxTold = 20
)

// takeBack imports what export --ndjson printed, book by book: ids stay, versions
// count on, and no field is read in another way than it was written.
func takeBack(ctx context.Context, c *client.Client, s screen, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	i := &importing{c: c, s: s, Faults: []string{}}
	return i.all(ctx, file, int(info.Size()))
}

// isExport reports whether a file begins like one that export --ndjson printed.
func isExport(file *os.File) (bool, error) {
	line, err := bufio.NewReaderSize(io.NewSectionReader(file, 0, maxLine), maxLine).ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return false, err
	}
	var book struct {
		ID        string     `json:"id"`
		Version   int64      `json:"version"`
		CreatedAt *time.Time `json:"created_at"`
		UpdatedAt *time.Time `json:"updated_at"`
	}
	return json.Unmarshal(line, &book) == nil && book.ID != "" && book.Version > 0 && book.CreatedAt != nil && book.UpdatedAt != nil, nil
}

// importing is one taking back. A book that is as its line says is left alone, so that
// a second import of one file writes nothing.
type importing struct {
	c *client.Client
	s screen

	open []sentLine // oldest first
	line int        // the last one read

	Written   int      `json:"written"`
	Unchanged int      `json:"unchanged"`
	Failed    int      `json:"failed"`
	Faults    []string `json:"faults"` // the first maxTold
}

// sentLine is a line whose write has been accepted.
type sentLine struct {
	line int
	job  string
}

func (i *importing) all(ctx context.Context, file *os.File, size int) error {
	read := 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		i.line++
		read += len(lines.Bytes()) + 1
		if err := i.settled(i.one(ctx, lines.Bytes()), i.line); err != nil {
			return err
		}
		for len(i.open) >= maxOpen {
			if err := i.ends(ctx); err != nil {
				return err
			}
		}
		i.s.progress("imported", min(read, size), size)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", i.line+1, err)
	}
	for len(i.open) > 0 {
		if err := i.ends(ctx); err != nil {
			return err
		}
	}
	return i.told()
}

// one submits the write of a line unless the book is so already.
func (i *importing) one(ctx context.Context, line []byte) error {
	if len(line) == 0 {
		return nil
	}
	want, draft, err := exported(line)
	if err != nil {
		return err
	}
	have, err := i.c.Book(ctx, want.ID)
	switch {
	case fault.Is(err, fault.NotFound):
	case err != nil:
		return err
	case same(have, want):
		i.Unchanged++
		return nil
	}
	j, err := i.c.Replace(ctx, want.ID, draft, have.Version)
	if err == nil {
		i.open = append(i.open, sentLine{i.line, j.ID})
	}
	return err
}

// ends waits for the oldest write.
func (i *importing) ends(ctx context.Context) error {
	oldest := i.open[0]
	i.open = i.open[1:]
	j, err := i.c.Wait(ctx, oldest.job)
	if err == nil && j.State == job.Succeeded {
		i.Written++
		return nil
	}
	if err == nil {
		err = outcome(j)
	}
	return i.settled(err, oldest.line)
}

// settled tells of a line that was not taken, and returns what ends the import.
func (i *importing) settled(err error, line int) error {
	switch {
	case err == nil:
		return nil
	case fault.Is(err, fault.Unavailable), fault.Is(err, fault.Unauthorized), fault.Is(err, fault.Forbidden),
		errors.Is(err, context.Canceled):
		return fmt.Errorf("line %d: %w", line, err)
	}
	i.Failed++
	if i.Failed <= maxTold {
		i.Faults = append(i.Faults, fmt.Sprintf("line %d: %s", line, err))
	}
	return nil
}

func (i *importing) told() error {
	if i.s.json {
		if err := i.s.document(i); err != nil {
			return err
		}
	} else {
		for _, text := range i.Faults {
			i.s.say("%s", safe(text))
		}
		i.s.say("Wrote %d books; %d were so already, %d lines were not taken.", i.Written, i.Unchanged, i.Failed)
	}
	if i.Failed > 0 {
		return fault.New(fault.Invalid, "%d lines were not taken", i.Failed)
	}
	return nil
}

// exported reads a line of an export: the book, and the draft that makes it.
func exported(line []byte) (b client.Book, draft jsontext.Value, err error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(line, &members); err != nil {
		return b, nil, fault.Wrap(fault.Syntax, err, "This is no JSON object")
	}
	if err := json.Unmarshal(line, &b); err != nil || b.ID == "" {
		return b, nil, fault.Wrap(fault.Syntax, errors.Join(err, errors.New("no id")), "This is no book with an id, as export prints them")
	}
	for _, name := range []string{"version", "created_at", "updated_at", "cover"} { // the server's own
		delete(members, name)
	}
	maps.DeleteFunc(members, func(_ string, v jsontext.Value) bool { return v.Kind() == 'n' })
	draft, err = json.Marshal(members, json.Deterministic(true))
	return b, draft, err
}

// same reports whether two books say the same, whatever the server added.
func same(a, b client.Book) bool {
	for _, x := range []*client.Book{&a, &b} {
		x.Version, x.CreatedAt, x.UpdatedAt, x.Rest = 0, time.Time{}, time.Time{}, nil
	}
	return reflect.DeepEqual(a, b)
}
