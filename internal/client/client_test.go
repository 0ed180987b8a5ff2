package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/goleak"

	"acervo/internal/client"
	"acervo/internal/fault"
	"acervo/internal/job"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// direct hands requests to a handler without a network, so that time can be fake.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	d.handler.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// lost is a transport whose answers get lost on the way.
type lost struct{}

func (lost) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

func to(t *testing.T, handler http.HandlerFunc) *client.Client {
	t.Helper()
	return over(t, direct{handler})
}

func over(t *testing.T, transport http.RoundTripper) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{URL: "http://books.test/base/", Key: "the key", HTTP: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// problem answers with a problem object.
func problem(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	answers := func(mediaType string, status int, body string) error {
		c := to(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
		_, err := c.AddKey(t.Context(), "name", "reader", nil)
		return err
	}
	const problems = "application/problem+json; charset=utf-8"
	t.Run("a problem is a fault with its kind, its detail and every field", func(t *testing.T) {
		t.Parallel()
		err := answers(problems, 422, `{"type":"/problems/invalid","title":"t","status":422,"detail":"d",
			"errors":[{"pointer":"/title","code":"required","detail":"is needed"},{"pointer":"/isbn","code":"check","detail":"is wrong"}]}`)
		want := []fault.Field{
			{Pointer: "/title", Code: "required", Detail: "is needed"}, {Pointer: "/isbn", Code: "check", Detail: "is wrong"},
		}
		got, ok := errors.AsType[*fault.Error](err)
		if !ok || got.Kind != fault.Invalid || got.Detail != "d" || !slices.Equal(got.Fields, want) {
			t.Errorf("got %#v", err)
		}
	})
	for name, c := range map[string]struct {
		mediaType string
		status    int
		body      string
		want      fault.Kind
	}{
		"a kind of a later release is that of its status":          {problems, 409, `{"type":"/problems/novel","title":"t","status":409}`, fault.Conflict},
		"a kind that contradicts its status is that of its status": {problems, 403, `{"type":"/problems/not_found","title":"t","status":403}`, fault.Forbidden},
		"the page of a proxy is that of its status":                {"text/html", 502, "<h1>Bad Gateway</h1>", fault.Unavailable},
		"a problem that is none is that of its status":             {problems, 404, `<html>`, fault.NotFound},
		"a redirect is not followed":                               {"text/html", 302, "", fault.Internal},
		"trouble of the server is internal":                        {problems, 500, `{"type":"/problems/internal","title":"t","status":500}`, fault.Internal},
		"an answer that is no JSON is internal":                    {"application/json", 201, "{", fault.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := answers(c.mediaType, c.status, c.body); !fault.Is(err, c.want) {
				t.Errorf("got %s: %v", fault.KindOf(err), err)
			}
		})
	}
	t.Run("nobody who listens is unavailable, at once", func(t *testing.T) {
		t.Parallel()
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.New(client.Options{URL: "http://" + listener.Addr().String(), Tries: 1 << 30})
		if err := errors.Join(err, listener.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Book(t.Context(), "x"); !fault.Is(err, fault.Unavailable) {
			t.Errorf("got %v", err)
		}
	})
	for _, url := range []string{"", "books.test", "ftp://books.test", "http://", "http://user:secret@books.test", "://"} {
		t.Run(fmt.Sprintf("%q is no URL of a server", url), func(t *testing.T) {
			t.Parallel()
			if _, err := client.New(client.Options{URL: url}); !fault.Is(err, fault.Syntax) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	t.Run("the key goes with every request, and ids are escaped", func(t *testing.T) {
		t.Parallel()
		var got *http.Request
		c := to(t, func(w http.ResponseWriter, r *http.Request) { got = r; _, _ = io.WriteString(w, `{"id":"x"}`) })
		if _, err := c.Book(t.Context(), "../keys?a#b/é"); err != nil {
			t.Fatal(err)
		}
		if got.Header.Get("Authorization") != "Bearer the key" || got.URL.EscapedPath() != "/base/v1/books/..%2Fkeys%3Fa%23b%2F%C3%A9" || got.URL.RawQuery != "" {
			t.Errorf("got %s %s", got.URL, got.Header)
		}
	})
	t.Run("the version that a book has to have goes as If-Match", func(t *testing.T) {
		t.Parallel()
		var got http.Header
		c := to(t, func(w http.ResponseWriter, r *http.Request) { got = r.Header; _, _ = io.WriteString(w, `{"id":"x"}`) })
		if _, err := c.Update(t.Context(), "b", jsontext.Value(`{}`), 7); err != nil {
			t.Fatal(err)
		}
		if got.Get("If-Match") != `"v7"` || got.Get("Content-Type") != "application/merge-patch+json" {
			t.Errorf("got %v", got)
		}
	})
	t.Run("a server that is not ready tells what fails", func(t *testing.T) {
		t.Parallel()
		c := to(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"status":"not ready","checks":{"store":"failing"}}`)
		})
		if ready, err := c.Ready(t.Context()); err != nil || ready.Status != "not ready" || ready.Checks["store"] != "failing" {
			t.Errorf("got %+v, %v", ready, err)
		}
		if _, err := to(t, refuse(503, "")).Ready(t.Context()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("an answer that tells nothing is %v", err)
		}
	})
	t.Run("members of a later release are kept", func(t *testing.T) {
		t.Parallel()
		c := to(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":"x","novel":[1,2]}`) })
		if b, err := c.Book(t.Context(), "x"); err != nil || !strings.Contains(string(b.Rest), `"novel":[1,2]`) {
			t.Errorf("got %s, %v", b.Rest, err)
		}
	})
}

// attempt is one request as the server saw it.
type attempt struct {
	at  time.Duration
	key string
}

// attempts runs do against a server that refuses all but the last of n requests,
// in a time of its own.
func attempts(t *testing.T, n int, refuse http.HandlerFunc, do func(context.Context, *client.Client) error) (seen []attempt, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		c := to(t, func(w http.ResponseWriter, r *http.Request) {
			seen = append(seen, attempt{time.Since(begin), r.Header.Get("Idempotency-Key")})
			if len(seen) < n {
				refuse(w, r)
				return
			}
			_, _ = io.WriteString(w, `{"id":"the job","state":"queued"}`)
		})
		err = do(t.Context(), c)
	})
	return seen, err
}

func refuse(status int, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		problem(w, status, `{}`)
	}
}

func create(ctx context.Context, c *client.Client) error {
	_, err := c.Create(ctx, jsontext.Value(`{}`))
	return err
}

func TestRepeating(t *testing.T) {
	t.Parallel()
	t.Run("a write is sent again under the same Idempotency-Key", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{429, 502, 503, 504} {
			seen, err := attempts(t, 3, refuse(status, ""), create)
			if err != nil || len(seen) != 3 || seen[0].key == "" || seen[1].key != seen[0].key || seen[2].key != seen[0].key {
				t.Errorf("%d: %v, %v", status, seen, err)
			}
		}
	})
	t.Run("two writes have two keys", func(t *testing.T) {
		t.Parallel()
		seen, err := attempts(t, 1, nil, func(ctx context.Context, c *client.Client) error { return errors.Join(create(ctx, c), create(ctx, c)) })
		if err != nil || len(seen) != 2 || seen[0].key == seen[1].key {
			t.Errorf("%v, %v", seen, err)
		}
	})
	t.Run("what the server refuses for good is sent once", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{400, 401, 404, 409, 422, 500} {
			if seen, err := attempts(t, 2, refuse(status, ""), create); err == nil || len(seen) != 1 {
				t.Errorf("%d: %v, %v", status, seen, err)
			}
		}
	})
	t.Run("what may not happen twice is sent once", func(t *testing.T) {
		t.Parallel()
		for name, do := range map[string]func(context.Context, *client.Client) error{
			"a new key": func(ctx context.Context, c *client.Client) error {
				_, err := c.AddKey(ctx, "name", "reader", nil)
				return err
			},
			"an edit": func(ctx context.Context, c *client.Client) error {
				_, err := c.Retry(ctx, "job", client.Order{Draft: jsontext.Value(`{}`)})
				return err
			},
			"a discard": func(ctx context.Context, c *client.Client) error {
				_, err := c.Discard(ctx, "job", client.Order{})
				return err
			},
		} {
			if seen, err := attempts(t, 2, refuse(503, ""), do); !fault.Is(err, fault.Unavailable) || len(seen) != 1 {
				t.Errorf("%s: %v, %v", name, seen, err)
			}
		}
	})
	t.Run("it gives up after four tries", func(t *testing.T) {
		t.Parallel()
		if seen, err := attempts(t, 10, refuse(503, ""), create); !fault.Is(err, fault.Unavailable) || len(seen) != 4 {
			t.Errorf("%v, %v", seen, err)
		}
	})
	t.Run("lost answers are asked for again, and then are unavailable", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			if err := create(t.Context(), over(t, lost{})); !fault.Is(err, fault.Unavailable) || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("a caller that has gone waits for nothing", func(t *testing.T) {
		t.Parallel()
		seen, err := attempts(t, 9, refuse(503, "20"), func(ctx context.Context, c *client.Client) error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return create(ctx, c)
		})
		if !fault.Is(err, fault.Unavailable) || !errors.Is(err, context.DeadlineExceeded) || len(seen) != 1 {
			t.Errorf("%v, %v", seen, err)
		}
	})
	for name, c := range map[string]struct {
		header      string
		least, most time.Duration
	}{
		"Retry-After is honoured":                 {"7", 7 * time.Second, 9 * time.Second},
		"no Retry-After is a moment":              {"", 100 * time.Millisecond, time.Second},
		"a Retry-After of a day is half a minute": {"86400", 30 * time.Second, 30 * time.Second},
		"one of now is still a moment":            {"0", 100 * time.Millisecond, time.Second},
		"a negative one too":                      {"-9", 100 * time.Millisecond, time.Second},
		"nonsense is none":                        {"soon", 100 * time.Millisecond, time.Second},
		"a date is honoured":                      {"Sat, 01 Jan 2000 00:00:05 GMT", 5 * time.Second, 7 * time.Second}, // a bubble begins in 2000
		"a date long past is a moment":            {"Sat, 01 Jan 1972 00:00:05 GMT", 100 * time.Millisecond, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen, err := attempts(t, 2, refuse(503, c.header), create)
			if err != nil || len(seen) != 2 || seen[1].at < c.least || seen[1].at > c.most {
				t.Errorf("%v, %v", seen, err)
			}
		})
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	three := func(w http.ResponseWriter, r *http.Request) {
		body := map[string]string{
			"":  `{"items":[{"id":"1"},{"id":"2"}],"next_cursor":"a"}`,
			"a": `{"items":[],"next_cursor":"b"}`,
			"b": `{"items":[{"id":"3"}],"next_cursor":null}`,
		}[r.URL.Query().Get("cursor")]
		if r.URL.Query().Get("title") != "dom c&" {
			body = "the filter is gone"
		}
		_, _ = io.WriteString(w, body)
	}
	t.Run("a walk passes every page, also empty ones, with its filter", func(t *testing.T) {
		t.Parallel()
		var ids []string
		for b, err := range to(t, three).Books(t.Context(), client.Listing{Title: "dom c&"}) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, b.ID)
		}
		if strings.Join(ids, "") != "123" {
			t.Errorf("got %v", ids)
		}
	})
	t.Run("a walk that is broken off asks for no more", func(t *testing.T) {
		t.Parallel()
		asked := 0
		c := to(t, func(w http.ResponseWriter, r *http.Request) { asked++; three(w, r) })
		for _, err := range c.Books(t.Context(), client.Listing{Title: "dom c&"}) {
			if err != nil {
				t.Error(err)
			}
			break
		}
		if asked != 1 {
			t.Errorf("it asked %d times", asked)
		}
	})
	t.Run("a list that goes round in circles ends", func(t *testing.T) {
		t.Parallel()
		c := to(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"items":[{"id":"1"}],"next_cursor":"a"}`)
		})
		items, failed := 0, error(nil)
		for _, err := range c.Dead(t.Context(), client.Filter{}) {
			items++
			failed = err
		}
		if items != 3 || !fault.Is(failed, fault.Internal) {
			t.Errorf("%d, %v", items, failed)
		}
	})
	t.Run("an error ends it", func(t *testing.T) {
		t.Parallel()
		c := to(t, func(w http.ResponseWriter, _ *http.Request) {
			problem(w, 403, `{"type":"/problems/forbidden","title":"t","status":403}`)
		})
		n := 0
		for _, err := range c.Keys(t.Context()) {
			n++
			if !fault.Is(err, fault.Forbidden) {
				t.Errorf("got %v", err)
			}
		}
		if n != 1 {
			t.Errorf("it went on %d times", n)
		}
	})
}

func TestWait(t *testing.T) {
	t.Parallel()
	states := func(t *testing.T, states ...job.State) *client.Client {
		t.Helper()
		return to(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Prefer") != "wait=25" {
				t.Error("it does not ask to be held")
			}
			fmt.Fprintf(w, `{"id":"the job","state":%q}`, states[0])
			if len(states) > 1 {
				states = states[1:]
			}
		})
	}
	for _, end := range []job.State{job.Succeeded, job.Failed, job.Superseded, job.Dead} {
		t.Run("a job that ends "+string(end)+" has been waited for", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if j, err := states(t, job.Queued, job.Retrying, end).Wait(t.Context(), "the job"); err != nil || j.State != end {
					t.Errorf("got %+v, %v", j, err)
				}
			})
		})
	}
	t.Run("a wait that is over returns the job as it was last seen", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if j, err := states(t, job.Retrying).Wait(ctx, "the job"); !fault.Is(err, fault.Unavailable) || j.State != job.Retrying {
				t.Errorf("got %+v, %v", j, err)
			}
		})
	})
}
