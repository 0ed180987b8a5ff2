package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/text/encoding/charmap"
)

// catalogue is real data as people have it: exported from Google Books, and
// saved by a spreadsheet at least once.
const (
	catalogue     = "../../shared/data/google_books_1299.csv"
	catalogueRows = 1299
	inFlight      = 64
)

// bookSeen is a book as it is sent and as it reads. What is absent is null.
type bookSeen struct {
	Title       string    `json:"title"`
	Authors     []string  `json:"authors"`
	ISBN        *string   `json:"isbn"`
	Published   *int      `json:"published"`
	Language    *string   `json:"language"`
	Description *string   `json:"description"`
	Rating      *float64  `json:"rating"`
	Price       *priceTag `json:"price"`
}

type priceTag struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

func TestEveryRowOfARealCatalogueReadsAsItWasSent(t *testing.T) {
	t.Parallel()
	rows := readCatalogue(t)
	s := serveDir(t, dataDir(t), nil)
	ids := make([]string, len(rows))
	var all errgroup.Group
	all.SetLimit(inFlight)
	for i, row := range rows {
		all.Go(func() (err error) {
			sent, err := bookOf(row)
			if err != nil {
				return fmt.Errorf("row %d: %w", i+1, err)
			}
			if ids[i], err = s.keeps(t.Context(), sent); err != nil {
				return fmt.Errorf("row %d: %w", i+1, err)
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	books := map[string]bool{}
	for _, id := range ids {
		books[id] = true
	}
	if len(rows) != catalogueRows || len(books) != len(rows) {
		t.Errorf("%d rows of %d made %d books", len(rows), catalogueRows, len(books))
	}
	slices.Sort(ids)
	for _, order := range []string{"title", "author", "-updated_at"} {
		listed, err := s.through(t.Context(), "/v1/books?limit=100&sort="+order)
		slices.Sort(listed)
		if err != nil || !slices.Equal(listed, ids) {
			t.Errorf("%d books are listed by %s, not each of %d once: %v", len(listed), order, len(ids), err)
		}
	}
}

// keeps has a book created, waits for the end of its job, and compares what is
// read then.
func (s *server) keeps(ctx context.Context, sent bookSeen) (id string, err error) {
	body, err := json.Marshal(sent)
	if err != nil {
		return "", err
	}
	a, err := s.Call(ctx, http.MethodPost, "/v1/books", string(body))
	if err != nil || a.Status != http.StatusAccepted {
		return "", errors.Join(err, fmt.Errorf("not accepted: %v", a))
	}
	job, err := s.Await(ctx, a.Header.Get("Location"))
	if err != nil || job.State != "succeeded" || job.BookVersion != 1 {
		return "", errors.Join(err, fmt.Errorf("not applied: %+v", job))
	}
	var read bookSeen
	a, err = s.Get(ctx, "/v1/books/"+job.BookID, &read)
	if err != nil || a.Status != http.StatusOK || a.Header.Get("ETag") != `"v1"` {
		return "", errors.Join(err, fmt.Errorf("not readable: %v", a))
	}
	return job.BookID, differences(sent, read)
}

// differences names the fields that are not read as they were sent.
func differences(sent, read bookSeen) error {
	var errs []error
	a, b := reflect.ValueOf(sent), reflect.ValueOf(read)
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			s, _ := json.Marshal(a.Field(i).Interface())
			r, _ := json.Marshal(b.Field(i).Interface())
			errs = append(errs, fmt.Errorf("%s was sent as %s and reads as %s", a.Type().Field(i).Name, s, r))
		}
	}
	return errors.Join(errs...)
}

// readCatalogue returns the rows by the names of their columns.
func readCatalogue(t *testing.T) (rows []map[string]string) {
	t.Helper()
	file, err := os.Open(catalogue)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the catalogue is not at hand: %s", catalogue)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	records, err := csv.NewReader(file).ReadAll() // which insists on as many fields in each
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			if value := strings.TrimSpace(record[i]); !strings.EqualFold(value, "none") && value != "N/A" {
				row[name] = record[i]
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// truncatedYear is what is left of a year that was not known exactly, "186?".
var truncatedYear = regexp.MustCompile(`^\d{3}$`)

// bookOf maps a row. It leaves out ISBNs, which the spreadsheet has rounded to
// numbers such as 9.78161E+12; truncated years; and the price of what is free,
// whose currency is "Free". The author is one name: a comma in it comes before a
// title, as in "Cialdini, PhD". What it does not understand is an error, and what
// lacks a title or an author the server will refuse, so that nothing is left out
// unnoticed.
func bookOf(row map[string]string) (b bookSeen, err error) {
	b.Title, b.Authors = row["title"], []string{row["author"]}
	if text := repair(row["description"]); text != "" {
		b.Description = &text
	}
	if text := row["rating"]; text != "" {
		rating, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return b, err
		}
		b.Rating = &rating
	}
	if row["currency"] != "Free" {
		b.Price = &priceTag{Amount: row["price"], Currency: row["currency"]}
	}
	if b.Published, err = yearOf(row["published_date"]); err != nil {
		return b, err
	}
	tag, known := map[string]string{"English": "en"}[row["language"]]
	if !known {
		return b, fmt.Errorf("no tag for the language %q", row["language"])
	}
	b.Language = &tag
	return b, nil
}

// yearOf reads a date such as 31-Jul-14.
func yearOf(text string) (*int, error) {
	if text == "" || truncatedYear.MatchString(text) {
		return nil, nil
	}
	date, err := time.Parse("2-Jan-06", text)
	year := date.Year()
	return &year, err
}

// repair puts right the characters of Windows-1252 that were read as Latin-1 and
// so became control characters.
func repair(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x80 && r < 0xa0 {
			return charmap.Windows1252.DecodeByte(byte(r))
		}
		return r
	}, text)
}
