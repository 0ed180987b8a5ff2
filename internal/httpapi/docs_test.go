package httpapi_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"

	"acervo/internal/book"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/httpapi"
	"acervo/internal/sqlite"
)

func TestTheDocumentIsOpenAPI31(t *testing.T) {
	t.Parallel()
	if doc := description(t); !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("it is %s", doc.OpenAPI)
	}
	if got := newServer(t, sqlite.LaneOptions{}).do(t, get("/openapi.json", "Authorization", "")); got.status != http.StatusOK {
		t.Errorf("got %d", got.status)
	}
}

func TestTheDocumentHasEveryRouteAndNoOther(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	var routed, documented []string
	err := chi.Walk(s.handler.(chi.Routes), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		routed = append(routed, method+" "+route)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for route, item := range description(t).Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+route)
		}
	}
	slices.Sort(routed)
	slices.Sort(documented)
	if !slices.Equal(routed, documented) {
		t.Errorf("the routes are     %q\nthe document has   %q", routed, documented)
	}
}

func TestTheDocumentHasEveryFieldAndNoOther(t *testing.T) {
	t.Parallel()
	for name, value := range httpapi.Answers() {
		wantFields(t, name, schemaNamed(t, name), reflect.TypeOf(value), true)
	}
	for name, value := range httpapi.Bodies() {
		wantFields(t, name, schemaNamed(t, name), reflect.TypeOf(value), false)
	}
}

func schemaNamed(t *testing.T, name string) *openapi3.Schema {
	t.Helper()
	schema := description(t).Components.Schemas[name]
	if schema == nil {
		t.Fatalf("the document has no schema %s", name)
	}
	return schema.Value
}

// wantFields compares a schema with the type that is written as JSON; of answers
// also which members are always there.
func wantFields(t *testing.T, name string, schema *openapi3.Schema, typ reflect.Type, answer bool) {
	t.Helper()
	var fields, always []string
	for _, field := range reflect.VisibleFields(typ) {
		tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if tag == "" || tag == "-" { // embedded, or not written
			continue
		}
		fields = append(fields, tag)
		if options == "" {
			always = append(always, tag)
		}
		if inner := schema.Properties[tag]; inner != nil && inner.Ref == "" && strings.Contains(field.Type.String(), "Links") {
			wantFields(t, name+"/"+tag, inner.Value, field.Type, answer)
		}
	}
	var properties []string
	for property := range schema.Properties {
		properties = append(properties, property)
	}
	required := slices.Clone(schema.Required)
	for _, names := range [][]string{fields, always, properties, required} {
		slices.Sort(names)
	}
	if !slices.Equal(fields, properties) {
		t.Errorf("%s has the fields %q, the document has %q", name, fields, properties)
	}
	if answer && !slices.Equal(always, required) {
		t.Errorf("%s always has %q, the document says %q", name, always, required)
	}
}

func TestOperationsAreOpenToTheRolesThatTheDocumentNames(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	keys := []struct{ role, key string }{{"", ""}, {"reader", readerKey}, {"writer", writerKey}, {"operator", operatorKey}}
	rank := func(role string) int {
		return slices.IndexFunc(keys, func(k struct{ role, key string }) bool { return k.role == role })
	}
	eachOperation(t, func(method, route string, op *openapi3.Operation) {
		if op.Security == nil {
			t.Errorf("%s %s does not say who may use it", method, route)
			return
		}
		if method == http.MethodPut && route == "/v1/uploads/{token}" {
			return // its token decides, whoever brings it
		}
		need := 0
		if all := *op.Security; len(all) == 1 {
			need = rank(all[0]["bearer"][0])
		}
		for have, k := range keys {
			got := s.do(t, request{method: method, path: strings.NewReplacer("{", "", "}", "").Replace(route), header: headers("Authorization", "Bearer "+k.key)})
			refused := got.status == http.StatusUnauthorized || got.status == http.StatusForbidden
			if refused != (have < need) {
				t.Errorf("%s %s is %d to %q", method, route, got.status, k.role)
			}
		}
	})
}

// eachOperation calls do with every operation of the document.
func eachOperation(t *testing.T, do func(method, route string, op *openapi3.Operation)) {
	t.Helper()
	for route, item := range description(t).Paths.Map() {
		for method, op := range item.Operations() {
			do(method, route, op)
		}
	}
}

// TestEveryExampleOfARequestIsTaken sends the bodies that the document shows, and
// asks where it shows none, at the addresses that it shows.
func TestEveryExampleOfARequestIsTaken(t *testing.T) {
	t.Parallel()
	eachOperation(t, func(method, route string, op *openapi3.Operation) {
		if op.OperationID == "upload" {
			return // what it takes is signed, see uploads_test.go
		}
		bodies := map[string]any{"": nil}
		var mediaTypes []string
		if op.RequestBody != nil {
			for mediaType, media := range op.RequestBody.Value.Content {
				mediaTypes = append(mediaTypes, mediaType)
				for name, example := range media.Examples {
					bodies[name] = example.Value.Value
				}
			}
		}
		for name, body := range bodies {
			if body == nil && op.RequestBody != nil && op.RequestBody.Value.Required {
				continue
			}
			for _, mediaType := range append(mediaTypes, plain)[:max(1, len(mediaTypes))] {
				t.Run(fmt.Sprintf("%s %s %s %s", method, route, mediaType, name), func(t *testing.T) {
					t.Parallel()
					sendExample(t, method, route, op, mediaType, body)
				})
			}
		}
	})
}

func sendExample(t *testing.T, method, route string, op *openapi3.Operation, mediaType string, body any) {
	t.Helper()
	shown := func(name string) string {
		return fmt.Sprint(description(t).Components.Parameters[name].Value.Example)
	}
	s := newServer(t, sqlite.LaneOptions{})
	s.api.Checks = nil
	if _, err := s.api.Objects.Put(t.Context(), "covers/"+shown("ContentHash")+"/"+shown("Width")+".jpg", "image/jpeg", strings.NewReader("a picture")); err != nil {
		t.Fatal(err)
	}
	id := s.dead(t, put(valid))
	s.imported(t, drop.Planned, spoilt)
	s.operator(t, http.MethodPost, "/v1/keys", `{"name":"till-3","role":"reader"}`)
	if route == "/v1/keys" { // a name is given once
		s.operator(t, http.MethodDelete, "/v1/keys/till-3", "")
	}
	s.storeAs(t, shown("BookId"), book.Draft{Title: "Dom Casmurro", Authors: []string{"x"}, Price: &book.Price{Amount: "1", Currency: "BRL"}})
	address := strings.NewReplacer(
		"/v1/books/{id}/cover", "/v1/books/"+shown("BookId")+"/cover", "/v1/books/{id}", "/v1/books/"+shown("BookId"), "/v1/jobs/{id}", "/v1/jobs/"+id, "{job}", id,
		"{import}", importID, "{sha256}", shown("ContentHash"), "{width}", shown("Width"), "{lane}", shown("Lane"), "{name}", shown("KeyName"), "{code}", "invalid",
	).Replace(route)
	var query []string
	for _, p := range op.Parameters {
		if p.Value.In == "query" && p.Value.Example != nil {
			query = append(query, p.Value.Name+"="+strings.ReplaceAll(fmt.Sprint(p.Value.Example), " ", "+"))
		}
	}
	r := request{method: method, path: address + "?" + strings.Join(query, "&"), header: headers("Authorization", "Bearer "+operatorKey, "Content-Type", mediaType)}
	if body != nil {
		r.body = encode(t, body)
	}
	if got := s.do(t, r); got.status >= http.StatusMultipleChoices {
		t.Errorf("%s %s is %d %s", method, r.path, got.status, got.body)
	}
}

func TestProblemTypesAreListedAndReadable(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	listed := map[string]*openapi3.Schema{}
	for _, kind := range schemaNamed(t, "ProblemType").OneOf {
		listed[path.Base(kind.Value.Const.(string))] = kind.Value
	}
	for _, kind := range slices.Concat(shownKinds(t), []string{"dead"}) {
		if listed[kind] == nil {
			t.Errorf("the document does not list %s", kind)
		}
	}
	for code, doc := range listed {
		info := fault.Describe(fault.Kind(code))
		if code != "dead" && (!slices.Contains(shownKinds(t), code) || doc.Title != info.Title) {
			t.Errorf("%s is listed as %q, it is %+v", code, doc.Title, info)
		}
		got := s.do(t, get("/problems/"+code, "Authorization", ""))
		wantJSON(t, got.body, fmt.Sprintf(`{"type":%q,"title":%q,"status":%d,"description":%q}`, "/problems/"+code, doc.Title, info.Status, doc.Description))
		got = s.do(t, get("/problems/"+code, "Accept", "text/html,application/xhtml+xml,*/*;q=0.8", "Authorization", ""))
		wantPage(t, got)
		if !strings.Contains(got.body, strconv.Itoa(info.Status)) {
			t.Errorf("the page of %s does not tell its status", code)
		}
	}
	s.do(t, get("/problems/changed")).problem(t, fault.NotFound)
	s.do(t, get("/problems/", "Accept", "text/html")).problem(t, fault.NotFound)
}

// shownKinds are the kinds of faults that clients see.
func shownKinds(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../fault/fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && fmt.Sprint(spec.Type) == "Kind" {
			code, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if p := fault.ProblemOf(fault.New(fault.Kind(code), "")); p.Type == "/problems/"+code {
				kinds = append(kinds, code)
			}
		}
		return true
	})
	if len(kinds) < 15 {
		t.Fatalf("found only %q", kinds)
	}
	return kinds
}

var stylePattern = regexp.MustCompile(`(?s)<style>(.*?)</style>`)

// wantPage checks that a page needs nothing from elsewhere, and that its policy
// allows its style and nothing more.
func wantPage(t *testing.T, a answer) {
	t.Helper()
	a.wantHeader(t, "Content-Type", "text/html; charset=utf-8")
	styles := stylePattern.FindAllStringSubmatch(a.body, -1)
	if len(styles) != 1 {
		t.Fatalf("it has %d styles", len(styles))
	}
	hash := sha256.Sum256([]byte(styles[0][1]))
	a.wantHeader(t, "Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	for _, foreign := range []string{"<script", "<link", "<img", "<iframe", "src=", "url(", "@import", "//", "style=", "onclick"} {
		if strings.Contains(a.body, foreign) {
			t.Errorf("the page has %q", foreign)
		}
	}
}

func TestTheDocumentIsReadable(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	page := s.do(t, get("/docs", "Authorization", ""))
	wantPage(t, page)
	eachOperation(t, func(method, route string, op *openapi3.Operation) {
		if !strings.Contains(page.body, `id="`+op.OperationID+`"`) || !strings.Contains(page.body, route) {
			t.Errorf("the page does not have %s %s", method, route)
		}
	})
	for name := range description(t).Components.Schemas {
		if name != "ProblemType" && !strings.Contains(page.body, `id="schema-`+name+`"`) {
			t.Errorf("the page does not have the schema %s", name)
		}
	}
	ids := map[string]bool{}
	for _, found := range regexp.MustCompile(`id="([^"]*)"`).FindAllStringSubmatch(page.body, -1) {
		if ids[found[1]] {
			t.Errorf("the anchor %s stands twice", found[1])
		}
		ids[found[1]] = true
	}
	for _, found := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(page.body, -1) {
		if !ids[found[1]] {
			t.Errorf("a link goes to %s, which is not there", found[1])
		}
	}
}
