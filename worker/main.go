// Command worker is the door of the worker on AWS: it takes writes off SQS and
// applies them to DynamoDB. Any number of them share the lane.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"acervo/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, os.Args, os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

// run is the whole program; its parameters are all that it takes from outside.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	c, err := config.ParseWorker(args[1:], getenv, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	return tuning{}.serve(ctx, c, stdout)
}
