package httpapi_test

import (
	"bytes"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"acervo/internal/book"
	"acervo/internal/dir"
	"acervo/internal/fault"
	"acervo/internal/httpapi"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/key"
	"acervo/internal/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	readerKey   = "the key of a reader"
	writerKey   = "the key of a writer"
	operatorKey = "the key of an operator"

	valid = `{"title":"Dom Casmurro","authors":["Machado de Assis"]}`
	plain = "application/json"
)

func someID() uuid.UUID { return uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057") }

func bookPath() string { return "/v1/books/" + someID().String() }

func july() time.Time { return time.Date(2026, 7, 1, 12, 0, 0, 123_000_000, time.UTC) }

// server is the real handler over a real store in memory.
type server struct {
	api     *httpapi.API
	handler http.Handler
	db      *sqlite.DB
	lane    *sqlite.Lane
	clock   *clock
	log     *log
}

func newServer(t *testing.T, lane sqlite.LaneOptions) *server {
	t.Helper()
	s := &server{clock: &clock{now: july()}, log: &log{}}
	var err error
	if s.db, err = sqlite.Open(sqlite.Options{Now: s.clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.db.Close(); err != nil {
			t.Error(err)
		}
	})
	if s.lane, err = s.db.Lane(t.Context(), "writes", lane); err != nil {
		t.Fatal(err)
	}
	ring := job.NewKeyring(s.clock.Now, job.NewKey())
	s.api = &httpapi.API{
		Intake: &intake.Intake{
			Ring: ring, Lane: s.lane, Gauge: s.lane, Jobs: s.db.Jobs(), Claims: s.db.Jobs(), Now: s.clock.Now, MaxAge: 24 * time.Hour,
		},
		Ring: ring, Books: s.db.Books(), Lists: s.db.Books(), Jobs: s.db.Jobs(), Watcher: s.db.Jobs(), KeyStore: s.db.CallerKeys(),
		Keys: httpapi.Keys{}.With(readerKey, httpapi.Caller{Name: "rita", Role: key.Reader}).
			With(writerKey, httpapi.Caller{Name: "walter", Role: key.Writer}).
			With(operatorKey, httpapi.Caller{Name: "olga", Role: key.Operator}),
		Lanes: []httpapi.Lane{{Name: "writes", Control: s.lane}},
		Now:   s.clock.Now, Log: slog.New(slog.NewJSONHandler(s.log, nil)),
	}
	s.api.Imports = s.imports(t)
	objects, err := dir.Open(dir.Options{
		Path: t.TempDir(), Uploads: "/v1/uploads/", Ring: dir.NewKeyring(s.clock.Now, dir.NewKey()), Now: s.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := objects.Close(); err != nil {
			t.Error(err)
		}
	})
	s.api.Objects, s.api.Inbox, s.api.Intake.Originals = objects, objects, objects
	s.handler = s.api.Handler()
	return s
}

// imports takes files into a folder, and sends their chunks to a lane that nobody
// works.
func (s *server) imports(t *testing.T) *intake.Imports {
	t.Helper()
	objects, err := dir.Open(dir.Options{
		Path: t.TempDir(), Uploads: "/v1/uploads/", Ring: dir.NewKeyring(s.clock.Now, dir.NewKey()), Now: s.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := objects.Close(); err != nil {
			t.Error(err)
		}
	})
	lane, err := s.db.Lane(t.Context(), "imports", sqlite.LaneOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return &intake.Imports{Drops: s.db.Drops(), Objects: objects, Lane: lane, Now: s.clock.Now}
}

// request is what one test sends; the key of a writer goes with it unless it
// brings an Authorization of its own.
type request struct {
	method, path, body string
	header             http.Header
	reader             io.Reader // instead of body
}

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *server) do(t *testing.T, r request) answer {
	t.Helper()
	body := r.reader
	if body == nil {
		body = strings.NewReader(r.body)
	}
	req := httptest.NewRequestWithContext(t.Context(), r.method, r.path, body)
	req.Header.Set("Authorization", "Bearer "+writerKey)
	if r.body != "" || r.reader != nil {
		req.Header.Set("Content-Type", plain)
	}
	maps.Copy(req.Header, r.header)
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, req)
	a := answer{recorder.Code, recorder.Result().Header, recorder.Body.String()}
	if a.header.Get("X-Request-Id") == "" {
		t.Error("the answer has no X-Request-Id")
	}
	s.wantDocumented(t, req, r.body, a)
	return a
}

// store puts a live book of this version in the catalogue.
func (s *server) store(t *testing.T, d book.Draft, version int64) {
	t.Helper()
	item := book.Item{
		ID: someID(), Existence: book.Live, Version: version, Draft: d,
		CreatedAt: july().Add(-time.Hour), UpdatedAt: july(), AcceptedAt: july(),
	}
	if err := s.db.Books().Swap(t.Context(), book.Item{ID: someID()}, item); err != nil {
		t.Fatal(err)
	}
}

// storeAs puts a live book of this id in the catalogue.
func (s *server) storeAs(t *testing.T, id string, d book.Draft) {
	t.Helper()
	item := book.Item{
		ID: uuid.MustParse(id), Existence: book.Live, Version: 1, Draft: d, CreatedAt: july(), UpdatedAt: july(), AcceptedAt: july(),
	}
	if err := s.db.Books().Swap(t.Context(), book.Item{ID: item.ID}, item); err != nil {
		t.Fatal(err)
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// waiting counts what was put on the lane.
func (s *server) waiting(t *testing.T) int {
	t.Helper()
	stats, err := s.lane.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stats.Waiting
}

// sent takes the one message off the lane.
func (s *server) sent(t *testing.T) job.Message {
	t.Helper()
	if n := s.waiting(t); n != 1 {
		t.Fatalf("%d messages are on the lane", n)
	}
	got, err := s.lane.Receive(t.Context(), 1)
	if err != nil || len(got) != 1 {
		t.Fatal(len(got), err)
	}
	m, err := job.DecodeMessage(got[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// problem reads an answer as the problem of a kind, and checks all that every
// problem has.
func (a answer) problem(t *testing.T, kind fault.Kind) fault.Problem {
	t.Helper()
	var p fault.Problem
	if err := json.Unmarshal([]byte(a.body), &p, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
	info := fault.Describe(kind)
	if a.status != info.Status || p.Status != info.Status || p.Type != "/problems/"+string(kind) || p.Title != info.Title {
		t.Errorf("got %d and %+v, want %s", a.status, p, kind)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("its type is %q", got)
	}
	if got := a.header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("browsers may sniff it: %q", got)
	}
	return p
}

// wantJSON compares documents without regard to the order of members or to
// white space.
func wantJSON(t *testing.T, got, want string) {
	t.Helper()
	g, w := jsontext.Value(got), jsontext.Value(want)
	if err := g.Canonicalize(); err != nil {
		t.Fatalf("%v in %q", err, got)
	}
	if err := w.Canonicalize(); err != nil {
		t.Fatalf("%v in %q", err, want)
	}
	if !bytes.Equal(g, w) {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

func (a answer) wantHeader(t *testing.T, name, want string) {
	t.Helper()
	if got := a.header.Get(name); got != want {
		t.Errorf("%s is %q, want %q", name, got, want)
	}
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// log keeps what was logged, one line an entry.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(line))
	return len(line), nil
}

func (l *log) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines
}
