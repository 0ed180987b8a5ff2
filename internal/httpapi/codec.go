package httpapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// acceptPatch is the header that tells what PATCH takes.
const acceptPatch = "Accept-Patch"

// mediaTypes are the content types taken under the header that tells of them.
func mediaTypes(accept string) []string {
	if accept == acceptPatch {
		return []string{"application/merge-patch+json", "application/json"}
	}
	return []string{"application/json"}
}

// readBody reads the whole body, at most MaxBody bytes of a type that is taken.
// It is compressed by nobody.
func readBody(w http.ResponseWriter, r *http.Request, accept string) ([]byte, error) {
	types := mediaTypes(accept)
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset, given := params["charset"]
	switch {
	case err != nil, !slices.Contains(types, mediaType), given && !strings.EqualFold(charset, "utf-8"):
		w.Header().Set(accept, strings.Join(types, ", "))
		return nil, fault.New(fault.MediaType, "The Content-Type must be %s.", strings.Join(types, " or "))
	case r.Header.Get("Content-Encoding") != "":
		w.Header().Set("Accept-Encoding", "identity")
		return nil, fault.New(fault.MediaType, "The body must not be compressed.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, fault.New(fault.TooLarge, "The body has more than %d bytes.", MaxBody)
	}
	return body, fault.Wrap(fault.Syntax, err, "The body did not arrive whole.")
}

// preconditions reads If-Match and If-None-Match (RFC 9110 section 13.1).
func preconditions(r *http.Request) (ifMatch, ifNoneMatch *book.Tags, err error) {
	if ifMatch, err = tags(r, "If-Match", false); err != nil {
		return nil, nil, err
	}
	ifNoneMatch, err = tags(r, "If-None-Match", true)
	return ifMatch, ifNoneMatch, err
}

// tags reads If-Match or If-None-Match, nil when the request has none.
func tags(r *http.Request, header string, weak bool) (*book.Tags, error) {
	values := r.Header.Values(header)
	if len(values) == 0 {
		return nil, nil //nolint:nilnil // absent is neither a value nor an error
	}
	parsed, ok := book.ParseTags(strings.Join(values, ","), weak)
	if !ok {
		return nil, fault.New(fault.Syntax, `%s must be * or entity tags such as "v7".`, header)
	}
	return &parsed, nil
}

// traceparentPattern is version 00 of W3C Trace Context, section 3.2.
var traceparentPattern = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// traceparent returns the trace of the request; a malformed one, or one of zeros,
// is ignored, as its specification wants.
func traceparent(r *http.Request) string {
	value := r.Header.Get("Traceparent")
	if !traceparentPattern.MatchString(value) || strings.Trim(value[3:35], "0") == "" || strings.Trim(value[36:52], "0") == "" {
		return ""
	}
	return value
}

// json answers with a document.
func (a *API) json(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := json.Marshal(v, json.Deterministic(true))
	a.encoded(w, r, status, body, err)
}

// encoded answers with a document that has been encoded, if it could be.
func (a *API) encoded(w http.ResponseWriter, r *http.Request, status int, body []byte, err error) {
	if err != nil {
		for _, name := range []string{"Cache-Control", "ETag", "Link", "Location"} { // of what cannot be told
			w.Header().Del(name)
		}
		a.problem(w, r, fault.Wrap(fault.Internal, err, "encode an answer"))
		return
	}
	write(w, status, "application/json", body)
}

func write(w http.ResponseWriter, status int, mediaType string, body []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1)) // else a long one goes out in chunks
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone is its own affair
}
