package tabular_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"acervo/internal/e2etest"
	"acervo/internal/tabular"
)

// generated makes a list of so many rows, about 116 bytes each.
func generated(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("title,authors,isbn,published,language,description,rating,price,currency\r\n")
	for i := range rows {
		fmt.Fprintf(&b, "\"Memórias, volume %d\",Machado de Assis; Autor %d,,%d,pt-BR,\"Um \"\"livro\"\" sobre o assunto %d\",4.5,39.90,BRL\r\n", i, i%977, 1900+i%120, i)
	}
	return b.Bytes()
}

func BenchmarkScan(b *testing.B) {
	raw := generated(100_000)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := tabular.Scan(bytes.NewReader(raw), tabular.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScanWithISBNs looks for rows about one book.
func BenchmarkScanWithISBNs(b *testing.B) {
	raw := withISBNs(100_000)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := tabular.Scan(bytes.NewReader(raw), tabular.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// withISBNs is generated, with an ISBN of its own in each row.
func withISBNs(rows int) []byte {
	lines := strings.SplitAfter(string(generated(rows)), "\r\n")
	for i := range rows {
		lines[i+1] = strings.Replace(lines[i+1], ",,", ","+e2etest.ISBN(i)+",", 1)
	}
	return []byte(strings.Join(lines, ""))
}

// BenchmarkEncodingCSV is the peer of BenchmarkScan: the goal is half its speed.
func BenchmarkEncodingCSV(b *testing.B) {
	raw := generated(100_000)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		in := csv.NewReader(bytes.NewReader(raw))
		in.ReuseRecord = true
		for {
			if _, err := in.Read(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkDraft(b *testing.B) {
	raw := generated(5_000)
	p, err := tabular.Scan(bytes.NewReader(raw), tabular.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		r := tabular.NewReader(p, july())
		for _, c := range p.Chunks {
			for row, err := range r.Rows(c, bytes.NewReader(raw[c.Offset:c.Offset+c.Length])) {
				if _, _, failures := r.Draft(row); err != nil || len(failures) > 0 {
					b.Fatal(err, failures)
				}
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/5000, "ns/row")
}

// lines joins lines.
func lines(s ...string) []byte { return []byte(strings.Join(s, "\n") + "\n") }
