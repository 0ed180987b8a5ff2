package httpapi

import (
	"context"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/go-json-experiment/json"

	"acervo/internal/fault"
	"acervo/internal/job"
)

// healthz says that the process answers.
func (a *API) healthz(w http.ResponseWriter, r *http.Request) {
	a.json(w, r, http.StatusOK, map[string]string{"status": "ok"})
}

// unready is the problem of a process that is not ready, with what it depends on.
type unready struct {
	fault.Problem
	Checks map[string]string `json:"checks"`
}

// readyz says whether everything that requests depend on answers.
func (a *API) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	ready, checks := true, map[string]string{}
	for name, check := range a.Checks {
		checks[name] = "ok"
		if err := check(ctx); err != nil {
			a.Log.WarnContext(ctx, "not ready", "check", name, "error", err)
			ready, checks[name] = false, "failing"
		}
	}
	if !ready {
		p := fault.ProblemOf(fault.New(fault.Unavailable, "Something that requests depend on does not answer."))
		w.Header().Set("Retry-After", a.retryAfter(r.Context(), job.Job{}))
		body, _ := json.Marshal(unready{p, checks}, json.Deterministic(true)) // texts of our own
		write(w, p.Status, problemType, body)
		return
	}
	a.json(w, r, http.StatusOK, map[string]any{"status": "ready", "checks": checks})
}

// versionView is the build.
type versionView struct {
	Version   string `json:"version"`
	Revision  string `json:"revision,omitzero"`
	GoVersion string `json:"go_version"`
}

func (a *API) version(w http.ResponseWriter, r *http.Request) {
	view := versionView{Version: "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok {
		view.Version, view.GoVersion = info.Main.Version, info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				view.Revision = s.Value
			}
		}
	}
	a.json(w, r, http.StatusOK, view)
}
