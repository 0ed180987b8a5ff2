package config_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"acervo/internal/config"
)

// usual is the configuration that nobody changed.
func usual() config.ServeText {
	return config.ServeText{
		Addr: "127.0.0.1:8080", Data: "./data", BehindProxy: "false", Slots: "64", ImportSlots: "2", Grace: "20s",
		MaxAge: "24h", RateKey: "0", RateBook: "100",
		AccessText: config.AccessText{OIDCRoleClaim: "role", PublicRead: "true"},
	}
}

// flags are the flags that an error complains about, one a line.
func flags(err error) []string {
	if err == nil {
		return nil
	}
	var all []string
	for line := range strings.Lines(err.Error()) {
		flag, _, _ := strings.Cut(line, " ")
		all = append(all, flag)
	}
	return all
}

func TestParse(t *testing.T) {
	t.Parallel()
	t.Run("every text finds its place", func(t *testing.T) {
		t.Parallel()
		got, err := config.ServeText{
			Addr: "0.0.0.0:443", Data: "/srv", Key: "sixteen letters.", TLSCert: "c.pem", TLSKey: "k.pem",
			BehindProxy: "true", Slots: "1", ImportSlots: "3", Grace: "1m30s", MaxAge: "1h", RateKey: "3", RateBook: "4",
			AccessText: config.AccessText{
				OIDCIssuer: "https://id.example/", OIDCAudience: "acervo", OIDCJWKS: "https://id.example/keys", OIDCRoleClaim: "/a/b",
				PublicRead: "false", Origins: "https://a.example,http://b.example:81",
			},
		}.Parse()
		want := config.Serve{
			Addr: "0.0.0.0:443", Data: "/srv", Key: "sixteen letters.", TLSCert: "c.pem", TLSKey: "k.pem",
			BehindProxy: true, Slots: 1, ImportSlots: 3, Grace: 90 * time.Second, MaxAge: time.Hour, RateKey: 3, RateBook: 4,
			Access: config.Access{
				OIDC:    config.OIDC{Issuer: "https://id.example/", Audience: "acervo", JWKS: "https://id.example/keys", RoleClaim: "/a/b"},
				Origins: []string{"https://a.example", "http://b.example:81"},
			},
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("what nobody changed is right", func(t *testing.T) {
		t.Parallel()
		if got, err := usual().Parse(); err != nil || got.Slots != 64 || got.BehindProxy {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("every mistake is told at once, each by its flag", func(t *testing.T) {
		t.Parallel()
		_, err := config.ServeText{
			Addr: "nowhere", Key: "short", TLSKey: "k.pem", BehindProxy: "maybe", Slots: "many", ImportSlots: "0", Grace: "soon",
			MaxAge: "old", RateKey: "-1", RateBook: "few",
			AccessText: config.AccessText{OIDCIssuer: "me", OIDCJWKS: "ftp://x", PublicRead: "maybe", Origins: "everyone"},
		}.Parse()
		want := []string{
			"--behind-proxy", "--slots", "--import-slots", "--grace", "--max-age", "--rate-key", "--rate-book", "--addr", "--data", "--key", "--tls-cert",
			"--public-read", "--oidc-issuer", "--oidc-jwks", "--oidc-role-claim", "--origins",
		}
		if got := flags(err); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a key that is wrong is not repeated", func(t *testing.T) {
		t.Parallel()
		text := usual()
		text.Key = "hunter2"
		if _, err := text.Parse(); err == nil || strings.Contains(err.Error(), text.Key) {
			t.Errorf("got %v", err)
		}
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	slots := func(v string) func(*config.ServeText) { return func(t *config.ServeText) { t.Slots = v } }
	grace := func(v string) func(*config.ServeText) { return func(t *config.ServeText) { t.Grace = v } }
	key := func(v string) func(*config.ServeText) { return func(t *config.ServeText) { t.Key = v } }
	tls := func(cert, key string) func(*config.ServeText) {
		return func(t *config.ServeText) { t.TLSCert, t.TLSKey = cert, key }
	}
	oidc := func(issuer, audience, jwks string) func(*config.ServeText) {
		return func(t *config.ServeText) { t.OIDCIssuer, t.OIDCAudience, t.OIDCJWKS = issuer, audience, jwks }
	}
	origins := func(v string) func(*config.ServeText) { return func(t *config.ServeText) { t.Origins = v } }
	for _, c := range []struct {
		name   string
		change func(*config.ServeText)
		faults []string
	}{
		{"an issuer, its audience and its keys are taken", oidc("i", "a", "https://k.example"), nil},
		{"keys may come in the clear from this machine", oidc("i", "a", "http://127.0.0.1:1/k"), nil},
		{"and from nowhere else", oidc("i", "a", "http://k.example"), []string{"--oidc-jwks"}},
		{"an issuer without the rest is refused", oidc("i", "", ""), []string{"--oidc-issuer"}},
		{"keys without an issuer are refused", oidc("", "", "https://k.example"), []string{"--oidc-issuer"}},
		{"an audience is never left out", oidc("i", "", "https://k.example"), []string{"--oidc-issuer"}},
		{"an issuer has no spaces", oidc("i i", "a", "https://k.example"), []string{"--oidc-issuer"}},
		{"spaces around origins are spare", origins(" https://a.example , https://b.example,"), nil},
		{"every origin is no origin", origins("*"), []string{"--origins"}},
		{"no origin is none", origins("null"), []string{"--origins"}},
		{"an origin has no path", origins("https://a.example/"), []string{"--origins"}},
		{"an origin is in lower case, as browsers send it", origins("https://A.example"), []string{"--origins"}},
		{"each wrong origin is told", origins("a,https://a.example,b"), []string{"--origins", "--origins"}},
		{"one slot is enough", slots("1"), nil},
		{"a thousand slots are taken", slots("1000"), nil},
		{"no slot is too few", slots("0"), []string{"--slots"}},
		{"1001 slots are too many", slots("1001"), []string{"--slots"}},
		{"no number of slots is none", slots(""), []string{"--slots"}},
		{"ten minutes of grace are taken", grace("10m"), nil},
		{"more than ten minutes are too long", grace("10m0.001s"), []string{"--grace"}},
		{"no grace is too short", grace("0s"), []string{"--grace"}},
		{"grace has a unit", grace("20"), []string{"--grace"}},
		{"a negative grace is refused", grace("-1s"), []string{"--grace"}},
		{"a week is a great age", func(t *config.ServeText) { t.MaxAge = "168h" }, nil},
		{"a message is not kept longer", func(t *config.ServeText) { t.MaxAge = "168h1s" }, []string{"--max-age"}},
		{"no age would refuse everything", func(t *config.ServeText) { t.MaxAge = "0s" }, []string{"--max-age"}},
		{"no rate is no limit", func(t *config.ServeText) { t.RateKey, t.RateBook = "0", "0" }, nil},
		{"16 characters are a key", key(strings.Repeat("x", 16)), nil},
		{"15 characters are too few", key(strings.Repeat("x", 15)), []string{"--key"}},
		{"certificate and key together are taken", tls("c.pem", "k.pem"), nil},
		{"a certificate alone is refused", tls("c.pem", ""), []string{"--tls-cert"}},
		{"a key alone is refused", tls("", "k.pem"), []string{"--tls-cert"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := usual()
			c.change(&text)
			if _, err := text.Parse(); !slices.Equal(flags(err), c.faults) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOffLoopbackNeedsTLS(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]struct{ plain, proxied bool }{
		"127.0.0.1:8080":           {true, true},
		"127.9.9.9:1":              {true, true},
		"127.0.0.1:0":              {true, true},
		"127.0.0.1:65535":          {true, true},
		"[::1]:8080":               {true, true},
		"[::ffff:127.0.0.1]:8080":  {true, true},
		"localhost:8080":           {true, true},
		":8080":                    {false, true},
		"0.0.0.0:8080":             {false, true},
		"[::]:8080":                {false, true},
		"192.168.1.7:8080":         {false, true},
		"example.org:8080":         {false, true},
		"localhost.example.org:80": {false, true},
		"127.0.0.1.example.org:80": {false, true},
		"127.0.0.1":                {},
		"127.0.0.1:":               {},
		"127.0.0.1:65536":          {},
		"127.0.0.1:-1":             {},
		"127.0.0.1:http":           {},
		"::1:8080":                 {},
		"http://127.0.0.1:8080":    {},
		"127.0.0.1:8080:8080":      {},
		"":                         {},
	} {
		t.Run("on "+addr, func(t *testing.T) {
			t.Parallel()
			plain, tls, proxied := usual(), usual(), usual()
			plain.Addr, tls.Addr, proxied.Addr = addr, addr, addr
			tls.TLSCert, tls.TLSKey = "c.pem", "k.pem"
			proxied.BehindProxy = "true"
			for name, c := range map[string]struct {
				text config.ServeText
				ok   bool
			}{"plain HTTP": {plain, want.plain}, "TLS": {tls, want.proxied}, "behind a proxy": {proxied, want.proxied}} {
				_, err := c.text.Parse()
				if got := flags(err); (err == nil) != c.ok || !c.ok && !slices.Equal(got, []string{"--addr"}) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}
