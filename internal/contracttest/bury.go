package contracttest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// Bury puts n creations of books, numbered from 0, into the ledger of the dead as
// if ten attempts had failed, and returns their ids. It is the one thing that is
// not done over HTTP: a quarter of an hour would pass.
func Bury(t *testing.T, jobs job.Store, ring *job.Keyring, n int) (ids []string) {
	t.Helper()
	for i := range n {
		receipt, err := ring.Mint(job.Create, uuid.New())
		if err != nil {
			t.Fatal(err)
		}
		m := job.Message{
			Job: receipt.ID, Generation: 1, Kind: job.Create, BookID: receipt.BookID, AcceptedAt: receipt.AcceptedAt(),
			Draft: &book.Draft{Title: fmt.Sprint("book ", i), Authors: []string{"A"}},
		}
		body, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		rec := job.Record{
			ID: receipt.ID, Kind: job.Create, BookID: receipt.BookID, Generation: 1, State: job.Dead, Attempts: 10, FinishedAt: time.Now(),
			Error:  &fault.Problem{Type: "/problems/internal", Title: "The server failed", Status: 500},
			Burial: &job.Burial{Listed: true, Lane: "writes", Message: body, At: time.Now(), Cause: "it \x1b[31mburns", Fingerprint: "f1"},
		}
		if err := jobs.Bury(t.Context(), rec, book.Item{ID: receipt.BookID}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, receipt.ID)
	}
	return ids
}
