// Package httpapi is the wire: routes, decoding, credentials and problems. It
// accepts writes through intake and reads straight from the stores.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"acervo/internal/blob"
	"acervo/internal/book"
	"acervo/internal/intake"
	"acervo/internal/job"
	"acervo/internal/key"
	"acervo/internal/queue"
)

// MaxBody is the most bytes that a request body may have.
const MaxBody = 1 << 20

// API answers requests. Its fields are set once, before Handler.
type API struct {
	Intake *intake.Intake
	Ring   *job.Keyring
	Books  book.Store
	Lists  book.Lister
	Jobs   job.Store
	// Watcher tells those who wait for a job of its end; nil where another process
	// stores it.
	Watcher job.Watcher
	Keys    Keys
	// KeyStore keeps the keys that operators make; nil where there are none.
	KeyStore key.Store
	// Imports takes files to be imported; nil where none are.
	Imports *intake.Imports
	// Objects are where pictures land and renditions lie. CoverBase is what stands before
	// /covers/ in the addresses of renditions: empty for this server.
	Objects   blob.Store
	CoverBase string
	// Inbox takes uploads; nil where another server does, and then none is taken.
	Inbox blob.Inbox
	// Tokens takes the tokens of an issuer; nil to take none.
	Tokens *Tokens
	// PrivateReads asks for a role to read books.
	PrivateReads bool
	// Origins are those whose pages may use the API, such as https://books.example;
	// none is closed to all but its own.
	Origins []string
	// Lanes are the lanes that operators watch, in the order of telling.
	Lanes []Lane
	// PerKey and PerBook bound the writes of one key and of one book.
	PerKey, PerBook *Limiter
	// Checks are what readiness depends on, by name.
	Checks map[string]func(context.Context) error
	Now    func() time.Time
	Log    *slog.Logger

	pace pace
}

// Lane is a lane by its name.
type Lane struct {
	Name    string
	Control queue.Control
}

// Handler returns the routes.
func (a *API) Handler() http.Handler {
	r := a.health()
	a.routeDocs(r)

	r.Get("/v1/books", a.reading(a.listBooks))
	r.Get("/v1/books/{id}", a.reading(a.getBook))
	r.Post("/v1/books", a.with(key.Writer, a.createBook))
	r.Put("/v1/books/{id}", a.with(key.Writer, a.replaceBook))
	r.Patch("/v1/books/{id}", a.with(key.Writer, a.updateBook))
	r.Delete("/v1/books/{id}", a.with(key.Writer, a.deleteBook))
	r.Post("/v1/books/{id}/cover", a.with(key.Writer, a.setCover))
	r.Delete("/v1/books/{id}/cover", a.with(key.Writer, a.removeCover))
	r.Get("/covers/{sha256}/{width}.jpg", a.reading(a.getRendition))
	r.Get("/v1/jobs/{id}", a.with(key.Reader, a.getJob))

	r.Get("/v1/queues", a.with(key.Operator, a.listQueues))
	r.Post("/v1/queues/{lane}/pause", a.with(key.Operator, a.pauseLane(true)))
	r.Post("/v1/queues/{lane}/resume", a.with(key.Operator, a.pauseLane(false)))
	r.Get("/v1/dead", a.with(key.Operator, a.listDead))
	r.Get("/v1/dead/groups", a.with(key.Operator, a.listGroups))
	r.Post("/v1/dead/retry", a.with(key.Operator, a.retryMany))
	r.Post("/v1/dead/discard", a.with(key.Operator, a.discardMany))
	r.Get("/v1/dead/{job}", a.with(key.Operator, a.getDead))
	r.Post("/v1/dead/{job}/retry", a.with(key.Operator, a.retryOne))
	r.Post("/v1/dead/{job}/discard", a.with(key.Operator, a.discardOne))
	if a.Imports != nil {
		r.Get("/v1/imports", a.with(key.Reader, a.listImports))
		r.Post("/v1/imports", a.with(key.Writer, a.announceImport))
		r.Get("/v1/imports/{import}", a.with(key.Reader, a.getImport))
		r.Get("/v1/imports/{import}/rows", a.with(key.Reader, a.listRows))
		r.Get("/v1/imports/{import}/failed", a.with(key.Reader, a.failedFile))
		r.Post("/v1/imports/{import}/apply", a.with(key.Writer, a.applyImport))
		r.Post("/v1/imports/{import}/cancel", a.with(key.Writer, a.cancelImport))
	}
	if a.KeyStore != nil {
		r.Get("/v1/keys", a.with(key.Operator, a.listKeys))
		r.Post("/v1/keys", a.with(key.Operator, a.addKey))
		r.Delete("/v1/keys/{name}", a.with(key.Operator, a.revokeKey))
	}
	r.Put("/v1/uploads/{token}", a.takeUpload)
	return r
}

// HealthHandler returns only the routes that tell how a process does, for one that
// answers nothing else. It needs Checks and Log.
func (a *API) HealthHandler() http.Handler { return a.health() }

func (a *API) health() chi.Router {
	r := chi.NewRouter()
	r.Use(requestID, a.recover, a.origins, middleware.GetHead)
	r.NotFound(a.notFound)
	r.MethodNotAllowed(a.otherMethod)

	r.Get("/healthz", a.healthz)
	r.Get("/readyz", a.readyz)
	r.Get("/version", a.version)
	return r
}
