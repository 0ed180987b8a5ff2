package blobtest

import (
	"slices"
	"strings"

	"acervo/internal/blob"
	"acervo/internal/fault"
)

// Keys returns keys of many kinds.
func Keys() []string {
	return []string{
		"covers/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08/640.jpg",
		"originals/01890a5d-ac96-774b-bcce-b302099a8057/01j1",
		"drop/01j1/Bücher & Pläne (2024) 100% +1 #3 = 'neu'.csv",
		"drop/01j1/蔵書目録 ~ новая книга.csv.gz",
		"drop/a/b/c/d/e/f/g/h/i/j",
		"drop/ leading space", "drop/a..b", "drop/two  spaces", "drop/%2e%2e%2fetc", "drop/&amp;", "drop/-rf", "drop/~",
		"drop/console.txt", "drop/com10", "drop/lpt", "drop/nullify", "drop/A.b",
		"d/" + strings.Repeat("n", blob.MaxName),
		"d/" + strings.Repeat("n", 254) + "/" + strings.Repeat("n", blob.MaxKey-257),
	}
}

// HostileKeys returns what is no key, by what is wrong with it.
func HostileKeys() map[string]string {
	hostile := map[string]string{
		"empty": "", "one name": "picture.jpg", "a slash": "/", "absolute": "/etc/passwd", "a folder": "covers/",
		"an empty name": "covers//640.jpg", "up": "../passwd", "up from within": "covers/../../passwd",
		"up and back": "covers/../covers/640.jpg", "up at the end": "covers/..", "here": "./covers/640.jpg", "here within": "covers/./640.jpg",
		"hidden": "covers/.hidden", "a hidden folder": ".incoming/a", "many dots": "covers/...",
		"a NUL": "covers/a\x00.jpg", "a line feed": "covers/a\nb", "a delete": "covers/a\x7f", "a C1 control": "covers/a\u0085b",
		"a backslash": `covers\640.jpg`, "up with backslashes": `covers/..\..\passwd`, "a share": `\\host\share/a`,
		"a drive": "C:/Windows", "a stream": "covers/a.jpg:evil", "a star": "covers/*", "a pipe": "covers/a|b", "a quote": `covers/"a"`,
		"a device": "covers/NUL", "a device with an extension": "covers/con.jpg", "a port": "covers/Com1.txt", "a port in superscript": "covers/lpt²",
		"a device and spaces": "covers/aux  .txt", "a console": "covers/conin$", "a folder that is a device": "prn/640.jpg",
		"a dot at the end": "covers/a.", "a space at the end": "covers/a ", "a folder with a dot at the end": "covers./a",
		"not UTF-8": "covers/\xff\xfe", "half a surrogate": "covers/\xed\xa0\x80", "an overlong slash": "covers/..\xc0\xaf",
		"decomposed": "covers/Bu\u0308cher", "a compatibility form of another sign": "covers/\u212b",
		"right to left": "covers/\u202egpj.exe", "nothing to see": "covers/a\u200bb", "a byte order mark": "\ufeffcovers/a", "a line separator": "covers/a\u2028b",
		"a name too long": "covers/" + strings.Repeat("n", blob.MaxName+1),
	}
	hostile["too long"] = "covers" + strings.Repeat("/n", blob.MaxKey/2)
	return hostile
}

func goodKeys(s *store) {
	keys := Keys()
	for _, key := range keys {
		s.put(key, key)
	}
	for _, key := range keys {
		s.has(key, key)
	}
	slices.Sort(keys)
	s.lists("", keys...)
	for _, key := range keys {
		s.delete(key)
	}
	s.lists("")
}

func hostileKeys(s *store) {
	for what, key := range HostileKeys() {
		_, err := s.Put(s.t.Context(), key, plain, strings.NewReader("evil"))
		s.invalid(what, err)
		_, err = s.Stat(s.t.Context(), key)
		s.invalid(what, err)
		_, err = s.read(key, "", blob.Range{})
		s.invalid(what, err)
		s.invalid(what, s.Delete(s.t.Context(), key))
		_, err = s.Sign(s.t.Context(), key, plain, 1, blob.MinExpiry)
		s.invalid(what, err)
	}
	s.lists("")
	for _, text := range []string{"a\x00", `a\`, "\xff", strings.Repeat("n", blob.MaxKey+1)} {
		_, err := s.List(s.t.Context(), text, "", 1)
		s.invalid("a prefix", err)
	}
	for _, text := range []string{"\xff", strings.Repeat("n", 1025)} {
		_, err := s.List(s.t.Context(), "", text, 1)
		s.invalid("a place to begin after", err)
	}
}

func (s *store) invalid(what string, err error) {
	s.t.Helper()
	if !fault.Is(err, fault.Invalid) {
		s.t.Errorf("%s: got %v, want fault.Invalid", what, err)
	}
}

func nested(s *store) {
	s.put("drop/a", "above")
	s.put("drop/b/c", "below")
	for key, body := range map[string]string{"drop/a/b": "below", "drop/b": "above"} {
		_, err := s.Put(s.t.Context(), key, plain, strings.NewReader(body))
		if err == nil {
			s.has(key, body)
			continue
		}
		s.is(err, fault.Conflict)
		s.hasNone(key)
	}
	s.has("drop/a", "above")
	s.has("drop/b/c", "below")
}

func badTypes(s *store) {
	for _, contentType := range []string{"", "jpeg", "image/jpeg\r\nX: y", "image/jpég"} {
		_, err := s.Put(s.t.Context(), key, contentType, strings.NewReader("a picture"))
		s.invalid(contentType, err)
	}
	s.hasNone(key)
}
