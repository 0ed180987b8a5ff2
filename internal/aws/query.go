package aws

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"acervo/internal/fault"
)

// listing is a list that is spread over the partitions of an index, in the order
// of its sort key.
type listing struct {
	table      string
	index      Index
	partitions []string
	prefix     string // of the sort keys that belong to it
	descending bool
	filter     string // an expression over what the index includes, empty for all
	values     row    // of the filter
}

// most is the most keys that one query is asked for.
const most = 1000

// keys returns the first limit keys after a place (before it, in a descending
// list), all of them if there are fewer. Every partition is asked for as many, and
// all at once.
func (s *Store) keys(ctx context.Context, l listing, after string, limit int) ([]row, error) {
	found := make([][]row, len(l.partitions))
	group, ctx := errgroup.WithContext(ctx)
	for i, partition := range l.partitions {
		group.Go(func() (err error) {
			found[i], err = s.partitionKeys(ctx, l, partition, after, limit)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, classify(err, "read the list %s", l.index.Name)
	}
	all := slices.Concat(found...)
	slices.SortFunc(all, func(a, b row) int {
		if l.descending {
			a, b = b, a
		}
		return cmp.Compare(l.place(a), l.place(b))
	})
	return all[:min(len(all), limit)], nil
}

// place is the sort key of an item of the list.
func (l listing) place(item row) string {
	place, _ := readString(item, l.index.Range)
	return place
}

// partitionKeys returns the first keys of one partition.
func (s *Store) partitionKeys(ctx context.Context, l listing, partition, after string, limit int) (found []row, err error) {
	pages := dynamodb.NewQueryPaginator(s.db, s.query(l, partition, after, limit))
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			if !strings.HasPrefix(l.place(item), l.prefix) {
				return found, nil
			}
			if found = append(found, item); len(found) == limit {
				return found, nil
			}
		}
	}
	return found, nil
}

func (s *Store) query(l listing, partition, after string, limit int) *dynamodb.QueryInput {
	condition, values := "#"+l.index.Hash+" = :partition", row{":partition": str(partition)}
	sortKey := "#" + l.index.Range
	switch {
	case after != "" && l.descending:
		condition, values[":after"] = condition+" AND "+sortKey+" < :after", str(after)
	case after != "":
		condition, values[":after"] = condition+" AND "+sortKey+" > :after", str(after)
	case l.prefix != "":
		condition, values[":prefix"] = condition+" AND begins_with("+sortKey+", :prefix)", str(l.prefix)
	}
	in := &dynamodb.QueryInput{
		TableName: s.table(l.table), IndexName: sdk.String(l.index.Name), ScanIndexForward: sdk.Bool(!l.descending),
		KeyConditionExpression: &condition, ExpressionAttributeNames: names(condition, l.filter), ExpressionAttributeValues: values,
	}
	if l.filter == "" {
		in.Limit = sdk.Int32(int32(min(limit, most)))
		return in
	}
	in.FilterExpression = &l.filter
	maps.Copy(values, l.values)
	return in
}

// maxKeys is the most keys that DynamoDB takes in one batch.
const maxKeys = 100

// get reads items by their keys, which may be given twice, strongly. It returns
// those that there are, in no order, by the first of their keys.
func (s *Store) get(ctx context.Context, table string, keys []row) (map[string]row, error) {
	found := map[string]row{}
	wanted := map[string]row{}
	for _, key := range keys {
		id, _ := readString(key, "id")
		wanted[id] = key
	}
	keys = keys[:0:0]
	for _, key := range wanted {
		keys = append(keys, key)
	}
	for chunk := range slices.Chunk(keys, maxKeys) {
		if err := s.getChunk(ctx, *s.table(table), chunk, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// getChunk asks again for what DynamoDB left out, because of its size or for want
// of capacity.
func (s *Store) getChunk(ctx context.Context, table string, keys []row, found map[string]row) error {
	for try := 0; len(keys) > 0; try++ {
		if try == tries {
			return fault.New(fault.Throttled, "%d items of %s were left unread %d times", len(keys), table, tries)
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
		out, err := s.db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{table: {Keys: keys, ConsistentRead: sdk.Bool(true)}},
		})
		if err != nil {
			return classify(err, "read %d items of %s", len(keys), table)
		}
		for _, item := range out.Responses[table] {
			id, _ := readString(item, "id")
			found[id] = item
		}
		left := out.UnprocessedKeys[table].Keys
		if len(left) < len(keys) {
			try = 0 // it comes forward
		}
		keys = left
	}
	return nil
}
