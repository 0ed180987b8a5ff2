package cli

import (
	"fmt"
	"strconv"
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

// mostWhole is the most that a flag takes which takes a whole number: more than there are
// books, or versions of one.
const mostWhole = 1_000_000_000_000_000

// whole is the value of a flag that takes a whole number. The library's own would tell
// people what strconv thinks.
type whole struct{ n, least int64 }

// wholeFlag is a flag that takes a whole number, and is value when it is not given.
func wholeFlag(name string, value, least int64, usage string) ucli.Flag {
	return &ucli.GenericFlag{Name: name, Value: &whole{value, least}, Usage: usage}
}

// wholeOf is what such a flag says.
func wholeOf(cmd *ucli.Command, name string) int64 {
	n, _ := cmd.Value(name).(int64)
	return n
}

// Set is ucli.Value's.
func (w *whole) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < w.least || n > mostWhole {
		return fmt.Errorf("it takes a whole number from %d to %d", w.least, int64(mostWhole))
	}
	w.n = n
	return nil
}

// String is ucli.Value's.
func (w *whole) String() string { return strconv.FormatInt(w.n, 10) }

// Get is ucli.Value's.
func (w *whole) Get() any { return w.n }

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
