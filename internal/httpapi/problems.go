package httpapi

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"acervo/internal/fault"
	"acervo/internal/job"
)

// problem answers with a problem object. What is the server's own trouble goes to
// the log, here and nowhere else.
func (a *API) problem(w http.ResponseWriter, r *http.Request, err error) {
	p := fault.ProblemOf(err)
	if p.Status >= http.StatusInternalServerError {
		level := slog.LevelError
		if r.Context().Err() != nil { // the client has gone, which is no trouble of ours
			level = slog.LevelInfo
		}
		a.Log.Log(r.Context(), level, "request failed", "request_id", w.Header().Get(requestIDHeader),
			"method", r.Method, "route", chi.RouteContext(r.Context()).RoutePattern(), "error", err)
	}
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", a.retryAfter(r.Context(), job.Job{}))
	}
	writeProblem(w, p)
}

// problemType is the content type of problem objects (RFC 9457).
const problemType = "application/problem+json"

func writeProblem(w http.ResponseWriter, p fault.Problem) {
	body, _ := json.Marshal(p, jsontext.AllowInvalidUTF8(true)) // nothing else could fail
	write(w, p.Status, problemType, body)
}

func (a *API) notFound(w http.ResponseWriter, r *http.Request) {
	a.problem(w, r, fault.New(fault.NotFound, "There is nothing at this address."))
}

// otherMethod answers OPTIONS, and refuses the methods that an address does not
// have; both tell the ones that it has.
func (a *API) otherMethod(w http.ResponseWriter, r *http.Request) {
	allowed := allowedMethods(r)
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	if r.Method == http.MethodOptions {
		if slices.Contains(allowed, http.MethodPatch) { // RFC 5789 section 3.1
			w.Header().Set(acceptPatch, strings.Join(mediaTypes(acceptPatch), ", "))
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	a.problem(w, r, fault.New(fault.MethodNotAllowed, "See the Allow header for the methods of this address."))
}

func allowedMethods(r *http.Request) []string {
	routes := chi.RouteContext(r.Context()).Routes
	path := cmp.Or(r.URL.RawPath, r.URL.Path) // what chi itself routes by
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if !routes.Match(chi.NewRouteContext(), method, path) {
			continue
		}
		allowed = append(allowed, method)
		if method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	return append(allowed, http.MethodOptions)
}

// recover turns a panic of a handler into a problem.
func (a *API) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				a.problem(w, r, fault.Wrap(fault.Internal, fmt.Errorf("%v\n%s", p, debug.Stack()), "a handler panicked"))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

const requestIDHeader = "X-Request-Id"

// requestIDPattern is what we repeat of a caller's own request id.
var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// requestID gives every answer an id, the caller's own if it is harmless.
func requestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if id == "" || !requestIDPattern.MatchString(id) {
			id = uuid.NewString()
		}
		w.Header().Set(requestIDHeader, id)
		next.ServeHTTP(w, r)
	})
}
