// Package contracttest holds a running server, of any edition, to the wire
// contract: row by row of its table of requests, and to the rules of every answer.
// It speaks HTTP and knows nothing else of the server.
package contracttest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Patience bounds every wait for a server; nothing comes near it.
const Patience = 30 * time.Second

// Target is a running server, whose worker has not been started long ago or is
// idle. Nobody else pauses its lane meanwhile.
type Target struct {
	// URL is where it answers, such as http://127.0.0.1:8080.
	URL string
	// Operator, Writer and Reader are bearer credentials of those roles, each of
	// another caller.
	Operator, Writer, Reader string
	// Landed deals with the picture of a job; nil where the server does it by itself.
	Landed func(t *testing.T, job string)
	// Dead are jobs that are dead, see Bury; the sentences need seven.
	Dead []string
	// Planned is an import that waits to be applied, see Plan.
	Planned string
}

// row is a row of the contract's table of requests.
type row struct {
	request   string
	sentences []sentence
	// absent are operations that the contract promises and no server has yet. Who
	// builds one writes its sentences, for otherwise Run fails.
	absent []string
	// unseen is what a client cannot bring a running server to, or would wait too
	// long for, and where it is proved instead.
	unseen []string
}

// sentence is one thing that the contract says.
type sentence struct {
	says  string
	check func(*testing.T, *site)
	// alone pauses the lane, so that nothing else can be under way.
	alone bool
}

func rows() []row {
	return slices.Concat(bookRows(), waitRows(), listRows(), coverRows(), jobRows(), operatorRows(), importRows(), otherRows())
}

// Run holds a server to the contract. What it says of a row that is not there yet,
// or cannot be seen from outside, is logged.
func Run(t *testing.T, target Target) {
	t.Helper()
	s := newSite(t, target)
	t.Run("rows", func(t *testing.T) { s.rows(t, false) })
	t.Run("rows that want the lane alone", func(t *testing.T) { s.rows(t, true) })
	t.Run("every operation of the document has a sentence", s.covered)
}

// site is a target and what was asked of it.
type site struct {
	Target
	http       *http.Client
	operations []operation
	asked      sync.Map // the names of operations
}

func (s *site) rows(t *testing.T, alone bool) {
	for _, r := range rows() {
		t.Run(r.request, func(t *testing.T) {
			for _, what := range r.unseen {
				t.Logf("not seen from outside: %s", what)
			}
			for _, what := range r.absent {
				t.Logf("not there yet: %s", what)
			}
			for _, c := range r.sentences {
				if c.alone != alone {
					continue
				}
				t.Run(c.says, func(t *testing.T) {
					if !alone {
						t.Parallel()
					}
					c.check(t, s)
				})
			}
		})
	}
}

// covered compares what the sentences have asked for with what the server says it
// has, and sees that it has nothing of what is absent.
func (s *site) covered(t *testing.T) {
	for _, op := range s.operations {
		if _, asked := s.asked.Load(op.String()); !asked && !bearing(op) { // uploads may go elsewhere
			t.Errorf("no sentence sees %s do what it is for", op)
		}
	}
	for _, r := range rows() {
		for _, name := range r.absent {
			_, path, _ := strings.Cut(name, " ")
			if a := s.ask(t, s.Operator, http.MethodOptions, sample(path), ""); a.status != http.StatusNotFound {
				t.Errorf("%s is there (OPTIONS answers %d): write its sentences", name, a.status)
			}
		}
	}
}

// operation is a method of a path of the OpenAPI document.
type operation struct {
	method, path string
	pattern      *regexp.Regexp
}

func (o operation) String() string { return o.method + " " + o.path }

func newOperation(method, path string) operation {
	var pattern []string
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, "{") {
			part = "[^/]+"
		}
		pattern = append(pattern, part)
	}
	return operation{method, path, regexp.MustCompile("^" + strings.Join(pattern, "/") + "$")}
}

// sample is an address of a path, of a thing that there is not.
func sample(path string) string {
	return regexp.MustCompile(`\{[a-z0-9]+\}`).ReplaceAllString(path, "0197a6b0-0c7e-7000-8000-00000000ffff")
}

func newSite(t *testing.T, target Target) *site {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(transport.CloseIdleConnections)
	s := &site{Target: target, http: &http.Client{Transport: transport, Timeout: Patience}}
	var document struct {
		Paths map[string]map[string]any
	}
	s.ask(t, "", http.MethodGet, "/openapi.json", "").into(t, &document)
	for path, methods := range document.Paths {
		for method := range methods {
			if method != "parameters" {
				s.operations = append(s.operations, newOperation(strings.ToUpper(method), path))
			}
		}
	}
	// A fixed name goes before a parameter of its place: /v1/dead/groups is no job.
	slices.SortFunc(s.operations, func(a, b operation) int {
		return strings.Compare(strings.ReplaceAll(a.String(), "{", "~"), strings.ReplaceAll(b.String(), "{", "~"))
	})
	s.asked.Store("GET /openapi.json", true)
	return s
}

// note remembers of which operation the good answer was seen.
func (s *site) note(method, path string) {
	for _, op := range s.operations {
		if op.method == method && op.pattern.MatchString(path) {
			s.asked.Store(op.String(), true)
			return
		}
	}
}
