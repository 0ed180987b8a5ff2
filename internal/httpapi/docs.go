package httpapi

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"

	"acervo/internal/fault"
)

// docFiles are the description of the API in OpenAPI 3.1, kept by hand, and what
// makes it readable.
//
//go:embed docs
var docFiles embed.FS

// docs are the document and its readable forms, as they go over the wire.
type docs struct {
	document, page []byte
	problems       map[string]problemDoc // by code
	policy         string                // what browsers may load for the pages: nothing
}

// problemDoc is a type of problem, as JSON and as a page.
type problemDoc struct {
	view problemView
	page []byte
}

// problemView is a type of problem on the wire.
type problemView struct {
	Type        string `json:"type"`
	Title       string `json:"title"`
	Status      int    `json:"status"`
	Description string `json:"description"`
}

// routeDocs adds the document's routes. It is made readable once, when somebody
// asks.
func (a *API) routeDocs(r chi.Router) {
	render := sync.OnceValues(renderDocs)
	serve := func(answer func(docs, http.ResponseWriter, *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			d, err := render()
			if err != nil {
				a.problem(w, r, fault.Wrap(fault.Internal, err, "make the document readable"))
				return
			}
			answer(d, w, r)
		}
	}
	r.Get("/openapi.json", serve(func(d docs, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		write(w, http.StatusOK, "application/json", d.document)
	}))
	r.Get("/docs", serve(func(d docs, w http.ResponseWriter, _ *http.Request) {
		d.html(w, d.page)
	}))
	r.Get("/problems/{code}", serve(a.problemType))
}

// problemType tells browsers by a page, and everybody else by JSON, what a type
// of problem means.
func (a *API) problemType(d docs, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	p, ok := d.problems[chi.URLParam(r, "code")]
	switch {
	case !ok:
		a.problem(w, r, fault.New(fault.NotFound, "There is no such type of problem."))
	case strings.Contains(r.Header.Get("Accept"), "text/html"):
		d.html(w, p.page)
	default:
		w.Header().Set("Cache-Control", "no-cache")
		a.json(w, r, http.StatusOK, p.view)
	}
}

func (d docs) html(w http.ResponseWriter, page []byte) {
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Security-Policy", d.policy)
	write(w, http.StatusOK, "text/html; charset=utf-8", page)
}

// renderDocs makes the document readable.
func renderDocs() (docs, error) {
	raw, err := docFiles.ReadFile("docs/openapi.json")
	if err != nil {
		return docs{}, err
	}
	doc, err := readDocument(raw)
	if err != nil {
		return docs{}, err
	}
	style, err := docFiles.ReadFile("docs/style.css")
	if err != nil {
		return docs{}, err
	}
	pages, err := template.New("").Funcs(doc.funcs(style)).ParseFS(docFiles, "docs/*.html")
	if err != nil {
		return docs{}, err
	}
	hash := sha256.Sum256(style)
	d := docs{
		document: whole(raw), problems: map[string]problemDoc{},
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
	if d.page, err = rendered(pages, "docs.html", doc); err != nil {
		return docs{}, err
	}
	for _, kind := range doc.problemTypes() {
		code := path.Base(kind.Const)
		p := problemDoc{view: problemView{kind.Const, kind.Title, statusOf(code), kind.Description}}
		if p.page, err = rendered(pages, "problem.html", p.view); err != nil {
			return docs{}, err
		}
		d.problems[code] = p
	}
	return d, nil
}

// statusOf is the status of a type of problem. What is no kind of fault, a dead
// job, is the server's failure.
func statusOf(code string) int { return fault.Describe(fault.Kind(code)).Status }

func rendered(pages *template.Template, name string, data any) ([]byte, error) {
	var out bytes.Buffer
	err := pages.ExecuteTemplate(&out, name, data)
	return whole(out.Bytes()), err
}

// whole is a body that write can end with a newline while others read it.
func whole(body []byte) []byte { return slices.Clip(bytes.TrimSpace(body)) }
