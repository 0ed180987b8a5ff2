package cover

import (
	"bytes"
	"slices"
)

// Format is a file format by its usual name, empty when it is unknown.
type Format string

// The formats that are taken.
const (
	JPEG Format = "JPEG"
	PNG  Format = "PNG"
	GIF  Format = "GIF"
	WebP Format = "WebP"
)

// maxHead is how many bytes of a file tell its format: an SVG may begin with a licence.
const maxHead = 4096

// Sniff tells the format of a file from its first bytes, of which 4,096 are enough. It
// knows more formats than are taken, to refuse them by name.
func Sniff(head []byte) Format {
	for _, known := range []struct {
		magic  string
		format Format
	}{
		{"\xff\xd8\xff", JPEG},
		{"\x89PNG\r\n\x1a\n", PNG},
		{"GIF87a", GIF},
		{"GIF89a", GIF},
		{"II*\x00", "TIFF"},
		{"MM\x00*", "TIFF"},
		{"II+\x00", "TIFF"},
		{"MM\x00+", "TIFF"},
		{"BM", "BMP"},
		{"8BPS", "Photoshop"},
		{"\x00\x00\x01\x00", "ICO"},
		{"\xff\x0a", "JPEG XL"},
		{"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"},
		{"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"},
		{"\xff\x4f\xff\x51", "JPEG 2000"},
		{"%PDF-", "PDF"},
		{"%!PS", "PostScript"},
		{"PK\x03\x04", "ZIP"},
	} {
		if bytes.HasPrefix(head, []byte(known.magic)) {
			return known.format
		}
	}
	switch {
	case len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return WebP
	case len(head) >= 12 && string(head[4:8]) == "ftyp":
		return sniffBrands(head)
	}
	return sniffText(head)
}

// sniffBrands tells the formats apart that live in ISO's media container
// (ISO/IEC 14496-12), by their brands.
func sniffBrands(head []byte) Format {
	end := min(len(head), int(head[2])<<8|int(head[3]))
	var brands []string
	for i := 8; i+4 <= end; i += 4 {
		brands = append(brands, string(head[i:i+4]))
	}
	has := func(some ...string) bool {
		return slices.ContainsFunc(brands, func(b string) bool { return slices.Contains(some, b) })
	}
	switch {
	case has("avif", "avis"):
		return "AVIF"
	case has("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"):
		return "HEIC"
	}
	return "MP4"
}

func sniffText(head []byte) Format {
	text := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n"))
	switch {
	case !bytes.HasPrefix(text, []byte("<")):
		return ""
	case bytes.Contains(text, []byte("<svg")):
		return "SVG"
	case bytes.Contains(text, []byte("<html")), bytes.HasPrefix(text, []byte("<!doctype html")):
		return "HTML"
	}
	return ""
}
