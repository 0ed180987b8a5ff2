package e2etest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
)

// List is a list of books to be imported while processes are killed. Reading it
// takes a while for a column that nobody uses.
type List struct {
	First  int // the number of its first book among those of all lists
	Books  int
	Spoilt int // rows without a title, one in so many
	Twins  int // books, from the second on, that have another row at the end, which wins
}

// Rows is how many rows the list has.
func (l List) Rows() int { return l.Books + l.Twins }

// Failing is how many of its rows cannot be imported.
func (l List) Failing() int { return (l.Books + l.Spoilt - 1) / l.Spoilt }

// WriteTo writes the list as CSV. Written again it is another file.
func (l List) WriteTo(w io.Writer) (int64, error) {
	all := int64(0)
	row := func(cells ...string) error {
		n, err := io.WriteString(w, strings.Join(cells, ",")+"\n")
		all += int64(n)
		return err
	}
	err := row("isbn", "title", "author", "shelf")
	for n := range l.Books {
		if err == nil {
			err = row(ISBN(l.First+n), l.first(n), "Somebody", noise())
		}
	}
	for n := 1; n <= l.Twins && err == nil; n++ {
		err = row(ISBN(l.First+n), l.Title(n), "Somebody", noise())
	}
	return all, err
}

// first is the title in the first row of a book.
func (l List) first(n int) string {
	if n%l.Spoilt == 0 {
		return ""
	}
	return fmt.Sprint("Book ", n)
}

// Title is what the nth book of the list is called once it is imported, empty if it
// cannot be.
func (l List) Title(n int) string {
	if n >= 1 && n <= l.Twins {
		return fmt.Sprint("Twin ", n)
	}
	return l.first(n)
}

// Once judges the nth book as it is found: it was written once, by the row that
// counts, or not at all if it cannot be imported.
func (l List) Once(n int, version int64, title string) error {
	want := int64(1)
	if l.Title(n) == "" {
		want = 0
	}
	if version != want || title != l.Title(n) {
		return fmt.Errorf("book %d has version %d and the title %q, want %d and %q", n, version, title, want, l.Title(n))
	}
	return nil
}

func noise() string {
	var b strings.Builder
	for range 120 {
		fmt.Fprintf(&b, "%016x", rand.Uint64())
	}
	return b.String()
}

// ISBN is the nth ISBN of all.
func ISBN(n int) string {
	digits, sum := fmt.Sprintf("978%09d", n), 0
	for i := range digits {
		sum += int(digits[i]-'0') * (1 + 2*(i%2))
	}
	return fmt.Sprintf("%s%d", digits, (10-sum%10)%10)
}
