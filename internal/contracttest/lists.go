package contracttest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func listRows() []row {
	return []row{{
		request: "GET /v1/books",
		sentences: []sentence{
			{says: "finds titles and authors by how they begin, without case and accents", check: prefixes},
			{says: "finds a book of several authors under each, and lists it once", check: severalAuthors},
			{says: "finds an ISBN with or without hyphens", check: byISBN},
			{says: "pages through, each book once and in order, also while books come and go", check: pages},
			{says: "is sorted by the newest too", check: latest},
			{says: "takes a limit of 1 to 100", check: limits},
			{says: "refuses other combinations, parameters and cursors with 400", check: badQueries},
		},
		unseen: []string{"never a full scan for a filtered read (sqlite/lists_test.go, aws/capacity_test.go)"},
	}}
}

// word is one that only one sentence uses.
func word() string { return "W" + strings.ReplaceAll(uuid.NewString(), "-", "") }

func filter(pairs ...string) url.Values {
	v := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		v.Set(pair[0], pair[1])
	}
	return v
}

func holds(ids ...string) func(page) bool {
	return func(p page) bool {
		var got []string
		for _, b := range p.Items {
			got = append(got, "/v1/books/"+b.ID)
		}
		return slices.Equal(got, ids)
	}
}

func prefixes(t *testing.T, s *site) {
	mine := word()
	path := s.make(t, mine+" Água", "")
	for _, title := range []string{mine, strings.ToUpper(mine) + " AGUA", strings.ToLower(mine) + " ág"} {
		s.until(t, filter("title", title), holds(path))
	}
	author := s.ask(t, s.Writer, http.MethodPut, somewhere(), fmt.Sprintf(`{"title":"x","authors":["%s Éça"]}`, mine), "Prefer", "wait=25").book(t).ID
	s.until(t, filter("author", strings.ToLower(mine)+" eca"), holds("/v1/books/"+author))
	s.until(t, filter("author", "Éça"+mine), holds())
}

func severalAuthors(t *testing.T, s *site) {
	mine := word()
	path := somewhere()
	s.write(t, http.MethodPut, path, fmt.Sprintf(`{"title":"x","authors":["%s A","%s B"]}`, mine, mine))
	for _, author := range []string{mine + " A", mine + " B", mine} {
		s.until(t, filter("author", author), holds(path))
	}
}

func byISBN(t *testing.T, s *site) {
	isbn := newISBN()
	path := s.make(t, "x", fmt.Sprintf(`,"isbn":%q`, isbn))
	s.until(t, filter("isbn", isbn), holds(path))
	s.until(t, filter("isbn", isbn[:3]+"-"+isbn[3:12]+"-"+isbn[12:]), holds(path))
}

func pages(t *testing.T, s *site) {
	mine := word()
	var want []string
	for i := range 5 {
		want = append(want, s.make(t, fmt.Sprintf("%s %d", mine, i), ""))
	}
	s.until(t, filter("title", mine), holds(want...))
	var got []string
	query := filter("title", mine, "limit", "2")
	for p := s.list(t, query); ; p = s.list(t, query) {
		for _, b := range p.Items {
			got = append(got, "/v1/books/"+b.ID)
		}
		if len(p.Items) > 2 || len(got) > len(want) {
			t.Fatalf("the pages are %v and on", got)
		}
		if p.Next == nil {
			break
		}
		query.Set("cursor", *p.Next)
		s.make(t, mine+" -1", "")                          // before all pages that are left
		s.write(t, http.MethodDelete, got[len(got)-1], "") // the one that the cursor stands on
		s.until(t, filter("title", mine+" -1"), func(p page) bool { return len(p.Items) > 0 })
	}
	if !slices.Equal(got, want) {
		t.Errorf("paging found %v, want %v", got, want)
	}
}

func latest(t *testing.T, s *site) {
	older, newer := s.make(t, "x", ""), s.make(t, "x", "")
	at := func(p page, path string) int {
		return slices.IndexFunc(p.Items, func(b seenBook) bool { return "/v1/books/"+b.ID == path })
	}
	s.until(t, filter("sort", "-updated_at", "limit", "100"), func(p page) bool {
		return at(p, newer) >= 0 && at(p, newer) < at(p, older)
	})
}

func limits(t *testing.T, s *site) {
	for _, limit := range []string{"1", "100"} {
		s.list(t, filter("limit", limit))
	}
	for _, limit := range []string{"0", "101", "-1", "x", ""} {
		s.ask(t, "", http.MethodGet, "/v1/books?limit="+limit, "").faulty(t, http.StatusBadRequest, "/limit out_of_range")
		s.ask(t, s.Operator, http.MethodGet, "/v1/dead?limit="+limit, "").problem(t, http.StatusBadRequest)
	}
}

func badQueries(t *testing.T, s *site) {
	for _, query := range []string{
		"cursor=x", "pages=1", "sort=price", "title=%ff", "title=", "isbn=7", "limit=1&limit=2", "title=%", "cursor=" + strings.Repeat("A", 20_000),
	} {
		s.ask(t, "", http.MethodGet, "/v1/books?"+query, "").problem(t, http.StatusBadRequest)
	}
	for _, query := range []string{"title=a&author=b", "title=a&sort=author", "author=a&sort=-updated_at", "isbn=9788535914849&title=a"} {
		if p := s.ask(t, "", http.MethodGet, "/v1/books?"+query, "").problem(t, http.StatusBadRequest); p.Type != "/problems/unsupported_combination" {
			t.Errorf("%s is %s", query, p.Type)
		}
	}
	s.ask(t, s.Operator, http.MethodGet, "/v1/dead?cursor=x", "").problem(t, http.StatusBadRequest)
}
