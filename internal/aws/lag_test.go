package aws_test

import (
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"acervo/internal/aws"
	"acervo/internal/book"
	"acervo/internal/job"
)

// lagging answers queries as they were answered while it looked on.
type lagging struct {
	mu      sync.Mutex
	seen    map[string]*dynamodb.QueryOutput
	replays bool
}

func (l *lagging) trouble(_ string, input any) trouble {
	in, isQuery := input.(*dynamodb.QueryInput)
	if !isQuery {
		return nil
	}
	partition := *in.IndexName + in.ExpressionAttributeValues[":partition"].(*types.AttributeValueMemberS).Value
	return func(call func() (any, error)) (any, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.replays {
			return l.seen[partition], nil
		}
		result, err := call()
		l.seen[partition], _ = result.(*dynamodb.QueryOutput)
		return result, err
	}
}

// TestAnIndexThatLagsShowsNothingThatIsNoMore replays what the indexes said before
// they were changed.
func TestAnIndexThatLagsShowsNothingThatIsNoMore(t *testing.T) {
	t.Parallel()
	t.Run("a page of books has neither the deleted nor the moved", func(t *testing.T) {
		t.Parallel()
		s, l := &script{}, &lagging{seen: map[string]*dynamodb.QueryOutput{}}
		under, plain := troubled(t, tables(t), s, calls)
		deleted, moved, kept := swapped(t, plain), swapped(t, plain), swapped(t, plain)
		s.set(l.trouble)
		q := book.Query{Title: "agua", Order: book.ByTitle, Limit: 10}
		page, _, err := under.Books().List(t.Context(), q)
		if err != nil || len(page) != 3 {
			t.Fatalf("listed are %d, %v", len(page), err)
		}
		tombstone := book.Item{ID: deleted.ID, Existence: book.Tombstone, Version: 2}
		ok(t, plain.Books().Swap(t.Context(), deleted, tombstone))
		next := moved
		next.Version, next.Draft.Title = 2, "Água morta"
		ok(t, plain.Books().Swap(t.Context(), moved, next))
		l.replays = true
		page, cursor, err := under.Books().List(t.Context(), q)
		if err != nil || len(page) != 1 || page[0].ID != kept.ID || cursor != "" {
			t.Errorf("listed is %+v, next %q, %v; want only what is there", page, cursor, err)
		}
	})
	t.Run("a page of the ledger has neither the discarded nor the buried again", func(t *testing.T) {
		t.Parallel()
		s, l := &script{}, &lagging{seen: map[string]*dynamodb.QueryOutput{}}
		under, plain := troubled(t, tables(t), s, calls)
		discarded, again, kept := saved(t, plain), saved(t, plain), saved(t, plain)
		s.set(l.trouble)
		page, _, err := under.Jobs().Dead(t.Context(), job.Filter{}, "", 10)
		if err != nil || len(page) != 3 {
			t.Fatalf("listed are %d, %v", len(page), err)
		}
		discarded.Burial.Listed = false
		ok(t, plain.Jobs().Amend(t.Context(), discarded, discarded))
		again.Burial.At = again.Burial.At.Add(time.Second)
		ok(t, plain.Jobs().Amend(t.Context(), again, again))
		l.replays = true
		page, cursor, err := under.Jobs().Dead(t.Context(), job.Filter{}, "", 10)
		if err != nil || len(page) != 1 || page[0].ID != kept.ID || cursor != "" {
			t.Errorf("listed is %+v, next %q, %v; want only what is there", page, cursor, err)
		}
		groups, err := under.Jobs().Groups(t.Context(), job.Filter{})
		if err != nil || len(groups) != 3 {
			t.Fatalf("there are %d groups, %v", len(groups), err)
		}
		for _, g := range groups {
			if g.Oldest.ID == "" || g.Oldest.Burial == nil || g.Oldest.Burial.Fingerprint != g.Fingerprint || g.Oldest.Burial.At.IsZero() {
				t.Errorf("the group is %+v, want at least what the index tells of its first", g)
			}
		}
	})
}

func swapped(t *testing.T, s *aws.Store) book.Item {
	t.Helper()
	absent, next := newBook()
	ok(t, s.Books().Swap(t.Context(), absent, next))
	return next
}

// saved is the record of a new job that died, as it is read.
func saved(t *testing.T, s *aws.Store) job.Record {
	t.Helper()
	rec := died(newRecord())
	rec.Burial.Fingerprint = rec.ID
	ok(t, s.Jobs().Save(t.Context(), rec))
	rec, _, err := s.Jobs().Get(t.Context(), rec.ID)
	ok(t, err)
	return rec
}
