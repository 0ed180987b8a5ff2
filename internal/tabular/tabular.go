// Package tabular reads book lists as other programs leave them: CSV, TSV and
// NDJSON. Scan decides in one pass what a file is and cuts it into chunks; a
// Reader turns the bytes of a chunk into rows, and each row into a book.Draft; a
// Report writes the rows that failed so that they can be corrected and dropped
// again. It is pure: it reads the io.Reader that it is given and knows no clock.
//
// A record ends with CRLF, LF or CR outside of quotes (NDJSON: with LF or CR,
// which JSON has no use for within a line). A field is quoted when its first
// character, after spaces, is a quote; within, two quotes are one, and a quote
// that is followed by anything else than a delimiter or a line end is a
// character like others, as in encoding/csv with LazyQuotes. Outside, quotes are
// characters.
//
// A quote is taken for one that is never closed when the file ends before it is,
// or the record would have more than MaxRecord bytes, or when, after a line
// break, a quote stands where only an opening one can stand: after a delimiter
// or at the start of a line, before a character of a value. Then the record ends
// with its line and its row fails; what the quote would have swallowed is read
// line by line, and there a row of another number of cells than the file has
// columns fails as well. So a forgotten quote costs one row, not the rest of the
// file, memory stays bounded, and no byte is looked at more than three times.
package tabular

import (
	"time"

	"github.com/google/uuid"
)

// Limits of what is read.
const (
	// MaxRecord is the most bytes of one record, as UTF-8 where the file is
	// UTF-16. A longer one fails and is skipped.
	MaxRecord = 256 << 10
	// MaxColumns is the most columns of a file.
	MaxColumns = 1000
	// MaxDuplicates is the most books that a plan says to stand more than once.
	MaxDuplicates = 1 << 16

	chunkRows  = 500
	chunkBytes = 256 << 10
)

// Kind is what a file holds.
type Kind string

// The kinds that are read.
const (
	CSV    Kind = "csv"
	TSV    Kind = "tsv"
	NDJSON Kind = "ndjson"
)

// Encoding is how text stands in bytes.
type Encoding string

// The encodings that are read. Latin-1 is what Windows-1252 is without its bytes
// 0x80 to 0x9F; both are read alike.
const (
	UTF8        Encoding = "utf-8"
	UTF16LE     Encoding = "utf-16le"
	UTF16BE     Encoding = "utf-16be"
	Windows1252 Encoding = "windows-1252"
	Latin1      Encoding = "iso-8859-1"
)

// NameOrder is how a column writes names.
type NameOrder string

// The orders.
const (
	FirstLast NameOrder = "first_last" // Joaquim Machado
	LastFirst NameOrder = "last_first" // Machado, Joaquim
	Listed    NameOrder = "listed"     // Joaquim Machado, Homero: a comma parts whatever is no Jr. or PhD
)

// Options are what the importer says of a file; the zero value leaves all of it
// to be found out.
type Options struct {
	// Mapping gives columns, by name or by number from 1, their fields: those of
	// book.FieldNames, "currency", or "" for a column to be ignored. A column that
	// is not named is recognised as usual, unless its field has been given away.
	Mapping map[string]string
	// Delimiter is one of , ; | and tab, or the word tab.
	Delimiter string
	// Encoding is a name of an Encoding, or utf-16, cp1252, latin1.
	Encoding string
	// Currency is the ISO 4217 code of prices that name none.
	Currency string
	// Key names the columns, by name or number, whose cells identify a row.
	Key []string
	// MaxBytes is the most bytes that are scanned, 0 for any number.
	MaxBytes int64
}

// Column is one column and the field it fills, if any.
type Column struct {
	Name  string `json:"name"`
	Field string `json:"field,omitzero"`
	// Rank orders the columns of one field: the first that says something counts,
	// of authors all do.
	Rank int `json:"rank,omitzero"`
	// Key is what the column was called, as far as identities tell names apart, when
	// its rows were first identified by it; empty when that is its name.
	Key string `json:"key,omitzero"`
}

// Chunk is a slice of the file that is read on its own. It starts and ends
// between records.
type Chunk struct {
	Offset int64 `json:"offset"` // of its first byte in the expanded file
	Length int64 `json:"length"` // bytes
	Line   int64 `json:"line"`   // its first line, from 1
	Rows   int   `json:"rows"`
	// Plain is the offset up to which quotes end with their line, because one
	// before was never closed; 0 when there is none.
	Plain int64 `json:"plain,omitzero"`
}

// Plan is what Scan understood. It can be kept as JSON and read with later.
type Plan struct {
	Kind      Kind     `json:"kind"`
	Encoding  Encoding `json:"encoding"`
	BOM       bool     `json:"bom,omitzero"`
	Delimiter string   `json:"delimiter,omitzero"`
	// Columns of the file, in order; of NDJSON, the names seen in its beginning.
	Columns []Column `json:"columns"`
	// Header is the record of the names without its line end, in the bytes of the
	// file (of UTF-16: as UTF-8). Nil when the file has none.
	Header   []byte `json:"header,omitzero"`
	Currency string `json:"currency,omitzero"`
	Key      []int  `json:"key,omitzero"` // columns, from 0
	// Order is how names stand in the column of authors, empty when that is not clear.
	Order  NameOrder `json:"order,omitzero"`
	Rows   int64     `json:"rows"`
	Bytes  int64     `json:"bytes"`
	Digest string    `json:"digest"` // SHA-256 of the bytes, in hex
	Chunks []Chunk   `json:"chunks"`
	// Preview holds the first ten rows, long cells shortened.
	Preview []Row `json:"preview"`
	// Warnings are about the file as a whole.
	Warnings []Note `json:"warnings"`

	// Duplicates are the books that more than one row is about, and the last line of
	// each that makes one. There may be some that stand once.
	Duplicates map[uuid.UUID]int64 `json:"-"`
	// Overflow says that there are more than Duplicates holds, which is MaxDuplicates.
	Overflow bool `json:"-"`
}

// Row is one record.
type Row struct {
	Line   int64 `json:"line"`   // of its first byte, from 1
	Offset int64 `json:"offset"` // of its first byte in the expanded file
	// Cells are as in the file, without their quotes; of NDJSON, the line is the only
	// one. One that is not valid in the encoding of the file is not valid UTF-8
	// either. A record that is too long has none.
	Cells []string `json:"cells"`
	// Fault is the code of what keeps the record from being read, or empty.
	Fault string `json:"fault,omitzero"`
	// Plain says that the record is within what an unclosed quote would have
	// swallowed.
	Plain bool `json:"plain,omitzero"`
}

// Note says what was not understood, and where: a warning, or the reason why a
// row failed.
type Note struct {
	Line   int64  `json:"line"`
	Offset int64  `json:"offset"`
	Column string `json:"column,omitzero"`
	Value  string `json:"value,omitzero"` // shortened
	Code   string `json:"code"`           // stable, for programs
	Reason string `json:"reason"`         // for people
}

// Reader reads the chunks of a plan. It can be used concurrently.
type Reader struct {
	plan    Plan
	now     time.Time
	sources map[string][]int // the columns of each field, in order of rank
	escaped bool             // a report of ours, whose cells carry its escapes
}
