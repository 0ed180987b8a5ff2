package book_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
)

// arrived is when the file of the rows of these tests arrived.
func arrived() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func aRow(line int64, title string) book.Row {
	return book.Row{
		Draft: book.Draft{Title: title, Authors: []string{"Clarice Lispector"}},
		Token: book.Token{ArrivedAt: arrived(), Import: uuid.UUID{7}, Line: line},
	}
}

// aBook is one that a job has written an hour before the file arrived.
func aBook() book.Item {
	before := arrived().Add(-time.Hour)
	return book.Item{
		ID: uuid.UUID{1}, Existence: book.Live, Version: 3, Fence: 2, Draft: book.Draft{Title: "A", Authors: []string{"Clarice Lispector"}},
		CreatedAt: before, UpdatedAt: before, AcceptedAt: before, LastJob: "j", LastJobVersion: 3,
	}
}

func TestRows(t *testing.T) {
	t.Parallel()
	later := aBook()
	later.AcceptedAt = arrived().Add(time.Millisecond)
	deletedLater := later
	deletedLater.Existence, deletedLater.Draft = book.Tombstone, book.Draft{}
	deleted := aBook()
	deleted.Existence, deleted.Draft = book.Tombstone, book.Draft{}
	together := aBook()
	together.AcceptedAt = arrived()
	_, byLine5, _ := aRow(5, "B").Apply(aBook())
	_, stamped5, _ := aRow(5, "A").Apply(aBook())
	written := byLine5 // by the lane, which keeps the token
	written.Version, written.Draft = 5, book.Draft{Title: "C", Authors: []string{"D"}}
	once := aRow(5, "A")
	once.Once = true
	other := aRow(1, "D")
	other.Token.Import = uuid.UUID{8}
	older := aRow(9, "B")
	older.Token.ArrivedAt = arrived().Add(-time.Minute)
	fence := book.Item{ID: uuid.UUID{1}, Fence: 4}
	for _, c := range []struct {
		name           string
		row            book.Row
		on             book.Item
		did            book.RowEffect
		write          bool
		version, fence int64 // by how much they rise
	}{
		{"a book that is not there is created", aRow(5, "B"), book.Item{ID: uuid.UUID{1}}, book.RowCreated, true, 1, 0},
		{"so is one of which there is a fence", aRow(5, "B"), fence, book.RowCreated, true, 1, 0},
		{"so is one that was deleted before", aRow(5, "B"), deleted, book.RowCreated, true, 1, 0},
		{"a book that was written before is changed", aRow(5, "B"), aBook(), book.RowChanged, true, 1, 0},
		{"so is one that was written as the file arrived", aRow(5, "B"), together, book.RowChanged, true, 1, 0},
		{"a later accept time wins", aRow(5, "B"), later, book.RowSuperseded, false, 0, 0},
		{"also that of a deletion", aRow(5, "B"), deletedLater, book.RowSuperseded, false, 0, 0},
		{"a later line wins", aRow(4, "D"), byLine5, book.RowSuperseded, false, 0, 0},
		{"also one that changed nothing", aRow(4, "D"), stamped5, book.RowSuperseded, false, 0, 0},
		{"an earlier line loses", aRow(6, "D"), byLine5, book.RowChanged, true, 1, 0},
		{"a later import wins", other, byLine5, book.RowChanged, true, 1, 0},
		{"an older file loses, whatever its line", older, byLine5, book.RowSuperseded, false, 0, 0},
		{"a row that has changed its book has done so once", aRow(5, "B"), byLine5, book.RowChanged, false, 0, 0},
		{"also when the lane has written since", aRow(5, "B"), written, book.RowChanged, false, 0, 0},
		{"a row that had nothing to change has done so once", aRow(5, "A"), stamped5, book.RowUnchanged, false, 0, 0},
		{"a row that says what the book says leaves its token", aRow(5, "A"), aBook(), book.RowUnchanged, true, 0, 1},
		{"unless nobody will ask for it", once, aBook(), book.RowUnchanged, false, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			did, next, write := c.row.Apply(c.on)
			if did != c.did || write != c.write {
				t.Fatalf("it did %q and writes: %t, want %q and %t", did, write, c.did, c.write)
			}
			if !write {
				return
			}
			if v, f := next.Version-c.on.Version, next.Fence-c.on.Fence; v != c.version || f != c.fence {
				t.Errorf("the version rises by %d and the fence by %d, want %d and %d", v, f, c.version, c.fence)
			}
			if next.Row.Compare(c.row.Token) != 0 || next.Row.Did != did {
				t.Errorf("it leaves the token %+v", next.Row)
			}
			if !next.Exists() || next.Draft.Title != c.row.Draft.Title {
				t.Errorf("the book is %+v", next)
			}
			if next.LastJob != c.on.LastJob || next.LastJobVersion != c.on.LastJobVersion || !next.AcceptedAt.Equal(c.on.AcceptedAt) {
				t.Errorf("it does not keep what the lane left: %+v", next)
			}
		})
	}
}

func TestTokensComeInTheOrderOfArrivalImportAndLine(t *testing.T) {
	t.Parallel()
	base := aRow(5, "A").Token
	for i, change := range []func(*book.Token){
		func(x *book.Token) { x.ArrivedAt, x.Line, x.Import = x.ArrivedAt.Add(time.Millisecond), 1, uuid.UUID{} },
		func(x *book.Token) { x.Import, x.Line = uuid.UUID{8}, 1 },
		func(x *book.Token) { x.Line++ },
	} {
		later := base
		change(&later)
		if later.Compare(base) != 1 || base.Compare(later) != -1 {
			t.Errorf("change %d makes no later token", i)
		}
	}
	done := base
	done.Did = book.RowChanged
	if done.Compare(base) != 0 {
		t.Error("what a row did makes it another one")
	}
}
