package httpapi_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"acervo/internal/httpapi"
)

func TestAProcessThatAnswersNothingElseTellsHowItDoes(t *testing.T) {
	t.Parallel()
	var fails error
	api := &httpapi.API{
		Checks: map[string]func(context.Context) error{"worker": func(context.Context) error { return fails }},
		Log:    slog.New(slog.DiscardHandler),
	}
	asked := func(path string) int {
		w := httptest.NewRecorder()
		api.HealthHandler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		return w.Code
	}
	for path, want := range map[string]int{
		"/healthz": http.StatusOK, "/readyz": http.StatusOK, "/version": http.StatusOK, "/v1/books": http.StatusNotFound,
	} {
		if got := asked(path); got != want {
			t.Errorf("%s answers %d, want %d", path, got, want)
		}
	}
	fails = errors.New("nothing was received")
	if live, ready := asked("/healthz"), asked("/readyz"); live != http.StatusOK || ready != http.StatusServiceUnavailable {
		t.Errorf("a worker that is not ready answers %d and %d", live, ready)
	}
}
