package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"acervo/internal/tabular"
)

// The readers of a list that bench is itself, each in a process of its own, so that
// its memory is its own too.
const (
	roleScan = "scan" // the splitter of imports
	roleCSV  = "csv"  // a bare pass of encoding/csv
)

const splitterRounds = 5

func splitterGoals(rows int) table {
	return table{
		{key: "split", name: fmt.Sprintf("splitter, %d rows", rows), unit: "MB/s", goal: 0.5},
		{key: "split isbn", name: "splitter, an ISBN in each row", unit: "MB/s", goal: 0.5},
		{key: "split peak", name: fmt.Sprintf("resident at most, peer: %d rows", rows/10), unit: "MiB", kind: atMost, goal: 1.25},
		{key: "split isbn peak", name: "the same with ISBNs", unit: "MiB", kind: atMost, goal: 1.25},
	}
}

// measureSplitter holds the splitter against a bare pass over the same files.
func measureSplitter(ctx context.Context, rows int, stdout io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "acervo-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	t := splitterGoals(rows)
	for _, isbns := range []bool{false, true} {
		key := map[bool]string{false: "split", true: "split isbn"}[isbns]
		few, many := filepath.Join(dir, "few.csv"), filepath.Join(dir, "many.csv")
		if err := errors.Join(writeList(few, 0, rows/10, isbns), writeList(many, 0, rows, isbns)); err != nil {
			return err
		}
		for range splitterRounds {
			ours, err := readIn(ctx, roleScan, many, rows)
			if err != nil {
				return err
			}
			peer, err := readIn(ctx, roleCSV, many, rows)
			if err != nil {
				return err
			}
			small, err := readIn(ctx, roleScan, few, rows/10)
			if err != nil {
				return err
			}
			t.add(key, ours.rate, peer.rate)
			t.add(key+" peak", ours.peak, small.peak)
		}
	}
	return t.print(stdout)
}

// reading is what one process found of a file: megabytes a second, and the most
// mebibytes that it had resident.
type reading struct{ rate, peak float64 }

func readIn(ctx context.Context, role, file string, rows int) (r reading, err error) {
	exe, err := os.Executable()
	if err != nil {
		return r, err
	}
	cmd := exec.CommandContext(ctx, exe, role, file)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	read := 0
	if err == nil {
		_, err = fmt.Sscan(string(out), &read, &r.rate, &r.peak)
	}
	if err == nil && read != rows {
		err = fmt.Errorf("%s reads %d rows", role, read)
	}
	return r, err
}

// serveReading reads a file in a role and prints what it cost.
func serveReading(role, path string, stdout io.Writer) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	began := time.Now()
	var rows int64
	if role == roleScan {
		var plan tabular.Plan
		plan, err = tabular.Scan(file, tabular.Options{})
		rows = plan.Rows
	} else {
		rows, err = passOver(file)
	}
	if err != nil {
		return err
	}
	took := time.Since(began)
	peak, err := ownPeak()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, rows, float64(info.Size())/1e6/took.Seconds(), peak)
	return err
}

// passOver is the peer: it reads every record and keeps none.
func passOver(r io.Reader) (rows int64, err error) {
	in := csv.NewReader(bufio.NewReaderSize(r, 64<<10))
	in.ReuseRecord = true
	for rows = -1; ; rows++ { // the header is none
		if _, err := in.Read(); errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return rows, err
		}
	}
}

// ownPeak is the most mebibytes that this process has had resident.
func ownPeak() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		var kib float64
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kib); err == nil {
			return kib / 1024, nil
		}
	}
	return 0, errors.New("/proc does not tell the peak")
}

// writeList makes a list of so many rows, 116 bytes each or a little more, from the
// nth of all on.
func writeList(path string, from, rows int, isbns bool) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriterSize(file, 1<<20)
	_, _ = out.WriteString("title,authors,isbn,published,language,description,rating,price,currency\r\n") // Flush tells
	for i := from; i < from+rows; i++ {
		isbn := ""
		if isbns {
			isbn = listISBN(i)
		}
		fmt.Fprintf(out, "\"Memórias, volume %d\",Machado de Assis; Eça %d,%s,%d,pt-BR,\"Um \"\"livro\"\" sobre o assunto %d\",4.5,39.90,BRL\r\n",
			i, i%977, isbn, 1900+i%120, i)
	}
	return out.Flush()
}

// listISBN is the nth ISBN of all.
func listISBN(n int) string {
	digits, sum := fmt.Sprintf("978%09d", n), 0
	for i := range digits {
		sum += int(digits[i]-'0') * (1 + 2*(i%2))
	}
	return fmt.Sprintf("%s%d", digits, (10-sum%10)%10)
}
