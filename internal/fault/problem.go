package fault

import (
	"errors"
	"net/http"
)

// Problem is an error as the wire shows it: a problem object of RFC 9457.
type Problem struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Detail string  `json:"detail,omitzero"`
	Errors []Field `json:"errors,omitempty"`
}

// KindInfo is one row of the table from kinds to HTTP.
type KindInfo struct {
	Status int
	Title  string
}

// Describe is the one table from kinds to HTTP. A kind without a row is the
// server's own trouble.
func Describe(kind Kind) KindInfo {
	switch kind {
	case Syntax:
		return KindInfo{http.StatusBadRequest, "The request cannot be understood"}
	case Combination:
		return KindInfo{http.StatusBadRequest, "These parts of a request do not go together"}
	case Unauthorized:
		return KindInfo{http.StatusUnauthorized, "A key or token is needed"}
	case Forbidden:
		return KindInfo{http.StatusForbidden, "The key's role does not allow this"}
	case UploadRefused:
		return KindInfo{http.StatusForbidden, "The upload is not what was agreed on"}
	case NotFound:
		return KindInfo{http.StatusNotFound, "Not found"}
	case MethodNotAllowed:
		return KindInfo{http.StatusMethodNotAllowed, "The resource has other methods"}
	case Conflict:
		return KindInfo{http.StatusConflict, "Conflicts with what is stored"}
	case Gone:
		return KindInfo{http.StatusGone, "No longer kept"}
	case Precondition:
		return KindInfo{http.StatusPreconditionFailed, "The precondition does not hold"}
	case TooLarge:
		return KindInfo{http.StatusRequestEntityTooLarge, "Too large"}
	case MediaType:
		return KindInfo{http.StatusUnsupportedMediaType, "The content type is not taken here"}
	case Invalid:
		return KindInfo{http.StatusUnprocessableEntity, "Fields break the rules"}
	case Throttled:
		return KindInfo{http.StatusTooManyRequests, "Too many requests"}
	case Unavailable:
		return KindInfo{http.StatusServiceUnavailable, "Not now"}
	default:
		return KindInfo{http.StatusInternalServerError, "The server failed"}
	}
}

// ProblemOf shows err to a client. What is wrapped in it stays hidden, and an
// error that is not a fault says nothing but that the server failed.
func ProblemOf(err error) Problem {
	kind := KindOf(err)
	info := Describe(kind)
	if info.Status == http.StatusInternalServerError {
		kind = Internal
	}
	p := Problem{Type: "/problems/" + string(kind), Title: info.Title, Status: info.Status}
	if e, ok := errors.AsType[*Error](err); ok && kind != Internal {
		p.Detail, p.Errors = e.Detail, e.Fields
	}
	return p
}
