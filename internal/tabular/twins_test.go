package tabular_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"acervo/internal/e2etest"
	"acervo/internal/tabular"
)

// twice finds, by reading all of it, which books more than one row of a file
// makes, and the last line of each.
func twice(p tabular.Plan, all []outcome) map[uuid.UUID]int64 {
	r := tabular.NewReader(p, july())
	count, last := map[uuid.UUID]int{}, map[uuid.UUID]int64{}
	for _, o := range all {
		if len(o.failures) == 0 {
			id := r.ID(o.row, o.draft)
			count[id]++
			last[id] = o.row.Line
		}
	}
	for id, n := range count {
		if n == 1 {
			delete(last, id)
		}
	}
	return last
}

// wantDuplicates holds the duplicates that were found while scanning against those
// that are found by reading. A book that stands once may be among them, by its
// own line.
func wantDuplicates(tb testing.TB, p tabular.Plan, all []outcome) {
	tb.Helper()
	if p.Overflow {
		return
	}
	want := twice(p, all)
	for id, line := range want {
		if got := p.Duplicates[id]; got != line {
			tb.Errorf("the last line of %s is %d, found was %d", id, line, got)
		}
	}
}

func TestRowsAboutOneBook(t *testing.T) {
	t.Parallel()
	latin := func(s string) string { return string(in1252(t, s)) }
	long := strings.Repeat("A,B,\n", 300) // more than is looked at before anything is decided
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	for _, c := range []struct {
		name, raw string
		key       []string
		want      int
	}{
		{"the same ISBN, spelled differently", "title,author,isbn\nA,B,978-0-306-40615-7\nC,D,9780306406164\nE,F,\"=\"\"0306406152\"\"\"\n", nil, 1},
		{"the same id", "id,title,author\n" + id + ",A,B\n" + strings.ToUpper(id) + ",C,D\n", nil, 1},
		{"an id that an ISBN makes", "id,isbn,title,author\n," + e2etest.ISBN(7) + ",A,B\n" + uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:isbn:"+e2etest.ISBN(7))).String() + ",,C,D\n", nil, 1},
		{"ids that only number the rows count for nothing", "id,title,author\n1,A,B\n1,C,D\n" + id + ",E,F\n" + id + ",G,H\n2,I,J\n3,K,L\n4,M,N\n5,O,P\n", nil, 0},
		{"a key of two columns", "sku,shop,title,author\n1,x,A,B\n1,y,C,D\n1,x,E,F\n", []string{"sku", "shop"}, 1},
		{"far apart", "title,author,isbn\nA,B," + e2etest.ISBN(1) + "\n" + long + "C,D," + e2etest.ISBN(1) + "\n", nil, 1},
		{"a last line that fails does not count", "title,author,isbn\nA,B," + e2etest.ISBN(1) + "\nC,D," + e2etest.ISBN(1) + "\n,E," + e2etest.ISBN(1) + "\n", nil, 1},
		{"nor does one of two", "title,author,isbn\nA,B," + e2etest.ISBN(1) + "\n,E," + e2etest.ISBN(1) + "\n", nil, 0},
		{"a key that is told apart by its accents", "título,autor\nÉ,B\nE,B\nÉ,C\n", []string{"título"}, 1},
		{"the same in Windows-1252", latin("título,autor\nÉ,B\n" + strings.Repeat("Ç,B\n", 2) + long[:0] + "É,C\n"), []string{"título"}, 2},
		{"titles of Windows-1252 beside ISBNs", latin("título,autor,isbn\nÉ,Ç," + e2etest.ISBN(1) + "\nÁ,Õ," + e2etest.ISBN(1) + "\n"), nil, 1},
		{"objects", `{"title":"A","author":"B","isbn":"` + e2etest.ISBN(1) + "\"}\n" + `{"title":"C","author":"D"}` + "\n" + `{"isbn13":"` + e2etest.ISBN(1) + `","title":"E","author":"F"}` + "\n", nil, 1},
		{"UTF-16", string(inUTF16("title,author,isbn\nA,É,"+e2etest.ISBN(1)+"\nC,D,"+e2etest.ISBN(1)+"\n", false, true)), nil, 1},
		{"rows without anything that names a book", "title,author\nA,B\nA,B\n", nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, all := scan(t, []byte(c.raw), tabular.Options{Key: c.key})
			wantDuplicates(t, p, all)
			if want := twice(p, all); len(want) != c.want || len(p.Duplicates) != c.want {
				t.Errorf("found %v, reading finds %v, want %d", p.Duplicates, want, c.want)
			}
		})
	}
	t.Run("of many rows all are found, and hardly any other", func(t *testing.T) {
		t.Parallel()
		var b bytes.Buffer
		b.WriteString("title,author,isbn\n")
		for i := range 60_000 {
			fmt.Fprintf(&b, "A%d,B,%s\n", i, e2etest.ISBN(i%50_000))
		}
		p, all := scan(t, b.Bytes(), tabular.Options{})
		wantDuplicates(t, p, all)
		if n := len(p.Duplicates); n < 10_000 || n > 10_010 {
			t.Errorf("found %d", n)
		}
	})
	t.Run("too many to be named are said to be", func(t *testing.T) {
		t.Parallel()
		var b bytes.Buffer
		b.WriteString("title,author,isbn\n")
		for range 2 {
			for i := range tabular.MaxDuplicates + 1 {
				fmt.Fprintf(&b, "A,B,%s\n", e2etest.ISBN(i))
			}
		}
		p, err := tabular.Scan(bytes.NewReader(b.Bytes()), tabular.Options{})
		if err != nil || !p.Overflow || len(p.Duplicates) != tabular.MaxDuplicates {
			t.Errorf("%v, %d, %v", p.Overflow, len(p.Duplicates), err)
		}
	})
}
