package main

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"acervo/internal/e2etest"
)

func TestAnOutageIsToldAndOutlived(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	api, worker := f.apis[0].Server, f.workers[0].Greeting("The worker's health")
	ready := func(t *testing.T, url string, want int) {
		t.Helper()
		if err := answers(t.Context(), api, url, want); err != nil {
			t.Error(err)
		}
	}
	ready(t, api.URL+"/readyz", http.StatusOK)
	ready(t, worker, http.StatusOK)

	f.wires[0].Stop()
	ready(t, api.URL+"/readyz", http.StatusServiceUnavailable)
	ready(t, worker, http.StatusServiceUnavailable)
	a, err := api.Call(t.Context(), http.MethodPost, "/v1/books", `{"title": "Meanwhile", "authors": ["A"]}`)
	if err != nil || a.Status != http.StatusAccepted {
		t.Fatalf("while the tables are gone, a write is answered with %v, %v", a, err)
	}
	if err := f.wires[0].Start(); err != nil {
		t.Fatal(err)
	}
	if job, err := api.Await(t.Context(), a.Header.Get("Location")); err != nil || job.State != "succeeded" {
		t.Errorf("the write of the outage ends as %+v, %v", job, err)
	}

	f.wires[1].Stop()
	ready(t, api.URL+"/readyz", http.StatusServiceUnavailable)
	if err := f.wires[1].Start(); err != nil {
		t.Fatal(err)
	}
	ready(t, api.URL+"/readyz", http.StatusOK)
	ready(t, worker, http.StatusOK)
}

// answers asks until the answer has the status.
func answers(ctx context.Context, s *e2etest.Server, url string, want int) error {
	status := 0
	err := e2etest.Poll(ctx, func() (bool, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return false, err
		}
		res, err := s.HTTP.Do(req)
		if err != nil {
			return false, err
		}
		status = res.StatusCode
		return status == want, res.Body.Close()
	})
	if err != nil {
		err = fmt.Errorf("%s answers %d, want %d: %w", url, status, want, err)
	}
	return err
}
