// Package cli is the command line of Acervo: its commands, flags and help. Every
// flag can be given in the environment too.
package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	ucli "github.com/urfave/cli/v3"

	"acervo/internal/config"
)

// Doors are what the commands open.
type Doors struct {
	Serve func(ctx context.Context, c config.Serve) error
}

// Run runs the command that args name, args[0] being the program.
func Run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer, doors Doors) error {
	app := &ucli.Command{
		Name:           "acervo",
		Usage:          "a book catalogue service on one machine",
		Writer:         stdout,
		ErrWriter:      stdout,
		Commands:       []*ucli.Command{serve(getenv, doors), renditions(stdout)},
		Action:         noCommand,
		ExitErrHandler: func(context.Context, *ucli.Command, error) {}, // main decides how to exit
		OnUsageError:   usageError,
	}
	return app.Run(ctx, args)
}

// noCommand is what runs when no command is named, or one that there is not.
func noCommand(_ context.Context, cmd *ucli.Command) error {
	if cmd.Args().Present() {
		return fmt.Errorf("there is no command %q (see --help)", cmd.Args().First())
	}
	return ucli.ShowRootCommandHelp(cmd)
}

func usageError(_ context.Context, _ *ucli.Command, err error, _ bool) error {
	return fmt.Errorf("%w (see --help)", err)
}

func serve(getenv func(string) string, doors Doors) *ucli.Command {
	t := config.ServeText{BehindProxy: "false"}
	text := func(name, value, usage string, dest *string) *ucli.StringFlag {
		return &ucli.StringFlag{Name: name, Value: value, Usage: usage, Destination: dest, Sources: env(getenv, name)}
	}
	return &ucli.Command{
		Name:         "serve",
		Usage:        "serve the catalogue, its worker included, from one directory",
		OnUsageError: usageError,
		Flags: []ucli.Flag{
			text("addr", "127.0.0.1:8080", "listen on `HOST:PORT`", &t.Addr),
			text("data", "./data", "keep everything in `DIR`", &t.Data),
			text("key", "", "use `KEY` as the operator key instead of the generated one", &t.Key),
			text("tls-cert", "", "serve TLS with the certificate in `FILE` (PEM)", &t.TLSCert),
			text("tls-key", "", "the private key of the certificate, in `FILE` (PEM)", &t.TLSKey),
			&ucli.GenericFlag{
				Name: "behind-proxy", Value: (*toggle)(&t.BehindProxy), Sources: env(getenv, "behind-proxy"),
				Usage: "a proxy in front speaks TLS, so plain HTTP off loopback is meant",
			},
			text("slots", "64", "apply up to `N` writes at once", &t.Slots),
			text("grace", "20s", "finish what has begun within `TIME` after SIGTERM", &t.Grace),
			text("max-age", "24h", "refuse writes while the oldest one has waited longer than `TIME`", &t.MaxAge),
			text("rate-key", "0", "take `N` writes a second of one key, ten times that at once; 0 for no limit", &t.RateKey),
			text("rate-book", "100", "take `N` writes a second of one book, ten times that at once; 0 for no limit", &t.RateBook),
		},
		Action: func(ctx context.Context, cmd *ucli.Command) error {
			if cmd.Args().Present() {
				return fmt.Errorf("serve takes no arguments, only flags (see --help)")
			}
			c, err := t.Parse()
			if err != nil {
				return err
			}
			return doors.Serve(ctx, c)
		},
	}
}

// toggle is the text of a flag that may stand without a value, which means true.
// It is judged with the texts of the others.
type toggle string

// Set is ucli.Value's.
func (t *toggle) Set(text string) error { *t = toggle(text); return nil }

// String is ucli.Value's.
func (t *toggle) String() string { return string(*t) }

// Get is ucli.Value's.
func (t *toggle) Get() any { return string(*t) }

// IsBoolFlag lets the flag stand alone.
func (t *toggle) IsBoolFlag() bool { return true }

// envSource looks a flag up in the environment that the process was given.
type envSource struct {
	name   string
	getenv func(string) string
}

// env is the environment variable of a flag: ACERVO_ and its name.
func env(getenv func(string) string, flag string) ucli.ValueSourceChain {
	name := "ACERVO_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
	return ucli.NewValueSourceChain(&envSource{name, getenv})
}

// Lookup is ucli.ValueSource's; an empty variable counts as not set.
func (e *envSource) Lookup() (string, bool) {
	value := e.getenv(e.name)
	return value, value != ""
}

// String is ucli.ValueSource's.
func (e *envSource) String() string { return "environment variable " + e.name }

// GoString is ucli.ValueSource's.
func (e *envSource) GoString() string { return e.String() }

// IsFromEnv has the help name the variable.
func (e *envSource) IsFromEnv() bool { return true }

// Key is the variable that the help names.
func (e *envSource) Key() string { return e.name }
