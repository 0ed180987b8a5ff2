// Package client is the other end of the wire: a small typed client of the API.
// What the server refuses comes back as a fault with its kind, its detail and
// every field at fault; no answer at all is fault.Unavailable.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"acervo/internal/fault"
)

// maxAnswer is the most bytes of an answer that are read.
const maxAnswer = 16 << 20

// Options say which server a Client talks to, and how.
type Options struct {
	// URL is where the API is, such as http://127.0.0.1:8080.
	URL string
	// Key is the bearer token; empty for none.
	Key string
	// HTTP sends the requests; nil for a client that gives up on a request after
	// a minute. Redirects are never followed: the key is for one server.
	HTTP *http.Client
	// Tries is how often a request is sent that may be repeated; zero for four.
	Tries int
}

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	base  *url.URL
	key   string
	http  http.Client
	tries int
}

// New returns a client. A URL that is not http or https is fault.Syntax.
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.URL)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil {
		return nil, fault.New(fault.Syntax, "The URL of the server must be like http://127.0.0.1:8080.")
	}
	base.Path = strings.TrimSuffix(base.Path, "/")
	c := &Client{base: base, key: o.Key, tries: o.Tries}
	if o.HTTP != nil {
		c.http = *o.HTTP
	} else {
		c.http.Timeout = time.Minute
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if c.tries == 0 {
		c.tries = 4
	}
	return c, nil
}

// request is one call of the API.
type request struct {
	method, path string
	query        url.Values
	body         any    // sent as JSON; nil for none
	mediaType    string // of the body; empty for application/json
	header       http.Header
	repeatable   bool // a second one does no harm
}

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// into sends a request and decodes the answer; a nil v wants none.
func (c *Client) into(ctx context.Context, r request, v any) error {
	a, err := c.send(ctx, r)
	if err != nil || v == nil {
		return err
	}
	return unmarshal(a.body, v)
}

// send sends a request, again if that may help and does no harm, and turns what
// the server refuses into a fault.
func (c *Client) send(ctx context.Context, r request) (answer, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return answer{}, fault.Wrap(fault.Internal, err, "encode a request")
		}
	}
	for try := 1; ; try++ {
		a, err := c.once(ctx, r, body)
		if err == nil && a.status < http.StatusMultipleChoices {
			return a, nil
		}
		again := r.repeatable && try < c.tries && ctx.Err() == nil
		switch {
		case err != nil && (!again || !passing(err)):
			return a, fault.Wrap(fault.Unavailable, err, "The server cannot be reached")
		case err == nil && (!again || !retriable(a.status)):
			return a, problem(a)
		}
		if !pause(ctx, waitFor(a, try)) {
			return a, fault.Wrap(fault.Unavailable, ctx.Err(), "The server was not waited for any longer")
		}
	}
}

func (c *Client) once(ctx context.Context, r request, body []byte) (answer, error) {
	target := *c.base
	target.RawPath = target.EscapedPath() + r.path // the parts of r.path are escaped
	target.Path, _ = url.PathUnescape(target.RawPath)
	target.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.method, target.String(), bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if r.header != nil {
		req.Header = r.header.Clone()
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
		if r.mediaType != "" {
			req.Header.Set("Content-Type", r.mediaType)
		}
	}
	res, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: res.StatusCode, header: res.Header}
	a.body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	err = errors.Join(err, res.Body.Close())
	if err == nil && len(a.body) > maxAnswer {
		err = fault.New(fault.TooLarge, "The answer has more than %d bytes.", maxAnswer)
	}
	return a, err
}

// problem is the fault that an answer tells of. What is no problem object, such
// as the page of a proxy, has the kind of its status.
func problem(a answer) error {
	var p fault.Problem
	mediaType, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	if strings.TrimSpace(mediaType) != "application/problem+json" || json.Unmarshal(a.body, &p) != nil || p.Title == "" {
		return fault.New(kindOfStatus(a.status), "The server answered with status %d.", a.status)
	}
	return &fault.Error{Kind: kindOf(p, a.status), Detail: orTitle(p), Fields: p.Errors}
}

func orTitle(p fault.Problem) string {
	if p.Detail == "" {
		return p.Title + "."
	}
	return p.Detail
}

// Fault is the problem of a job as an error.
func Fault(p fault.Problem) error {
	return &fault.Error{Kind: kindOf(p, p.Status), Detail: orTitle(p), Fields: p.Errors}
}

// kindOf is the kind that a problem names, or that of its status when this
// release does not know the name.
func kindOf(p fault.Problem, status int) fault.Kind {
	kind := fault.Kind(strings.TrimPrefix(p.Type, "/problems/"))
	if fault.Describe(kind).Status == status && status != http.StatusInternalServerError {
		return kind
	}
	return kindOfStatus(status)
}

func kindOfStatus(status int) fault.Kind {
	for _, kind := range []fault.Kind{
		fault.Syntax, fault.Unauthorized, fault.Forbidden, fault.NotFound, fault.MethodNotAllowed, fault.Conflict, fault.Gone,
		fault.Precondition, fault.TooLarge, fault.MediaType, fault.Invalid, fault.Throttled, fault.Unavailable,
	} {
		if fault.Describe(kind).Status == status {
			return kind
		}
	}
	if retriable(status) {
		return fault.Unavailable
	}
	return fault.Internal
}

// newKey is an Idempotency-Key that nobody else has.
func newKey() string { return rand.Text() }

func unmarshal(body []byte, v any) error {
	return fault.Wrap(fault.Internal, json.Unmarshal(body, v), "The server's answer cannot be read")
}
