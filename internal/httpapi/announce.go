package httpapi

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/tabular"
)

const (
	// maxFilename is the most characters of the name of a file.
	maxFilename = 255
	// maxMapped and maxKeyed are the most columns that may be mapped, and that make a key.
	maxMapped = 200
	maxKeyed  = 20
	// maxColumnName is the most characters by which a column is named.
	maxColumnName = 500
)

// announceBody is what announces a file.
type announceBody struct {
	Filename  string            `json:"filename"`
	Bytes     int64             `json:"bytes"`
	Mode      string            `json:"mode"`
	Mapping   map[string]string `json:"mapping"`
	Delimiter string            `json:"delimiter"`
	Encoding  string            `json:"encoding"`
	Currency  string            `json:"currency"`
	Key       []string          `json:"key"`
	StopAfter jsontext.Value    `json:"stop_after"`
}

// readAnnouncement reads and validates the announcement of a file.
func (a *API) readAnnouncement(w http.ResponseWriter, r *http.Request) (intake.Announcement, error) {
	raw, err := readBody(w, r, "Accept-Post")
	if err != nil {
		return intake.Announcement{}, err
	}
	var body announceBody
	if err := json.Unmarshal(raw, &body, json.RejectUnknownMembers(true)); err != nil || jsontext.Value(raw).Kind() != '{' {
		return intake.Announcement{}, fault.Wrap(fault.Syntax, errors.Join(err, errors.New("it is no announcement")),
			"The body must be a JSON object of filename, bytes, mode, mapping, delimiter, encoding, currency, key and stop_after.")
	}
	if err := withoutNulls(raw); err != nil {
		return intake.Announcement{}, err
	}
	return body.announcement(callerOf(r).Name)
}

// withoutNulls refuses an object that has a null for a member: leaving it out says
// the same.
func withoutNulls(raw []byte) error {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(raw, &members); err != nil {
		return fault.Wrap(fault.Syntax, err, "The body must be a JSON object.")
	}
	var f []fault.Field
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if members[name].Kind() == 'n' {
			f = append(f, fault.Field{Pointer: "/" + name, Code: "null", Detail: "must not be null; leave it out"})
		}
	}
	return fault.Of(fault.Invalid, "The file cannot be imported in this way.", f)
}

// announcement is the body with every rule kept, or every fault of it.
func (b announceBody) announcement(by string) (intake.Announcement, error) {
	var f []fault.Field
	add := func(pointer, code, detail string) {
		f = append(f, fault.Field{Pointer: pointer, Code: code, Detail: detail})
	}
	n := intake.Announcement{
		Filename: b.Filename, Bytes: b.Bytes, Mode: drop.Mode(b.Mode), By: by,
		Options: drop.Options{Mapping: b.Mapping, Delimiter: b.Delimiter, Encoding: b.Encoding, Currency: b.Currency, Key: b.Key},
	}
	switch control := strings.ContainsFunc(b.Filename, unicode.IsControl); {
	case b.Filename == "":
		add("/filename", "required", "must be the name of the file")
	case utf8.RuneCountInString(b.Filename) > maxFilename:
		add("/filename", "too_long", fmt.Sprintf("must have at most %d characters", maxFilename))
	case control || strings.ContainsAny(b.Filename, `/\`):
		add("/filename", "not_a_name", "must be a name, without folders and control characters")
	}
	switch {
	case b.Bytes < 1:
		add("/bytes", "required", "must be the size of the file, at least 1")
	case b.Bytes > intake.MaxDrop:
		add("/bytes", "too_large", fmt.Sprintf("must be at most %d; split the file, or gzip it", int64(intake.MaxDrop)))
	}
	switch n.Mode {
	case "":
		n.Mode = drop.Apply
	case drop.Apply, drop.Plan:
	default:
		add("/mode", "unknown_mode", "must be apply or plan")
	}
	var ok bool
	if n.Options.StopAfter, ok = parseLimit(b.StopAfter); !ok {
		add("/stop_after", "not_a_limit", `must be a number of rows such as 100, or a share of them such as "5%"`)
	}
	f = append(f, b.columnFaults()...)
	if told, ok := errors.AsType[*fault.Error](checked(n.Options)); ok {
		f = append(f, told.Fields...)
	}
	return n, fault.Of(fault.Invalid, "The file cannot be imported in this way.", f[:min(len(f), maxQueryFaults)])
}

func checked(o drop.Options) error {
	return tabular.Options{Mapping: o.Mapping, Delimiter: o.Delimiter, Encoding: o.Encoding, Currency: o.Currency, Key: o.Key}.Check()
}

// columnFaults bounds what is said of columns.
func (b announceBody) columnFaults() (f []fault.Field) {
	long := func(name string) bool { return utf8.RuneCountInString(name) > maxColumnName }
	if slices.Contains(b.Key, "") {
		f = append(f, fault.Field{Pointer: "/key", Code: "blank", Detail: "must name columns"})
	}
	mapped := func() bool {
		for name := range b.Mapping {
			if long(name) {
				return true
			}
		}
		return false
	}
	if len(b.Mapping) > maxMapped || mapped() {
		f = append(f, fault.Field{Pointer: "/mapping", Code: "too_long", Detail: fmt.Sprintf("must map at most %d columns, each of at most %d characters", maxMapped, maxColumnName)})
	}
	if len(b.Key) > maxKeyed || slices.ContainsFunc(b.Key, long) {
		f = append(f, fault.Field{Pointer: "/key", Code: "too_long", Detail: fmt.Sprintf("must name at most %d columns, each of at most %d characters", maxKeyed, maxColumnName)})
	}
	return f
}

// parseLimit reads after how many failures an import stops: a number, or a share
// with its sign. None is no limit.
func parseLimit(v jsontext.Value) (*drop.Limit, bool) {
	text := string(v)
	switch v.Kind() {
	case 0:
		return nil, true
	case '0':
	case '"':
		unquoted, err := jsontext.AppendUnquote(nil, v)
		if err != nil {
			return nil, false
		}
		text = string(unquoted)
	default:
		return nil, false
	}
	if share, ok := strings.CutSuffix(text, "%"); ok {
		p, err := strconv.ParseFloat(share, 64)
		return &drop.Limit{Percent: p}, err == nil && p > 0 && p <= 100 && !math.IsNaN(p)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return &drop.Limit{Rows: n}, err == nil && n > 0 && n < 1<<53
}

// parsePage reads limit and cursor, and refuses every other parameter but others.
func parsePage(query url.Values, others ...string) (int, error) {
	var f queryFaults
	limit := usualPage
	for name, values := range query {
		switch {
		case len(values) > 1:
			f.add(name, "duplicate_parameter", "stands more than once")
		case name == "limit":
			n, err := strconv.Atoi(values[0])
			if err != nil || n < 1 || n > maxPage {
				f.add(name, "out_of_range", fmt.Sprintf("must be a whole number from 1 to %d", maxPage))
			}
			limit = n
		case name != "cursor" && !slices.Contains(others, name):
			f.add(name, "unknown_parameter", "there is no parameter of this name here")
		}
	}
	slices.SortFunc(f, func(a, b fault.Field) int { return strings.Compare(a.Pointer, b.Pointer) })
	return limit, fault.Of(fault.Syntax, "The query of this list is not one that it takes.", f)
}

const maxPage = 100
