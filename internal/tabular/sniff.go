package tabular

import (
	"bytes"
	"strings"

	"acervo/internal/fault"
)

// Gzipped reports whether a file that starts so is to be read through Expand.
func Gzipped(head []byte) bool { return bytes.HasPrefix(head, []byte{0x1F, 0x8B}) }

// refuse says no to a whole file, in a code for programs and a sentence that
// says what to do instead.
func refuse(kind fault.Kind, code, detail string) error {
	return fault.Of(kind, "The file cannot be imported: "+detail, []fault.Field{{Code: code, Detail: detail}})
}

// magic is how files of other kinds begin.
type magic struct {
	start, code, detail string
}

func magics() []magic {
	const save = "save the sheet as CSV (UTF-8) and import that"
	return []magic{
		{"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "xls", "it is an old Excel workbook; " + save},
		{"%PDF-", "pdf", "it is a PDF; export the list as CSV instead"},
		{"SQLite format 3\x00", "sqlite", "it is an SQLite database; of Calibre's metadata.db, let Calibre create a catalogue as CSV"},
		{"\x1F\x8B", "gzip", "it is gzipped within gzip; compress it once"},
		{"BZh", "bzip2", "it is compressed with bzip2; use gzip or nothing"},
		{"\xFD7zXZ\x00", "xz", "it is compressed with xz; use gzip or nothing"},
		{"\x28\xB5\x2F\xFD", "zstd", "it is compressed with zstd; use gzip or nothing"},
		{"7z\xBC\xAF\x27\x1C", "7z", "it is a 7z archive; take the list out of it"},
		{"Rar!\x1A\x07", "rar", "it is a RAR archive; take the list out of it"},
		{"PAR1", "parquet", "it is a Parquet file; export it as CSV or NDJSON"},
		{"\x89PNG", "png", "it is a picture"},
		{"\xFF\xD8\xFF", "jpeg", "it is a picture"},
		{"GIF8", "gif", "it is a picture"},
		{"{\\rtf", "rtf", "it is a text document; copy its table into a sheet and " + save},
	}
}

// sniff refuses what is no text in rows, by its first bytes.
func sniff(head []byte) error {
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) {
		return refuse(fault.MediaType, zipped(head), "it is "+zipName(zipped(head)))
	}
	for _, m := range magics() {
		if bytes.HasPrefix(head, []byte(m.start)) {
			return refuse(fault.MediaType, m.code, m.detail)
		}
	}
	return nil
}

// zipped tells what kind of zip it is by the names within its first bytes.
func zipped(head []byte) string {
	for _, k := range [][2]string{
		{"opendocument.spreadsheet", "ods"},
		{"epub+zip", "epub"},
		{"xl/", "xlsx"},
		{"word/", "docx"},
		{"[Content_Types].xml", "xlsx"},
	} {
		if bytes.Contains(head, []byte(k[0])) {
			return k[1]
		}
	}
	return "zip"
}

func zipName(code string) string {
	switch code {
	case "xlsx":
		return "an Excel workbook; save the sheet as CSV UTF-8 and import that"
	case "ods":
		return "a LibreOffice sheet; save it as CSV and import that"
	case "epub":
		return "a book, not a list of books"
	case "docx":
		return "a text document; copy its table into a sheet, save that as CSV and import that"
	default:
		return "a zip archive; take the list out of it, or use gzip"
	}
}

// markup refuses text that is no list, after its byte order mark.
func markup(head []byte) error {
	start := strings.ToLower(string(bytes.TrimLeft(head[:min(len(head), 512)], " \t\r\n")))
	switch {
	case strings.HasPrefix(start, "<"):
		return refuse(fault.MediaType, "markup", "it is HTML or XML; open it in a spreadsheet, save it as CSV (UTF-8) and import that")
	case strings.HasPrefix(start, "["):
		if i := strings.TrimLeft(start[1:], " \t\r\n"); strings.HasPrefix(i, "{") || strings.HasPrefix(i, "]") {
			return refuse(fault.MediaType, "json_array", "it is a JSON array; write one object on each line, as jq -c '.[]' does")
		}
	}
	return nil
}

// guessWide recognises UTF-16 by its byte order mark, or by every other byte
// being zero, as the higher halves of Latin letters are.
func guessWide(head []byte) (e Encoding, bom int) {
	switch {
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}):
		return UTF16LE, 2
	case bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return UTF16BE, 2
	}
	head = head[:min(len(head), 4<<10)&^1]
	var zeros [2]int
	for i, b := range head {
		if b == 0 {
			zeros[i%2]++
		}
	}
	pairs := len(head) / 2
	switch {
	case pairs < 4:
		return "", 0
	case zeros[1]*10 >= pairs*7 && zeros[0]*50 <= pairs:
		return UTF16LE, 0
	case zeros[0]*10 >= pairs*7 && zeros[1]*50 <= pairs:
		return UTF16BE, 0
	default:
		return "", 0
	}
}

// isBinary reports whether so many of these bytes are control characters that it
// cannot be text. A few are left for their rows to answer for.
func isBinary(head []byte) bool {
	controls := 0
	for _, b := range head {
		if b < ' ' && b != '\n' && b != '\r' && b != '\t' && b != '\f' && b != '\v' {
			controls++
		}
	}
	return controls > 8 && controls*20 > len(head)
}
