package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"golang.org/x/text/width"

	"acervo/internal/fault"
)

// screen is where results go: tables for people, JSON for scripts.
type screen struct {
	out      io.Writer
	json     bool
	terminal bool
	colour   bool
}

// screen returns the screen of this program. Colours are for terminals whose
// owner does not mind them (no-color.org).
func (p program) screen(asJSON bool) screen {
	s := screen{out: p.stdout, json: asJSON}
	if file, ok := p.stdout.(*os.File); ok {
		info, err := file.Stat()
		s.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	s.colour = s.terminal && p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb"
	return s
}

// safe makes text harmless to a terminal: control characters, what turns the
// direction of writing around and bytes that are no text are shown by their codes.
func safe(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case hidden(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden reports whether a character acts on the terminal or on its neighbours
// instead of being shown.
func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}

// document prints a value as one line of JSON. What JSON need not escape but a
// terminal would act on is escaped all the same.
func (s screen) document(v any) error {
	raw, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "print JSON")
	}
	_, err = fmt.Fprintln(s.out, safe(string(raw))) // these are within strings, where \u is right
	return err
}

// say prints a sentence for people.
func (s screen) say(format string, args ...any) {
	if !s.json {
		fmt.Fprintf(s.out, format+"\n", args...)
	}
}

// maxCell is the most columns of a cell on a terminal.
const maxCell = 48

// cell is a piece of a table; tone is how it looks on a terminal with colours.
type cell struct{ text, tone string }

// The tones, as SGR parameters of ECMA-48.
const (
	plain = ""
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
	amber = "33"
)

func cells(texts ...string) []cell {
	row := make([]cell, len(texts))
	for i, text := range texts {
		row[i].text = text
	}
	return row
}

// table prints rows below a heading, aligned.
func (s screen) table(heading []string, rows [][]cell) {
	all := make([][]cell, 0, len(rows)+1)
	head := cells(heading...)
	for i := range head {
		head[i].tone = bold
	}
	all = append(append(all, head), rows...)
	widths := make([]int, len(heading))
	for _, row := range all {
		for i := range row {
			row[i].text = s.fit(safe(row[i].text))
			widths[i] = max(widths[i], columns(row[i].text))
		}
	}
	for _, row := range all {
		var line strings.Builder
		for i, c := range row {
			line.WriteString(s.toned(c))
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-columns(c.text)+2))
			}
		}
		fmt.Fprintln(s.out, strings.TrimRight(line.String(), " "))
	}
}

// facts prints names and values, aligned, without those that have none.
func (s screen) facts(pairs ...string) {
	wide := 0
	for pair := range slices.Chunk(pairs, 2) {
		wide = max(wide, len(pair[0]))
	}
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] != "" {
			fmt.Fprintf(s.out, "%s  %s\n", s.toned(cell{fmt.Sprintf("%-*s", wide, pair[0]), bold}), safe(pair[1]))
		}
	}
}

func (s screen) toned(c cell) string {
	if !s.colour || c.tone == plain || c.text == "" {
		return c.text
	}
	return "\x1b[" + c.tone + "m" + c.text + "\x1b[0m"
}

// fit cuts a text that is too long for a terminal.
func (s screen) fit(text string) string {
	if !s.terminal || columns(text) <= maxCell {
		return text
	}
	wide := 0
	for i, r := range text {
		if wide += runeColumns(r); wide > maxCell-1 {
			return text[:i] + "…"
		}
	}
	return text
}

// columns is how many columns a text takes on a terminal.
func columns(text string) (n int) {
	for _, r := range text {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// or is the text of a value, a dash for none.
func or[T any](v *T) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}

// moment is a time as people read it, empty for none.
func moment(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// rounded is a number with at most one decimal, a dash for none.
func rounded(v *float64) string {
	if v == nil {
		return "-"
	}
	return strconv.FormatFloat(*v, 'f', 1, 64)
}
