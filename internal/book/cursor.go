package book

import (
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"unicode/utf8"

	"acervo/internal/fault"
)

// Begin checks the query and returns the key after which its page begins (before
// which, for Latest), empty for the first page. Every engine begins a page with it.
func (q Query) Begin() (after string, err error) {
	if err := q.Check(); err != nil {
		return "", err
	}
	if q.Limit < 1 || q.Limit > MaxPage {
		return "", fault.New(fault.Syntax, "The limit must be a number from 1 to %d.", MaxPage)
	}
	return q.after()
}

// CursorAfter is the cursor of the page that begins after a key of the list of q.
// It carries a checksum over what it belongs to, so that one which was mistyped or
// is of another list begins no page anywhere.
func (q Query) CursorAfter(key string) string {
	of := strings.Join([]string{string(q.Order), Fold(q.Title), Fold(q.Author), q.ISBN, key}, "\x00")
	sum := crc32.Checksum([]byte(of), crc32.MakeTable(crc32.Castagnoli))
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%08x%s", sum, key))
}

// after returns the key that a cursor holds. Only keys that the list could have
// are let through to an engine: a checksum can be forged.
func (q Query) after() (string, error) {
	if q.Cursor == "" {
		return "", nil
	}
	raw, _ := base64.RawURLEncoding.DecodeString(q.Cursor) // of a bad one the checksum is wrong
	if len(raw) > 8 {
		if key := string(raw[8:]); q.CursorAfter(key) == q.Cursor && q.couldHave(key) {
			return key, nil
		}
	}
	return "", fault.New(fault.Syntax, "The cursor is not one that was given out for this list.")
}

// couldHave reports whether a key is of the form that the list's keys have.
func (q Query) couldHave(key string) bool {
	parts := strings.Split(key, "\x00")
	texts, last := parts[:len(parts)-1], parts[len(parts)-1]
	want := 1
	if q.Order == ByAuthor {
		want = 2
	}
	id, ok := ParseID(last)
	tooLong := func(text string) bool { return len(text) > KeyBytes }
	return ok && id.String() == last && len(texts) == want && !slices.ContainsFunc(texts, tooLong) &&
		utf8.ValidString(key) && strings.HasPrefix(key, q.Prefix())
}
