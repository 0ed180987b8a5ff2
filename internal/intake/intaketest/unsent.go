// Package intaketest makes what others have left, for the tests of who finds it.
package intaketest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/drop"
	"acervo/internal/intake"
	"acervo/internal/tabular"
)

// Unsent makes an import of two books that was read and whose sender died before it
// sent anything.
func Unsent(t *testing.T, imports *intake.Imports) uuid.UUID {
	t.Helper()
	const text = "title,author\nIracema,José de Alencar\nLucíola,José de Alencar\n"
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	id := uuid.New()
	object, err := imports.Objects.Put(t.Context(), drop.TextKey(id), intake.UploadType, strings.NewReader(text))
	check(err)
	plan, err := tabular.Scan(strings.NewReader(text), tabular.Options{})
	check(err)
	check(imports.KeepPlan(t.Context(), id, plan))
	now := imports.Now().UTC().Truncate(time.Millisecond)
	check(imports.Drops.Create(t.Context(), drop.Import{
		ID: id, Filename: "a.csv.gz", State: drop.Queued, Mode: drop.Apply, Key: "drop/a.csv.gz", Text: object.Key, TextVersion: object.Version,
		SubmittedAt: now, ArrivedAt: now, Total: plan.Rows, Chunks: len(plan.Chunks),
	}))
	return id
}
