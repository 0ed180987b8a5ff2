package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"acervo/internal/cli"
	"acervo/internal/config"
)

// outcome is what a run of the command line came to.
type outcome struct {
	served *config.Serve // nil when the door stayed shut
	stdout string
	err    error
}

// run runs the command line with an environment of its own.
func run(t *testing.T, env map[string]string, args ...string) outcome {
	t.Helper()
	var o outcome
	var stdout bytes.Buffer
	getenv := func(name string) string { return env[name] }
	serve := func(_ context.Context, c config.Serve) error {
		o.served = &c
		return nil
	}
	o.err = cli.Run(t.Context(), append([]string{"acervo"}, args...), getenv, &stdout, cli.Doors{Serve: serve})
	o.stdout = stdout.String()
	return o
}

// options are the flags of serve, each with a value that is not its default.
func options() map[string]string {
	return map[string]string{
		"addr": "127.0.0.1:9", "data": "/srv", "key": "a key of one's own", "tls-cert": "c.pem", "tls-key": "k.pem",
		"behind-proxy": "true", "slots": "7", "import-slots": "7", "grace": "7s", "max-age": "7h", "rate-key": "8", "rate-book": "9",
		"oidc-issuer": "https://id.example", "oidc-audience": "acervo", "oidc-jwks": "https://id.example/keys",
		"oidc-role-claim": "/realm/roles", "public-read": "false", "origins": "https://a.example, http://b.example:8080",
	}
}

func changed() config.Serve {
	return config.Serve{
		Addr: "127.0.0.1:9", Data: "/srv", Key: "a key of one's own", TLSCert: "c.pem", TLSKey: "k.pem",
		BehindProxy: true, Slots: 7, ImportSlots: 7, Grace: 7 * time.Second, MaxAge: 7 * time.Hour, RateKey: 8, RateBook: 9,
		Access: config.Access{
			OIDC: config.OIDC{
				Issuer: "https://id.example", Audience: "acervo", JWKS: "https://id.example/keys", RoleClaim: "/realm/roles",
			},
			Origins: []string{"https://a.example", "http://b.example:8080"},
		},
	}
}

func variable(flag string) string {
	return "ACERVO_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func TestWhereOptionsComeFrom(t *testing.T) {
	t.Parallel()
	want := func(t *testing.T, o outcome, want config.Serve) {
		t.Helper()
		if o.err != nil || o.served == nil || !reflect.DeepEqual(*o.served, want) {
			t.Errorf("served %+v, %v", o.served, o.err)
		}
	}
	plain := config.Serve{
		Addr: "127.0.0.1:8080", Data: "./data", Slots: 64, ImportSlots: 2, Grace: 20 * time.Second, MaxAge: 24 * time.Hour, RateBook: 100,
		Access: config.Access{PublicRead: true, OIDC: config.OIDC{RoleClaim: "role"}},
	}
	t.Run("nothing said is the default", func(t *testing.T) {
		t.Parallel()
		want(t, run(t, nil, "serve"), plain)
	})
	t.Run("every option is a flag", func(t *testing.T) {
		t.Parallel()
		args := []string{"serve"}
		for flag, value := range options() {
			args = append(args, "--"+flag+"="+value)
		}
		want(t, run(t, nil, args...), changed())
	})
	t.Run("every option is in the environment", func(t *testing.T) {
		t.Parallel()
		env := map[string]string{}
		for flag, value := range options() {
			env[variable(flag)] = value
		}
		want(t, run(t, env, "serve"), changed())
	})
	t.Run("a flag goes before the environment", func(t *testing.T) {
		t.Parallel()
		env, args := map[string]string{}, []string{"serve"}
		for flag, value := range options() {
			env[variable(flag)] = "wrong"
			args = append(args, "--"+flag+"="+value)
		}
		want(t, run(t, env, args...), changed())
	})
	t.Run("a flag may be empty although the environment is not", func(t *testing.T) {
		t.Parallel()
		want(t, run(t, map[string]string{"ACERVO_KEY": "a key of one's own"}, "serve", "--key="), plain)
	})
	t.Run("an empty variable is as good as none", func(t *testing.T) {
		t.Parallel()
		env := map[string]string{}
		for flag := range options() {
			env[variable(flag)] = ""
		}
		want(t, run(t, env, "serve"), plain)
	})
	t.Run("a variable without the prefix is somebody else's", func(t *testing.T) {
		t.Parallel()
		want(t, run(t, map[string]string{"ADDR": "wrong", "DATA": "wrong", "KEY": "wrong"}, "serve"), plain)
	})
	t.Run("--behind-proxy=false undoes the environment", func(t *testing.T) {
		t.Parallel()
		want(t, run(t, map[string]string{"ACERVO_BEHIND_PROXY": "true"}, "serve", "--behind-proxy=false"), plain)
	})
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	t.Run("every mistake is told at once, wherever it was made", func(t *testing.T) {
		t.Parallel()
		env := map[string]string{"ACERVO_SLOTS": "many", "ACERVO_BEHIND_PROXY": "maybe", "ACERVO_KEY": "short"}
		o := run(t, env, "serve", "--addr", "nowhere", "--data=", "--grace", "soon", "--tls-cert", "c.pem")
		if o.err == nil || o.served != nil {
			t.Fatalf("served %+v, %v", o.served, o.err)
		}
		for _, flag := range []string{"--addr", "--data", "--key", "--tls-cert", "--behind-proxy", "--slots", "--grace"} {
			if n := strings.Count(o.err.Error(), flag+" "); n != 1 {
				t.Errorf("%s is told %d times: %v", flag, n, o.err)
			}
		}
	})
	for name, c := range map[string]struct {
		args []string
		tell string
	}{
		"an unknown flag":             {[]string{"serve", "--colour", "red"}, "-colour"},
		"an unknown flag of the root": {[]string{"--colour"}, "-colour"},
		"a flag without its value":    {[]string{"serve", "--slots"}, "--slots"},
		"an argument":                 {[]string{"serve", "now"}, "no arguments"},
		"an argument after --":        {[]string{"serve", "--", "--slots=1"}, "no arguments"},
		"an unknown command":          {[]string{"destroy"}, `no command "destroy"`},
		"help for what there is not":  {[]string{"help", "nonsense"}, "nonsense"},
		"completion for no shell":     {[]string{"completion", "foo"}, `no command "foo"`},
		"a limit that is no number":   {[]string{"book", "list", "--limit", "x"}, `"x" for flag -limit: it takes a whole number from 0 to`},
		"a limit with a fraction":     {[]string{"imports", "list", "--limit", "1.5"}, "-limit: it takes a whole number from 0 to"},
		"a limit below zero":          {[]string{"dead", "list", "--limit=-5"}, "-limit: it takes a whole number from 0 to"},
		"a limit beyond all":          {[]string{"dead", "list", "--limit", "99999999999999999999"}, "-limit: it takes a whole number from 0 to"},
		"orders about none":           {[]string{"dead", "retry", "--all", "--limit", "0"}, "-limit: it takes a whole number from 1 to"},
		"a version of zero":           {[]string{"book", "rm", "x", "--if-version", "0"}, "-if-version: it takes a whole number from 1 to"},
	} {
		t.Run(name+" is refused and shows the way to the help", func(t *testing.T) {
			t.Parallel()
			o := run(t, nil, c.args...)
			if o.err == nil || !strings.Contains(o.err.Error(), c.tell) || !strings.Contains(o.err.Error(), "--help") || o.served != nil {
				t.Errorf("served %+v, %v", o.served, o.err)
			}
			if o.stdout != "" {
				t.Errorf("it printed %q", o.stdout)
			}
			if code := cli.ExitCode(o.err); code != 2 || strings.Contains(o.err.Error(), "strconv") {
				t.Errorf("it ends with %d: %v", code, o.err)
			}
		})
	}
	t.Run("what the door says is what comes back", func(t *testing.T) {
		t.Parallel()
		want := errors.New("the port is taken")
		doors := cli.Doors{Serve: func(context.Context, config.Serve) error { return want }}
		var stdout bytes.Buffer
		err := cli.Run(t.Context(), []string{"acervo", "serve"}, func(string) string { return "" }, &stdout, doors)
		if !errors.Is(err, want) || stdout.Len() > 0 {
			t.Errorf("got %v, printed %q", err, stdout.String())
		}
	})
}

func TestHelp(t *testing.T) {
	t.Parallel()
	t.Run("that of serve lists every option, its variable and its default", func(t *testing.T) {
		t.Parallel()
		for _, args := range [][]string{{"serve", "--help"}, {"serve", "-h"}, {"help", "serve"}} {
			o := run(t, nil, args...)
			if o.err != nil || o.served != nil {
				t.Errorf("served %+v, %v", o.served, o.err)
			}
			for flag := range options() {
				if !strings.Contains(o.stdout, "--"+flag+" ") || !strings.Contains(o.stdout, "[$"+variable(flag)+"]") {
					t.Errorf("%s is not in %s", flag, o.stdout)
				}
			}
			for _, value := range []string{"127.0.0.1:8080", "./data", "false", "64", "20s", "24h", "100"} {
				if !strings.Contains(o.stdout, value) {
					t.Errorf("the default %s is not in %s", value, o.stdout)
				}
			}
			if lines := strings.Count(o.stdout, "[$ACERVO_"); lines != len(options()) {
				t.Errorf("it lists %d options, this test knows %d", lines, len(options()))
			}
		}
	})
	t.Run("it never shows the key of the environment", func(t *testing.T) {
		t.Parallel()
		const key = "a key of one's own"
		if o := run(t, map[string]string{"ACERVO_KEY": key}, "serve", "--help"); strings.Contains(o.stdout, key) {
			t.Errorf("it shows the key: %s", o.stdout)
		}
	})
	t.Run("that of the program lists the commands, also when none is given", func(t *testing.T) {
		t.Parallel()
		for _, args := range [][]string{{}, {"--help"}, {"-h"}, {"help"}} {
			if o := run(t, nil, args...); o.err != nil || o.served != nil || !strings.Contains(o.stdout, "serve ") {
				t.Errorf("%q: served %+v, %v: %s", args, o.served, o.err, o.stdout)
			}
		}
	})
}

func TestCheckOfAServerThatIsNotReady(t *testing.T) {
	t.Parallel()
	sick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"status":"not ready","checks":{"worker":"failing","store":"ok","lane\u001b":"failing"}}`)
	}))
	t.Cleanup(sick.Close)
	doors := cli.Doors{
		Local:   func(string) (string, string, error) { return sick.URL, "", nil },
		Inspect: func(context.Context, string) []cli.Finding { return []cli.Finding{{What: "database", OK: true}} },
	}
	var stdout bytes.Buffer
	err := cli.Run(t.Context(), []string{"acervo", "check"}, func(string) string { return "" }, &stdout, doors)
	if cli.ExitCode(err) != 1 || !strings.Contains(stdout.String(), `not ready: lane\u001b, worker.`) {
		t.Errorf("%v\n%s", err, stdout.String())
	}
}
