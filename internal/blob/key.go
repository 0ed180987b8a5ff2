package blob

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"acervo/internal/fault"
)

const (
	// MaxKey is the most bytes that a key may have.
	MaxKey = 512
	// MaxName is the most bytes that a name between two slashes may have: what
	// common disks take.
	MaxName = 255
	// maxForeign is the most bytes of what others put into a bucket, key or not.
	maxForeign = 1024
)

// CheckKey refuses what is not a key: fault.Invalid. A key is a clean relative path
// of two names or more, such as covers/1f0a/640.jpg, that means the same to a
// bucket and to any disk. It is UTF-8 in normal form C, of graphic characters other
// than \ : * ? " < > |. No name begins with a dot, ends with a dot or a space, or is one
// that Windows keeps for a device.
func CheckKey(key string) error {
	if err := checkText(key); err != nil {
		return err
	}
	names := strings.Split(key, "/")
	if len(names) < 2 {
		return fault.New(fault.Invalid, "A key is made of two names or more, with slashes between.")
	}
	for _, name := range names {
		if err := checkName(name); err != nil {
			return err
		}
	}
	return nil
}

// checkText refuses what no part of a key could be.
func checkText(text string) error {
	if len(text) > MaxKey {
		return fault.New(fault.Invalid, "A key has at most %d bytes.", MaxKey)
	}
	if !utf8.ValidString(text) || !norm.NFC.IsNormalString(text) {
		return fault.New(fault.Invalid, "A key is UTF-8 in normal form C.")
	}
	for _, r := range text {
		if !unicode.IsGraphic(r) || strings.ContainsRune(`\:*?"<>|`, r) {
			return fault.New(fault.Invalid, "A key has a character that keys cannot have: %U.", r)
		}
	}
	return nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return fault.New(fault.Invalid, "A key has an empty name in it.")
	case len(name) > MaxName:
		return fault.New(fault.Invalid, "A name in a key has at most %d bytes.", MaxName)
	case name[0] == '.':
		return fault.New(fault.Invalid, "A name in a key begins with a dot.")
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return fault.New(fault.Invalid, "A name in a key ends with a dot or a space.")
	case isDevice(name):
		return fault.New(fault.Invalid, "A name in a key is that of a device of Windows.")
	}
	return nil
}

// isDevice reports whether Windows takes a file of this name for a device, whatever
// its extension (Naming Files, Paths, and Namespaces, learn.microsoft.com).
func isDevice(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	if slices.Contains([]string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}, base) {
		return true
	}
	port, ok := strings.CutPrefix(base, "COM")
	if !ok {
		port, ok = strings.CutPrefix(base, "LPT")
	}
	return ok && utf8.RuneCountInString(port) == 1 && strings.ContainsAny(port, "0123456789¹²³")
}
