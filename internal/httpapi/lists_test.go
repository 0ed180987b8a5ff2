package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/httpapi"
	"acervo/internal/sqlite"
)

// shelved are the books of these tests, each updated an hour after the one
// before.
func shelved() []book.Draft {
	return []book.Draft{
		{Title: "Água viva", Authors: []string{"Clarice Lispector"}, ISBN: "9788532508126"},
		{Title: "The Raven", Authors: []string{"Edgar Allan Poe", "Machado de Assis"}},
		{Title: "agua e vinho", Authors: []string{"MACHADO de Ássis", "Clarice Lispector"}},
		{Title: "Dom Casmurro", Authors: []string{"Machado de Assis"}, ISBN: "9780804429573"},
		{Title: "Straße & Łódź", Authors: []string{"Æsop"}},
	}
}

// newLibrary is a server with the books of shelved.
func newLibrary(t *testing.T) *server {
	t.Helper()
	s := newServer(t, sqlite.LaneOptions{})
	for i, d := range shelved() {
		at := july().Add(time.Duration(i) * time.Hour)
		item := book.Item{ID: uuid.New(), Existence: book.Live, Version: 1, Draft: d, CreatedAt: at, UpdatedAt: at, AcceptedAt: at}
		if err := s.db.Books().Swap(t.Context(), book.Item{ID: item.ID}, item); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// bookPage is a page of books.
type bookPage struct {
	Items []struct {
		ID    string
		Title string
	}
	NextCursor *string `json:"next_cursor"`
}

func (p bookPage) titles() []string {
	titles := []string{}
	for _, item := range p.Items {
		titles = append(titles, item.Title)
	}
	return titles
}

// nextLink is the Link of a page that has a next one (RFC 8288).
var nextLink = regexp.MustCompile(`^<(/v1/books\?[^<>\s]+)>; rel="next"$`)

// books lists as anyone may, by way of the links.
func (s *server) books(t *testing.T, path string) (titles []string, pages int) {
	t.Helper()
	for ; path != ""; pages++ {
		a := s.do(t, request{method: http.MethodGet, path: path, header: headers("Authorization", "")})
		if a.status != http.StatusOK || pages > 20 {
			t.Fatalf("page %d at %s is %d %s", pages, path, a.status, a.body)
		}
		var page bookPage
		decode(t, a, &page)
		titles = append(titles, page.titles()...)
		link := a.header.Get("Link")
		if (link == "") != (page.NextCursor == nil) {
			t.Fatalf("the link is %q, the cursor %v", link, page.NextCursor)
		}
		path = ""
		if link == "" {
			continue
		}
		if !nextLink.MatchString(link) {
			t.Fatalf("the link is %q", link)
		}
		path = nextLink.FindStringSubmatch(link)[1]
		if u, err := url.Parse(path); err != nil || u.Query().Get("cursor") != *page.NextCursor {
			t.Fatalf("the link is %q, the cursor %q", link, *page.NextCursor)
		}
	}
	return titles, pages
}

func TestBooksAreListedByWhatTheQuerySays(t *testing.T) {
	t.Parallel()
	s := newLibrary(t)
	shelf := shelved()
	water, raven, wine, dom, street := shelf[0].Title, shelf[1].Title, shelf[2].Title, shelf[3].Title, shelf[4].Title
	for query, want := range map[string][]string{
		"":                               {wine, water, dom, street, raven},
		"?":                              {wine, water, dom, street, raven},
		"?sort=title":                    {wine, water, dom, street, raven},
		"?sort=author":                   {street, water, raven, wine, dom},
		"?sort=-updated_at":              {street, dom, wine, raven, water},
		"?title=%C3%81gua":               {wine, water},
		"?title=A%CC%81GUA+v&sort=title": {water},
		"?title=agua%20e":                {wine},
		"?title=strasse+%26+lodz":        {street},
		"?title=Raven":                   {},
		"?title=%25":                     {},
		"?author=machado":                {wine, dom, raven},
		"?author=CLARICE&sort=author":    {wine, water},
		"?author=aesop":                  {street},
		"?author=Assis":                  {},
		"?isbn=9788532508126":            {water},
		"?isbn=0-8044-2957-X&sort=title": {dom},
		"?isbn=978-85-359-1066-7":        {},
		"?cursor=":                       {wine, water, dom, street, raven},
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			if got, _ := s.books(t, "/v1/books"+query); !slices.Equal(got, want) && len(got)+len(want) > 0 {
				t.Errorf("listed are %q, want %q", got, want)
			}
			separator := "?"
			if strings.Contains(query, "?") {
				separator = "&"
			}
			for limit := 1; limit <= 100; limit += 3 {
				got, pages := s.books(t, fmt.Sprintf("/v1/books%s%slimit=%d", query, separator, limit))
				if !slices.Equal(got, want) && len(got)+len(want) > 0 || pages != max(1, (len(want)+limit-1)/limit) {
					t.Errorf("listed on %d pages of %d are %q, want %q", pages, limit, got, want)
				}
			}
		})
	}
}

func TestAListedBookIsAsItIsReadAlone(t *testing.T) {
	t.Parallel()
	s := newLibrary(t)
	a := s.do(t, get("/v1/books?isbn=9780804429573"))
	var page bookPage
	decode(t, a, &page)
	if len(page.Items) != 1 {
		t.Fatalf("listed is %s", a.body)
	}
	one := s.do(t, get("/v1/books/"+page.Items[0].ID))
	wantJSON(t, a.body, `{"items":[`+one.body+`],"next_cursor":null}`)
	a.wantHeader(t, "Content-Type", plain)
	a.wantHeader(t, "Cache-Control", "no-cache")
	head := s.do(t, request{method: http.MethodHead, path: "/v1/books?limit=1"})
	if head.status != http.StatusOK || head.header.Get("Link") == "" {
		t.Errorf("HEAD is answered with %d and the link %q", head.status, head.header.Get("Link"))
	}
}

func TestAListOfNothingIsEmptyAndNotNull(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	for _, query := range []string{"", "?title=x", "?author=x", "?isbn=9780804429573", "?sort=-updated_at", "?sort=author"} {
		wantJSON(t, s.do(t, get("/v1/books"+query)).body, `{"items":[],"next_cursor":null}`)
	}
}

func TestAPageSaysTwentyBooksWhenNobodySaysHowMany(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	for range 21 {
		item := book.Item{ID: uuid.New(), Existence: book.Live, Version: 1, Draft: book.Draft{Title: "x", Authors: []string{"x"}}}
		if err := s.db.Books().Swap(t.Context(), book.Item{ID: item.ID}, item); err != nil {
			t.Fatal(err)
		}
	}
	if titles, pages := s.books(t, "/v1/books"); len(titles) != 21 || pages != 2 {
		t.Errorf("%d books are on %d pages", len(titles), pages)
	}
	var page bookPage
	decode(t, s.do(t, get("/v1/books")), &page)
	if len(page.Items) != 20 {
		t.Errorf("the first page has %d books", len(page.Items))
	}
}

// listRefusals are lists that are not to be had.
func listRefusals() []refusal {
	syntax := func(name, query string, faults ...string) refusal {
		return refusal{"a list " + name, get("/v1/books?" + query), fault.Syntax, nil, faults}
	}
	combination := func(query string) refusal {
		return refusal{"a list is asked for by " + query, get("/v1/books?" + query), fault.Combination, nil, []string{" unsupported_combination"}}
	}
	all := []refusal{
		syntax("has a query that is malformed", "title=%zz"),
		syntax("has a query with a semicolon", "title=a;b"),
		syntax("has an unknown parameter", "page=2", "/page unknown_parameter"),
		syntax("has a parameter in upper case", "Title=a", "/Title unknown_parameter"),
		syntax("has an unknown parameter with a slash", "a%2Fb~=2", "/a~1b~0 unknown_parameter"),
		syntax("has a parameter twice", "title=a&title=b", "/title duplicate_parameter"),
		syntax("has no title to begin with", "title=", "/title blank"),
		syntax("has a title of spaces and accents", "title=+%CC%81", "/title blank"),
		syntax("has a title that is not UTF-8", "title=%FF", "/title invalid_utf8"),
		syntax("has too long a title", "title="+strings.Repeat("a", 501), "/title too_long"),
		syntax("has too long an author", "author="+strings.Repeat("%C3%A9", 201), "/author too_long"),
		syntax("has no author to begin with", "author=%00", "/author blank"),
		syntax("has an ISBN whose check digit is wrong", "isbn=9788532508123", "/isbn not_an_isbn"),
		syntax("has an order that there is not", "sort=updated_at", "/sort unknown_order"),
		syntax("has an order without a name", "author=a&sort=", "/sort unknown_order"),
		syntax("has everything wrong at once", "isbn=1&title=&x=1&sort=rating&limit=0&cursor=x&author=a",
			"/isbn not_an_isbn", "/limit out_of_range", "/sort unknown_order", "/title blank", "/x unknown_parameter"),
		syntax("has a limit and a cursor that are wrong", "limit=x&cursor=x", "/limit out_of_range", "/cursor bad_cursor"),
		syntax("has filters that do not go together and a bad limit", "title=a&author=b&limit=0",
			"/limit out_of_range", " unsupported_combination"),
	}
	for _, limit := range []string{"0", "101", "-1", "1.5", "1e1", "ten", "", "%20", "99999999999999999999"} {
		all = append(all, syntax("has the limit "+limit, "limit="+limit, "/limit out_of_range"))
	}
	for _, cursor := range []string{"x", "%00", "%FF", "AAAA", "' OR 1=1 --", strings.Repeat("A", 10_000)} {
		all = append(all, syntax(fmt.Sprintf("has the cursor %.20s", cursor), "cursor="+url.QueryEscape(cursor), "/cursor bad_cursor"))
	}
	for _, query := range []string{
		"title=a&author=b", "title=a&isbn=9788532508126", "author=a&isbn=9788532508126", "title=a&sort=author",
		"title=a&sort=-updated_at", "author=a&sort=title", "author=a&sort=-updated_at", "isbn=9788532508126&sort=author",
		"isbn=9788532508126&sort=-updated_at", "title=a&author=b&isbn=9788532508126&sort=title",
	} {
		all = append(all, combination(query))
	}
	return all
}

func TestACursorBelongsToItsList(t *testing.T) {
	t.Parallel()
	s := newLibrary(t)
	lists := []string{"", "sort=author", "sort=-updated_at", "title=a", "title=ag", "author=m", "author=ma"}
	for _, list := range lists {
		var page bookPage
		decode(t, s.do(t, get("/v1/books?limit=1&"+list)), &page)
		if page.NextCursor == nil {
			t.Fatalf("%s has no second page", list)
		}
		for _, other := range lists {
			a := s.do(t, get("/v1/books?"+other+"&cursor="+*page.NextCursor))
			if other == list && a.status != http.StatusOK {
				t.Errorf("%s refuses its cursor: %s", list, a.body)
			}
			if other != list {
				a.problem(t, fault.Syntax)
			}
		}
	}
}

func TestOfManyFaultsOfAQueryOneHundredAreTold(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	query := url.Values{}
	for i := range 1000 {
		query.Set(fmt.Sprint("p", i), "")
	}
	if p := s.do(t, get("/v1/books?"+query.Encode())).problem(t, fault.Syntax); len(p.Errors) != 100 {
		t.Errorf("%d faults are told", len(p.Errors))
	}
}

func TestListsOfAStoreThatIsClosedAreUnavailable(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	db, err := sqlite.Open(sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s.api.Lists = db.Books()
	a := s.do(t, get("/v1/books"))
	a.problem(t, fault.Unavailable)
	if a.header.Get("Retry-After") == "" || len(s.log.all()) != 1 {
		t.Errorf("Retry-After is %q, the log %q", a.header.Get("Retry-After"), s.log.all())
	}
}

// FuzzBooksQuery sends whatever query there may be to a real library.
func FuzzBooksQuery(f *testing.F) {
	db, err := sqlite.Open(sqlite.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	for _, d := range shelved() {
		item := book.Item{ID: uuid.New(), Existence: book.Live, Version: 1, Draft: d, UpdatedAt: july()}
		if err := db.Books().Swap(f.Context(), book.Item{ID: item.ID}, item); err != nil {
			f.Fatal(err)
		}
	}
	handler := (&httpapi.API{Lists: db.Books()}).Handler()
	for _, r := range listRefusals() {
		f.Add(strings.TrimPrefix(r.path, "/v1/books?"))
	}
	cursor := book.Query{Author: "m", Order: book.ByAuthor}.CursorAfter("machado de assis\x00dom casmurro\x00" + someID().String())
	f.Add("author=M&limit=1&cursor=" + cursor)
	f.Add("title=%C3%81gua&sort=title&limit=100")
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/books", nil)
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		var page bookPage
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Fatalf("%q is answered with %d %s", query, w.Code, w.Body)
		}
		if w.Code == http.StatusBadRequest && len(w.Body.Bytes()) > 64<<10 {
			t.Errorf("%q is answered with %d bytes", query, w.Body.Len())
		}
	})
}
