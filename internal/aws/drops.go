package aws

import (
	"context"
	"fmt"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"acervo/internal/drop"
	"acervo/internal/fault"
)

// Drops is drop.Store.
type Drops struct{ s *Store }

var _ drop.Store = Drops{}

// Drops returns the records of imports in this store.
func (s *Store) Drops() Drops { return Drops{s} }

// The parts of an import, and the partitions of what is kept of all. One query reads
// the record and its progress, which stand next to each other.
const (
	importPart   = "import"
	progressPart = "progress#" // and the pass
	chunkPart    = "chunk#"    // and the pass and the number

	importList  = "list"    // the parts are the time of submission and the id
	pendingList = "pending" // the parts are the time of arrival and the id
	claimPart   = "claim"
)

func dropKey(id, part string) row { return row{"id": str(id), "part": str(part)} }

// dropPlace is the part of an import in a list, which sorts as time does.
func dropPlace(at time.Time, id uuid.UUID) string {
	return fmt.Sprintf("%016d#%s", at.UnixMilli(), id)
}

// Create is drop.Store's.
func (d Drops) Create(ctx context.Context, i drop.Import) error {
	i.Revision = 1
	l, item, err := d.write(ctx, drop.Import{}, i, nothing, row{":now": seconds(d.s.now())})
	if err == nil && len(l) > 0 && !wrote(l[0], item["token"]) {
		err = fault.New(fault.Conflict, "There is an import %s already.", i.ID)
	}
	return err
}

// Update is drop.Store's.
func (d Drops) Update(ctx context.Context, read, next drop.Import) error {
	next.Revision = read.Revision + 1
	l, item, err := d.write(ctx, read, next, "#revision = :revision", row{":revision": integer(read.Revision)})
	if err == nil && len(l) > 0 && !wrote(l[0], item["token"]) {
		err = fault.New(fault.Changed, "import %s is no longer as it was read", read.ID)
	}
	return err
}

// write stores next on a condition, and in the same transaction its places in the
// lists, where they are no longer those of read.
func (d Drops) write(ctx context.Context, read, next drop.Import, condition string, values row) (lost, row, error) {
	now := d.s.now()
	doc, err := json.Marshal(next)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, err, "encode import %s", next.ID)
	}
	item := dropKey(next.ID.String(), importPart)
	item["doc"], item["revision"], item["token"] = binary(doc), integer(next.Revision), newToken()
	expires, ends := next.Expires(now)
	if ends {
		item[ExpiresAt] = expiry(expires)
	}
	writes := []types.TransactWriteItem{{Put: &types.Put{
		TableName: d.s.table(dropsTable), Item: item, ConditionExpression: &condition,
		ExpressionAttributeNames: names(condition), ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}}
	if _, ended := read.Expires(now); read.ID == uuid.Nil || ends != ended || next.State != read.State && ends {
		place := dropKey(importList, dropPlace(next.SubmittedAt, next.ID))
		if ends {
			place[ExpiresAt] = expiry(expires)
		}
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{TableName: d.s.table(dropsTable), Item: place}})
	}
	switch was := read.ID != uuid.Nil && read.Pending(); {
	case next.Pending() && !was:
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{
			TableName: d.s.table(dropsTable), Item: dropKey(pendingList, dropPlace(next.ArrivedAt, next.ID)),
		}})
	case was && !next.Pending():
		writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{
			TableName: d.s.table(dropsTable), Key: dropKey(pendingList, dropPlace(read.ArrivedAt, next.ID)),
		}})
	}
	l, err := d.s.commit(ctx, writes...)
	return l, item, err
}

// Get is drop.Store's.
func (d Drops) Get(ctx context.Context, id uuid.UUID) (drop.Import, error) {
	condition := "#id = :id AND #part BETWEEN :import AND :progress"
	out, err := d.s.db.Query(ctx, &dynamodb.QueryInput{
		TableName: d.s.table(dropsTable), ConsistentRead: sdk.Bool(true), KeyConditionExpression: &condition,
		ExpressionAttributeNames: names(condition),
		ExpressionAttributeValues: row{
			":id": str(id.String()), ":import": str(importPart), ":progress": str(progressPart + "~"),
		},
	})
	if err != nil {
		return drop.Import{ID: id}, classify(err, "read import %s", id)
	}
	var stored row
	var compared, applied drop.Progress
	for _, item := range out.Items {
		switch part, _ := readString(item, "part"); part {
		case importPart:
			stored = item
		case progressPart + string(drop.Comparing):
			compared = readProgress(item, d.s.now())
		case progressPart + string(drop.Applying):
			applied = readProgress(item, d.s.now())
		}
	}
	i, err := readImport(id, stored, d.s.now())
	i.Compared, i.Applied = compared, applied
	return i, err
}

// readImport reads the record of an import; fault.NotFound when there is none, or
// when its time is over.
func readImport(id uuid.UUID, stored row, now time.Time) (drop.Import, error) {
	i := drop.Import{ID: id}
	if absent(stored, now) {
		return i, fault.New(fault.NotFound, "There is no import %s.", id)
	}
	revision, sound := readInteger(stored, "revision")
	if err := json.Unmarshal(readBytes(stored, "doc"), &i); err != nil || !sound {
		return drop.Import{ID: id}, fault.New(fault.Damaged, "import %s is damaged", id)
	}
	i.Revision = revision
	return i, nil
}

// The attributes of a progress, in the order in which counted tells the counts.
func countNames() []string {
	return []string{"ok", "creates", "failed", "superseded", "unchanged", "skipped", "warnings"}
}

func counted(c *drop.Counts) []*int64 {
	return []*int64{&c.OK, &c.Creates, &c.Failed, &c.Superseded, &c.Unchanged, &c.Skipped, &c.Warnings}
}

func readProgress(stored row, now time.Time) (p drop.Progress) {
	if absent(stored, now) {
		return p
	}
	chunks, _ := readInteger(stored, "chunks")
	p.Chunks = int(chunks)
	into := counted(&p.Counts)
	for i, name := range countNames() {
		*into[i], _ = readInteger(stored, name)
	}
	return p
}

// List is drop.Store's. Its reads are strong.
func (d Drops) List(ctx context.Context, cursor string, limit int) (page []drop.Import, next string, err error) {
	after, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	for more := true; more && len(page) <= limit; {
		var places []string
		if places, err = d.places(ctx, after, limit+1); err != nil {
			return nil, "", err
		}
		for _, place := range places {
			id, _ := uuid.Parse(place[max(0, len(place)-36):])
			i, err := d.Get(ctx, id)
			switch {
			case fault.Is(err, fault.NotFound):
			case err != nil && !fault.Is(err, fault.Damaged):
				return nil, "", err
			case len(page) == limit:
				return page, formatCursor(after), nil
			default:
				page = append(page, i)
			}
			after = place
		}
		more = len(places) > limit
	}
	return page, "", nil
}

// places are those of the latest imports before a place, empty for the end.
func (d Drops) places(ctx context.Context, before string, limit int) (places []string, err error) {
	condition, values := "#id = :list", row{":list": str(importList)}
	if before != "" {
		condition, values[":before"] = condition+" AND #part < :before", str(before)
	}
	out, err := d.s.db.Query(ctx, &dynamodb.QueryInput{
		TableName: d.s.table(dropsTable), ConsistentRead: sdk.Bool(true), ScanIndexForward: sdk.Bool(false),
		KeyConditionExpression: &condition, ExpressionAttributeNames: names(condition), ExpressionAttributeValues: values,
		Limit: sdk.Int32(int32(min(limit, most))),
	})
	if err != nil {
		return nil, classify(err, "read the list of imports")
	}
	for _, item := range out.Items {
		place, _ := readString(item, "part")
		places = append(places, place)
	}
	return places, nil
}

// Unfinished is drop.Store's.
func (d Drops) Unfinished(ctx context.Context, at time.Time, limit int) (ids []uuid.UUID, err error) {
	condition := "#id = :pending AND #part < :after"
	out, err := d.s.db.Query(ctx, &dynamodb.QueryInput{
		TableName: d.s.table(dropsTable), ConsistentRead: sdk.Bool(true), ScanIndexForward: sdk.Bool(false),
		KeyConditionExpression: &condition, ExpressionAttributeNames: names(condition),
		ExpressionAttributeValues: row{":pending": str(pendingList), ":after": str(fmt.Sprintf("%016d", at.UnixMilli()+1))},
		Limit:                     sdk.Int32(int32(min(limit, most))),
	})
	if err != nil {
		return nil, classify(err, "look for unfinished imports")
	}
	for _, item := range out.Items {
		place, _ := readString(item, "part")
		if id, err := uuid.Parse(place[max(0, len(place)-36):]); err == nil {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func dropClaimKey(digest string) row { return dropKey("claim#"+digest, claimPart) }

// Claim is drop.Store's.
func (d Drops) Claim(ctx context.Context, digest string, id uuid.UUID) (uuid.UUID, error) {
	now := d.s.now()
	item := dropClaimKey(digest)
	item["import"], item[ExpiresAt] = str(id.String()), expiry(now.Add(drop.TTL))
	condition := nothing + " OR #import = :import"
	l, err := d.s.commit(ctx, types.TransactWriteItem{Put: &types.Put{
		TableName: d.s.table(dropsTable), Item: item, ConditionExpression: &condition,
		ExpressionAttributeNames:            names(condition),
		ExpressionAttributeValues:           row{":now": seconds(now), ":import": item["import"]},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}})
	stored, refused := l[0]
	if err != nil || !refused {
		return id, err
	}
	text, _ := readString(stored, "import")
	holder, err := uuid.Parse(text)
	return holder, fault.Wrap(fault.Damaged, err, "the claim on the file %s is damaged", digest)
}

// Unclaim is drop.Store's.
func (d Drops) Unclaim(ctx context.Context, digest string, id uuid.UUID) error {
	condition := "#import = :import"
	_, err := d.s.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: d.s.table(dropsTable), Key: dropClaimKey(digest), ConditionExpression: &condition,
		ExpressionAttributeNames: names(condition), ExpressionAttributeValues: row{":import": str(id.String())},
	})
	if isLostCondition(err) {
		return nil
	}
	return classify(err, "give back a claim")
}

// finishedKey is where the outcome of a chunk stands.
func finishedKey(id uuid.UUID, pass drop.Pass, chunk int) row {
	return dropKey(id.String(), fmt.Sprintf("%s%s#%08d", chunkPart, pass, chunk))
}

// Finish is drop.Store's.
func (d Drops) Finish(ctx context.Context, id uuid.UUID, pass drop.Pass, chunk int, counts drop.Counts) (drop.Progress, error) {
	now := d.s.now()
	done, once := finishedKey(id, pass, chunk), "attribute_not_exists(#id)"
	done[ExpiresAt] = expiry(now.Add(drop.TTL))
	update, values := "ADD #chunks :one", row{":one": integer(1), ":expires": expiry(now.Add(2 * drop.TTL))}
	for i, name := range countNames() {
		if n := *counted(&counts)[i]; n != 0 {
			update += ", #" + name + " :" + name
			values[":"+name] = integer(n)
		}
	}
	update += " SET #" + ExpiresAt + " = :expires"
	progress := dropKey(id.String(), progressPart+string(pass))
	_, err := d.s.commit(ctx, types.TransactWriteItem{Put: &types.Put{
		TableName: d.s.table(dropsTable), Item: done, ConditionExpression: &once, ExpressionAttributeNames: names(once),
	}}, types.TransactWriteItem{Update: &types.Update{
		TableName: d.s.table(dropsTable), Key: progress, UpdateExpression: &update,
		ExpressionAttributeNames: names(update), ExpressionAttributeValues: values,
	}})
	if err != nil {
		return drop.Progress{}, err
	}
	stored, err := d.item(ctx, progress)
	return readProgress(stored, now), err
}

// Finished is drop.Store's.
func (d Drops) Finished(ctx context.Context, id uuid.UUID, pass drop.Pass, chunk int) (bool, error) {
	stored, err := d.item(ctx, finishedKey(id, pass, chunk))
	return !absent(stored, d.s.now()), err
}

func (d Drops) item(ctx context.Context, key row) (row, error) {
	out, err := d.s.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: d.s.table(dropsTable), Key: key, ConsistentRead: sdk.Bool(true)})
	if err != nil {
		return nil, classify(err, "read what is kept of an import")
	}
	return out.Item, nil
}
