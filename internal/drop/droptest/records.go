package droptest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"acervo/internal/drop"
	"acervo/internal/fault"
)

func readAsCreated(s *Suite) {
	at := time.Date(2024, 2, 29, 23, 59, 59, 123_000_000, time.UTC)
	problem := fault.ProblemOf(fault.New(fault.Invalid, "The file has no title."))
	full := drop.Import{
		ID: uuid.New(), Filename: "Coleção <é> 星.csv", State: drop.Planned, Mode: drop.Plan,
		Options: drop.Options{
			Mapping: map[string]string{"OBRA": "title", "": ""}, Delimiter: "|", Encoding: "latin1", Currency: "BRL",
			Key: []string{"a", "b"}, StopAfter: &drop.Limit{Rows: 5, Percent: 2.5},
		},
		By: "someone", Key: "drop/x", Version: "v", Bytes: 1 << 40, Text: "imports/x/text", TextVersion: "w",
		Digest: strings.Repeat("ab", 32), SubmittedAt: at, ArrivedAt: at.Add(time.Second), StartedAt: at.Add(time.Minute),
		FinishedAt: at.Add(time.Hour), ExpiresAt: at.Add(2 * time.Hour),
		Format:   &drop.Format{Kind: "csv", Encoding: "utf-8", Delimiter: ";", Columns: []drop.Column{{Name: "OBRA", Field: "title"}, {Name: "x", Key: true}}},
		Preview:  []drop.Preview{{Line: 2, Cells: []string{"A", "\u0000<&>"}}},
		Warnings: []drop.Note{{Line: 1 << 40, Offset: 1 << 41, Column: "c", Value: "v", Code: "k", Reason: "r"}},
		Total:    1 << 33, Chunks: 7, Alone: true, DuplicateOf: uuid.New(), Error: &problem,
	}
	s.ok(s.Store.Create(s.t.Context(), full))
	if got := s.get(full.ID); !same(got, full) {
		s.t.Errorf("read\n%+v, want\n%+v", got, full)
	}
}

func neverCreated(s *Suite) {
	_, err := s.Store.Get(s.t.Context(), uuid.New())
	s.is(err, fault.NotFound)
}

func createdOnce(s *Suite) {
	i := s.arrived()
	other := i
	other.Filename = "other.csv"
	s.is(s.Store.Create(s.t.Context(), other), fault.Conflict)
	if got := s.get(i.ID); !same(got, i) {
		s.t.Errorf("it became %+v", got)
	}
}

func updated(s *Suite) {
	first := s.arrived()
	next := drop.Import{ID: first.ID, State: drop.Queued, Mode: drop.Apply, SubmittedAt: first.SubmittedAt, Total: 5, Chunks: 1}
	s.ok(s.Store.Update(s.t.Context(), first, next))
	second := s.get(first.ID)
	if !same(second, next) {
		s.t.Errorf("read %+v, want %+v", second, next)
	}
	s.is(s.Store.Update(s.t.Context(), first, first), fault.Changed)
	if got := s.get(first.ID); !same(got, next) {
		s.t.Errorf("it became %+v", got)
	}
	s.becomes(second, drop.Running)
}

func updatesAtOnce(s *Suite) {
	read := s.arrived()
	won := 0
	for _, err := range s.atOnce(8, func(n int) error {
		next := read
		next.Total = int64(n)
		return s.Store.Update(s.t.Context(), read, next)
	}) {
		if err == nil {
			won++
		} else {
			s.is(err, fault.Changed)
		}
	}
	if won != 1 {
		s.t.Errorf("%d updates of what was read once were done", won)
	}
}

func updateOfNone(s *Suite) {
	i := drop.Import{ID: uuid.New(), State: drop.Reading, Mode: drop.Apply, SubmittedAt: s.Now(), ArrivedAt: s.Now()}
	s.is(s.Store.Update(s.t.Context(), i, i), fault.Changed)
	_, err := s.Store.Get(s.t.Context(), i.ID)
	s.is(err, fault.NotFound)
}

func listed(s *Suite) {
	var want []uuid.UUID
	for range 5 {
		want = append([]uuid.UUID{s.arrived().ID}, want...)
		s.Advance(time.Second)
	}
	var got []uuid.UUID
	cursor, pages := "", 0
	for more := true; more; more = cursor != "" {
		page, next, err := s.Store.List(s.t.Context(), cursor, 2)
		s.ok(err)
		if len(page) > 2 {
			s.t.Fatalf("a page of at most 2 has %d", len(page))
		}
		for _, i := range page {
			got = append(got, i.ID)
			if full := s.get(i.ID); !same(full, i) {
				s.t.Errorf("listed as %+v, it is %+v", i, full)
			}
		}
		cursor, pages = next, pages+1
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || pages != 3 {
		s.t.Errorf("listed %v on %d pages, want %v on 3", got, pages, want)
	}
}

func badCursor(s *Suite) {
	s.arrived()
	s.Advance(time.Second)
	s.arrived()
	_, cursor, err := s.Store.List(s.t.Context(), "", 1)
	s.ok(err)
	for _, bad := range []string{"x", cursor + "A", cursor[1:], strings.ToUpper(cursor) + "="} {
		_, _, err := s.Store.List(s.t.Context(), bad, 1)
		s.is(err, fault.Syntax)
	}
}

func keepsPlace(s *Suite) {
	first := s.arrived()
	s.Advance(time.Second)
	second := s.arrived()
	s.Advance(time.Second)
	s.becomes(first, drop.Queued)
	page, cursor, err := s.Store.List(s.t.Context(), "", 10)
	s.ok(err)
	if len(page) != 2 || page[0].ID != second.ID || page[1].ID != first.ID || cursor != "" {
		s.t.Errorf("listed %+v", page)
	}
}

func unfinished(s *Suite) {
	uploading := drop.Import{
		ID: uuid.New(), State: drop.AwaitingUpload, Mode: drop.Apply, SubmittedAt: s.Now(), ExpiresAt: s.Now().Add(time.Hour),
	}
	s.ok(s.Store.Create(s.t.Context(), uploading))
	s.pending(false)
	uploading = s.get(uploading.ID)
	next := uploading
	next.State, next.ArrivedAt = drop.Reading, s.Now().UTC().Truncate(time.Millisecond)
	s.ok(s.Store.Update(s.t.Context(), uploading, next))
	s.pending(true)
	i := s.get(uploading.ID)
	if got, err := s.Store.Unfinished(s.t.Context(), i.ArrivedAt, 2); err != nil || !slices.Equal(got, []uuid.UUID{i.ID}) {
		s.t.Errorf("unfinished are %v, %v", got, err)
	}
	for _, state := range []drop.State{drop.Planned, drop.Queued, drop.Running, drop.Cancelling} {
		i = s.becomes(i, state)
		s.pending(true)
	}
	s.becomes(i, drop.Cancelled)
	s.pending(false)
}

// pending checks whether anything is unfinished now.
func (s *Suite) pending(want bool) {
	s.t.Helper()
	got, err := s.Store.Unfinished(s.t.Context(), s.Now(), 1)
	s.ok(err)
	if (len(got) > 0) != want {
		s.t.Errorf("unfinished are %v, want some: %t", got, want)
	}
}

func unfinishedLater(s *Suite) {
	before := s.Now().UTC().Truncate(time.Millisecond)
	s.Advance(time.Second)
	later := s.arrived()
	for _, c := range []struct {
		at   time.Time
		want bool
	}{{before, false}, {later.ArrivedAt.Add(-time.Millisecond), false}, {later.ArrivedAt, true}, {later.ArrivedAt.Add(time.Millisecond), true}} {
		got, err := s.Store.Unfinished(s.t.Context(), c.at, 1)
		s.ok(err)
		if (len(got) > 0) != c.want {
			s.t.Errorf("%v from its arrival unfinished are %v, want it: %t", c.at.Sub(later.ArrivedAt), got, c.want)
		}
	}
}

func latestUnfinished(s *Suite) {
	var latest []uuid.UUID
	for range 3 {
		latest = append([]uuid.UUID{s.arrived().ID}, latest...)
		s.Advance(time.Second)
	}
	for limit := 1; limit <= 4; limit++ {
		got, err := s.Store.Unfinished(s.t.Context(), s.Now(), limit)
		s.ok(err)
		if want := latest[:min(limit, 3)]; !slices.Equal(got, want) {
			s.t.Errorf("of %v the latest %d unfinished are %v", latest, limit, got)
		}
	}
}

func forgotten(s *Suite) {
	i := s.becomes(s.arrived(), drop.Succeeded)
	uploading := drop.Import{ID: uuid.New(), State: drop.AwaitingUpload, Mode: drop.Apply, SubmittedAt: s.Now(), ExpiresAt: s.Now()}
	s.ok(s.Store.Create(s.t.Context(), uploading))
	s.Advance(drop.TTL - 2*time.Second)
	s.get(i.ID)
	s.get(uploading.ID)
	s.Advance(4 * time.Second)
	for _, id := range []uuid.UUID{i.ID, uploading.ID} {
		_, err := s.Store.Get(s.t.Context(), id)
		s.is(err, fault.NotFound)
	}
	if page, _, err := s.Store.List(s.t.Context(), "", 10); err != nil || len(page) > 0 {
		s.t.Errorf("listed %v, %v", page, err)
	}
	s.ok(s.Store.Create(s.t.Context(), uploading))
}

func notForgotten(s *Suite) {
	i := s.arrived()
	s.Advance(2 * drop.TTL)
	if got := s.get(i.ID); !same(got, i) {
		s.t.Errorf("it became %+v", got)
	}
	s.pending(true)
}
