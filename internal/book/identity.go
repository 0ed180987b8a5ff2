package book

import (
	"crypto/sha1" //nolint:gosec // what RFC 9562 wants
	"strings"

	"github.com/google/uuid"
)

// ID returns the identity of a draft: its own id, else UUIDv5 of its ISBN, so
// that the same ISBN twice is the same book, else a random one (RFC 9562).
func ID(d Draft) uuid.UUID {
	switch {
	case d.ID != uuid.Nil:
		return d.ID
	case d.ISBN != "":
		return ofISBN(d.ISBN)
	default:
		return uuid.New()
	}
}

// ofISBN is uuid.NewSHA1 of urn:isbn:{isbn} in the namespace of URLs, without what
// that allocates: an import asks for it a million times.
func ofISBN(isbn string) uuid.UUID {
	var room [64]byte
	sum := sha1.Sum(append(append(append(room[:0], uuid.NameSpaceURL[:]...), "urn:isbn:"...), isbn...)) //nolint:gosec // what RFC 9562 wants
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0F | 0x50 // version 5
	id[8] = id[8]&0x3F | 0x80 // of RFC 9562
	return id
}

// ParseID reads the canonical text of a UUID, 36 characters in either case.
func ParseID(s string) (uuid.UUID, bool) {
	id, err := uuid.Parse(s)
	return id, err == nil && len(s) == 36 && id != uuid.Nil
}

// ParseISBN reads an ISBN-10 or ISBN-13, with or without hyphens, checks its
// check digit (ISO 2108) and returns its 13 digits.
func ParseISBN(s string) (isbn string, ok bool) {
	digits := strings.ReplaceAll(s, "-", "")
	switch len(digits) {
	case 10:
		return isbnFrom10(digits)
	case 13:
		if !strings.HasPrefix(digits, "978") && !strings.HasPrefix(digits, "979") {
			return "", false
		}
		check, ok := isbnCheck(digits[:12])
		return digits, ok && check == digits[12]
	default:
		return "", false
	}
}

// isbnFrom10 checks an ISBN-10, whose weighted sum is a multiple of eleven and
// whose last digit may be X for ten, and turns it into an ISBN-13.
func isbnFrom10(digits string) (string, bool) {
	sum := 0
	for i := range 10 {
		c := digits[i]
		switch {
		case c >= '0' && c <= '9':
			sum += (10 - i) * int(c-'0')
		case i == 9 && (c == 'X' || c == 'x'):
			sum += 10
		default:
			return "", false
		}
	}
	if sum%11 != 0 {
		return "", false
	}
	head := "978" + digits[:9]
	check, ok := isbnCheck(head)
	return head + string(check), ok
}

// isbnCheck returns the check digit of the first twelve digits of an ISBN-13.
func isbnCheck(head string) (byte, bool) {
	sum := 0
	for i := range 12 {
		c := head[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		weight := 1 + 2*(i%2)
		sum += weight * int(c-'0')
	}
	return byte('0' + (10-sum%10)%10), true
}
