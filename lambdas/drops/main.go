// Command drops is the door of the splitter on AWS: a Lambda that S3 tells of what
// was put into the drop. It reads each file once and sends its chunks.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"acervo/internal/arrive"
	"acervo/internal/aws"
	"acervo/internal/config"
	"acervo/internal/drop"
	"acervo/internal/intake"
)

func main() {
	if err := run(context.Background(), os.Args, os.Getenv, os.Stdout, lambda.Start); err != nil {
		fmt.Fprintln(os.Stderr, "drops:", err)
		os.Exit(1)
	}
}

// run is the whole program; its parameters are all that it takes from outside. Start
// takes the handler and does not return.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer, start func(any)) error {
	c, err := config.ParseDrops(args[1:], getenv, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	engines, err := aws.Open(ctx, aws.Place(c), aws.LaneOptions{})
	if err != nil {
		return err
	}
	defer engines.Close()
	start(handler{wire(c, engines, slog.New(slog.NewJSONHandler(os.Stderr, nil)))})
	return nil
}

// wire puts the splitter together. A gzipped file is expanded in /tmp first, which
// has to have room for it.
func wire(c config.AWS, engines *aws.Engines, log *slog.Logger) *arrive.Router {
	drops := &arrive.Drops{
		Imports: &intake.Imports{Drops: engines.Store.Drops(), Objects: engines.Objects, Lane: engines.Imports, Now: time.Now}, Log: log,
	}
	return &arrive.Router{Bucket: c.Bucket, Routes: []arrive.Route{{Prefix: drop.Folder, Handler: drops}}, Log: log}
}

// handler is lambda.Handler. After an error Lambda tells of the event again, and at
// last puts it where its failures go.
type handler struct{ router *arrive.Router }

// Invoke is lambda.Handler's. It has nothing to say but whether it was done.
func (h handler) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	return []byte("null"), h.router.Event(ctx, event)
}
