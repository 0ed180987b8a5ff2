// Command covers is the door of the pictures on AWS: a Lambda that S3 tells of what was
// uploaded for a cover. It makes the renditions and sends the job that shows them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"acervo/internal/arrive"
	"acervo/internal/aws"
	"acervo/internal/config"
	"acervo/internal/cover"
	"acervo/internal/job"
)

// memory is the soft limit of the process, in bytes: a picture takes up to 300 MiB.
const memory = 400 << 20

func main() {
	if err := run(context.Background(), os.Args, os.Getenv, os.Stdout, lambda.Start); err != nil {
		fmt.Fprintln(os.Stderr, "covers:", err)
		os.Exit(1)
	}
}

// run is the whole program; its parameters are all that it takes from outside. Start
// takes the handler and does not return.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer, start func(any)) error {
	c, err := config.ParseCovers(args[1:], getenv, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	engines, err := aws.Open(ctx, aws.Place(c.AWS), aws.LaneOptions{})
	if err != nil {
		return err
	}
	defer engines.Close()
	debug.SetMemoryLimit(memory)
	start(handler{wire(c, engines, slog.New(slog.NewJSONHandler(os.Stderr, nil)))})
	return nil
}

// wire puts the maker of covers together.
func wire(c config.Covers, engines *aws.Engines, log *slog.Logger) *arrive.Router {
	store := engines.Store
	covers := &arrive.Covers{
		Ring: job.NewKeyring(time.Now, c.ReceiptKeys[0], c.ReceiptKeys[1:]...), Jobs: store.Jobs(), Books: store.Books(), Lane: engines.Writes,
		Objects: engines.Objects, Renderer: cover.New(), Now: time.Now, Log: log,
	}
	return &arrive.Router{Bucket: c.Bucket, Routes: []arrive.Route{{Prefix: job.Originals, Handler: covers}}, Log: log}
}

// handler is lambda.Handler. After an error Lambda tells of the event again, and at
// last puts it where its failures go.
type handler struct{ router *arrive.Router }

// Invoke is lambda.Handler's.
func (h handler) Invoke(ctx context.Context, event []byte) ([]byte, error) { //nolint:unparam // Lambda wants an answer
	return nil, h.router.Event(ctx, event)
}
