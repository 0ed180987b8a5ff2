// Package fault is the one error vocabulary of Acervo. Whoever can act on an
// error asks for its Kind; people read its detail; the rest of the chain is for
// the log. One table turns kinds into HTTP (problem.go).
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what can be done about an error, whoever reports it.
type Kind string

// The kinds. Each is also the code of a problem type, /problems/{kind}.
const (
	// Syntax: the request cannot be understood as it stands (400).
	Syntax Kind = "bad_request"
	// Combination: each part is understood, but they do not go together (400).
	Combination Kind = "unsupported_combination"
	// Unauthorized: no credentials, or none that are known (401).
	Unauthorized Kind = "unauthorized"
	// Forbidden: known, but the role does not suffice (403).
	Forbidden Kind = "forbidden"
	// UploadRefused: an upload that nobody signed, or that is not as it was signed (403).
	UploadRefused Kind = "upload_refused"
	// NotFound: no such thing (404).
	NotFound Kind = "not_found"
	// MethodNotAllowed: the resource has other methods (405).
	MethodNotAllowed Kind = "method_not_allowed"
	// Conflict: contradicts what is stored (409).
	Conflict Kind = "conflict"
	// Gone: was here, is no longer kept (410).
	Gone Kind = "gone"
	// Precondition: If-Match or If-None-Match did not hold (412).
	Precondition Kind = "precondition_failed"
	// TooLarge: more bytes than are taken (413).
	TooLarge Kind = "too_large"
	// MediaType: a content type that is not taken here (415).
	MediaType Kind = "unsupported_media_type"
	// Invalid: understood, but its fields break rules (422).
	Invalid Kind = "invalid"
	// Internal: a bug or damage; also the kind of every foreign error (500).
	Internal Kind = "internal"
	// Throttled: too many requests; later ones will be taken (429).
	Throttled Kind = "too_many_requests"
	// Damaged: what is stored is not what was written (500).
	Damaged Kind = "damaged"
	// Unavailable: the store or the lane cannot take it now; try later (503).
	Unavailable Kind = "unavailable"

	// Changed: a conditional write lost, the caller reads again. It never
	// reaches a client.
	Changed Kind = "changed"
	// Stale: the handle no longer owns its delivery. It never reaches a client.
	Stale Kind = "stale"
)

// Field is one fault in one place of a request.
type Field struct {
	// Pointer is an RFC 6901 pointer into the body, empty for the whole of it; of a
	// read, into the query as if it were an object of its parameters.
	Pointer string `json:"pointer"`
	// Code is stable and for programs: required, too_long, unknown_field…
	Code string `json:"code"`
	// Detail is for people. It never repeats the offending value.
	Detail string `json:"detail"`
}

// Error is an error of a known kind. Detail is safe to show to a client; the
// wrapped error is not, and stays in the log.
type Error struct {
	Kind   Kind
	Detail string
	Fields []Field
	err    error
}

// New returns an error of a kind whose detail may be shown to a client.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

// Wrap gives err a kind and a context for the log. It returns nil for a nil err.
func Wrap(kind Kind, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Detail: fmt.Sprintf(format, args...), err: err}
}

// Of returns one error of a kind that lists every field at fault, or nil when
// there is none.
func Of(kind Kind, detail string, fields []Field) error {
	if len(fields) == 0 {
		return nil
	}
	return &Error{Kind: kind, Detail: detail, Fields: fields}
}

// Error is the whole story, for the log.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Detail)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, "; %s: %s", f.Pointer, f.Detail)
	}
	if e.err != nil {
		b.WriteString(": ")
		b.WriteString(e.err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.err }

// KindOf returns the kind of the outermost fault in the chain, Internal for an
// error that has none, and the empty kind for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is of the given kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
