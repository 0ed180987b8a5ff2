package book

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"acervo/internal/fault"
)

// maxFaults is the most faults that one body is told of. A draft whose names are
// right cannot have as many.
const maxFaults = 100

// faults gathers the faults of one body, so that a client hears them at once.
type faults struct {
	kind   fault.Kind // Syntax as soon as one fault is of syntax, else Invalid
	fields []fault.Field
}

// invalid notes a field that is understood but breaks a rule (422).
func (f *faults) invalid(pointer, code, detail string) {
	f.add(fault.Field{Pointer: pointer, Code: code, Detail: detail})
}

// syntax notes what makes the body itself unacceptable (400).
func (f *faults) syntax(pointer, code, detail string) {
	f.kind = fault.Syntax
	f.add(fault.Field{Pointer: pointer, Code: code, Detail: detail})
}

func (f *faults) add(field fault.Field) {
	if len(f.fields) < maxFaults && !slices.Contains(f.fields, field) {
		f.fields = append(f.fields, field)
	}
}

func (f *faults) err() error {
	if f.kind == fault.Syntax {
		return fault.Of(fault.Syntax, "The body is not acceptable JSON for a book.", f.fields)
	}
	return fault.Of(fault.Invalid, "The book breaks the rules of its fields.", f.fields)
}

// member is one name and value of a JSON object.
type member struct {
	pointer string // RFC 6901
	name    string
	value   jsontext.Value
}

func (m member) null() bool { return m.value.Kind() == 'n' }

// members reads a JSON object whose names are all among known and which nothing
// follows; it returns nil, and there is nothing more to say of raw, when it is not
// one. Names are compared as they stand, case included. The walk is our own
// because the decoder stops at the first duplicate or unknown name.
func (f *faults) members(pointer string, raw []byte, known ...string) []member {
	if i := invalidUTF8(raw); i >= 0 {
		f.syntax(pointer, "invalid_utf8", fmt.Sprintf("the text is not UTF-8 at byte %d", i))
		return nil
	}
	// Of a Buffer the decoder makes no copy, so that the values are parts of raw.
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true))
	if dec.PeekKind() != '{' {
		f.syntaxError(pointer, dec)
		return nil
	}
	_, _ = dec.ReadToken() // the brace that was peeked at
	all := []member{}
	seen := make(map[string]bool, len(known))
	for dec.PeekKind() == '"' {
		token, err := dec.ReadToken()
		if err != nil {
			break
		}
		m := member{name: token.String()}
		m.pointer = pointer + "/" + m.name
		if strings.ContainsAny(m.name, "~/") {
			m.pointer = pointer + string(jsontext.Pointer("").AppendToken(m.name))
		}
		if m.value, err = dec.ReadValue(); err != nil {
			break
		}
		f.duplicatesIn(m)
		switch {
		case seen[m.name]:
			f.duplicate(m.pointer)
		case !slices.Contains(known, m.name):
			f.syntax(m.pointer, "unknown_field", "there is no such field; names are spelt in lower case")
		default:
			all = append(all, m)
		}
		seen[m.name] = true
	}
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '}' {
		f.malformed(pointer, dec)
		return nil
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		f.syntax(pointer, "trailing_data", fmt.Sprintf("something follows the object at byte %d", dec.InputOffset()))
		return nil
	}
	return all
}

// duplicatesIn notes the first name that stands twice somewhere within a value,
// whatever the value should have been.
func (f *faults) duplicatesIn(m member) {
	if bytes.IndexByte(m.value, '{') < 0 { // nothing in it has a name
		return
	}
	err := jsontext.NewDecoder(bytes.NewReader(m.value)).SkipValue()
	if twice, ok := errors.AsType[*jsontext.SyntacticError](err); ok && errors.Is(err, jsontext.ErrDuplicateName) {
		f.duplicate(m.pointer + string(twice.JSONPointer))
	}
}

func (f *faults) duplicate(pointer string) {
	f.syntax(pointer, "duplicate_field", "the name stands more than once")
}

// syntaxError tells why a value that should be an object is not one.
func (f *faults) syntaxError(pointer string, dec *jsontext.Decoder) {
	if value, err := dec.ReadValue(); err == nil {
		f.syntax(pointer, "type", "must be an object, not "+kindName(value.Kind()))
		return
	}
	f.malformed(pointer, dec)
}

func (f *faults) malformed(pointer string, dec *jsontext.Decoder) {
	f.syntax(pointer, "malformed", fmt.Sprintf("this is not well-formed JSON after byte %d", dec.InputOffset()))
}

// text decodes a member that is a string, as into does.
func (f *faults) text(m member) (s string, ok bool) {
	text, err := jsontext.AppendUnquote(nil, m.value)
	if err != nil || m.value.Kind() != '"' {
		f.invalid(m.pointer, "type", "must be a string")
		return "", false
	}
	return string(text), true
}

// into decodes the member into a Go value, or notes what it must be.
func into[T any](f *faults, m member, want string) (v T, ok bool) {
	if err := json.Unmarshal(m.value, &v); err != nil || m.null() {
		f.invalid(m.pointer, "type", "must be "+want)
		return v, false
	}
	return v, true
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '[':
		return "an array"
	case '{':
		return "an object"
	default:
		return "a boolean"
	}
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(raw []byte) int {
	if utf8.Valid(raw) {
		return -1
	}
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}
