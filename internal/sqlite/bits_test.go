package sqlite

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/serdes"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
)

// stacks is the file of a database with two of everything. Every bit of the row of
// the first is flipped, one at a time, and the other is to stay as it is.
type stacks struct {
	t     *testing.T
	db    *DB // in memory, made anew of the file for each flip
	file  []byte
	books [2]book.Item
	recs  [2]job.Record
	keys  [2]job.Claim
	sent  [2]queue.Message
}

func newStacks(t *testing.T) *stacks {
	t.Helper()
	db, err := Open(Options{Now: noon})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	s := &stacks{t: t, db: db}
	l, err := db.Lane(t.Context(), "writes", LaneOptions{})
	must(t, err)
	for i, name := range []string{"first", "other"} {
		id := uuid.NewSHA1(uuid.Nil, []byte(name))
		s.books[i] = book.Item{
			ID: id, Existence: book.Live, Version: 1, LastJob: "job of " + name, LastJobVersion: 1,
			Draft: book.Draft{Title: "title of " + name, Authors: []string{"A"}},
		}
		s.recs[i] = job.Record{
			ID: "job of " + name, Kind: job.Update, BookID: id, Generation: 1, State: job.Succeeded, FinishedAt: noon(),
			BookVersion: 1, Attempts: 1,
		}
		s.keys[i] = job.Claim{Caller: "caller", Key: "key of " + name, Hash: "hash of " + name, Job: "job of " + name}
		s.sent[i] = queue.Message{Group: "group of " + name, DedupID: "id of " + name, Body: []byte("body of " + name)}
		must(t, db.Books().Swap(t.Context(), book.Item{ID: id}, s.books[i]))
		must(t, db.Jobs().Save(t.Context(), s.recs[i]))
		_, _, err := db.Jobs().Claim(t.Context(), s.keys[i])
		must(t, err)
		must(t, l.Send(t.Context(), s.sent[i]))
	}
	s.file, err = serdes.Serialize(db.conns[0].Conn, "main")
	must(t, err)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// verdict is what can be said of a row.
type verdict string

const (
	sound  verdict = "as it was stored"
	named  verdict = "said to be damaged, by its name"
	absent verdict = "said not to be there"
	wrong  verdict = "not as it was stored, and nobody says so"
)

// judge is the verdict on what was read.
func judge(err error, name string, found, same bool) verdict {
	switch {
	case fault.Is(err, fault.Damaged) && strings.Contains(err.Error(), name):
		return named
	case err == nil && !found:
		return absent
	case err == nil && same:
		return sound
	default:
		return wrong
	}
}

func (s *stacks) book(i int) verdict {
	item, err := s.db.Books().Get(s.t.Context(), s.books[i].ID)
	found := item.Version > 0
	item.Fence = s.books[i].Fence // is told as it is
	return judge(err, s.books[i].ID.String(), found, reflect.DeepEqual(item, s.books[i]))
}

func (s *stacks) record(i int) verdict {
	rec, found, err := s.db.Jobs().Get(s.t.Context(), s.recs[i].ID)
	rec.Revision = 0 // the same
	return judge(err, s.recs[i].ID, found, reflect.DeepEqual(rec, s.recs[i]))
}

func (s *stacks) claim(i int) verdict {
	other := s.keys[i]
	other.Job = "of another request"
	stands, mine, err := s.db.Jobs().Claim(s.t.Context(), other)
	if judge(err, s.keys[i].Key, !mine, stands == s.keys[i]) == wrong {
		println(i, err.Error())
	}
	return judge(err, s.keys[i].Key, !mine, stands == s.keys[i])
}

// messages receives both messages, and deletes them.
func (s *stacks) messages() (verdicts [2]verdict) {
	l, err := s.db.Lane(s.t.Context(), "writes", LaneOptions{Poll: time.Millisecond})
	must(s.t, err)
	batch, err := l.Receive(s.t.Context(), queue.MaxBatch)
	must(s.t, err)
	verdicts = [2]verdict{absent, absent}
	for _, d := range batch {
		i := 0
		if d.DedupID == s.sent[1].DedupID {
			i = 1
		}
		verdicts[i] = wrong
		switch {
		case d.Damaged:
			verdicts[i] = named
		case reflect.DeepEqual(d.Message, s.sent[i]):
			verdicts[i] = sound
		}
		must(s.t, l.Delete(s.t.Context(), d.Handle))
	}
	stats, err := l.Stats(s.t.Context())
	if must(s.t, err); stats != (queue.Stats{}) {
		s.t.Errorf("the lane still has %+v", stats)
	}
	return verdicts
}

// each flips every bit of the first row of a table and has a look at both rows.
// The first may be absent only where it was its name that was hit.
func (s *stacks) each(table string, name []string, look func() (first, other verdict)) {
	s.t.Helper()
	for _, part := range s.first(table) {
		for bit := part.from * 8; bit < part.to*8; bit++ {
			spoilt := bytes.Clone(s.file)
			spoilt[bit/8] ^= 1 << (bit % 8)
			must(s.t, serdes.Deserialize(s.db.conns[0].Conn, "main", spoilt))
			first, other := look()
			if first == wrong || first == absent && !slices.Contains(name, part.name) {
				s.t.Errorf("bit %d of its %s was flipped: it is %s", bit-part.from*8, part.name, first)
			}
			if other != sound {
				s.t.Errorf("bit %d of its %s was flipped: the other is %s", bit-part.from*8, part.name, other)
			}
		}
	}
}

// part is a piece of a row, from one offset in the file to another.
type part struct {
	name     string
	from, to int
}

// first finds the parts of the row that says "first" in a table of one page
// (https://sqlite.org/fileformat.html, sections 1.6 and 2.1).
func (s *stacks) first(table string) []part {
	s.t.Helper()
	const pageSize, tableLeaf = 4096, 13
	var columns []string
	root := 0
	must(s.t, s.db.conns[0].each(`SELECT s.rootpage, c.name FROM sqlite_schema AS s, pragma_table_info(s.name) AS c
		WHERE s.name = ? ORDER BY c.cid`, func(r *sqlite3.Stmt) error {
		root = r.ColumnInt(0)
		columns = append(columns, r.ColumnText(1))
		return nil
	}, table))
	base := (root - 1) * pageSize
	page := s.file[base : base+pageSize]
	for i := range int(page[3])<<8 | int(page[4]) {
		at := base + int(page[8+2*i])<<8 + int(page[9+2*i])
		parts, end := s.cut(at, page[0] == tableLeaf, columns)
		if bytes.Contains(s.file[at:end], []byte("first")) {
			return parts
		}
	}
	s.t.Fatalf("no row of %s says first", table)
	return nil
}

// cut is the parts of the row in a cell, and its end.
func (s *stacks) cut(at int, rowid bool, columns []string) (parts []part, end int) {
	varint := func(name string) (v int) {
		from := at
		for {
			b := s.file[at]
			at++
			v = v<<7 | int(b&0x7f)
			if b < 0x80 {
				parts = append(parts, part{name, from, at})
				return v
			}
		}
	}
	varint("size")
	if rowid {
		varint("rowid")
	}
	from := at
	body := from + varint("size of header")
	var sizes []int
	for _, c := range columns {
		sizes = append(sizes, sizeOf(varint("type of "+c)))
	}
	if at != body {
		s.t.Fatalf("the header ends at %d, want %d", at, body)
	}
	for i, c := range columns {
		parts = append(parts, part{c, at, at + sizes[i]})
		at += sizes[i]
	}
	return parts, at
}

func sizeOf(serial int) int {
	switch {
	case serial >= 12:
		return (serial - 12) / 2
	case serial >= 8:
		return 0
	default:
		return []int{0, 1, 2, 3, 4, 6, 8, 8}[serial]
	}
}

func TestEveryFlippedBitInABookIsNoticedOrDoesNoHarm(t *testing.T) {
	t.Parallel()
	s := newStacks(t)
	s.each("books", nil, func() (first, other verdict) { return s.book(0), s.book(1) })
}

func TestADamagedBookIsStillDamagedWhenItsJobIsBuried(t *testing.T) {
	t.Parallel()
	s := newStacks(t)
	s.each("books", nil, func() (first, other verdict) {
		if s.book(0) == named {
			read, _ := s.db.Books().Get(t.Context(), s.books[0].ID)
			rec := job.Record{ID: "dead", Generation: 1, State: job.Dead, BookID: read.ID, Burial: &job.Burial{Listed: true}}
			must(t, s.db.Jobs().Bury(t.Context(), rec, read))
			if _, found, err := s.db.Jobs().Get(t.Context(), rec.ID); err != nil || !found {
				t.Errorf("the job is not recorded (%v)", err)
			}
			if s.book(0) != named {
				return wrong, s.book(1)
			}
		}
		return s.book(0), s.book(1)
	})
}

func TestEveryFlippedBitInARecordIsNoticedOrDoesNoHarm(t *testing.T) {
	t.Parallel()
	s := newStacks(t)
	name := []string{"size", "size of header", "type of id", "id"}
	s.each("jobs", name, func() (first, other verdict) { return s.record(0), s.record(1) })
}

func TestEveryFlippedBitInAClaimIsNoticedOrDoesNoHarm(t *testing.T) {
	t.Parallel()
	s := newStacks(t)
	name := []string{"size", "size of header", "type of caller", "type of key", "caller", "key"}
	s.each("claims", name, func() (first, other verdict) { return s.claim(0), s.claim(1) })
}

func TestEveryFlippedBitInAMessageIsNoticedOrDoesNoHarm(t *testing.T) {
	t.Parallel()
	s := newStacks(t)
	s.each("messages", nil, func() (first, other verdict) {
		both := s.messages()
		return both[0], both[1]
	})
}
