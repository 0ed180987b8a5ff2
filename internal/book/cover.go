package book

import (
	"fmt"
	"strings"
)

// MaxOriginal is the most bytes of a picture that somebody uploads for a cover.
const MaxOriginal = 32 << 20

// Cover is the picture of a book. It is made by the service, so that no draft has one.
type Cover struct {
	// SHA256 is that of the original, in hexadecimal, by which renditions are named.
	SHA256 string `json:"sha256"`
	// Renditions are the pictures that readers are shown, from small to large.
	Renditions []Rendition `json:"renditions"`
	Blurhash   string      `json:"blurhash"` // https://blurha.sh
	Color      string      `json:"color"`    // the dominant one, #rrggbb
}

// Rendition is one size of a cover in pixels, a JPEG.
type Rendition struct {
	Width  int `json:"width"`
	Height int `json:"height"`
}

// Renditions is where the objects of all renditions lie.
const Renditions = "covers/"

// RenditionKept is for how long a rendition may be kept, in the words of Cache-Control
// (RFC 9111, RFC 8246): its address names its content, so it never changes.
const RenditionKept = "max-age=31536000, immutable"

// IsRendition reports whether a key is one of RenditionKey, and not of what is noted
// beside renditions.
func IsRendition(key string) bool {
	return strings.HasPrefix(key, Renditions) && strings.HasSuffix(key, ".jpg")
}

// RenditionKey is the key of the object of a rendition: covers/{sha256}/{width}.jpg.
func RenditionKey(sha256 string, width int) string {
	return fmt.Sprintf("%s%s/%d.jpg", Renditions, sha256, width)
}
