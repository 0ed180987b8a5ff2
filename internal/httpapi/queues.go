package httpapi

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
)

// queueView is a lane on the wire. What is not known is null.
type queueView struct {
	Name             string     `json:"name"`
	Waiting          *int       `json:"waiting"`
	InFlight         *int       `json:"in_flight"`
	Delayed          *int       `json:"delayed"`
	OldestAgeSeconds *float64   `json:"oldest_age_seconds"`
	InPerSecond      *float64   `json:"in_per_second"`
	OutPerSecond     *float64   `json:"out_per_second"`
	Dead             int        `json:"dead"`
	Stuck            *int       `json:"stuck"`
	Paused           bool       `json:"paused"`
	AsOf             *time.Time `json:"as_of"`
}

func (a *API) listQueues(w http.ResponseWriter, r *http.Request) {
	items := make([]queueView, 0, len(a.Lanes))
	for _, lane := range a.Lanes {
		view, err := a.viewQueue(r, lane)
		if err != nil {
			a.problem(w, r, err)
			return
		}
		items = append(items, view)
	}
	w.Header().Set("Cache-Control", "no-store")
	a.json(w, r, http.StatusOK, map[string]any{"items": items, "next_cursor": nil})
}

// viewQueue tells what the workers last saw of a lane, and what all of them have
// done.
func (a *API) viewQueue(r *http.Request, lane Lane) (queueView, error) {
	view := queueView{Name: lane.Name}
	var err error
	if view.Paused, err = lane.Control.Paused(r.Context()); err != nil {
		return view, err
	}
	groups, err := a.Jobs.Groups(r.Context(), job.Filter{Lane: lane.Name})
	if err != nil {
		return view, err
	}
	for _, g := range groups {
		view.Dead += g.Count
	}
	beats, err := lane.Control.Heartbeats(r.Context())
	if err != nil || len(beats) == 0 {
		return view, err
	}
	newest := beats[0]
	done, stuck := queue.Rate(beats), 0
	for _, b := range beats {
		stuck += b.Stuck
	}
	stats := queue.Latest(beats)
	in, age := max(0, done+newest.GrowthPerSecond), stats.OldestAge.Seconds()
	view.Waiting, view.InFlight, view.Delayed = &stats.Waiting, &stats.InFlight, &stats.Delayed
	view.OldestAgeSeconds, view.InPerSecond, view.OutPerSecond, view.Stuck = &age, &in, &done, &stuck
	at := newest.At.UTC()
	view.AsOf = &at
	return view, nil
}

func (a *API) pauseLane(paused bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, lane := range a.Lanes {
			if lane.Name != chi.URLParam(r, "lane") {
				continue
			}
			if err := lane.Control.Pause(r.Context(), paused); err != nil {
				a.problem(w, r, err)
				return
			}
			a.Log.InfoContext(r.Context(), "an operator paused or resumed a lane",
				"lane", lane.Name, "paused", paused, "caller", callerOf(r).Name)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		a.problem(w, r, fault.New(fault.NotFound, "There is no such lane."))
	}
}
