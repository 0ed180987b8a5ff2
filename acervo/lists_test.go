package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"
)

// nextPage is the Link of a page that is not the last.
var nextPage = regexp.MustCompile(`^<([^>]+)>; rel="next"$`)

// through lists the ids on every page from this path on.
func (s *server) through(ctx context.Context, path string) (ids []string, err error) {
	for path != "" {
		var page struct{ Items []struct{ ID string } }
		a, err := s.Get(ctx, path, &page)
		if err != nil || a.Status != http.StatusOK {
			return nil, errors.Join(err, fmt.Errorf("%s answers %v", path, a))
		}
		for _, item := range page.Items {
			ids = append(ids, item.ID)
		}
		if len(ids) > 10*catalogueRows {
			return nil, errors.New("the pages have no end")
		}
		path = ""
		if link := nextPage.FindStringSubmatch(a.Header.Get("Link")); link != nil {
			path = link[1]
		}
	}
	return ids, nil
}

// written has a write applied, and returns the id of its book.
func (s *server) written(ctx context.Context, method, path, body string) (id string, err error) {
	a, err := s.Send(ctx, method, path, strings.NewReader(body), "Prefer", "wait=25")
	if err != nil || a.Status/100 != 2 || a.Status == http.StatusAccepted {
		return "", errors.Join(err, fmt.Errorf("%s %s answers %v", method, path, a))
	}
	var made struct{ ID string }
	if a.Status != http.StatusNoContent {
		err = json.Unmarshal(a.Body, &made)
	}
	return made.ID, err
}

// anyBook is a book which lists have among the others.
func anyBook() string {
	return fmt.Sprintf(`{"title":"Áb %c","authors":["Zé %c","zE %c"]}`, 'a'+rune(rand.IntN(26)), 'a'+rune(rand.IntN(26)), 'a'+rune(rand.IntN(26)))
}

// stir makes, moves and deletes books of its own until it is told to stop, and
// counts the writes.
func (s *server) stir(ctx context.Context, stop <-chan struct{}, writes *atomic.Int64) error {
	var own []string
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		id, err := s.written(ctx, http.MethodPost, "/v1/books", anyBook())
		if own = append(own, id); err == nil {
			_, err = s.written(ctx, http.MethodPut, "/v1/books/"+own[0], anyBook())
		}
		if err == nil && len(own) > 5 {
			_, err = s.written(ctx, http.MethodDelete, "/v1/books/"+own[0], "")
			own = own[1:]
		}
		if err != nil {
			return err
		}
		writes.Add(3)
	}
}

func TestWhoPagesThroughListsFindsEachBookThatStaysOnceWhileOthersComeAndGo(t *testing.T) {
	t.Parallel()
	s := serveDir(t, dataDir(t), []string{unlimited, "ACERVO_RATE_KEY=0"})
	stays := make([]string, 60)
	var all errgroup.Group
	all.SetLimit(inFlight)
	for i := range stays {
		all.Go(func() (err error) {
			stays[i], err = s.written(t.Context(), http.MethodPost, "/v1/books", anyBook())
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}

	var writes atomic.Int64
	var writer errgroup.Group
	stop := make(chan struct{})
	writer.Go(func() error { return s.stir(t.Context(), stop, &writes) })
	for rounds := 0; rounds < 3 || writes.Load() < 30 && rounds < 1000; rounds++ {
		for _, query := range []string{"", "&sort=author", "&sort=-updated_at", "&title=ab", "&author=Z%C3%A9"} {
			listed, err := s.through(t.Context(), "/v1/books?limit=7"+query)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range stays {
				if n := len(listed) - len(slices.DeleteFunc(slices.Clone(listed), func(l string) bool { return l == id })); n != 1 {
					t.Fatalf("by %q book %s is listed %d times", query, id, n)
				}
			}
		}
	}
	close(stop)
	if err := writer.Wait(); err != nil || writes.Load() < 30 {
		t.Errorf("%d writes were made meanwhile: %v", writes.Load(), err)
	}
}
