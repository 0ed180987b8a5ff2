package work_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"acervo/internal/drop"
	"acervo/internal/e2etest"
)

// superseded are the rows that a report tells of as superseded; others must not be
// in it.
func (p *press) superseded(m drop.Chunk) (rows []drop.RowReport) {
	p.t.Helper()
	for line := range strings.Lines(p.reported(m)) {
		var r drop.RowReport
		check(p.t, json.Unmarshal([]byte(line), &r))
		if r.Outcome != drop.RowSuperseded {
			p.t.Errorf("it is told that %s", line)
		}
		rows = append(rows, r)
	}
	return rows
}

func TestOfRowsThatNameOneBookItIsToldWhichLineCounts(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("isbn,title,authors\n" + estrela + ",First,A\n" + estrela + ",Second,A\n")
	for n := range 600 { // the last comes in another chunk
		fmt.Fprintf(&text, ",Other %d,B\n", n)
	}
	text.WriteString(estrela + ",Third,A\n" + estrela + ",Last,A\n")
	for _, pass := range []drop.Pass{drop.Applying, drop.Comparing} {
		for _, backwards := range []bool{false, true} {
			p := newPress(t)
			_, messages := p.dropped(text.String(), 0, nil)
			for n := range messages {
				messages[n].Pass = pass
				messages[n].Number += 4 // samples are of the first chunks
			}
			order := messages
			if backwards {
				order = []drop.Chunk{messages[1], messages[0]}
			}
			p.does(order...)
			var got []string
			for _, m := range messages {
				for _, r := range p.superseded(m) {
					at := strings.Index(text.String(), estrela+","+r.Title)
					got = append(got, fmt.Sprint(r.Line, " ", r.Title, " by ", r.LaterLine))
					if r.Book != bookOf(estrela) || r.Offset != int64(at) {
						t.Errorf("line %d is of the book %s at byte %d, want %d", r.Line, r.Book, r.Offset, at)
					}
				}
			}
			if want := "2 First by 605, 3 Second by 605, 604 Third by 605"; strings.Join(got, ", ") != want {
				t.Errorf("%s, backwards %t: it is told that %q, want %q", pass, backwards, got, want)
			}
		}
	}
}

// A file of more duplicates than are remembered tells what it can: of a line that came
// before, when it came.
func TestALaterLineThatOnlyTheBookKnowsIsToldToo(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	i, messages := p.dropped(small, 0, nil)
	read := p.book(casmurro)
	next := read
	next.Version, next.Existence = 1, "live"
	next.Draft.Title, next.Draft.Authors = "Later", []string{"A"}
	next.Row.ArrivedAt, next.Row.Import, next.Row.Line = i.ArrivedAt, i.ID, 77
	check(t, p.db.Books().Swap(t.Context(), read, next))
	i = p.does(messages...)
	p.is(i, drop.CompletedWithErrors, drop.Counts{OK: 1, Creates: 1, Superseded: 1, Failed: 1})
	if told := p.reported(messages[0]); !strings.Contains(told, `"later_line":77`) {
		t.Errorf("it is told that %s", told)
	}
}

func TestRowsThatNewerWritesSupersedeAreToldUpToABound(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("isbn,title,authors\n")
	for n := range 80 {
		fmt.Fprintf(&text, "%s,Book,B\n", e2etest.ISBN(n))
	}
	text.WriteString(e2etest.ISBN(7) + ",Book,B\n")
	p := newPress(t)
	_, newer := p.dropped(strings.Replace(text.String(), "\n", "\n,Above,B\n", 1), time.Hour, nil) // other lines than those of the older
	_, messages := p.dropped(strings.ReplaceAll(text.String(), "Book", "Old"), 0, nil)
	p.does(newer...)
	p.is(p.does(messages...), drop.Succeeded, drop.Counts{Superseded: 81})
	byLine, byWrite := 0, 0
	for _, r := range p.superseded(messages[0]) {
		switch {
		case r.LaterLine == 0:
			byWrite++
		case r.LaterLine == 82 && r.Line == 9:
			byLine++
		default:
			t.Errorf("line %d is superseded by line %d", r.Line, r.LaterLine)
		}
	}
	if byLine != 1 || byWrite != 50 {
		t.Errorf("%d rows are told of for a later line and %d for newer writes", byLine, byWrite)
	}
}

// What the count of warnings promises must be found among the rows with warnings.
func TestWarningsAreCountedOfRowsThatWereTaken(t *testing.T) {
	t.Parallel()
	p := newPress(t)
	_, messages := p.dropped("isbn,title,authors,published\n"+
		estrela+",Superseded,A,soon\n"+
		",,nobody,soon\n"+ // fails
		estrela+",Taken,A,soon\n", 0, nil)
	p.is(p.does(messages...), drop.CompletedWithErrors, drop.Counts{OK: 1, Creates: 1, Superseded: 1, Failed: 1, Warnings: 1})
}
