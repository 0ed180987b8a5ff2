package aws

import (
	"context"
	"encoding/hex"
	"maps"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"acervo/internal/fault"
	"acervo/internal/key"
)

// CallerKeys is key.Store.
type CallerKeys struct{ s *Store }

var _ key.Store = CallerKeys{}

// CallerKeys returns the keys of callers in this store.
func (s *Store) CallerKeys() CallerKeys { return CallerKeys{s} }

// A key stands twice: under its hash, where each request finds it, and under its
// name, in the list. One transaction writes or removes both, and counts.
const (
	keyPart   = "key"
	listed    = "list" // no hash looks like it
	nameParts = "name#"
	countPart = "count"

	maxPart = 1024 // bytes of a sort key, in DynamoDB
)

func byHash(h key.Hash) row  { return row{"id": str(hex.EncodeToString(h[:])), "part": str(keyPart)} }
func byName(name string) row { return row{"id": str(listed), "part": str(nameParts + name)} }

// Add is key.Store's.
func (c CallerKeys) Add(ctx context.Context, k key.Key) error {
	if err := c.s.adding.Acquire(ctx, 1); err != nil {
		return fault.Wrap(fault.Unavailable, err, "wait to add a key")
	}
	defer c.s.adding.Release(1)
	room := "attribute_not_exists(#count) OR #count < :max"
	count := c.count(1)
	count.ConditionExpression = &room
	count.ExpressionAttributeValues[":max"] = integer(key.MaxKeys)
	l, err := c.s.commit(ctx, c.put(k, byHash(k.Hash)), c.put(k, byName(k.Name)), types.TransactWriteItem{Update: count})
	if err == nil && len(l) > 0 {
		err = fault.New(fault.Conflict, "There is a key of this name already, or there are %d.", key.MaxKeys)
	}
	return err
}

func (c CallerKeys) put(k key.Key, at row) types.TransactWriteItem {
	item, condition := keyRow(k), "attribute_not_exists(#id)"
	maps.Copy(item, at)
	return types.TransactWriteItem{Put: &types.Put{
		TableName: c.s.table(keysTable), Item: item,
		ConditionExpression: &condition, ExpressionAttributeNames: names(condition),
	}}
}

// count adds to how many keys there are.
func (c CallerKeys) count(n int64) *types.Update {
	update := "ADD #count :n"
	return &types.Update{
		TableName: c.s.table(keysTable), Key: row{"id": str(listed), "part": str(countPart)}, UpdateExpression: &update,
		ExpressionAttributeNames: names(update), ExpressionAttributeValues: row{":n": integer(n)},
	}
}

// Find is key.Store's.
func (c CallerKeys) Find(ctx context.Context, h key.Hash) (key.Key, bool, error) {
	item, err := c.get(ctx, byHash(h))
	if err != nil || len(item) == 0 {
		return key.Key{}, false, err
	}
	k, sound := readKey(item)
	if !sound || k.Hash != h {
		return key.Key{}, false, fault.New(fault.Damaged, "key %q is damaged", k.Name)
	}
	return k, true, nil
}

func (c CallerKeys) get(ctx context.Context, at row) (row, error) {
	out, err := c.s.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: c.s.table(keysTable), Key: at, ConsistentRead: sdk.Bool(true),
	})
	if err != nil {
		return nil, classify(err, "read a key")
	}
	return out.Item, nil
}

// List is key.Store's.
func (c CallerKeys) List(ctx context.Context) (keys []key.Key, err error) {
	condition := "#id = :list AND begins_with(#part, :names)"
	pages := dynamodb.NewQueryPaginator(c.s.db, &dynamodb.QueryInput{
		TableName: c.s.table(keysTable), ConsistentRead: sdk.Bool(true), KeyConditionExpression: &condition,
		ExpressionAttributeNames:  names(condition),
		ExpressionAttributeValues: row{":list": str(listed), ":names": str(nameParts)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, classify(err, "read the list of keys")
		}
		for _, item := range page.Items {
			k, _ := readKey(item)
			part, _ := readString(item, "part")
			k.Name = strings.TrimPrefix(part, nameParts) // by which it can be removed
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// Remove is key.Store's.
func (c CallerKeys) Remove(ctx context.Context, name string) error {
	none := fault.New(fault.NotFound, "There is no key of this name.")
	if len(nameParts+name) > maxPart {
		return none
	}
	item, err := c.get(ctx, byName(name))
	switch {
	case err != nil:
		return err
	case len(item) == 0:
		return none
	}
	hash := readBytes(item, "hash")
	if len(hash) != len(key.Hash{}) {
		return fault.New(fault.Damaged, "key %q is damaged", name)
	}
	condition := "#hash = :hash"
	l, err := c.s.commit(ctx,
		types.TransactWriteItem{Delete: &types.Delete{
			TableName: c.s.table(keysTable), Key: byName(name), ConditionExpression: &condition,
			ExpressionAttributeNames: names(condition), ExpressionAttributeValues: row{":hash": binary(hash)},
		}},
		types.TransactWriteItem{Delete: &types.Delete{TableName: c.s.table(keysTable), Key: byHash(key.Hash(hash))}},
		types.TransactWriteItem{Update: c.count(-1)})
	if err == nil && len(l) > 0 {
		return none // somebody else has removed it meanwhile
	}
	return err
}

// keyRow is a key as it is stored, without its place. It never has ExpiresAt: a
// key whose time is over keeps its name until it is removed.
func keyRow(k key.Key) row {
	ends := int64(0)
	if !k.ExpiresAt.IsZero() {
		ends = k.ExpiresAt.UnixMilli()
	}
	return row{
		"name": str(k.Name), "role": str(k.Role.String()), "hash": binary(k.Hash[:]),
		"made_at": integer(k.MadeAt.UnixMilli()), "made_by": str(k.MadeBy), "ends": integer(ends),
	}
}

// readKey reads what it can, and reports whether that tells who may do what until
// when.
func readKey(item row) (k key.Key, sound bool) {
	name, okName := readString(item, "name")
	role, _ := readString(item, "role")
	made, _ := readInteger(item, "made_at")
	ends, okEnds := readInteger(item, "ends")
	k = key.Key{Name: name, MadeAt: time.UnixMilli(made).UTC()}
	k.MadeBy, _ = readString(item, "made_by")
	k.Role, sound = key.ParseRole(role)
	copy(k.Hash[:], readBytes(item, "hash"))
	if ends != 0 {
		k.ExpiresAt = time.UnixMilli(ends).UTC()
	}
	return k, sound && okName && okEnds
}
