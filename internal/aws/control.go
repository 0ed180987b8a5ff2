package aws

import (
	"context"
	"slices"
	"strconv"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"acervo/internal/queue"
)

// Control is queue.Control of one lane.
type Control struct {
	s    *Store
	lane string
}

var _ queue.Control = Control{}

// Control returns what all share of a lane.
func (s *Store) Control(lane string) Control { return Control{s, lane} }

// The sort keys of what stands under a lane.
const (
	pausePart   = "pause"
	workerParts = "worker#"
)

func (c Control) key(what string) row { return row{"lane": str(c.lane), "what": str(what)} }

// Pause is queue.Control's.
func (c Control) Pause(ctx context.Context, paused bool) error {
	item := c.key(pausePart)
	item["paused"] = boolean(paused)
	_, err := c.s.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: c.s.table(lanesTable), Item: item})
	return classify(err, "pause or resume the lane %s", c.lane)
}

// Paused is queue.Control's.
func (c Control) Paused(ctx context.Context) (bool, error) {
	out, err := c.s.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: c.s.table(lanesTable), Key: c.key(pausePart), ConsistentRead: sdk.Bool(true),
	})
	if err != nil {
		return false, classify(err, "ask whether the lane %s is paused", c.lane)
	}
	return readBool(out.Item, "paused"), nil
}

// Beat is queue.Control's.
func (c Control) Beat(ctx context.Context, b queue.Heartbeat) error {
	item := c.key(workerParts + b.Worker)
	item["at"] = integer(b.At.UnixMilli())
	item["waiting"], item["in_flight"], item["delayed"] = count(b.Stats.Waiting), count(b.Stats.InFlight), count(b.Stats.Delayed)
	item["oldest_age"], item["stuck"] = integer(int64(b.Stats.OldestAge)), count(b.Stuck)
	item["done_per_second"], item["growth_per_second"] = rate(b.DonePerSecond), rate(b.GrowthPerSecond)
	item[ExpiresAt] = expiry(b.At.Add(queue.HeartbeatTTL))
	_, err := c.s.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: c.s.table(lanesTable), Item: item})
	return classify(err, "store the heartbeat of %s", b.Worker)
}

func count(n int) attribute    { return integer(int64(n)) }
func rate(f float64) attribute { return number(strconv.FormatFloat(f, 'g', -1, 64)) }

// Heartbeats is queue.Control's. One that cannot be read is passed over: its worker
// writes another one soon.
func (c Control) Heartbeats(ctx context.Context) (beats []queue.Heartbeat, err error) {
	since := c.s.now().Add(-queue.HeartbeatTTL)
	condition := "#lane = :lane AND begins_with(#what, :workers)"
	pages := dynamodb.NewQueryPaginator(c.s.db, &dynamodb.QueryInput{
		TableName: c.s.table(lanesTable), ConsistentRead: sdk.Bool(true), KeyConditionExpression: &condition,
		ExpressionAttributeNames:  names(condition),
		ExpressionAttributeValues: row{":lane": str(c.lane), ":workers": str(workerParts)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, classify(err, "read the heartbeats of the lane %s", c.lane)
		}
		for _, item := range page.Items {
			if b, ok := readBeat(item); ok && b.At.After(since) {
				beats = append(beats, b)
			}
		}
	}
	slices.SortFunc(beats, func(a, b queue.Heartbeat) int { return b.At.Compare(a.At) })
	return beats, nil
}

func readBeat(item row) (b queue.Heartbeat, ok bool) {
	what, _ := readString(item, "what")
	b.Worker = what[len(workerParts):]
	ok = true
	read := func(name string) int64 {
		n, sound := readInteger(item, name)
		ok = ok && sound
		return n
	}
	b.At = time.UnixMilli(read("at")).UTC()
	b.Stats.Waiting, b.Stats.InFlight, b.Stats.Delayed = int(read("waiting")), int(read("in_flight")), int(read("delayed"))
	b.Stats.OldestAge, b.Stuck = time.Duration(read("oldest_age")), int(read("stuck"))
	done, sound := readFloat(item, "done_per_second")
	growth, soundGrowth := readFloat(item, "growth_per_second")
	b.DonePerSecond, b.GrowthPerSecond = done, growth
	return b, ok && sound && soundGrowth
}
