package aws

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// encoded begins the body of a message whose bytes SQS would not take as they are.
const encoded = "base64:"

// toText makes a body that SQS takes: not empty, and of no other characters than
// those of XML 1.0, which every JSON text is made of.
func toText(body []byte) string {
	if text := string(body); text != "" && isText(text) && !strings.HasPrefix(text, encoded) {
		return text
	}
	return encoded + base64.StdEncoding.EncodeToString(body)
}

// fromText reads what toText wrote; anything else is returned as it is, and false.
func fromText(text string) ([]byte, bool) {
	rest, ok := strings.CutPrefix(text, encoded)
	if !ok {
		return []byte(text), true
	}
	body, err := base64.StdEncoding.DecodeString(rest)
	if err != nil {
		return []byte(text), false
	}
	return body, true
}

// isText reports whether text has only the characters of SendMessage's MessageBody:
// #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.
func isText(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	return strings.IndexFunc(text, func(r rune) bool {
		return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	}) < 0
}
