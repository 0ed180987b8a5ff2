package cli

import (
	"strings"

	ucli "github.com/urfave/cli/v3"
)

// text is a flag that the environment can give too.
func (p program) text(name, value, usage string, dest *string) *ucli.StringFlag {
	return &ucli.StringFlag{Name: name, Value: value, Usage: usage, Destination: dest, Sources: env(p.getenv, name)}
}

// toggled is text whose flag may stand without a value, which means true.
func (p program) toggled(name, usage string, dest *string) *ucli.GenericFlag {
	return &ucli.GenericFlag{Name: name, Value: (*toggle)(dest), Usage: usage, Sources: env(p.getenv, name)}
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
