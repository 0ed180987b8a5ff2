package book_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// july is when these tests take place: the latest year of publication is 2027.
func july() time.Time { return time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC) }

func someID() uuid.UUID { return uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057") }

// witness is a book whose price suits every amount and every currency that a
// patch may bring.
func witness() book.Draft {
	return book.Draft{
		ID: someID(), Title: "title", Authors: []string{"author"},
		Price: &book.Price{Amount: "1", Currency: "CLF"},
	}
}

// draftWith is a valid body whose member of this name has this value.
func draftWith(name, value string) string {
	members := []string{`"title":"Dom Casmurro"`, `"authors":["Machado de Assis"]`}
	members = slices.DeleteFunc(members, func(m string) bool { return strings.HasPrefix(m, `"`+name+`"`) })
	return "{" + strings.Join(append(members, `"`+name+`":`+value), ",") + "}"
}

// fields are the faults that an error lists, each as its pointer and code.
func fields(err error) []string {
	var e *fault.Error
	if !errors.As(err, &e) {
		return nil
	}
	var all []string
	for _, f := range e.Fields {
		all = append(all, f.Pointer+" "+f.Code)
	}
	return all
}

func wantFaults(t *testing.T, err error, kind fault.Kind, want ...string) {
	t.Helper()
	if got := fields(err); !fault.Is(err, kind) || !slices.Equal(got, want) {
		t.Errorf("got %q %q, want %q %q", fault.KindOf(err), got, kind, want)
	}
}

func array(element string, n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + "]"
}

func quoted(s string) string { return `"` + s + `"` }
