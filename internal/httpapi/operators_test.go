package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/sqlite"
	"acervo/internal/work"
)

// operator sends a request with an operator's key.
func (s *server) operator(t *testing.T, method, path, body string) answer {
	t.Helper()
	return s.do(t, request{method: method, path: path, body: body, header: headers("Authorization", "Bearer "+operatorKey)})
}

// settle applies everything on the lane, each delivery as the given one.
func (s *server) settle(t *testing.T, receives int) {
	t.Helper()
	for s.waiting(t) > 0 {
		deliveries, err := s.lane.Receive(t.Context(), queue.MaxBatch)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range deliveries {
			s.deliver(t, d, receives)
		}
	}
}

// dead submits a write and has it buried; it returns the job's id.
func (s *server) dead(t *testing.T, r request) string {
	t.Helper()
	got := s.do(t, r)
	if got.status != http.StatusAccepted {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	s.settle(t, work.MaxReceives+1)
	s.clock.advance(time.Second)
	return strings.TrimPrefix(got.header.Get("Location"), "/v1/jobs/")
}

func create() request { return request{method: http.MethodPost, path: "/v1/books", body: valid} }

func putBook(body string) request {
	return request{method: http.MethodPut, path: bookPath(), body: body}
}

// state asks for the state of a job.
func (s *server) state(t *testing.T, id string) job.State {
	t.Helper()
	var j struct {
		State job.State `json:"state"`
	}
	decode(t, s.do(t, request{method: http.MethodGet, path: "/v1/jobs/" + id}), &j)
	return j.State
}

func decode(t *testing.T, a answer, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("%v in %d %s", err, a.status, a.body)
	}
}

// listing is a page of the ledger.
type listing struct {
	Items []struct {
		ID         string    `json:"id"`
		RetryAsked bool      `json:"retry_asked"`
		BuriedAt   time.Time `json:"buried_at"`
	} `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

func (s *server) ledger(t *testing.T, query string) (ids []string, next string) {
	t.Helper()
	a := s.operator(t, http.MethodGet, "/v1/dead"+query, "")
	var page listing
	decode(t, a, &page)
	for _, item := range page.Items {
		ids = append(ids, item.ID)
	}
	if page.NextCursor != nil {
		next = *page.NextCursor
		if !strings.Contains(a.header.Get("Link"), `rel="next"`) {
			t.Errorf("the link is %q", a.header.Get("Link"))
		}
	}
	return ids, next
}

func TestOperatorsPathsAreForOperators(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	for _, r := range []request{
		{method: http.MethodGet, path: "/v1/queues"},
		{method: http.MethodPost, path: "/v1/queues/writes/pause"},
		{method: http.MethodPost, path: "/v1/queues/writes/resume"},
		{method: http.MethodGet, path: "/v1/dead"},
		{method: http.MethodGet, path: "/v1/dead/groups"},
		{method: http.MethodGet, path: "/v1/dead/x"},
		{method: http.MethodPost, path: "/v1/dead/x/retry"},
		{method: http.MethodPost, path: "/v1/dead/x/discard"},
		{method: http.MethodPost, path: "/v1/dead/retry"},
		{method: http.MethodPost, path: "/v1/dead/discard"},
	} {
		s.do(t, r).problem(t, fault.Forbidden)
	}
}

func TestQueuesTellWhatTheWorkersSaw(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	wantJSON(t, s.operator(t, http.MethodGet, "/v1/queues", "").body, `{"items":[{"name":"writes","waiting":null,"in_flight":null,
		"delayed":null,"oldest_age_seconds":null,"in_per_second":null,"out_per_second":null,"dead":0,"stuck":null,"paused":false,
		"as_of":null}],"next_cursor":null}`)
	s.dead(t, create())
	for i, worker := range []string{"a", "b"} {
		err := s.lane.Beat(t.Context(), queue.Heartbeat{
			Worker: worker, At: july().Add(time.Duration(i) * time.Millisecond), DonePerSecond: 2, GrowthPerSecond: 0.5, Stuck: 1,
			Stats: queue.Stats{Waiting: 1 + i, InFlight: 3, Delayed: 4, OldestAge: 90 * time.Second},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := s.operator(t, http.MethodPost, "/v1/queues/writes/pause", ""); got.status != http.StatusNoContent {
		t.Errorf("got %d %s", got.status, got.body)
	}
	wantJSON(t, s.operator(t, http.MethodGet, "/v1/queues", "").body, `{"items":[{"name":"writes","waiting":2,"in_flight":3,
		"delayed":4,"oldest_age_seconds":90,"in_per_second":4.5,"out_per_second":4,"dead":1,"stuck":2,"paused":true,
		"as_of":"2026-07-01T12:00:00.124Z"}],"next_cursor":null}`)
	if got := s.operator(t, http.MethodPost, "/v1/queues/writes/resume", ""); got.status != http.StatusNoContent {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if paused, err := s.lane.Paused(t.Context()); err != nil || paused {
		t.Errorf("the lane is still paused, %v", err)
	}
	s.operator(t, http.MethodPost, "/v1/queues/reads/pause", "").problem(t, fault.NotFound)
}

func TestADeadJobIsShownWithPayloadErrorAndHistory(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	id := s.dead(t, putBook(valid))
	if state := s.state(t, id); state != job.Dead {
		t.Errorf("the job is %s", state)
	}
	var view struct {
		Lane, Kind, Cause, Fingerprint string
		Payload                        job.Message
		History                        []job.Event
		Error                          fault.Problem
	}
	a := s.operator(t, http.MethodGet, "/v1/dead/"+id, "")
	decode(t, a, &view)
	switch {
	case view.Payload.Draft == nil || view.Payload.Draft.Title != "Dom Casmurro":
		t.Errorf("the payload is %+v", view.Payload)
	case len(view.History) != 1 || view.History[0].What != "buried":
		t.Errorf("the history is %+v", view.History)
	case !strings.Contains(a.body, `"cause":"it was delivered 1000 times`):
		t.Errorf("the cause is missing in %s", a.body)
	}
	s.operator(t, http.MethodGet, "/v1/dead/nonsense", "").problem(t, fault.NotFound)
}

func TestTheLedgerIsFilteredAndPaged(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	var ids []string // the latest first
	for range 5 {
		ids = append([]string{s.dead(t, create())}, ids...)
	}
	deleted := s.dead(t, request{method: http.MethodDelete, path: bookPath()})
	all := append([]string{deleted}, ids...)
	if got, next := s.ledger(t, ""); fmt.Sprint(got) != fmt.Sprint(all) || next != "" {
		t.Errorf("the ledger lists %d, next %q", len(got), next)
	}
	var paged []string
	for cursor, pages := "", 0; ; pages++ {
		page, next := s.ledger(t, "?limit=4&cursor="+cursor)
		paged = append(paged, page...)
		if cursor = next; next == "" || pages > 3 {
			break
		}
	}
	if fmt.Sprint(paged) != fmt.Sprint(all) {
		t.Errorf("the pages together list %d", len(paged))
	}
	for query, want := range map[string]int{
		"?kind=book.delete": 1, "?kind=book.create": 5, "?lane=writes": 6, "?lane=imports": 0,
		"?book=" + someID().String(): 1, "?book=" + uuid.NewString(): 0, "?error=nonsense": 0,
		"?kind=book.create&book=" + someID().String(): 0,
	} {
		if got, _ := s.ledger(t, query); len(got) != want {
			t.Errorf("%s lists %d, want %d", query, len(got), want)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=101", "?limit=x", "?cursor=x", "?book=x", "?page=1", "?lane=", "?kind=", "?error=", "?book=", "?kind=%zz", "?lane=a&lane=b"} {
		s.operator(t, http.MethodGet, "/v1/dead"+query, "").problem(t, fault.Syntax)
	}
}

func TestTheDeadAreGroupedByTheirError(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	for range 3 {
		s.dead(t, create())
	}
	s.dead(t, request{method: http.MethodDelete, path: bookPath()})
	var groups struct {
		Items []struct {
			Fingerprint, Cause, Sample string
			Count                      int
		} `json:"items"`
	}
	decode(t, s.operator(t, http.MethodGet, "/v1/dead/groups", ""), &groups)
	if len(groups.Items) != 2 || groups.Items[0].Count != 3 || groups.Items[1].Count != 1 {
		t.Fatalf("the groups are %+v", groups)
	}
	if got, _ := s.ledger(t, "?error="+groups.Items[0].Fingerprint); len(got) != 3 {
		t.Errorf("the fingerprint finds %d", len(got))
	}
}

func TestARetryAppliesOnceHoweverOftenItIsAsked(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	id := s.dead(t, putBook(valid))
	for range 2 {
		got := s.operator(t, http.MethodPost, "/v1/dead/"+id+"/retry", `{"reason":"the disk is mended"}`)
		if got.status != http.StatusAccepted || !strings.Contains(got.body, `"retry_asked":true`) {
			t.Fatalf("got %d %s", got.status, got.body)
		}
	}
	if state := s.state(t, id); state != job.Queued {
		t.Errorf("once asked, the job is %s", state)
	}
	if got, _ := s.ledger(t, ""); len(got) != 1 {
		t.Errorf("a retry under way is listed %d times, want once", len(got))
	}
	s.operator(t, http.MethodPost, "/v1/dead/"+id+"/discard", "").problem(t, fault.Conflict)
	s.operator(t, http.MethodPost, "/v1/dead/"+id+"/retry", `{"draft":`+valid+`}`).problem(t, fault.Conflict)
	s.settle(t, 1)
	if state := s.state(t, id); state != job.Succeeded {
		t.Errorf("the job is %s", state)
	}
	if got := s.do(t, request{method: http.MethodGet, path: bookPath()}); !strings.Contains(got.body, `"version":1`) {
		t.Errorf("the book is %s", got.body)
	}
	if got, _ := s.ledger(t, ""); len(got) != 0 {
		t.Errorf("the ledger still lists %d", len(got))
	}
	s.operator(t, http.MethodPost, "/v1/dead/"+id+"/retry", "").problem(t, fault.Conflict)
	rec, _, err := s.db.Jobs().Get(t.Context(), id)
	if err != nil || len(rec.History) != 3 || rec.History[1].Who != "olga" || rec.History[1].Why != "the disk is mended" ||
		rec.History[1].What != "retried" || rec.History[1].At.IsZero() {
		t.Errorf("the history is %+v, %v", rec.History, err)
	}
}

func TestAnEditedRetryIsValidatedAndAppliesTheEdit(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	id := s.dead(t, putBook(valid))
	retry := func(body string) answer { return s.operator(t, http.MethodPost, "/v1/dead/"+id+"/retry", body) }
	if p := retry(`{"draft":{"rating":9,"isbn":"1"}}`).problem(t, fault.Invalid); len(p.Errors) != 4 {
		t.Errorf("it names %+v, want every fault", p.Errors)
	}
	retry(`{"draft":{"titel":"x"}}`).problem(t, fault.Syntax)
	retry(`{"drafts":{}}`).problem(t, fault.Syntax)
	retry(`{`).problem(t, fault.Syntax)
	retry(`{"filter":{}}`).problem(t, fault.Syntax)
	s.operator(t, http.MethodPost, "/v1/dead/"+id+"/discard", `{"draft":`+valid+`}`).problem(t, fault.Syntax)
	if got := retry(`{"draft":{"title":"Mended","authors":["A"]}}`); got.status != http.StatusAccepted {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	s.settle(t, 1)
	if got := s.do(t, request{method: http.MethodGet, path: bookPath()}); !strings.Contains(got.body, "Mended") {
		t.Errorf("the book is %s", got.body)
	}
	deleted := s.dead(t, request{method: http.MethodDelete, path: bookPath()})
	s.operator(t, http.MethodPost, "/v1/dead/"+deleted+"/retry", `{"draft":`+valid+`}`).problem(t, fault.Invalid)
}

func TestARetryAfterNewerWritesIsSuperseded(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	id := s.dead(t, putBook(valid))
	s.do(t, putBook(`{"title":"Newer","authors":["A"]}`))
	s.settle(t, 1)
	s.operator(t, http.MethodPost, "/v1/dead/"+id+"/retry", "")
	s.settle(t, 1)
	if state := s.state(t, id); state != job.Superseded {
		t.Errorf("the job is %s", state)
	}
	if got := s.do(t, request{method: http.MethodGet, path: bookPath()}); !strings.Contains(got.body, "Newer") {
		t.Errorf("the book is %s", got.body)
	}
}

func TestADeadJobIsRetriedForThirtyDays(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	id := s.dead(t, putBook(valid))
	s.clock.advance(job.RetryTTL + time.Minute)
	s.operator(t, http.MethodPost, "/v1/dead/"+id+"/retry", "").problem(t, fault.Conflict)
	if state := s.state(t, id); state != job.Dead {
		t.Errorf("after 31 days the job is %s", state)
	}
}

func TestADiscardedJobLeavesTheLedgerAndStaysDead(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	id := s.dead(t, putBook(valid))
	if got := s.operator(t, http.MethodPost, "/v1/dead/"+id+"/discard", `{"reason":"a test"}`); got.status != http.StatusAccepted {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	s.operator(t, http.MethodGet, "/v1/dead/"+id, "").problem(t, fault.NotFound)
	s.operator(t, http.MethodPost, "/v1/dead/"+id+"/discard", "").problem(t, fault.Conflict)
	if state := s.state(t, id); state != job.Dead {
		t.Errorf("the job is %s", state)
	}
	s.operator(t, http.MethodPost, "/v1/dead/nonsense/discard", "").problem(t, fault.NotFound)
}

func TestManyAreRetriedOrDiscardedByAFilter(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	for range 5 {
		s.dead(t, create())
	}
	s.dead(t, request{method: http.MethodDelete, path: bookPath()})
	matched := func(path, body string) int {
		t.Helper()
		var m struct{ Matched int }
		a := s.operator(t, http.MethodPost, path, body)
		if a.status != http.StatusAccepted {
			t.Fatalf("got %d %s", a.status, a.body)
		}
		decode(t, a, &m)
		return m.Matched
	}
	if n := matched("/v1/dead/discard", `{"filter":{"kind":"book.create"},"limit":2}`); n != 2 {
		t.Errorf("%d were discarded, want 2", n)
	}
	if n := matched("/v1/dead/retry", `{"filter":{"kind":"book.create"},"reason":"all of them"}`); n != 3 {
		t.Errorf("%d were retried, want 3", n)
	}
	if n := matched("/v1/dead/discard", ""); n != 1 {
		t.Errorf("%d were discarded, want the delete alone: the others are being retried", n)
	}
	s.settle(t, 1)
	if got, _ := s.ledger(t, ""); len(got) != 0 {
		t.Errorf("the ledger still lists %d", len(got))
	}
	for _, body := range []string{
		`{"filter":{"book":"x"}}`, `{"limit":1001}`, `{"limit":0}`, `{"draft":{}}`, `{"filter":{"colour":"x"}}`,
		"null", "[]", `{"filter":{"error":""}}`, `{"filter":{"book":""}}`,
	} {
		s.operator(t, http.MethodPost, "/v1/dead/retry", body).problem(t, fault.Syntax)
	}
}

func TestAMessageThatCannotBeReadIsShownAndCanOnlyBeDiscarded(t *testing.T) {
	t.Parallel()
	s := newServer(t, sqlite.LaneOptions{})
	m := job.Message{Job: "broken", Generation: 1, BookID: someID()}
	if err := s.applier().BuryUnreadable(t.Context(), m, []byte("\xff"), fault.New(fault.Damaged, "it is damaged")); err != nil {
		t.Fatal(err)
	}
	if got := s.operator(t, http.MethodGet, "/v1/dead/broken", ""); !strings.Contains(got.body, `"payload":"/w=="`) {
		t.Errorf("got %s", got.body)
	}
	s.operator(t, http.MethodPost, "/v1/dead/broken/retry", "").problem(t, fault.Conflict)
	if got := s.operator(t, http.MethodPost, "/v1/dead/broken/discard", ""); got.status != http.StatusAccepted {
		t.Errorf("got %d %s", got.status, got.body)
	}
}
