package client

import (
	"context"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"acervo/internal/fault"
)

// page is a slice of a list.
type page[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

// each walks over a list, one page after the other. It ends after the first error.
func each[T any](ctx context.Context, c *Client, path string, query url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		for {
			var p page[T]
			if err := c.into(ctx, request{method: http.MethodGet, path: path, query: query, repeatable: true}, &p); err != nil {
				yield(zero, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if p.NextCursor == nil {
				return
			}
			if *p.NextCursor == query.Get("cursor") {
				yield(zero, fault.New(fault.Internal, "The list does not go on: its next cursor is the last one."))
				return
			}
			if query = maps.Clone(query); query == nil {
				query = url.Values{}
			}
			query.Set("cursor", *p.NextCursor)
		}
	}
}

// set puts what is not empty into a query.
func set(pairs ...string) url.Values {
	query := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] != "" {
			query.Set(pair[0], pair[1])
		}
	}
	return query
}
