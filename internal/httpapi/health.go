package httpapi

import (
	"context"
	"net/http"
	"runtime/debug"
	"time"
)

// healthz says that the process answers.
func (a *API) healthz(w http.ResponseWriter, r *http.Request) {
	a.json(w, r, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz says whether everything that requests depend on answers.
func (a *API) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	status, state, checks := http.StatusOK, "ready", map[string]string{}
	for name, check := range a.Checks {
		checks[name] = "ok"
		if err := check(ctx); err != nil {
			a.Log.WarnContext(ctx, "not ready", "check", name, "error", err)
			status, state, checks[name] = http.StatusServiceUnavailable, "not ready", "failing"
			w.Header().Set("Retry-After", retryAfter)
		}
	}
	a.json(w, r, status, map[string]any{"status": state, "checks": checks})
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
