package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// benchKey is the operator key of every server here.
const benchKey = "bench-operator-key"

// The programs that bench is itself: servers, and the one that draws.
const (
	rolePeer     = "peer"     // see peer
	roleRead     = "read"     // see catalogue
	roleAccept   = "accept"   // Acervo without its worker
	roleApply    = "apply"    // Acervo that answers once it has applied
	rolePictures = "pictures" // see drawPictures
)

// process is a server under measurement.
type process struct {
	cmd   *exec.Cmd
	dir   string // its data, removed with it
	addr  string
	ready time.Duration // from its start to its first good answer
}

// launch starts a server on fresh data and waits until it is ready.
func launch(ctx context.Context, exe string, args func(dir string) []string) (*process, error) {
	dir, err := os.MkdirTemp("", "acervo-bench-")
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, exe, args(dir)...), dir: dir}
	p.cmd.Env = append(os.Environ(), "ACERVO_KEY="+benchKey)
	p.cmd.Stderr = os.Stderr
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 10 * time.Second
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if err := p.await(ctx, out); err != nil {
		p.stop()
		return nil, fmt.Errorf("%s %s: %w", exe, p.cmd.Args[1], err)
	}
	p.ready = time.Since(began)
	return p, nil
}

// await reads the address that the server prints and asks until it is ready.
func (p *process) await(ctx context.Context, out io.ReadCloser) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = out.Close() })() // else one that prints nothing is read for ever
	lines := bufio.NewScanner(out)
	for p.addr == "" && lines.Scan() {
		_, p.addr, _ = strings.Cut(lines.Text(), "http://")
	}
	if p.addr == "" {
		return errors.New("it printed no address")
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	for {
		_, err := p.ask(ctx, "/readyz")
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// stop ends the server and removes its data.
func (p *process) stop() {
	_ = p.cmd.Cancel()
	_ = p.cmd.Wait() // how it ends is not measured
	_ = os.RemoveAll(p.dir)
}

// cpu is the processor time that the process and its children have used, to 10 ms:
// a server in Python works in a child.
func (p *process) cpu() (time.Duration, error) {
	pid := strconv.Itoa(p.cmd.Process.Pid)
	children, err := os.ReadFile(p.proc("task/" + pid + "/children"))
	if err != nil {
		return 0, err
	}
	var all time.Duration
	for _, pid := range append(strings.Fields(string(children)), pid) {
		one, err := cpuOf(pid)
		if err != nil {
			return 0, err
		}
		all += one
	}
	return all, nil
}

// cpuOf is the time of one process (proc(5): fields 14 and 15 of stat, in ticks
// of which Linux shows a hundred a second).
func cpuOf(pid string) (time.Duration, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // the name before may hold spaces
	fields := strings.Fields(string(rest))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("unreadable stat: %s", stat)
	}
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}

// memory is a size that the kernel keeps of the process, in MiB: VmRSS now,
// VmHWM at its highest.
func (p *process) memory(name string) (float64, error) {
	status, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == name+":" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("no %s in %s", name, status)
}

func (p *process) proc(file string) string {
	return filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), file)
}

// commits is the number of transactions committed so far, from SQLite's own
// count: the third word of the wal-index (sqlite.org/walformat.html, 2.1).
func (p *process) commits() (int, error) {
	found, _ := filepath.Glob(filepath.Join(p.dir, "*.db-shm"))
	if len(found) != 1 {
		return 0, fmt.Errorf("there are %d wal-indexes in %s", len(found), p.dir)
	}
	index, err := os.Open(found[0])
	if err != nil {
		return 0, err
	}
	defer index.Close()
	var word [4]byte
	_, err = index.ReadAt(word[:], 8)
	return int(binary.NativeEndian.Uint32(word[:])), err
}
