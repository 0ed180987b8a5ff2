package aws

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestABodyComesBackFromTheTextThatSQSTakes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.OneOf(
			rapid.SliceOf(rapid.Byte()),
			rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) }),
			rapid.Map(rapid.SampledFrom([]string{"", "base64:", "base64:?", "{}", "\x00", "\ufffe", "a\uffffb", "\r\n\t", "\U0010ffff"}),
				func(s string) []byte { return []byte(s) }),
		).Draw(t, "body")
		comesBack(t, body)
	})
}

func FuzzText(f *testing.F) {
	f.Add([]byte(`{"v":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		comesBack(t, body)
		text := string(body)
		if got, ok := fromText(text); !ok && !bytes.Equal(got, body) {
			t.Fatalf("what cannot be read was not kept whole: %q", got)
		}
	})
}

func comesBack(t interface {
	Fatalf(format string, args ...any)
}, body []byte,
) {
	text := toText(body)
	if text == "" || !utf8.ValidString(text) {
		t.Fatalf("SQS does not take %q", text)
	}
	for _, r := range text { // the characters that SendMessage documents
		if !(r == 0x9 || r == 0xA || r == 0xD || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF) {
			t.Fatalf("SQS does not take %q", r)
		}
	}
	if got, ok := fromText(text); !ok || !bytes.Equal(got, body) {
		t.Fatalf("%q came back as %q", body, got)
	}
}

func TestJSONIsSentAsItIs(t *testing.T) {
	t.Parallel()
	if body := `{"v":1,"title":"Ñandú 📚"}`; toText([]byte(body)) != body {
		t.Errorf("sent as %q", toText([]byte(body)))
	}
}
