package config_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"flag"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"acervo/internal/config"
	"acervo/internal/job"
)

// secret is a key that signs receipts, 32 times the same letter.
func secret(letter string) []byte { return []byte(strings.Repeat(letter, 32)) }

func text(key []byte) string { return base64.StdEncoding.EncodeToString(key) }

// environment looks variables up in a list of name, value, and so on.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for pair := range slices.Chunk(pairs, 2) {
			if pair[0] == name {
				return pair[1]
			}
		}
		return ""
	}
}

// needed are the variables without which the API does not start.
func needed() []string {
	return []string{"ACERVO_KEY", "sixteen letters.", "ACERVO_RECEIPT_KEYS", text(secret("a"))}
}

func TestParseAPI(t *testing.T) {
	t.Parallel()
	t.Run("what nobody changed is right, but for the keys, which are needed", func(t *testing.T) {
		t.Parallel()
		got, err := config.ParseAPI(nil, environment(needed()...), io.Discard)
		want := config.API{
			AWS:  config.AWS{Prefix: "acervo-", Bucket: "acervo-objects"},
			Addr: "127.0.0.1:8080", Key: "sixteen letters.", ReceiptKeys: []job.Key{{Secret: secret("a")}},
			Grace: 20 * time.Second, MaxAge: 24 * time.Hour, RateBook: 100,
			Access: config.Access{PublicRead: true, OIDC: config.OIDC{RoleClaim: "role"}},
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v", got, err)
		}
		_, err = config.ParseAPI(nil, environment(), io.Discard)
		if got := flags(err); !slices.Equal(got, []string{"--receipt-keys", "--key"}) {
			t.Errorf("without keys the mistakes are %q", got)
		}
	})
	t.Run("every variable finds its place", func(t *testing.T) {
		t.Parallel()
		got, err := config.ParseAPI(nil, environment(
			"ACERVO_REGION", "eu-west-1", "ACERVO_DYNAMODB_ENDPOINT", "http://a:1", "ACERVO_SQS_ENDPOINT", "https://b",
			"ACERVO_S3_ENDPOINT", "http://c", "ACERVO_BUCKET", "shelf",
			"ACERVO_PREFIX", "test_", "ACERVO_WRITES_URL", "https://b/writes", "ACERVO_ADDR", "0.0.0.0:80",
			"ACERVO_BEHIND_PROXY", "true", "ACERVO_KEY", "sixteen letters.", "ACERVO_GRACE", "1m", "ACERVO_MAX_AGE", "2h",
			"ACERVO_RATE_KEY", "3", "ACERVO_RATE_BOOK", "4", "ACERVO_COVER_BASE", "https://d.example/",
			"ACERVO_OIDC_ISSUER", "https://id.example", "ACERVO_OIDC_AUDIENCE", "acervo", "ACERVO_OIDC_JWKS", "https://id.example/keys",
			"ACERVO_OIDC_ROLE_CLAIM", "/roles", "ACERVO_PUBLIC_READ", "false", "ACERVO_ORIGINS", "https://a.example",
			"ACERVO_RECEIPT_KEYS", text(secret("a"))+", "+text(secret("b"))+"@2026-01-31T12:00:00Z",
		), io.Discard)
		want := config.API{
			AWS: config.AWS{
				Region: "eu-west-1", DynamoDBEndpoint: "http://a:1", SQSEndpoint: "https://b", S3Endpoint: "http://c",
				Prefix: "test_", Bucket: "shelf", WritesURL: "https://b/writes",
			},
			Addr: "0.0.0.0:80", Key: "sixteen letters.", Grace: time.Minute, MaxAge: 2 * time.Hour, RateKey: 3, RateBook: 4,
			CoverBase: "https://d.example",
			ReceiptKeys: []job.Key{
				{Secret: secret("a")}, {Secret: secret("b"), RetiredAt: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)},
			},
			Access: config.Access{
				OIDC:    config.OIDC{Issuer: "https://id.example", Audience: "acervo", JWKS: "https://id.example/keys", RoleClaim: "/roles"},
				Origins: []string{"https://a.example"},
			},
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("a flag counts for more than a variable, and may stand alone where it says yes", func(t *testing.T) {
		t.Parallel()
		got, err := config.ParseAPI([]string{"--create", "--rate-key", "5"},
			environment(append(needed(), "ACERVO_RATE_KEY", "6", "ACERVO_CREATE", "false")...), io.Discard)
		if err != nil || got.RateKey != 5 || !got.Create {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("every mistake is told at once, each by its flag", func(t *testing.T) {
		t.Parallel()
		_, err := config.ParseAPI(nil, environment(
			"ACERVO_DYNAMODB_ENDPOINT", "localhost:8000", "ACERVO_SQS_ENDPOINT", "ftp://b", "ACERVO_WRITES_URL", "writes.fifo",
			"ACERVO_S3_ENDPOINT", "s3", "ACERVO_COVER_BASE", "d.example", "ACERVO_BUCKET", "A/b", "ACERVO_PREFIX", "a b", "ACERVO_CREATE", "perhaps", "ACERVO_ADDR", "nowhere", "ACERVO_BEHIND_PROXY", "maybe",
			"ACERVO_KEY", "short", "ACERVO_RECEIPT_KEYS", "short", "ACERVO_GRACE", "soon", "ACERVO_MAX_AGE", "old",
			"ACERVO_RATE_KEY", "-1", "ACERVO_RATE_BOOK", "few",
		), io.Discard)
		want := []string{
			"--addr", "--behind-proxy", "--bucket", "--cover-base", "--create", "--dynamodb-endpoint", "--grace", "--key", "--max-age", "--prefix",
			"--rate-book", "--rate-key", "--receipt-keys", "--s3-endpoint", "--sqs-endpoint", "--writes-url",
		}
		if got := flags(err); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("off loopback it has to be told that a load balancer is in front", func(t *testing.T) {
		t.Parallel()
		_, err := config.ParseAPI([]string{"--addr", "0.0.0.0:8080"}, environment(needed()...), io.Discard)
		if got := flags(err); !slices.Equal(got, []string{"--addr"}) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("what it does not know is refused, and help lists what it knows", func(t *testing.T) {
		t.Parallel()
		for _, args := range [][]string{{"--slots", "3"}, {"serve"}} {
			if _, err := config.ParseAPI(args, environment(needed()...), io.Discard); err == nil {
				t.Errorf("%q is taken", args)
			}
		}
		var help bytes.Buffer
		_, err := config.ParseAPI([]string{"--help"}, environment(), &help)
		if !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "--max-age, ACERVO_MAX_AGE") {
			t.Errorf("got %v and\n%s", err, help.String())
		}
	})
}

func TestReceiptKeys(t *testing.T) {
	t.Parallel()
	a, b := text(secret("a")), text(secret("b"))
	for name, keys := range map[string]string{
		"a key of another size":            text([]byte("short")),
		"what is not base64":               "?" + a[1:],
		"a current key that was retired":   a + "@2026-01-31T12:00:00Z",
		"a second key that has no time":    a + "," + b,
		"a time that is none":              a + "," + b + "@yesterday",
		"a comma with nothing behind":      a + ",",
		"keys that are joined by a space":  a + " " + b,
		"a retired key of another size":    a + "," + text([]byte("short")) + "@2026-01-31T12:00:00Z",
		"a time without the key before it": a + ",@2026-01-31T12:00:00Z",
	} {
		t.Run(name+" is a mistake that shows no key", func(t *testing.T) {
			t.Parallel()
			_, err := config.ParseAPI([]string{"--receipt-keys", keys}, environment(needed()...), io.Discard)
			if err == nil || strings.Contains(err.Error(), a) || strings.Contains(err.Error(), b) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestParseWorker(t *testing.T) {
	t.Parallel()
	t.Run("what nobody changed is right, but for the keys of receipts, which are needed", func(t *testing.T) {
		t.Parallel()
		got, err := config.ParseWorker(nil, environment(needed()...), io.Discard)
		want := config.Worker{
			AWS: config.AWS{Prefix: "acervo-", Bucket: "acervo-objects"}, Addr: "127.0.0.1:8081", ReceiptKeys: []job.Key{{Secret: secret("a")}},
			Lease: 30 * time.Second, Slots: 64, ImportSlots: 4, Grace: 20 * time.Second,
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v", got, err)
		}
		_, err = config.ParseWorker(nil, environment(), io.Discard)
		if got := flags(err); !slices.Equal(got, []string{"--receipt-keys"}) {
			t.Errorf("without keys the mistakes are %q", got)
		}
	})
	t.Run("its health may be told off loopback", func(t *testing.T) {
		t.Parallel()
		if _, err := config.ParseWorker([]string{"--addr", "0.0.0.0:8081"}, environment(needed()...), io.Discard); err != nil {
			t.Error(err)
		}
	})
	t.Run("every mistake is told at once, each by its flag", func(t *testing.T) {
		t.Parallel()
		_, err := config.ParseWorker(nil, environment(
			"ACERVO_ADDR", "nowhere", "ACERVO_LEASE", "1500ms", "ACERVO_SLOTS", "0", "ACERVO_IMPORT_SLOTS", "x", "ACERVO_GRACE", "-1s", "ACERVO_PREFIX", ".",
		), io.Discard)
		want := []string{"--addr", "--grace", "--import-slots", "--lease", "--prefix", "--receipt-keys", "--slots"}
		if got := flags(err); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a queue is either named or made", func(t *testing.T) {
		t.Parallel()
		_, err := config.ParseWorker([]string{"--create", "--writes-url", "https://b/writes"}, environment(needed()...), io.Discard)
		if got := flags(err); !slices.Equal(got, []string{"--create"}) {
			t.Errorf("got %q", got)
		}
	})
}
