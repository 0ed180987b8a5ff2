// Command bench measures Acervo against plain peers in the same run and on the
// same disk, and prints each figure as a ratio, with its goal. It needs Linux:
// what a server costs is read from /proc.
//
// Every server is a process of its own, so that the load is not counted. Acervo
// and its peer take turns on fresh data, and a figure is the median over the
// pairs of turns, so that a disk or a neighbour that changes its mood changes
// both.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures, or is one of the programs that bench starts of itself: its role
// and its data directory are then the arguments.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	switch {
	case len(args) == 0:
		return measure(ctx, stdout)
	case len(args) == 2 && args[0] == rolePeer:
		return servePeer(ctx, args[1], stdout)
	case len(args) == 2 && args[0] == roleAccept:
		return serveParts(ctx, args[1], false, stdout)
	case len(args) == 2 && args[0] == roleApply:
		return serveParts(ctx, args[1], true, stdout)
	case len(args) == 2 && args[0] == roleRead:
		return serveCatalogue(ctx, args[1], stdout)
	case len(args) == 1 && args[0] == "covers":
		return measureCovers(ctx, stdout)
	case len(args) == 1 && args[0] == "shown":
		return measureShown(ctx, stdout)
	case len(args) == 2 && args[0] == rolePictures:
		return drawPictures(ctx, args[1])
	case len(args) > 0 && args[0] == "imports":
		return measureImports(ctx, args[1:], stdout)
	case len(args) == 2 && (args[0] == roleScan || args[0] == roleCSV):
		return serveReading(args[0], args[1], stdout)
	default:
		return fmt.Errorf("bench takes no arguments, or covers, shown, or imports [ROWS]")
	}
}
