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
	// maxPicture is the most bytes of a picture in an export.
	maxPicture = 12 << 20
	// maxLine is the most bytes of a line of an export: a book has 64 KiB, and escapes
	// may make them six times as many; base64 makes four of three.
	maxLine = 1<<20 + maxPicture/3*4
	// maxHeld is how many bytes of pictures may wait for their books to be written, before
	// the next line is read.
	maxHeld = 32 << 20
	// maxOpen is how many writes of an import may be under way.
	maxOpen = 64
	// maxTold is how many lines are told of that were not taken.
	maxTold = 20
)

// takeBack imports what export --ndjson printed, book by book: ids and covers stay, a
// book that is not there begins with its version, unless it is to be numbered anew, and
// no field is read in another way than it was written.
func takeBack(ctx context.Context, c *client.Client, s screen, file *os.File, size int64, renumber bool) error {
	i := &importing{c: c, s: s, renumber: renumber, Faults: []string{}}
	return i.all(ctx, file, int(size))
}

// isExport reports whether a file begins like one that export --ndjson printed.
func isExport(file *os.File) (bool, error) {
	line, err := bufio.NewReader(io.NewSectionReader(file, 0, maxLine)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
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

// importing is one taking back. A book that is as its line says is left alone, and so is
// a cover that is the same, so that a second import of one file writes nothing.
type importing struct {
	c        *client.Client
	s        screen
	renumber bool

	open []sentLine // oldest first
	held int        // bytes of pictures that wait for their books
	line int        // the last one read

	Written   int `json:"written"`
	Unchanged int `json:"unchanged"`
	Failed    int `json:"failed"` // lines
	// Covers have been uploaded and are shown; CoversFailed could not be, and CoversMissing
	// are not in the file.
	Covers        int      `json:"covers"`
	CoversFailed  int      `json:"covers_failed"`
	CoversMissing int      `json:"covers_missing"`
	Faults        []string `json:"faults"` // the first maxTold
}

// sentLine is a line whose write, or whose cover, has been accepted.
type sentLine struct {
	line    int
	job     string
	cover   bool
	book    string
	picture picture // to be uploaded when the book is written
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
		for len(i.open) >= maxOpen || i.held > maxHeld {
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
	absent := fault.Is(err, fault.NotFound)
	if err != nil && !absent {
		return err
	}
	due := i.due(have, want)
	if !absent && same(have, want.Book) {
		i.Unchanged++
		return i.show(ctx, sentLine{line: i.line, book: want.ID, picture: due})
	}
	j, err := i.write(ctx, want, draft, have, due)
	if err == nil {
		i.held += len(due.jpeg)
		i.open = append(i.open, sentLine{line: i.line, job: j.ID, book: want.ID, picture: due})
	}
	return err
}

// write submits the book of a line in the place of what there is. Its cover, if one is
// due, makes a version of its own, which is to be the one that the line has.
func (i *importing) write(ctx context.Context, want exportedBook, draft jsontext.Value, have client.Book, due picture) (client.Job, error) {
	version := want.Version
	if due.jpeg != nil {
		version = max(1, version-1)
	}
	if have.Version > 0 || version < 1 || i.renumber {
		return i.c.Replace(ctx, want.ID, draft, have.Version)
	}
	j, err := i.c.TakeBack(ctx, want.ID, draft, version)
	if fault.Is(err, fault.Forbidden) {
		err = fault.New(fault.Forbidden, "Only an operator can take versions back; --new-versions numbers the books that are not there anew.")
	}
	return j, err
}

// ends waits for the oldest write or cover.
func (i *importing) ends(ctx context.Context) error {
	oldest := i.open[0]
	i.open = i.open[1:]
	i.held -= len(oldest.picture.jpeg)
	j, err := i.c.Wait(ctx, oldest.job)
	if err == nil && j.State != job.Succeeded {
		err = outcome(j)
	}
	switch {
	case err != nil && oldest.cover:
		return i.coverFailed(err, oldest.line)
	case err != nil:
		return i.settled(err, oldest.line)
	case oldest.cover:
		i.Covers++
		return nil
	default:
		i.Written++
		return i.show(ctx, oldest)
	}
}

// settled tells of a line that was not taken, and returns what ends the import.
func (i *importing) settled(err error, line int) error {
	if err == nil {
		return nil
	}
	if ending(err) {
		return fmt.Errorf("line %d: %w", line, err)
	}
	i.Failed++
	i.tell(line, err.Error())
	return nil
}

// tell keeps what is wrong with a line.
func (i *importing) tell(line int, what string) {
	if len(i.Faults) < maxTold {
		i.Faults = append(i.Faults, fmt.Sprintf("line %d: %s", line, what))
	}
}

// ending reports whether an error would meet the next books too.
func ending(err error) bool {
	return fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Throttled) || fault.Is(err, fault.Unauthorized) ||
		fault.Is(err, fault.Forbidden) || errors.Is(err, context.Canceled)
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
		i.s.say("Wrote %d books and uploaded %d covers; %d books were so already, %d lines were not taken.",
			i.Written, i.Covers, i.Unchanged, i.Failed)
		if i.CoversFailed+i.CoversMissing > 0 {
			i.s.say("%d covers could not be taken, and %d are not in the file.", i.CoversFailed, i.CoversMissing)
		}
	}
	switch {
	case i.Failed > 0:
		return fault.New(fault.Invalid, "%d lines were not taken", i.Failed)
	case i.CoversFailed > 0:
		return fault.New(fault.Invalid, "%d covers were not taken", i.CoversFailed)
	default:
		return nil
	}
}

// exported reads a line of an export: the book, and the draft that makes it.
func exported(line []byte) (b exportedBook, draft jsontext.Value, err error) {
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

// same reports whether two books say the same, whatever the server added; covers are
// compared by themselves.
func same(a, b client.Book) bool {
	for _, x := range []*client.Book{&a, &b} {
		x.Version, x.Cover, x.CreatedAt, x.UpdatedAt, x.Rest = 0, nil, time.Time{}, time.Time{}, nil
	}
	return reflect.DeepEqual(a, b)
}
