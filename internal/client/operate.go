package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"acervo/internal/fault"
	"acervo/internal/job"
)

// Queue is a lane as the server shows it. What it cannot tell is nil.
type Queue struct {
	Name             string         `json:"name"`
	Waiting          *int           `json:"waiting"`
	InFlight         *int           `json:"in_flight"`
	Delayed          *int           `json:"delayed"`
	OldestAgeSeconds *float64       `json:"oldest_age_seconds"`
	InPerSecond      *float64       `json:"in_per_second"`
	OutPerSecond     *float64       `json:"out_per_second"`
	Dead             int            `json:"dead"`
	Stuck            *int           `json:"stuck"`
	Paused           bool           `json:"paused"`
	AsOf             *time.Time     `json:"as_of"`
	Rest             jsontext.Value `json:",embed"`
}

// Queues walks over the lanes.
func (c *Client) Queues(ctx context.Context) iter.Seq2[Queue, error] {
	return each[Queue](ctx, c, "/v1/queues", nil)
}

// Pause pauses a lane, or has it go on.
func (c *Client) Pause(ctx context.Context, lane string, paused bool) error {
	step := "/resume"
	if paused {
		step = "/pause"
	}
	return c.into(ctx, request{method: http.MethodPost, path: "/v1/queues/" + url.PathEscape(lane) + step, repeatable: true}, nil)
}

// Dead is a dead job as the server shows it; payload and history only when it is
// looked at alone.
type Dead struct {
	ID          string         `json:"id"`
	Lane        string         `json:"lane"`
	Kind        job.Kind       `json:"kind"`
	State       job.State      `json:"state"`
	BookID      string         `json:"book_id"`
	Generation  int            `json:"generation"`
	Attempts    int            `json:"attempts"`
	BuriedAt    time.Time      `json:"buried_at"`
	RetryAsked  bool           `json:"retry_asked"`
	Cause       string         `json:"cause"`
	Fingerprint string         `json:"fingerprint"`
	Error       *fault.Problem `json:"error"`
	Payload     jsontext.Value `json:"payload,omitzero"`
	History     []job.Event    `json:"history,omitempty"`
	Rest        jsontext.Value `json:",embed"`
}

// Group is the dead of one fingerprint.
type Group struct {
	Fingerprint string         `json:"fingerprint"`
	Lane        string         `json:"lane"`
	Count       int            `json:"count"`
	Cause       string         `json:"cause"`
	Oldest      time.Time      `json:"oldest"`
	Latest      time.Time      `json:"latest"`
	Sample      string         `json:"sample"`
	Rest        jsontext.Value `json:",embed"`
}

// Filter chooses among the dead. An empty field chooses all.
type Filter struct {
	Lane  string `json:"lane,omitzero"`
	Kind  string `json:"kind,omitzero"`
	Error string `json:"error,omitzero"` // a fingerprint
	Book  string `json:"book,omitzero"`
}

func (f Filter) query() url.Values {
	return set("lane", f.Lane, "kind", f.Kind, "error", f.Error, "book", f.Book)
}

// Dead walks over the dead that a filter chooses, the last buried first.
func (c *Client) Dead(ctx context.Context, f Filter) iter.Seq2[Dead, error] {
	return each[Dead](ctx, c, "/v1/dead", f.query())
}

// DeadGroups walks over the dead by fingerprint, the largest group first.
func (c *Client) DeadGroups(ctx context.Context, f Filter) iter.Seq2[Group, error] {
	return each[Group](ctx, c, "/v1/dead/groups", f.query())
}

// DeadJob reads a dead job with its payload and history.
func (c *Client) DeadJob(ctx context.Context, id string) (d Dead, err error) {
	err = c.into(ctx, request{method: http.MethodGet, path: deadPath(id), repeatable: true}, &d)
	return d, err
}

// Order is what an operator wants of the dead.
type Order struct {
	Reason string         `json:"reason,omitzero"`
	Draft  jsontext.Value `json:"draft,omitzero"` // of one retry: instead of the draft, or of the patch
	Filter *Filter        `json:"filter,omitzero"`
	Limit  int            `json:"limit,omitzero"`
}

// Retry sends a dead job to its lane again. Asked twice it is one retry.
func (c *Client) Retry(ctx context.Context, id string, o Order) (d Dead, err error) {
	err = c.into(ctx, request{method: http.MethodPost, path: deadPath(id) + "/retry", body: o, repeatable: o.Draft == nil}, &d)
	return d, err
}

// Discard takes a dead job out of the ledger for good.
func (c *Client) Discard(ctx context.Context, id string, o Order) (d Dead, err error) {
	err = c.into(ctx, request{method: http.MethodPost, path: deadPath(id) + "/discard", body: o}, &d)
	return d, err
}

// RetryAll and DiscardAll do it to up to o.Limit of the dead that o.Filter
// chooses, and return how many there were.
func (c *Client) RetryAll(ctx context.Context, o Order) (int, error) {
	return c.matched(ctx, "/v1/dead/retry", o)
}

// DiscardAll is like RetryAll.
func (c *Client) DiscardAll(ctx context.Context, o Order) (int, error) {
	return c.matched(ctx, "/v1/dead/discard", o)
}

func (c *Client) matched(ctx context.Context, path string, o Order) (int, error) {
	var m struct {
		Matched int `json:"matched"`
	}
	err := c.into(ctx, request{method: http.MethodPost, path: path, body: o}, &m)
	return m.Matched, err
}

func deadPath(id string) string { return "/v1/dead/" + url.PathEscape(id) }

// Key is a key of the API. Its Secret is there only in the answer that made it.
type Key struct {
	Name      string         `json:"name"`
	Role      string         `json:"role"`
	MadeAt    time.Time      `json:"made_at,omitzero"`
	MadeBy    string         `json:"made_by,omitzero"`
	ExpiresAt *time.Time     `json:"expires_at"`
	Secret    string         `json:"key,omitzero"`
	Rest      jsontext.Value `json:",embed"`
}

// Keys walks over the keys.
func (c *Client) Keys(ctx context.Context) iter.Seq2[Key, error] {
	return each[Key](ctx, c, "/v1/keys", nil)
}

// AddKey makes a key of a name and a role, which expires if a time is given. It is
// sent once: when the answer gets lost, so does the key.
func (c *Client) AddKey(ctx context.Context, name, role string, expires *time.Time) (k Key, err error) {
	body := map[string]any{"name": name, "role": role, "expires_at": expires}
	err = c.into(ctx, request{method: http.MethodPost, path: "/v1/keys", body: body}, &k)
	return k, err
}

// RevokeKey ends a key.
func (c *Client) RevokeKey(ctx context.Context, name string) error {
	return c.into(ctx, request{method: http.MethodDelete, path: "/v1/keys/" + url.PathEscape(name)}, nil)
}

// Ready is what the server says of its readiness.
type Ready struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks"`
}

// Ready asks whether the server is ready. One that is not says so in Ready, and
// is no error.
func (c *Client) Ready(ctx context.Context) (Ready, error) {
	a, err := c.send(ctx, request{method: http.MethodGet, path: "/readyz"})
	var ready Ready
	if unmarshal(a.body, &ready) == nil && ready.Status != "" { // also beside status 503
		return ready, nil
	}
	return ready, err
}
