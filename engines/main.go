// Command engines runs a command against engines that stand in for AWS, which
// others wrote: DynamoDB Local for tables, ministack for queues, versitygw for objects.
//
//	go run ./engines go test ./internal/aws
//
// installs them on first use into .engines, starts them on free ports of
// loopback, runs the command with where they are in its environment, and stops
// them however it ends. Without a command it says where they are and keeps them
// running until Ctrl-C. It needs a Java development kit (17), Maven and
// Python (3.11).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
)

const (
	region    = "us-east-1"
	accessKey = "engines" // and its secret
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code, err := run(ctx, dir, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "engines:", err)
		code = 1
	}
	os.Exit(code)
}

// run is the whole program; its code is the command's.
func run(ctx context.Context, dir string, command []string, stdout io.Writer) (code int, err error) {
	at, err := install(ctx, dir, stdout)
	if err != nil {
		return 0, err
	}
	data, err := os.MkdirTemp("", "acervo-engines-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	var started []*running
	defer func() {
		for _, r := range started {
			r.stop()
		}
	}()
	// Only versitygw looks at the key, and the SDK wants one.
	environment := []string{"AWS_REGION=" + region, "AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + accessKey}
	for _, e := range engines() {
		r, err := e.start(ctx, at, data)
		if err != nil {
			return 0, err
		}
		started = append(started, r)
		fmt.Fprintln(stdout, r)
		for _, variable := range e.variables {
			environment = append(environment, variable+"="+r.url)
		}
	}
	if len(command) == 0 {
		fmt.Fprintf(stdout, "\nexport %s\n\nStop them with Ctrl-C\n", strings.Join(environment, "\nexport "))
		<-ctx.Done()
		return 0, nil
	}
	cmd := owned(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdout, cmd.Stderr = stdout, os.Stderr
	err = cmd.Run()
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) && ended.Exited() {
		return ended.ExitCode(), nil // what it had to say, it has said
	}
	return 0, err
}
