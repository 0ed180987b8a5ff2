package client_test

import (
	"net/http"
	"strings"
	"testing"

	"acervo/internal/client"
	"acervo/internal/fault"
)

func TestPictures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, url, at, key string }{
		{"one of the server is asked for with the key", "/covers/x/96.jpg", "http://books.test/base/covers/x/96.jpg", "Bearer the key"},
		{"so is one that tells the whole address of the server", "http://books.test/base/covers/x/96.jpg", "http://books.test/base/covers/x/96.jpg", "Bearer the key"},
		{"one that lies elsewhere never sees the key", "https://cdn.test/a/covers/x/96.jpg?v=1", "https://cdn.test/a/covers/x/96.jpg?v=1", ""},
		{"nor does one that lies there without a scheme", "http://books.test:81/covers/x/96.jpg", "http://books.test:81/covers/x/96.jpg", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got *http.Request
			books := to(t, func(w http.ResponseWriter, r *http.Request) { got = r; _, _ = w.Write([]byte("a picture")) })
			b, err := books.Picture(t.Context(), client.Rendition{URL: c.url})
			if err != nil || string(b) != "a picture" || got.URL.String() != c.at || got.Header.Get("Authorization") != c.key {
				t.Errorf("got %q, %v from %s with %v", b, err, got.URL, got.Header)
			}
		})
	}
	for _, url := range []string{"", "file:///etc/passwd", "ftp://books.test/covers/x/96.jpg", "//books.test/covers/x/96.jpg", "http://%zz"} {
		t.Run("nothing is asked for at "+url, func(t *testing.T) {
			t.Parallel()
			books := to(t, func(http.ResponseWriter, *http.Request) { t.Error("it was asked for") })
			if _, err := books.Picture(t.Context(), client.Rendition{URL: url}); err == nil {
				t.Error("it was taken")
			}
		})
	}
	t.Run("one that is gone is not found", func(t *testing.T) {
		t.Parallel()
		books := to(t, func(w http.ResponseWriter, _ *http.Request) {
			problem(w, 404, `{"type":"/problems/not_found","title":"t","status":404}`)
		})
		if _, err := books.Picture(t.Context(), client.Rendition{URL: "/covers/x/96.jpg"}); !fault.Is(err, fault.NotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestCoversAreNamedByTheirOriginal(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("0a", 32)
	for url, want := range map[string]string{
		"/covers/" + hash + "/96.jpg":                         hash,
		"https://cdn.test/a/covers/" + hash + "/1200.jpg?x=1": hash,
		"/covers/" + hash[1:] + "/96.jpg":                     "",
		"/" + hash:                                            "",
		"":                                                    "",
		"%zz":                                                 "",
	} {
		c := &client.Cover{Renditions: []client.Rendition{{URL: "/covers/x/1.jpg"}, {URL: url}}}
		if got := c.SHA256(); got != want {
			t.Errorf("%q is named %q, want %q", url, got, want)
		}
	}
	if (*client.Cover)(nil).SHA256() != "" || (&client.Cover{}).SHA256() != "" {
		t.Error("none has a name")
	}
}

func TestAddressesAreWhole(t *testing.T) {
	t.Parallel()
	c := to(t, refuse(500, ""))
	for at, want := range map[string]string{
		"/covers/x/96.jpg":          "http://books.test/base/covers/x/96.jpg",
		"https://cdn.test/x/96.jpg": "https://cdn.test/x/96.jpg",
	} {
		if got := c.Address(at); got != want {
			t.Errorf("%s is at %s, want %s", at, got, want)
		}
	}
}
