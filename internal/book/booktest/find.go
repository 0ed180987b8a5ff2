package booktest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
)

// spellings are texts as books have them, each with others that find it.
func spellings() map[string][]string {
	return map[string][]string{
		"Água":               {"água", "AGUA", "A\u0301gua", " agua"},
		"A\u0301gua":         {"Água", "agua"},
		"Straße":             {"strasse", "STRASSE", "stra\u1e9ee"},
		"İstanbul":           {"istanbul", "ISTANBUL", "ıstanbul"},
		"Łódź Østfold":       {"lodz ostfold", "ŁÓDŹ ØSTFOLD"},
		"Œuvres":             {"oeuvres", "ŒUVRES"},
		"Ὀδύσσεια":           {"οδυσσεια", "ΟΔΥΣΣΕΙΑ"},
		"Ещё":                {"еще", "ЕЩЁ"},
		"吾輩は猫":               {"吾輩は猫"},
		"ﬁn de siècle":       {"Fin  de\u00a0siecle"},
		"Ｗｉｄｅ":               {"wide"},
		"  The   Old Man":    {"the old man"},
		"100% _sure\\ [x]*?": {"100% _SURE\\ [x]*?"},
	}
}

func findsByTitle(s *ListSuite) {
	for title, others := range spellings() {
		word := newWord()
		found := s.put(title + " " + word + " and more")
		for _, other := range append(others, title) {
			s.finds(byTitle(other+" "+strings.ToUpper(word)), found)
			s.finds(byTitle(other+" "+word[:9]), found)
		}
	}
}

func findsByAuthor(s *ListSuite) {
	for author, others := range spellings() {
		word := newWord()
		found := s.put("Any title", author+" "+word+" and more")
		for _, other := range append(others, author) {
			s.finds(byAuthor(other+" "+strings.ToUpper(word)), found)
			s.finds(byAuthor(other+" "+word[:9]), found)
		}
	}
}

func findsNothingElse(s *ListSuite) {
	found := s.put(s.word+" b", s.word+" b")
	s.put(s.word[:10]+"~", s.word[:10]+"~")
	s.put("the "+s.word, "the "+s.word)
	for _, prefix := range []string{
		s.word + " a", s.word + " c", s.word + " bb", s.word + "b", s.word + "%", s.word + "_b", s.word + " *",
		s.word + " b\x00", s.word + " b\x00" + found.ID.String(), s.word + " b \x00" + found.ID.String(),
	} {
		want := []book.Item{}
		if book.Fold(prefix) == book.Fold(s.word+" b") { // a NUL is white space
			want = append(want, found)
		}
		s.finds(byTitle(prefix), want...)
		s.finds(byAuthor(prefix), want...)
	}
	s.finds(byTitle(s.word), found)
	s.finds(byAuthor(s.word), found)
}

func findsByISBN(s *ListSuite) {
	isbn, other := newISBN(), newISBN()
	with := func(isbn, title string) book.Item {
		return s.change(s.put(title), func(d *book.Draft) { d.ISBN = isbn })
	}
	c, a, b := with(isbn, "c"), with(isbn, "A"), with(isbn, "b")
	q := book.Query{ISBN: isbn, Order: book.ByTitle}
	s.finds(q, a, b, c)
	d := with(other, "d")
	s.put("without")
	s.finds(q, a, b, c)
	s.finds(book.Query{ISBN: other, Order: book.ByTitle}, d)
	s.finds(book.Query{ISBN: newISBN(), Order: book.ByTitle})

	s.change(a, func(d *book.Draft) { d.ISBN = "" })
	b = s.change(b, func(d *book.Draft) { d.ISBN = other })
	s.finds(q, c)
	s.finds(book.Query{ISBN: other, Order: book.ByTitle}, b, d)
}

func findsLong(s *ListSuite) {
	long := s.word + strings.Repeat("書", 200)
	a, b, short := s.put(long+"a", long+"a"), s.put(long+"b", long+"b"), s.put(s.word, s.word)
	longer := s.put(long+strings.Repeat("\ufdfa", 250), s.word+strings.Repeat("\ufdfa", 180))
	for _, query := range []func(string) book.Query{byTitle, byAuthor} {
		s.finds(query(long+"A"), a)
		s.finds(query(long+"b"), b)
		s.finds(query(long + "c"))
	}
	s.finds(byTitle(long+"\ufdfa"), longer)
	// What is equal as far as keys tell is sorted by id.
	same := []book.Item{a, b, longer}
	slices.SortFunc(same, byID)
	s.finds(byTitle(long), same...)
	s.finds(byTitle(s.word), append([]book.Item{short}, same...)...)
}

func byID(a, b book.Item) int { return cmp.Compare(a.ID.String(), b.ID.String()) }

func severalAuthors(s *ListSuite) {
	w := s.word
	two := s.put("two", w+" d", w+" b", "nobody")
	same := s.put("same", w+" é", w+" E", w+" b", w+" b")
	one := s.put("one", w+" c")
	s.finds(byAuthor(w), same, two, one)
	s.finds(byAuthor(w+" b"), same, two)
	s.finds(byAuthor(w+" d"), two)
	s.finds(byAuthor(w+" e"), same)

	// One author's name may begin another's.
	prefixes := s.put("prefixes", w+" xyz", w+" xy", w+" x")
	s.finds(byAuthor(w+" x"), prefixes)
	s.finds(byAuthor(w+" xy"), prefixes)
	s.finds(byAuthor(w+" xyz"), prefixes)
}

func sortsTies(s *ListSuite) {
	var ties []book.Item
	for range 5 {
		ties = append(ties, s.put(s.word, s.word))
	}
	slices.SortFunc(ties, byID)
	first, last := s.put(s.word[:10], s.word), s.put(s.word+"a", s.word)
	s.finds(byTitle(s.word), append(slices.Clone(ties), last)...)
	s.finds(byAuthor(s.word), append(append([]book.Item{first}, ties...), last)...)
}

// sortsAll wants the orders of a store of few books, some of them equal.
func sortsAll(s *ListSuite) {
	for _, order := range []book.Order{book.ByTitle, book.ByAuthor, book.Latest} {
		s.finds(book.Query{Order: order})
	}
	d := s.put("d", "x", "a")
	s.Advance(time.Second)
	a, tie := s.put("Á", "y"), s.put("a", "Y", "b")
	s.Advance(time.Second)
	b := s.put("The b", "x")
	if tie.ID.String() < a.ID.String() {
		a, tie = tie, a
	}
	s.finds(book.Query{Order: book.ByTitle}, a, tie, d, b)
	s.finds(book.Query{Order: book.ByAuthor}, d, b, a, tie)
	s.finds(book.Query{Order: book.Latest}, b, tie, a, d)

	s.Advance(time.Millisecond)
	d = s.change(d, func(d *book.Draft) { d.Rating = 5 })
	s.finds(book.Query{Order: book.Latest}, d, b, tie, a)
	s.finds(book.Query{Order: book.ByTitle}, a, tie, d, b)
}

func listsWhole(s *ListSuite) {
	want := s.change(s.put(s.word, s.word, "B"), func(d *book.Draft) {
		d.ISBN, d.Published, d.Language, d.Description, d.Rating = newISBN(), 1899, "pt-BR", "a\nb", 4.5
		d.Price = &book.Price{Amount: "39.90", Currency: "BRL"}
	})
	for _, q := range []book.Query{byTitle(s.word), byAuthor(s.word), {ISBN: want.Draft.ISBN, Order: book.ByTitle}} {
		q.Limit = 10
		if got := s.all(q); len(got) != 1 || !same(got[0], want) {
			s.t.Fatalf("listed is\n%+v, want\n%+v", got, want)
		}
	}
}

// everywhere checks that every list which can be told from others' has this book,
// or that none has.
func (s *ListSuite) everywhere(isbn string, want ...book.Item) {
	s.t.Helper()
	s.finds(byTitle(s.word), want...)
	s.finds(byAuthor(s.word), want...)
	s.finds(byAuthor(s.word+" second"), want...)
	s.finds(book.Query{ISBN: isbn, Order: book.ByTitle}, want...)
}

func listsTheLiving(s *ListSuite) {
	isbn := newISBN()
	fill := func(d *book.Draft) {
		d.Title, d.Authors, d.ISBN = s.word, []string{s.word, s.word + " second"}, isbn
	}
	b := s.change(s.put(s.word), fill)
	s.everywhere(isbn, b)
	b = s.remove(b)
	s.everywhere(isbn)
	b = s.change(b, fill)
	s.everywhere(isbn, b)
	s.Advance(2 * book.TombstoneTTL)
	s.everywhere(isbn, b)

	absent := book.Item{ID: uuid.New()}
	fence := s.swap(absent, buried(absent))
	s.everywhere(isbn, b)
	second := s.change(fence, fill)
	s.remove(b)
	s.everywhere(isbn, second)
	s.remove(second)
	s.Advance(2 * book.TombstoneTTL)
	s.everywhere(isbn)
	s.everywhere(isbn, s.change(book.Item{ID: second.ID}, fill))
}

func burialLeavesPlace(s *ListSuite) {
	isbn := newISBN()
	b := s.change(s.put(s.word, s.word, s.word+" second"), func(d *book.Draft) { d.ISBN = isbn })
	b = s.swap(b, buried(b))
	s.everywhere(isbn, b)
}

func moves(s *ListSuite) {
	w := s.word
	b := s.put(w+" old", w+" old", w+" other")
	for _, authors := range [][]string{
		{w + " old", w + " other"}, // the title only
		{w + " new", w + " other"},
		{w + " other", w + " new"},
		{w + " new"},
		{w + " new", w + " a", w + " b", w + " c"},
		{w + " new", w + " c", w + " b"},
		{"nobody"},
		{w + " old", w + " other"},
	} {
		b = s.change(b, func(d *book.Draft) { d.Title, d.Authors = w+" new", authors })
		s.finds(byTitle(w), b)
		s.finds(byTitle(w+" new"), b)
		s.finds(byTitle(w + " old"))
		for _, author := range []string{" old", " other", " new", " a", " b", " c"} {
			var want []book.Item
			if slices.Contains(authors, w+author) {
				want = []book.Item{b}
			}
			s.finds(byAuthor(w+author), want...)
		}
	}
}
