package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// figure is one line of the table.
type figure struct {
	key, name, unit string
	kind            kind
	goal            float64 // 0: none
	asserted        bool    // breaking the goal fails the run
	pairs           []pair
	skipped         string // why there are none
}

// kind says what is held against the goal.
type kind int

const (
	atLeast kind = iota // ours / the peer's, the more the better
	atMost              // the same, the less the better
	own                 // ours alone, the less the better; a peer's is for comparison
)

// pair is the two sides of one turn; 0 for a peer that there is not.
type pair struct{ ours, peer float64 }

func (f figure) value(p pair) float64 {
	if f.kind == own {
		return p.ours
	}
	return p.ours / p.peer
}

// values are what is held against the goal, one of each pair, the worst first.
func (f figure) values() []float64 {
	values := make([]float64, len(f.pairs))
	for i, p := range f.pairs {
		values[i] = f.value(p)
	}
	slices.Sort(values)
	if f.kind != atLeast {
		slices.Reverse(values)
	}
	return values
}

func (f figure) met(value float64) bool {
	return f.goal == 0 || f.kind == atLeast && value >= f.goal || f.kind != atLeast && value <= f.goal
}

// table is all the figures, in the order of printing.
type table []*figure

func goals() table {
	return table{
		{key: "fsync", name: "fsync of a page", unit: "µs", kind: own},
		{key: "accept 64 rate", name: "accepted, 64 clients", unit: "/s", goal: 5},
		{key: "accept 1 rate", name: "accepted, 1 client", unit: "/s", goal: 0.95},
		{key: "accept 64 commits", name: "commits of an accept, 64 clients", kind: own, goal: 0.1, asserted: true},
		{key: "accept 64 cpu", name: "CPU of an accept, 64 clients", unit: "µs", kind: own, goal: 40},
		{key: "accept 1 cpu", name: "CPU of an accept, 1 client", unit: "µs", kind: own},
		{key: "apply 64 rate", name: "accepted and applied, 64 clients", unit: "/s", goal: 3},
		{key: "apply 1 p50", name: "accept to applied p50, 1 client", unit: "µs", kind: atMost, goal: 1.7},
		{key: "apply 64 p50", name: "accept to applied p50, 64 clients", unit: "µs", kind: atMost, goal: 0.8},
		{key: "apply 64 commits", name: "commits of the whole path, 64 clients", kind: own},
		{key: "apply 64 cpu", name: "CPU of the whole path, 64 clients", unit: "µs", kind: own},
		{key: "reads of a row", name: "reads per CPU second, peer: SQLite row", unit: "/s", goal: 0.8},
		{key: "reads of memory", name: "reads per CPU second, peer: memory", unit: "/s"},
		{key: "reads of flask", name: "reads per CPU second, peer: Flask", unit: "/s", goal: 20},
		{key: "pages", name: "list pages per CPU second, peer: SQLite index", unit: "/s", goal: 0.8},
		{key: "pages of flask", name: "list pages per CPU second, peer: Flask", unit: "/s", goal: 20},
		{key: "idle", name: "resident, idle after a fresh start", unit: "MiB", kind: own, goal: 30},
		{key: "loaded", name: "resident at most, 64 clients writing", unit: "MiB", kind: own, goal: 60},
		{key: "ready", name: "start to ready, fresh data", unit: "ms", kind: own, goal: 100},
		{key: "size", name: "binary, stripped", unit: "MiB", kind: own},
	}
}

// add notes a pair. More is measured than shown: what has no line is dropped.
func (t table) add(key string, ours, peer float64) {
	for _, f := range t {
		if f.key == key {
			f.pairs = append(f.pairs, pair{ours, peer})
		}
	}
}

// skip notes why a figure is not measured; "" when it is.
func (t table) skip(key, why string) {
	for _, f := range t {
		if f.key == key {
			f.skipped = why
		}
	}
}

// print shows the medians, and the worst pair beside what is held against the
// goal.
func (t table) print(stdout io.Writer) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "figure\tAcervo\tpeer\tratio\tworst\tgoal\tmet")
	for _, f := range t {
		fmt.Fprintln(w, f.line())
	}
	return w.Flush()
}

func (f figure) line() string {
	if f.skipped != "" {
		return f.name + "\tnot measured: " + f.skipped
	}
	var ours, peers []float64
	for _, p := range f.pairs {
		ours, peers = append(ours, p.ours), append(peers, p.peer)
	}
	values := f.values()
	middle, worst := median(values), values[0]
	peer, ratio, unit := "", "", " "+f.unit
	if p := median(peers); p > 0 {
		peer = number(p) + unit
	}
	if f.kind != own {
		ratio, unit = number(middle)+" x", " x"
	}
	goal, met := "", ""
	if f.goal > 0 {
		sign := map[bool]string{true: ">= ", false: "<= "}[f.kind == atLeast]
		goal, met = sign+number(f.goal)+unit, map[bool]string{true: "yes", false: "no"}[f.met(middle)]
	}
	return strings.Join([]string{f.name, number(median(ours)) + " " + f.unit, peer, ratio, number(worst) + unit, goal, met}, "\t")
}

// number shows three digits that matter, and whole numbers whole.
func number(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// check reports the asserted goals that any pair broke.
func (t table) check() error {
	var errs []error
	for _, f := range t {
		if !f.asserted {
			continue
		}
		if worst := f.values()[0]; !f.met(worst) {
			errs = append(errs, fmt.Errorf("%s: %.3f, the goal is %.3f", f.name, worst, f.goal))
		}
	}
	return errors.Join(errs...)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
