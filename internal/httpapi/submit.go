package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/key"
)

// change submits a write of the book in the address.
func (a *API) change(
	w http.ResponseWriter, r *http.Request, kind job.Kind, accept string,
	parse func(uuid.UUID, []byte) (intake.Write, error),
) {
	id, err := pathID(r)
	if err != nil {
		a.problem(w, r, err)
		return
	}
	a.submit(w, r, kind, accept, func(body []byte) (intake.Write, error) {
		write, err := parse(id, body)
		write.BookID = id
		return write, err
	})
}

// submit reads and validates a write, has it accepted, and answers with its job,
// or with its outcome if the caller would rather wait. Accept is the header that
// names the content types taken; a kind without a body has none.
func (a *API) submit(
	w http.ResponseWriter, r *http.Request, kind job.Kind, accept string,
	parse func(body []byte) (intake.Write, error),
) {
	wait := preferWait(r)
	write, err := a.readWrite(w, r, kind, accept, parse)
	if err != nil {
		a.problem(w, r, err)
		return
	}
	j, replayed, err := a.Intake.Submit(r.Context(), write)
	if err != nil {
		a.problem(w, r, err)
		return
	}
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	if wait > 0 {
		if j, err = a.wait(r, j, wait); err != nil {
			a.problem(w, r, err)
			return
		}
		if j.State.Terminal() {
			w.Header().Set("Preference-Applied", fmt.Sprintf("wait=%d", wait/time.Second))
			a.outcome(w, r, j)
			return
		}
	}
	a.accepted(w, r, j)
}

// accepted answers 202 with a job.
func (a *API) accepted(w http.ResponseWriter, r *http.Request, j job.Job) {
	w.Header().Set("Location", jobPath(j.ID))
	w.Header().Set("Retry-After", a.retryAfter(r.Context(), j))
	a.json(w, r, http.StatusAccepted, viewJob(j))
}

func (a *API) readWrite(
	w http.ResponseWriter, r *http.Request, kind job.Kind, accept string, parse func(body []byte) (intake.Write, error),
) (intake.Write, error) {
	version, err := startingVersion(r, kind)
	if err != nil {
		return intake.Write{}, err
	}
	var body []byte
	if accept != "" {
		if body, err = readBody(w, r, accept); err != nil {
			return intake.Write{}, err
		}
	}
	write, err := parse(body)
	if err != nil {
		return intake.Write{}, err
	}
	write.Kind, write.Version, write.Caller, write.Traceparent = kind, version, callerOf(r).Name, traceparent(r)
	if write.IfMatch, write.IfNoneMatch, err = preconditions(r); err != nil {
		return intake.Write{}, err
	}
	if write.Key, err = idempotencyKey(r); err != nil {
		return intake.Write{}, err
	}
	if write.Key != "" {
		write.Hash = requestHash(r, body)
	}
	return write, a.limit(w, write)
}

// maxVersion is the latest version that a book can begin with: more writes than any book
// gets, and far from where counting ends.
const maxVersion = 1_000_000_000_000

// startingVersion reads the version that a book is to begin with if it does not exist,
// zero when nobody says. It is for operators, who take back books that had versions
// elsewhere.
func startingVersion(r *http.Request, kind job.Kind) (int64, error) {
	query, err := parseQuery(r)
	values, ok := query["version"]
	if err != nil || !ok {
		return 0, err
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	switch {
	case kind != job.Replace:
		return 0, fault.New(fault.Combination, "A version in the address goes with the PUT of a book only.")
	case callerOf(r).Role < key.Operator:
		return 0, fault.New(fault.Forbidden, "Only an operator can say which version a book begins with.")
	case err != nil || len(values) > 1 || n < 1 || n > maxVersion || values[0] != strconv.FormatInt(n, 10):
		return 0, fault.New(fault.Syntax, "The version in the address must be one whole number from 1 to %d.", int64(maxVersion))
	}
	return n, nil
}

// limit refuses more writes of one key or of one book than are allowed.
func (a *API) limit(w http.ResponseWriter, write intake.Write) error {
	id := write.BookID
	if id == uuid.Nil && write.Draft != nil && (write.Draft.ID != uuid.Nil || write.Draft.ISBN != "") {
		id = book.ID(*write.Draft)
	}
	wait := a.PerKey.admit(w.Header(), "key", write.Caller, a.Now())
	if wait == 0 && id != uuid.Nil {
		wait = a.PerBook.admit(w.Header(), "book", id.String(), a.Now())
	}
	if wait == 0 {
		return nil
	}
	w.Header().Set("Retry-After", fmt.Sprint(int(wait/time.Second)+1))
	return fault.New(fault.Throttled, "Too many writes of this key or of this book.")
}

// requestHash tells requests with one Idempotency-Key apart.
func requestHash(r *http.Request, body []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%q\n%q\n", r.Method, r.URL.Path, r.Header.Values("If-Match"), r.Header.Values("If-None-Match"))
	if versions, ok := r.URL.Query()["version"]; ok {
		fmt.Fprintf(h, "version=%q\n", versions)
	}
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// wait asks for a job until it has ended, the time is over or the client has gone.
func (a *API) wait(r *http.Request, j job.Job, most time.Duration) (job.Job, error) {
	receipt, err := a.Ring.Verify(j.ID)
	if err != nil {
		return j, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), most)
	defer cancel()
	return job.Wait(ctx, j.ID, a.Watcher, func(ctx context.Context) (job.Job, error) { return a.Intake.Status(ctx, receipt) })
}

// outcome answers with what became of a job that has ended.
func (a *API) outcome(w http.ResponseWriter, r *http.Request, j job.Job) {
	w.Header().Set("Content-Location", jobPath(j.ID))
	switch {
	case j.State == job.Succeeded && j.Kind == job.Delete:
		w.WriteHeader(http.StatusNoContent)
	case j.State == job.Succeeded:
		a.written(w, r, j)
	case j.State == job.Dead:
		writeProblem(w, fault.Problem{
			Type: "/problems/dead", Title: "The job was given up", Status: http.StatusInternalServerError,
			Detail: "An operator will decide about it. See " + jobPath(j.ID) + ".",
		})
	case j.Record.Error != nil:
		writeProblem(w, *j.Record.Error)
	default:
		a.accepted(w, r, j)
	}
}

// written answers with the book that a job has written: 201 when it made it. A
// book that is gone again by now leaves only the job to tell of.
func (a *API) written(w http.ResponseWriter, r *http.Request, j job.Job) {
	item, err := a.Books.Get(r.Context(), j.BookID)
	switch {
	case err != nil:
		a.problem(w, r, err)
		return
	case !item.Exists():
		a.accepted(w, r, j)
		return
	}
	status := http.StatusOK
	if (j.Kind == job.Create || j.Kind == job.Replace) && item.CreatedAt.Equal(j.SubmittedAt) {
		status = http.StatusCreated
		w.Header().Set("Location", "/v1/books/"+j.BookID.String())
	}
	w.Header().Set("ETag", book.Tag(item.Version))
	a.book(w, r, status, a.viewBook(item))
}
