package contracttest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func jobRows() []row {
	return []row{{
		request: "GET /v1/jobs/{id}",
		sentences: []sentence{
			{says: "is 200 for every job, and tells of a failure in its body", check: jobs},
			{says: "is 404 for an id that the server did not make", check: forgedJobs},
		},
		unseen: []string{"410 when older than 14 days (httpapi/refusals_test.go)"},
	}}
}

func jobs(t *testing.T, s *site) {
	a := s.ask(t, s.Writer, http.MethodDelete, somewhere(), "").is(t, http.StatusAccepted)
	s.ended(t, a.header.Get("Location"))
	a = s.ask(t, s.Reader, http.MethodGet, a.header.Get("Location"), "", "Prefer", "wait=25").is(t, http.StatusOK).lacks(t, "Retry-After")
	a.has(t, "Preference-Applied", "wait=25").object(t, jobMembers)
	if j := a.job(t); j.State != "failed" || j.Error == nil || j.Error.Status != http.StatusNotFound {
		t.Errorf("the job is %+v", j)
	}
}

func forgedJobs(t *testing.T, s *site) {
	path := s.ask(t, s.Writer, http.MethodPut, somewhere(), draft("x", "")).is(t, http.StatusAccepted).header.Get("Location")
	last := "A"
	if strings.HasSuffix(path, last) {
		last = "B"
	}
	for _, forged := range []string{path[:len(path)-1], "/v1/jobs/7", "/v1/jobs/" + uuid.NewString(), path[:20] + last + path[21:]} {
		s.ask(t, s.Reader, http.MethodGet, forged, "").problem(t, http.StatusNotFound)
	}
}

func operatorRows() []row {
	return []row{
		{request: "GET /v1/queues · pause · resume", sentences: []sentence{
			{says: "tells of each lane, null where it is not known", check: queues},
			{says: "a paused lane applies nothing and says so, and the server stays ready", check: pausedLanes, alone: true},
			{says: "a lane that there is not is 404", check: noLane},
		}},
		{request: "/v1/dead", sentences: []sentence{
			{says: "lists the dead by lane, kind, error and book", check: theDead},
			{says: "groups them by their error", check: groups},
			{says: "shows one with its payload", check: deadOne},
			{says: "a retry applies it, once", check: retried},
			{says: "a retry takes another draft, which is validated", check: editedRetry},
			{says: "a retry after its book has moved on ends superseded", check: overtaken},
			{says: "a discard takes it off the list, and it stays dead", check: discarded},
			{says: "many are retried or discarded by a filter", check: many},
			{says: "what is not dead is 409, and what there is not 404", check: notDead},
		}, unseen: []string{
			"how a job dies: ten attempts take a quarter of an hour, so Bury stands for them (work/failing_test.go)",
			"who retried it, when and why, which shows when it dies again (httpapi/operators_test.go)",
		}},
	}
}

const queueMembers = "name waiting in_flight delayed oldest_age_seconds in_per_second out_per_second dead stuck paused as_of"

func (s *site) lane(t *testing.T) map[string]any {
	t.Helper()
	v := s.ask(t, s.Operator, http.MethodGet, "/v1/queues", "").is(t, http.StatusOK).object(t, "items next_cursor")
	items, _ := v["items"].([]any)
	if len(items) == 0 {
		t.Fatal("there are no lanes")
	}
	lane, _ := items[0].(map[string]any)
	return lane
}

// pause pauses the lane and waits until the workers, who look now and then, have
// noticed.
func (s *site) pause(t *testing.T) {
	t.Helper()
	s.ask(t, s.Operator, http.MethodPost, "/v1/queues/writes/pause", "").is(t, http.StatusNoContent)
	for begin := time.Now(); time.Since(begin) < Patience; {
		if s.ask(t, s.Writer, http.MethodPut, somewhere(), draft("x", ""), "Prefer", "wait=1").status == http.StatusAccepted {
			return
		}
	}
	t.Fatalf("the lane goes on for %s after it was paused", Patience)
}

func (s *site) resume(t *testing.T) {
	t.Helper()
	s.ask(t, s.Operator, http.MethodPost, "/v1/queues/writes/resume", "").is(t, http.StatusNoContent)
}

func queues(t *testing.T, s *site) {
	lane := s.lane(t)
	wantMembers(t, "a lane", lane, queueMembers)
	if lane["name"] != "writes" || lane["paused"] != false {
		t.Errorf("the lane is %v", lane)
	}
}

func pausedLanes(t *testing.T, s *site) {
	defer s.resume(t)
	s.pause(t)
	s.pause(t) // once more does nothing more
	path := somewhere()
	a := s.ask(t, s.Writer, http.MethodPut, path, draft("x", ""), "Prefer", "wait=1").is(t, http.StatusAccepted)
	s.ask(t, "", http.MethodGet, path, "").is(t, http.StatusNotFound)
	if lane := s.lane(t); lane["paused"] != true {
		t.Errorf("the lane is %v", lane)
	}
	s.ask(t, "", http.MethodGet, "/readyz", "").is(t, http.StatusOK)
	s.resume(t)
	if j := s.ended(t, a.header.Get("Location")); j.State != "succeeded" {
		t.Errorf("its job ends as %+v", j)
	}
	if lane := s.lane(t); lane["paused"] != false {
		t.Errorf("the lane is %v", lane)
	}
}

func noLane(t *testing.T, s *site) {
	for _, order := range []string{"pause", "resume"} {
		s.ask(t, s.Operator, http.MethodPost, "/v1/queues/fast/"+order, "").problem(t, http.StatusNotFound)
	}
}

// seenDead is what the sentences look at of a dead job.
type seenDead struct {
	ID, Kind, Lane, State, Fingerprint string
	BookID                             string `json:"book_id"`
	Payload                            map[string]any
}

func (s *site) dead(t *testing.T, i int) (d seenDead) {
	t.Helper()
	if len(s.Dead) <= i {
		t.Fatalf("the target has %d dead jobs, too few", len(s.Dead))
	}
	s.ask(t, s.Operator, http.MethodGet, "/v1/dead/"+s.Dead[i], "").is(t, http.StatusOK).into(t, &d)
	return d
}

// order gives an order for dead jobs.
func (s *site) order(t *testing.T, path, body string) answer {
	t.Helper()
	return s.ask(t, s.Operator, http.MethodPost, "/v1/dead/"+path, body)
}

// deadPage is a page of the list of the dead.
type deadPage struct{ Items []seenDead }

func (s *site) listed(t *testing.T, query string) (p deadPage) {
	t.Helper()
	a := s.ask(t, s.Operator, http.MethodGet, "/v1/dead?"+query, "").is(t, http.StatusOK)
	a.object(t, "items next_cursor")
	a.into(t, &p)
	return p
}

func theDead(t *testing.T, s *site) {
	d := s.dead(t, 0)
	// Others leave the list meanwhile, so that more may follow or not.
	if p := s.listed(t, "limit=1"); len(p.Items) != 1 {
		t.Errorf("a page of one is %+v", p)
	}
	for query, want := range map[string]int{
		"": 1, "&lane=writes": 1, "&kind=book.create": 1, "&error=" + d.Fingerprint: 1, "&lane=imports": 0, "&kind=book.delete": 0, "&error=other": 0,
	} {
		if p := s.listed(t, "book="+d.BookID+query); len(p.Items) != want {
			t.Errorf("with %q there are %d of its book", query, len(p.Items))
		}
	}
	s.ask(t, s.Operator, http.MethodGet, "/v1/dead?book=7", "").problem(t, http.StatusBadRequest)
	s.ask(t, s.Operator, http.MethodGet, "/v1/dead?state=dead", "").problem(t, http.StatusBadRequest)
}

func groups(t *testing.T, s *site) {
	var p struct {
		Items []struct {
			Fingerprint, Lane, Cause, Sample string
			Count                            int
		}
	}
	s.ask(t, s.Operator, http.MethodGet, "/v1/dead/groups?lane=writes", "").is(t, http.StatusOK).into(t, &p)
	if len(p.Items) != 1 || p.Items[0].Count < 1 || p.Items[0].Fingerprint != s.dead(t, 0).Fingerprint || !strings.HasPrefix(p.Items[0].Sample, "/v1/dead/") {
		t.Errorf("the groups are %+v", p)
	}
}

func deadOne(t *testing.T, s *site) {
	d := s.dead(t, 0)
	if d.ID != s.Dead[0] || d.State != "dead" || d.Payload == nil || d.Lane != "writes" {
		t.Errorf("it is %+v", d)
	}
	if j := s.ask(t, s.Reader, http.MethodGet, "/v1/jobs/"+d.ID, "").is(t, http.StatusOK).lacks(t, "Retry-After").job(t); j.State != "dead" || j.Error == nil {
		t.Errorf("as a job it is %+v", j)
	}
}

func retried(t *testing.T, s *site) {
	d := s.dead(t, 1)
	a := s.order(t, d.ID+"/retry", `{"reason":"the disk was full"}`).is(t, http.StatusAccepted)
	if j := s.ended(t, a.header.Get("Location")); j.State != "succeeded" || j.ID != d.ID {
		t.Errorf("it ends as %+v", j)
	}
	s.ask(t, "", http.MethodGet, "/v1/books/"+d.BookID, "").is(t, http.StatusOK)
	s.order(t, d.ID+"/retry", "").problem(t, http.StatusConflict)
}

func editedRetry(t *testing.T, s *site) {
	d := s.dead(t, 2)
	s.order(t, d.ID+"/retry", `{"draft":{"title":""}}`).problem(t, http.StatusUnprocessableEntity)
	a := s.order(t, d.ID+"/retry", `{"draft":{"title":"edited","authors":["B"]}}`).is(t, http.StatusAccepted)
	s.ended(t, a.header.Get("Location"))
	if b := s.ask(t, "", http.MethodGet, "/v1/books/"+d.BookID, "").is(t, http.StatusOK).book(t); b.Title != "edited" {
		t.Errorf("the book is %+v", b)
	}
}

func overtaken(t *testing.T, s *site) {
	d := s.dead(t, 3)
	s.write(t, http.MethodPut, "/v1/books/"+d.BookID, draft("newer", ""))
	a := s.order(t, d.ID+"/retry", "").is(t, http.StatusAccepted)
	if j := s.ended(t, a.header.Get("Location")); j.State != "superseded" || j.Error == nil || j.Error.Status != http.StatusConflict {
		t.Errorf("it ends as %+v", j)
	}
	if b := s.ask(t, "", http.MethodGet, "/v1/books/"+d.BookID, "").book(t); b.Title != "newer" {
		t.Errorf("the book is %+v", b)
	}
}

func discarded(t *testing.T, s *site) {
	d := s.dead(t, 4)
	s.order(t, d.ID+"/discard", `{"reason":"it was wrong"}`).is(t, http.StatusAccepted)
	s.ask(t, s.Operator, http.MethodGet, "/v1/dead/"+d.ID, "").problem(t, http.StatusNotFound)
	if j := s.ask(t, s.Reader, http.MethodGet, "/v1/jobs/"+d.ID, "").job(t); j.State != "dead" {
		t.Errorf("as a job it is %+v", j)
	}
	s.order(t, d.ID+"/discard", "").problem(t, http.StatusConflict)
}

func many(t *testing.T, s *site) {
	for i, order := range []string{"retry", "discard"} {
		d := s.dead(t, 5+i)
		for _, c := range []struct {
			book    string
			matched float64
		}{{uuid.NewString(), 0}, {d.BookID, 1}} {
			v := s.order(t, order, fmt.Sprintf(`{"reason":"r","limit":1,"filter":{"book":%q}}`, c.book)).is(t, http.StatusAccepted).object(t, "matched")
			if v["matched"] != c.matched {
				t.Errorf("the %s matched %v, want %v", order, v["matched"], c.matched)
			}
		}
		s.order(t, order, `{"limit":0}`).problem(t, http.StatusBadRequest)
	}
}

func notDead(t *testing.T, s *site) {
	path := s.ask(t, s.Writer, http.MethodPut, somewhere(), draft("x", "")).header.Get("Location")
	id := s.ended(t, path).ID
	for _, order := range []string{"retry", "discard"} {
		s.order(t, id+"/"+order, "").problem(t, http.StatusConflict)
		s.order(t, "7/"+order, "").problem(t, http.StatusNotFound)
	}
	s.ask(t, s.Operator, http.MethodGet, "/v1/dead/"+id, "").problem(t, http.StatusNotFound)
}
