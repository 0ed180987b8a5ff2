package cli

import (
	"context"
	"errors"
	"strings"

	"acervo/internal/fault"
)

// The exit codes of every command.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitUnavailable = 4
	exitNotAllowed  = 5
	exitInterrupted = 130 // what shells make of Ctrl-C
)

// exitCodes is what the help says of them.
const exitCodes = `Exit codes: 0 done; 1 refused or failed; 2 wrong usage or configuration; 3 no such thing;
4 no server, or one that cannot do it now; 5 the key is missing, unknown or not allowed to;
130 interrupted.`

// ExitCode is the exit code that an error of Run stands for.
func ExitCode(err error) int {
	_, usage := errors.AsType[usageError](err)
	switch {
	case err == nil:
		return 0
	case usage:
		return exitUsage
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	switch fault.KindOf(err) {
	case fault.NotFound, fault.Gone:
		return exitNotFound
	case fault.Unavailable, fault.Throttled:
		return exitUnavailable
	case fault.Unauthorized, fault.Forbidden:
		return exitNotAllowed
	default:
		return exitFailed
	}
}

// Explain is an error of Run in words for a terminal: one line, and one more for
// each field at fault.
func Explain(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	var b strings.Builder
	fields, _ := errors.AsType[*fault.Error](err)
	if fields == nil || len(fields.Fields) == 0 {
		for i, line := range strings.Split(err.Error(), "\n") { // mistakes in a configuration have a line each
			if i > 0 {
				b.WriteString("\n  ")
			}
			b.WriteString(safe(line))
		}
		return b.String()
	}
	b.WriteString(safe(fields.Detail))
	for _, f := range fields.Fields {
		b.WriteString("\n  ")
		if f.Pointer != "" { // without one the whole is at fault
			b.WriteString(safe(f.Pointer) + ": ")
		}
		b.WriteString(safe(f.Detail))
	}
	return b.String()
}
