// Package cli is the command line of Acervo: its commands, flags and help. Every
// flag of a server can be given in the environment too.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	ucli "github.com/urfave/cli/v3"

	"acervo/internal/config"
)

// Doors are what the commands open on this machine.
type Doors struct {
	// Serve runs the server of a directory.
	Serve func(ctx context.Context, c config.Serve) error
	// Local finds the server that runs over a directory, and its operator key,
	// which is empty when there is none in the directory.
	Local func(dir string) (url, key string, err error)
	// Inspect looks at a directory and at the database in it.
	Inspect func(ctx context.Context, dir string) []Finding
	// Backup writes what a directory holds to a new file, whether a server runs over it or not.
	Backup func(ctx context.Context, dir, file string) error
	// Restore makes a directory of such a file.
	Restore func(ctx context.Context, file, dir string) error
}

// Finding is one thing that a check looked at.
type Finding struct {
	What   string `json:"what"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// program is what the commands share.
type program struct {
	getenv func(string) string
	stdout io.Writer
	doors  Doors
}

// Run runs the command that args name, args[0] being the program. ExitCode and
// Explain tell what to make of its error.
func Run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer, doors Doors) error {
	p := program{getenv, stdout, doors}
	app := &ucli.Command{
		Name:                  "acervo",
		Usage:                 "a book catalogue service on one machine",
		Description:           exitCodes,
		Writer:                stdout,
		ErrWriter:             stdout,
		EnableShellCompletion: true,
		Commands: []*ucli.Command{
			p.serve(), p.check(), p.book(), p.job(), p.queue(), p.dead(), p.key(),
			p.backup(), p.restore(), p.export(), p.importFile(), p.imports(), p.sample(), p.cover(),
		},
		Action:         noCommand,
		ExitErrHandler: func(context.Context, *ucli.Command, error) {}, // main decides how to exit
		OnUsageError:   onUsageError,
		ConfigureShellCompletionCommand: func(c *ucli.Command) {
			c.Hidden, c.OnUsageError, c.Action = false, onUsageError, noCommand
			c.Usage = "print the completion script of a shell, such as: source <(acervo completion bash)"
		},
	}
	err := app.Run(ctx, args)
	if exit, ok := errors.AsType[ucli.ExitCoder](err); ok && exit.ExitCode() == noHelp {
		return wrongUsage("%w", err)
	}
	return err
}

// noHelp is the exit code with which the library tells that it knows no help of a name.
const noHelp = 3

// noCommand is what runs when no command is named, or one that there is not.
func noCommand(_ context.Context, cmd *ucli.Command) error {
	if cmd.Args().Present() {
		return wrongUsage("there is no command %q", cmd.Args().First())
	}
	if cmd.Root() == cmd {
		return ucli.ShowRootCommandHelp(cmd)
	}
	return ucli.ShowSubcommandHelp(cmd)
}

// leaf is a command that does something. Its arguments are named in the usage: as
// many as there are words, more when the last one ends in three dots, and words in
// brackets may be left out.
func leaf(name, usage, arguments string, flags []ucli.Flag, do ucli.ActionFunc) *ucli.Command {
	return &ucli.Command{
		Name: name, Usage: usage, ArgsUsage: arguments, Flags: flags, OnUsageError: onUsageError, HideHelpCommand: true,
		DisableSliceFlagSeparator: true, // names have commas
		Action: func(ctx context.Context, cmd *ucli.Command) error {
			words := strings.Fields(arguments)
			least, most := len(words), len(words)
			if most > 0 && strings.HasPrefix(words[most-1], "[") {
				least--
			}
			if most > 0 && strings.Contains(words[most-1], "...") {
				most = cmd.NArg()
			}
			switch n := cmd.NArg(); {
			case most == 0 && n > 0:
				return wrongUsage("%s takes no arguments, only flags", cmd.FullName())
			case n < least || n > most:
				return wrongUsage("%s takes %s", cmd.FullName(), arguments)
			}
			return do(ctx, cmd)
		},
	}
}

// usageError is an error of whoever typed the command.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func wrongUsage(format string, args ...any) error {
	return usageError{fmt.Errorf(format+" (see --help)", args...)}
}

func onUsageError(_ context.Context, _ *ucli.Command, err error, _ bool) error {
	return wrongUsage("%w", err)
}
