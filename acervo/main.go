// Command acervo is the one-machine edition of Acervo: the API, the worker and
// the store in one process over one directory, and the command line.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"acervo/internal/cli"
	"acervo/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, os.Args, os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "acervo:", cli.Explain(err))
		os.Exit(cli.ExitCode(err))
	}
}

// run is the whole program; its parameters are all that it takes from outside.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	return cli.Run(ctx, args, getenv, stdout, cli.Doors{
		Serve:   func(ctx context.Context, c config.Serve) error { return serve(ctx, c, stdout) },
		Local:   local,
		Inspect: inspect,
		Backup:  backup,
		Restore: restore,
	})
}
