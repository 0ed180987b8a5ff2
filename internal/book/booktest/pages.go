package booktest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"acervo/internal/book"
)

// shelf stores books whose titles and authors begin with the word, some of them
// equal, some with several authors.
func (s *ListSuite) shelf(n int) []book.Item {
	s.t.Helper()
	books := make([]book.Item, n)
	for i := range books {
		title := fmt.Sprintf("%s %02d", s.word, i*7%n/2)
		authors := []string{fmt.Sprintf("%s %02d", s.word, i*5%n/3)}
		if i%3 == 0 {
			authors = append(authors, fmt.Sprintf("%s %02d", s.word, i), "nobody")
		}
		books[i] = s.put(title, authors...)
	}
	return books
}

// expect returns those of some books that a query finds, in its order.
func expect(q book.Query, books []book.Item) []book.Item {
	places := map[string]book.Item{}
	for _, b := range books {
		if key, ok := q.Place(b); ok {
			places[key] = b
		}
	}
	var found []book.Item
	for _, key := range slices.Sorted(maps.Keys(places)) {
		found = append(found, places[key])
	}
	if q.Order == book.Latest {
		slices.Reverse(found)
	}
	return found
}

func pages(s *ListSuite) {
	books := s.shelf(30)
	for _, q := range []book.Query{byTitle(s.word), byTitle(s.word + " 0"), byAuthor(s.word), byAuthor(s.word + " 1")} {
		want := expect(q, books)
		for limit := 1; limit <= 32; limit += 3 {
			q.Limit = limit
			if got := s.all(q); !slices.Equal(listed(got), listed(want)) {
				s.t.Fatalf("%+v finds\n%q, want\n%q", q, listed(got), listed(want))
			}
		}
	}
}

func pagesOfAll(s *ListSuite) {
	books := s.shelf(30)
	for _, order := range []book.Order{book.ByTitle, book.ByAuthor, book.Latest} {
		q := book.Query{Order: order}
		s.finds(q, expect(q, books)...)
	}
}

// pagesAmidWrites walks through the lists while other books are written between
// the pages, before and behind the reader.
func pagesAmidWrites(s *ListSuite) {
	stays := s.shelf(20)
	others := []book.Item{}
	for i := range 20 {
		others = append(others, s.put(fmt.Sprintf("%s %02d", s.word, i), s.word, fmt.Sprintf("%s %02d", s.word, i)))
	}
	for _, q := range []book.Query{byTitle(s.word), byAuthor(s.word)} {
		for q.Limit = range 4 {
			q.Limit++
			s.settle()
			seen := []book.Item{}
			for more := true; more; more = q.Cursor != "" {
				var page []book.Item
				page, q.Cursor = s.page(q)
				if seen = append(seen, page...); len(seen) > maxListed {
					s.t.Fatal("the pages have no end")
				}
				others = s.stir(others, len(seen))
				stays[len(seen)%20] = s.change(stays[len(seen)%20], func(d *book.Draft) { d.Rating = 6 - d.Rating })
			}
			seen = slices.DeleteFunc(seen, func(b book.Item) bool {
				return !slices.ContainsFunc(stays, func(stay book.Item) bool { return stay.ID == b.ID })
			})
			if want := expect(q, stays); !slices.Equal(listed(seen), listed(want)) {
				s.t.Fatalf("%+v finds\n%q, want\n%q", q, listed(seen), listed(want))
			}
		}
	}
}

// stir deletes one of some books, moves another and makes a third.
func (s *ListSuite) stir(books []book.Item, n int) []book.Item {
	s.t.Helper()
	s.remove(books[0])
	books[1] = s.change(books[1], func(d *book.Draft) {
		d.Title, d.Authors = fmt.Sprintf("%s %02d", s.word, n*11%25), []string{fmt.Sprintf("%s %02d", s.word, n*3%25), s.word}
	})
	return append(books[1:], s.put(fmt.Sprintf("%s %02d", s.word, n*13%25), fmt.Sprintf("%s %02d", s.word, n*17%25)))
}

// listWalks compares the lists with a slice, on random walks over a few books
// whose titles and authors are drawn from a small alphabet.
func listWalks(s *ListSuite) {
	rapid.Check(s.t, func(t *rapid.T) {
		word, isbn := newWord(), newISBN()
		ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New()}
		model := map[uuid.UUID]book.Item{}
		for _, id := range ids {
			model[id] = book.Item{ID: id}
		}
		text := rapid.StringMatching(`[aáAbB ]{0,3}`)
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				read := model[rapid.SampledFrom(ids).Draw(t, "book")]
				next := s.after(read, word+text.Draw(t, "title"))
				next.Draft.Authors = nil
				for range rapid.IntRange(1, 4).Draw(t, "authors") {
					next.Draft.Authors = append(next.Draft.Authors, word+text.Draw(t, "author"))
				}
				if rapid.Bool().Draw(t, "isbn") {
					next.Draft.ISBN = isbn
				}
				model[read.ID] = s.swap(read, next)
			},
			"delete": func(t *rapid.T) {
				read := model[rapid.SampledFrom(ids).Draw(t, "book")]
				model[read.ID] = s.swap(read, s.tombstone(read))
			},
			"bury": func(t *rapid.T) {
				read := model[rapid.SampledFrom(ids).Draw(t, "book")]
				model[read.ID] = s.swap(read, buried(read))
			},
			"list": func(t *rapid.T) {
				q := byTitle(word + text.Draw(t, "filter"))
				switch rapid.IntRange(0, 2).Draw(t, "by") {
				case 0:
					q = byAuthor(q.Title)
				case 1:
					q = book.Query{ISBN: isbn, Order: book.ByTitle}
				}
				q.Limit = rapid.IntRange(1, 6).Draw(t, "limit")
				if got, want := s.all(q), modelled(q, model); !slices.Equal(listed(got), listed(want)) {
					t.Fatalf("%+v finds\n%q, want\n%q", q, listed(got), listed(want))
				}
			},
		})
	})
}

// modelled returns what a query finds in the model. It folds the small alphabet by
// itself, and sorts by what people would.
func modelled(q book.Query, model map[uuid.UUID]book.Item) (found []book.Item) {
	fold := func(s string) string {
		return strings.Join(strings.Fields(strings.NewReplacer("á", "a", "A", "a", "B", "b").Replace(s)), " ")
	}
	places := map[uuid.UUID][]string{}
	for id, b := range model {
		title := fold(b.Draft.Title)
		switch {
		case !b.Exists():
			continue
		case q.Author != "":
			authors := []string{}
			for _, author := range b.Draft.Authors {
				if strings.HasPrefix(fold(author), fold(q.Author)) {
					authors = append(authors, fold(author))
				}
			}
			if len(authors) == 0 {
				continue
			}
			places[id] = []string{slices.Min(authors), title, id.String()}
		case q.ISBN != "" && b.Draft.ISBN == q.ISBN, q.Title != "" && strings.HasPrefix(title, fold(q.Title)):
			places[id] = []string{title, id.String()}
		default:
			continue
		}
		found = append(found, b)
	}
	slices.SortFunc(found, func(a, b book.Item) int { return slices.Compare(places[a.ID], places[b.ID]) })
	return found
}
