package httpapi_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"
)

// described is the document. For tests its objects are closed, so that an answer
// with a member that the document does not know is found.
var described = sync.OnceValues(func() (*openapi3.T, error) {
	for _, mediaType := range []string{"text/html", "image/jpeg", "text/csv", "text/tab-separated-values", "application/x-ndjson"} {
		openapi3filter.RegisterBodyDecoder(mediaType, openapi3filter.FileBodyDecoder)
	}
	openapi3filter.RegisterBodyDecoder("application/merge-patch+json", openapi3filter.JSONBodyDecoder)
	doc, err := openapi3.NewLoader().LoadFromFile("docs/openapi.json")
	if err != nil {
		return nil, err
	}
	for _, schema := range doc.Components.Schemas {
		closeObject(schema)
	}
	return doc, doc.Validate(context.Background(), openapi3.EnableExamplesValidation())
})

func closeObject(schema *openapi3.SchemaRef) {
	if len(schema.Value.Properties) == 0 || schema.Ref != "" {
		return
	}
	no := false
	schema.Value.AdditionalProperties = openapi3.BoolSchema{Has: &no}
	for _, property := range schema.Value.Properties {
		closeObject(property)
	}
}

// description returns the document.
func description(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := described()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// find returns the operation of the document that answers a request; nil when
// its address or its method is none of the document's.
func (s *server) find(t *testing.T, req *http.Request) *openapi3filter.RequestValidationInput {
	t.Helper()
	doc := description(t)
	route := &routers.Route{Spec: doc, Method: req.Method}
	if req.Method == http.MethodHead {
		route.Method = http.MethodGet
	}
	at := chi.NewRouteContext()
	if !s.handler.(chi.Routes).Match(at, route.Method, cmp.Or(req.URL.RawPath, req.URL.Path)) {
		return nil
	}
	route.Path = at.RoutePattern()
	if route.PathItem = doc.Paths.Value(route.Path); route.PathItem == nil {
		t.Fatalf("the document does not have %s", route.Path)
	}
	if route.Operation = route.PathItem.GetOperation(route.Method); route.Operation == nil {
		t.Fatalf("the document does not have %s %s", route.Method, route.Path)
	}
	params := map[string]string{}
	for i, name := range at.URLParams.Keys {
		params[name] = at.URLParams.Values[i]
	}
	return &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true,
		},
	}
}

// wantDocumented checks that an answer is as the document says, and that the
// document allows a request that was taken. Sent is the request's body.
func (s *server) wantDocumented(t *testing.T, req *http.Request, sent string, a answer) {
	t.Helper()
	input := s.find(t, req)
	if input == nil {
		wantUndocumented(t, req, a)
		return
	}
	request := req.Clone(t.Context())
	request.Method = input.Route.Method // HEAD is GET
	request.Body = io.NopCloser(strings.NewReader(sent))
	input.Request = request
	if a.status < http.StatusMultipleChoices {
		if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
			t.Errorf("%s %s was taken, but the document does not allow it: %v", req.Method, req.URL, err)
		}
	}
	err := openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: a.status, Header: a.header,
		Body: io.NopCloser(strings.NewReader(a.body)), Options: input.Options,
	})
	if err != nil {
		t.Errorf("%s %s: the document does not know this answer: %v", req.Method, req.URL, err)
	}
	documented := input.Route.Operation.Responses.Status(a.status)
	if documented == nil {
		t.Fatalf("the document does not know %d for %s %s", a.status, req.Method, req.URL)
	}
	if len(documented.Value.Content) == 0 && a.body != "" {
		t.Errorf("%s %s: the document knows no body for %d", req.Method, req.URL, a.status)
	}
	wantHeaders(t, documented.Value.Headers, a)
}

// wantHeaders checks that an answer has the headers that the document promises,
// and no others.
func wantHeaders(t *testing.T, documented openapi3.Headers, a answer) {
	t.Helper()
	for name, header := range documented {
		if header.Value.Required && a.header.Get(name) == "" {
			t.Errorf("%d has no %s", a.status, name)
		}
	}
	known := []string{"Content-Type", "Content-Length", "X-Content-Type-Options", "Vary"}
	for name := range documented {
		known = append(known, http.CanonicalHeaderKey(name))
	}
	for name := range a.header {
		if !slices.Contains(known, name) && !strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("the document does not know %s of %d", name, a.status)
		}
	}
}

// wantUndocumented checks the answers to addresses and methods that there are
// not, of which the document tells once for all.
func wantUndocumented(t *testing.T, req *http.Request, a answer) {
	t.Helper()
	switch {
	case a.status == http.StatusNoContent && req.Method == http.MethodOptions:
		return
	case a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed:
		t.Errorf("%s %s is none of the document's, and was answered by %d", req.Method, req.URL, a.status)
	}
	if err := fits(description(t).Components.Schemas["Problem"].Value, a.body); err != nil {
		t.Errorf("%s %s: the problem is none: %v", req.Method, req.URL, err)
	}
}

// fits reports whether JSON is as a schema has it.
func fits(schema *openapi3.Schema, text string) error {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return fmt.Errorf("%w in %q", err, text)
	}
	return schema.VisitJSON(value, openapi3.EnableJSONSchema2020())
}
