package blob_test

import (
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"acervo/internal/blob"
	"acervo/internal/blob/blobtest"
	"acervo/internal/fault"
)

func TestAKeyIsACleanRelativePath(t *testing.T) {
	t.Parallel()
	for _, key := range blobtest.Keys() {
		if err := blob.CheckKey(key); err != nil {
			t.Errorf("%q is no key: %v", key, err)
		}
	}
	for what, key := range blobtest.HostileKeys() {
		if err := blob.CheckKey(key); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s, %q: got %v, want fault.Invalid", what, key, err)
		}
	}
}

func TestAContentTypeIsOneThatAHeaderCanCarry(t *testing.T) {
	t.Parallel()
	for contentType, good := range map[string]bool{
		"image/jpeg": true, "text/csv; charset=utf-8": true,
		"": false, "jpeg pictures": false, "image/": false, "image/jpeg\r\nX: y": false, "image/jpég": false,
		"a/" + strings.Repeat("b", blob.MaxType): false,
	} {
		err := blob.CheckType(contentType)
		if good && err != nil || !good && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: got %v", contentType, err)
		}
	}
}

// A key that passes must mean the same path everywhere.
func FuzzAKeyStaysWhereItIsPut(f *testing.F) {
	for _, key := range blobtest.Keys() {
		f.Add(key)
	}
	for _, key := range blobtest.HostileKeys() {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if blob.CheckKey(key) != nil {
			return
		}
		if path.Clean("/"+key) != "/"+key || !utf8.ValidString(key) || strings.ContainsAny(key, "\\:\x00\n") {
			t.Errorf("%q passes for a key", key)
		}
	})
}
