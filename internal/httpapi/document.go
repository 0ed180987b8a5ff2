package httpapi

import (
	"fmt"
	"html/template"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// document is what the readable page tells of an OpenAPI document. Names are as
// OpenAPI 3.1 has them; what is kept once under components is filled in where it
// is referred to, but for schemas, which the page links.
type document struct {
	Info struct {
		Title       string `json:"title"`
		Version     string `json:"version"`
		Summary     string `json:"summary"`
		Description string `json:"description"`
	} `json:"info"`
	Tags []struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	} `json:"tags"`
	Paths      ordered[pathItem] `json:"paths"`
	Components struct {
		Schemas    ordered[schema]      `json:"schemas"`
		Parameters map[string]parameter `json:"parameters"`
		Responses  map[string]response  `json:"responses"`
		Examples   map[string]example   `json:"examples"`
	} `json:"components"`
}

type pathItem struct {
	Parameters []parameter `json:"parameters"`
	Get        *operation  `json:"get"`
	Post       *operation  `json:"post"`
	Put        *operation  `json:"put"`
	Patch      *operation  `json:"patch"`
	Delete     *operation  `json:"delete"`
}

type operation struct {
	Tags        []string              `json:"tags"`
	ID          string                `json:"operationId"`
	Summary     string                `json:"summary"`
	Description string                `json:"description"`
	Security    []map[string][]string `json:"security"`
	Parameters  []parameter           `json:"parameters"`
	RequestBody struct {
		Required bool           `json:"required"`
		Content  ordered[media] `json:"content"`
	} `json:"requestBody"`
	Responses ordered[response] `json:"responses"`

	// Method and Path are where the operation stands in the document.
	Method string `json:"-"`
	Path   string `json:"-"`
}

type parameter struct {
	Ref         string `json:"$ref"`
	Name        string `json:"name"`
	In          string `json:"in"`
	Required    bool   `json:"required"`
	Description string `json:"description"`
	Schema      schema `json:"schema"`
}

type response struct {
	Ref         string         `json:"$ref"`
	Description string         `json:"description"`
	Content     ordered[media] `json:"content"`
}

type media struct {
	Schema   schema           `json:"schema"`
	Example  jsontext.Value   `json:"example"`
	Examples ordered[example] `json:"examples"`
}

type example struct {
	Ref     string         `json:"$ref"`
	Summary string         `json:"summary"`
	Value   jsontext.Value `json:"value"`
}

type schema struct {
	Ref         string           `json:"$ref"`
	Type        words            `json:"type"`
	Title       string           `json:"title"`
	Description string           `json:"description"`
	Format      string           `json:"format"`
	Const       string           `json:"const"`
	Enum        []string         `json:"enum"`
	Default     jsontext.Value   `json:"default"`
	Minimum     jsontext.Value   `json:"minimum"`
	Maximum     jsontext.Value   `json:"maximum"`
	MinItems    int              `json:"minItems"`
	MaxItems    int              `json:"maxItems"`
	MaxLength   int              `json:"maxLength"`
	Items       *schema          `json:"items"`
	Properties  ordered[*schema] `json:"properties"`
	Required    words            `json:"required"`
	OneOf       []schema         `json:"oneOf"`
	AnyOf       []schema         `json:"anyOf"`
}

// words are one string or several.
type words []string

// UnmarshalJSONFrom is json.UnmarshalerFrom's.
func (w *words) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '[' {
		return json.UnmarshalDecode(dec, (*[]string)(w))
	}
	var one string
	err := json.UnmarshalDecode(dec, &one)
	*w = words{one}
	return err
}

// ordered are the members of an object in the order of the document.
type ordered[T any] []named[T]

type named[T any] struct {
	Name  string
	Value T
}

// UnmarshalJSONFrom is json.UnmarshalerFrom's.
func (o *ordered[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		n := named[T]{Name: name.String()}
		if err := json.UnmarshalDecode(dec, &n.Value); err != nil {
			return err
		}
		*o = append(*o, n)
	}
	_, err := dec.ReadToken()
	return err
}

func readDocument(raw []byte) (*document, error) {
	var d document
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("openapi.json: %w", err)
	}
	return &d, nil
}

// problemTypes are the types of problems that the document lists.
func (d *document) problemTypes() []schema {
	for _, s := range d.Components.Schemas {
		if s.Name == "ProblemType" {
			return s.Value.OneOf
		}
	}
	return nil
}

// Operations are those of a tag, with nothing left to look up but schemas.
func (d *document) Operations(tag string) (all []operation) {
	for _, p := range d.Paths {
		for _, m := range []struct {
			method string
			op     *operation
		}{
			{http.MethodGet, p.Value.Get},
			{http.MethodPost, p.Value.Post},
			{http.MethodPut, p.Value.Put},
			{http.MethodPatch, p.Value.Patch},
			{http.MethodDelete, p.Value.Delete},
		} {
			if m.op != nil && slices.Contains(m.op.Tags, tag) {
				all = append(all, d.filledIn(*m.op, m.method, p.Name, p.Value.Parameters))
			}
		}
	}
	return all
}

func (d *document) filledIn(op operation, method, address string, shared []parameter) operation {
	op.Method, op.Path = method, address
	op.Parameters = slices.Concat(shared, op.Parameters)
	for i, p := range op.Parameters {
		if p.Ref != "" {
			op.Parameters[i] = d.Components.Parameters[refName(p.Ref)]
		}
	}
	op.Responses = slices.Clone(op.Responses)
	for i, r := range op.Responses {
		if r.Value.Ref != "" {
			op.Responses[i].Value = d.Components.Responses[refName(r.Value.Ref)]
		}
	}
	return op
}

// funcs are what the templates call.
func (d *document) funcs(style []byte) template.FuncMap {
	return template.FuncMap{
		"style":   func() template.CSS { return template.CSS(style) }, //nolint:gosec // a file of our own
		"prose":   prose,
		"name":    refName,
		"lower":   strings.ToLower,
		"indent":  indent,
		"example": func(e example) example { return d.example(e) },
		"anchor":  func(s string) string { return strings.ReplaceAll(strings.ToLower(s), " ", "-") },
	}
}

func (d *document) example(e example) example {
	if e.Ref != "" {
		return d.Components.Examples[refName(e.Ref)]
	}
	return e
}

func refName(ref string) string { return path.Base(ref) }

// prose is text with paragraphs, and with code in backticks.
func prose(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(template.HTMLEscapeString(text), "`") {
		if i > 0 {
			b.WriteString([]string{"</code>", "<code>"}[i%2])
		}
		b.WriteString(part)
	}
	return template.HTML("<p>" + strings.ReplaceAll(b.String(), "\n\n", "</p><p>") + "</p>") //nolint:gosec // it is escaped
}

func indent(v jsontext.Value) (string, error) {
	v = v.Clone()
	err := v.Indent(jsontext.WithIndent("  "))
	return string(v), err
}

// Role is the least role that may call the operation.
func (o operation) Role() string {
	role := "public"
	for i, requirement := range o.Security {
		switch names := requirement["bearer"]; {
		case len(names) > 0 && i == 0:
			role = names[0]
		case len(names) > 0:
			role = "public, or " + names[0]
		}
	}
	return role
}

// Types are what a value may be, apart from what it refers to.
func (s schema) Types() string { return strings.Join(s.Type, " or ") }

// Choices are the schemas of which a value fits one.
func (s schema) Choices() []schema { return slices.Concat(s.OneOf, s.AnyOf) }

// Requires reports whether an object must have the property.
func (s schema) Requires(name string) bool { return slices.Contains(s.Required, name) }

// Limits are the bounds of a value in words.
func (s schema) Limits() string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	switch {
	case s.Minimum != nil && s.Maximum != nil:
		say("%s to %s", s.Minimum, s.Maximum)
	case s.Minimum != nil:
		say("from %s", s.Minimum)
	}
	switch {
	case s.MinItems > 0 && s.MaxItems > 0:
		say("%d to %d items", s.MinItems, s.MaxItems)
	case s.MaxItems > 0:
		say("at most %d items", s.MaxItems)
	}
	if s.MaxLength > 0 {
		say("at most %d characters", s.MaxLength)
	}
	if len(s.Enum) > 0 {
		say("one of %s", strings.Join(s.Enum, ", "))
	}
	if s.Default != nil {
		say("%s unless given", s.Default)
	}
	return strings.Join(all, "; ")
}
