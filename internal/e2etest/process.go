package e2etest

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Output gathers what a process prints.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write is io.Writer's.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String is all that was printed.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Process is a run of a program.
type Process struct {
	Stdout, Stderr Output
	Exited         chan struct{} // closed when it has
	// Troubled expects the process to log errors: what it depends on fails now and then.
	Troubled bool

	t   *testing.T
	cmd *exec.Cmd
}

// Launch runs a program with arguments and, of the variables named ACERVO_, only
// those in env. The process ends with the test at the latest.
func Launch(t *testing.T, program string, env []string, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, cmd: exec.CommandContext(t.Context(), program, args...), Exited: make(chan struct{})}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ACERVO_") {
			p.cmd.Env = append(p.cmd.Env, v)
		}
	}
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.Stdout, &p.Stderr
	if _, err := p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.Exited)
		_ = p.cmd.Wait() // the state of the process says it all
	}()
	t.Cleanup(p.Kill)
	return p
}

// Greeting waits for what the process prints behind a label, and returns it. A
// process that ends before that fails the test.
func (p *Process) Greeting(label string) string {
	p.t.Helper()
	for deadline := time.After(Patience); ; {
		if _, rest, found := strings.Cut(p.Stdout.String(), label); found {
			if line, _, whole := strings.Cut(rest, "\n"); whole {
				return strings.TrimSpace(line)
			}
		}
		select {
		case <-time.After(time.Millisecond):
			continue
		case <-p.Exited:
		case <-deadline:
		}
		p.t.Fatalf("the process did not print %q:\n%s%s", label, p.Stdout.String(), p.Stderr.String())
	}
}

// Wait returns the exit code of a process that is about to end, -1 for one that
// was killed.
func (p *Process) Wait() int {
	p.t.Helper()
	select {
	case <-p.Exited:
	case <-time.After(Patience):
		_ = p.cmd.Process.Kill()
		<-p.Exited
		p.t.Errorf("the process did not end within %s", Patience)
	}
	for line := range strings.Lines(p.Stderr.String()) {
		if isTrouble(line, p.Troubled) {
			p.t.Errorf("the process logged trouble, %s\nin\n%s", line, p.Stderr.String())
			break
		}
	}
	return p.cmd.ProcessState.ExitCode()
}

// isTrouble reports whether a server that does well would not log this.
func isTrouble(line string, expected bool) bool {
	return strings.Contains(line, "DATA RACE") || strings.Contains(line, "panic") ||
		!expected && strings.Contains(line, `"level":"ERROR"`)
}

// Kill is kill -9.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails when it has ended already
	p.Wait()
}

// Terminate is SIGTERM.
func (p *Process) Terminate() int {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	return p.Wait()
}

// Pause stops the process for a while, then lets it go on.
func (p *Process) Pause(d time.Duration) {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	<-time.After(d)
	p.signal(syscall.SIGCONT)
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

func (p *Process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Error(err)
	}
}
