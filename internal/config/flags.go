package config

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// option is one setting as it was typed: a flag, and a variable of the environment
// of the same name with ACERVO_ before it.
type option struct {
	name, value, usage string
	text               *string
	toggle             bool // a flag that may stand without a value, which means true
}

// read sets the options: a flag counts for more than the environment, and that for
// more than the value here. It returns flag.ErrHelp after printing the help.
func read(program string, options []option, args []string, getenv func(string) string, stdout io.Writer) error {
	set := flag.NewFlagSet(program, flag.ContinueOnError)
	set.SetOutput(io.Discard) // whoever gets the error says it
	set.Usage = func() { help(stdout, program, options) }
	for _, o := range options {
		*o.text = o.value
		if given := getenv(variable(o.name)); given != "" {
			*o.text = given
		}
		take := func(text string) error { *o.text = text; return nil }
		if o.toggle {
			set.BoolFunc(o.name, o.usage, take)
		} else {
			set.Func(o.name, o.usage, take)
		}
	}
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("%s takes no arguments, only flags (see --help)", program)
	}
	return nil
}

func variable(name string) string {
	return "ACERVO_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

func help(stdout io.Writer, program string, options []option) {
	fmt.Fprintf(stdout, "Usage: %s [--FLAG VALUE]...\n\n", program)
	for _, o := range options {
		fmt.Fprintf(stdout, "  --%s, %s\n      %s", o.name, variable(o.name), o.usage)
		if o.value != "" {
			fmt.Fprintf(stdout, " (%s unless given)", o.value)
		}
		fmt.Fprintln(stdout)
	}
}
