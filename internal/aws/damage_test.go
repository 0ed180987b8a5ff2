package aws_test

import (
	"bytes"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/uuid"

	"acervo/internal/aws"
	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
	"acervo/internal/work"
)

// ward is a store beside the client by which a test damages it.
type ward struct {
	*aws.Store

	t      *testing.T
	client *dynamodb.Client
	prefix string
}

func inWard(t *testing.T) ward {
	t.Helper()
	prefix, clients := tables(t), dynamoDB(t, aws.Options{})
	return ward{aws.NewStore(clients, prefix, time.Now), t, clients.DynamoDB, prefix}
}

type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// damage gives an attribute of an item another value.
func (w ward) damage(table string, key item, attribute string, value types.AttributeValue) {
	w.t.Helper()
	table, update := w.prefix+table, "SET #a = :a"
	_, err := w.client.UpdateItem(w.t.Context(), &dynamodb.UpdateItemInput{
		TableName: &table, Key: key, UpdateExpression: &update,
		ExpressionAttributeNames: map[string]string{"#a": attribute}, ExpressionAttributeValues: item{":a": value},
	})
	ok(w.t, err)
}

func (w ward) live(authors ...string) book.Item {
	w.t.Helper()
	absent, live := newBook(authors...)
	ok(w.t, w.Books().Swap(w.t.Context(), absent, live))
	return live
}

func bookKey(id uuid.UUID) item { return item{"id": text(id.String()), "part": text("book")} }

func garbage() types.AttributeValue { return &types.AttributeValueMemberB{Value: []byte("{")} }

func TestADamagedBookIsNamedAndTellsItsVersionAndFence(t *testing.T) {
	t.Parallel()
	w := inWard(t)
	live, sound := w.live(), w.live()
	live.Fence = 3
	ok(t, w.Books().Swap(t.Context(), book.Item{ID: live.ID, Version: 1}, live))
	w.damage("books", bookKey(live.ID), "doc", garbage())
	got, err := w.Books().Get(t.Context(), live.ID)
	if !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), live.ID.String()) || got.Version != 1 || got.Fence != 3 {
		t.Errorf("got %+v, %v", got, err)
	}
	page, next, err := w.Books().List(t.Context(), book.Query{Order: book.ByTitle, Limit: 10})
	if err != nil || next != "" || len(page) != 1 || page[0].ID != sound.ID {
		t.Errorf("listed is %+v, next %q, %v; want the other book", page, next, err)
	}
}

func TestAJobOfADamagedBookIsBuriedAndTheBookKeptForGood(t *testing.T) {
	t.Parallel()
	w := inWard(t)
	live := w.live()
	w.damage("books", bookKey(live.ID), "doc", garbage())
	applier := work.NewApplier(w.Books(), w.Jobs(), "writes", time.Now)
	m := job.Message{V: job.MessageVersion, Job: uuid.NewString(), Generation: 1, Kind: job.Delete, BookID: live.ID, AcceptedAt: time.Now()}
	if err := applier.Apply(t.Context(), m, nil, 1); !fault.Is(err, fault.Damaged) {
		t.Errorf("got %v, want fault.Damaged", err)
	}
	ok(t, applier.Apply(t.Context(), m, nil, work.MaxReceives+1))
	if err := hasRecord(t, w.Store, job.Record{ID: m.Job, State: job.Dead, Generation: 1}, 1); err != nil {
		t.Error(err)
	}
	late := aws.NewStore(dynamoDB(t, aws.Options{}), w.prefix, func() time.Time { return time.Now().Add(10 * book.TombstoneTTL) })
	if got, err := late.Books().Get(t.Context(), live.ID); !fault.Is(err, fault.Damaged) || got.Fence != 1 {
		t.Errorf("after a long time got %+v, %v", got, err)
	}
}

func TestABookWhoseVersionCannotBeReadIsNeitherWrittenNorTriedForEver(t *testing.T) {
	t.Parallel()
	for _, attribute := range []string{"version", "fence"} {
		t.Run(attribute, func(t *testing.T) {
			t.Parallel()
			w := inWard(t)
			live := w.live()
			w.damage("books", bookKey(live.ID), attribute, text("many"))
			read, err := w.Books().Get(t.Context(), live.ID)
			if !fault.Is(err, fault.Damaged) {
				t.Errorf("read: %v, want fault.Damaged", err)
			}
			for what, err := range map[string]error{
				"swap": w.Books().Swap(t.Context(), read, live),
				"bury": w.Jobs().Bury(t.Context(), died(newRecord()), read),
				"end":  w.Jobs().SaveIfUnchanged(t.Context(), newRecord(), read),
			} {
				if !fault.Is(err, fault.Damaged) {
					t.Errorf("%s: %v, want fault.Damaged", what, err)
				}
			}
		})
	}
}

func TestADamagedRecordIsNamedTellsItsStateAndIsListed(t *testing.T) {
	t.Parallel()
	w := inWard(t)
	rec := died(newRecord())
	rec.Generation = 2
	ok(t, w.Jobs().Save(t.Context(), rec))
	w.damage("jobs", item{"id": text(rec.ID)}, "doc", garbage())
	got, found, err := w.Jobs().Get(t.Context(), rec.ID)
	if !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), rec.ID) || !found || got.State != job.Dead || got.Generation != 2 {
		t.Errorf("got %+v (%v), %v", got, found, err)
	}
	page, _, err := w.Jobs().Dead(t.Context(), job.Filter{}, "", 10)
	if err != nil || len(page) != 1 || page[0].ID != rec.ID || page[0].State != job.Dead {
		t.Errorf("listed is %+v, %v", page, err)
	}
}

func TestADamagedClaimIsNamedAndNotForgotten(t *testing.T) {
	t.Parallel()
	w := inWard(t)
	c := job.Claim{Caller: "somebody", Key: "key", Hash: "h", Job: "j"}
	_, _, err := w.Jobs().Claim(t.Context(), c)
	ok(t, err)
	w.damage("jobs", item{"id": text(aws.ClaimID(c))}, "hash", garbage())
	for range 2 {
		if _, mine, err := w.Jobs().Claim(t.Context(), c); mine || !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), "somebody") {
			t.Errorf("got %v, %v", mine, err)
		}
	}
}

func TestADamagedHeartbeatIsPassedOver(t *testing.T) {
	t.Parallel()
	w := inWard(t)
	lane := w.Control("writes")
	for _, worker := range []string{"a", "b"} {
		ok(t, lane.Beat(t.Context(), queue.Heartbeat{Worker: worker, At: time.Now()}))
	}
	w.damage("lanes", item{"lane": text("writes"), "what": text("worker#a")}, "waiting", text("many"))
	if beats, err := lane.Heartbeats(t.Context()); err != nil || len(beats) != 1 || beats[0].Worker != "b" {
		t.Errorf("got %+v, %v", beats, err)
	}
}

// TestEntriesFollowWhateverTheCallerSaysItRead swaps from a read that tells nothing
// of authors, as one of an older release may tell other keys.
func TestEntriesFollowWhateverTheCallerSaysItRead(t *testing.T) {
	t.Parallel()
	w := inWard(t)
	live := w.live("B", "C")
	next := live
	next.Version, next.Draft.Authors = 2, []string{"D", "E"}
	ok(t, w.Books().Swap(t.Context(), book.Item{ID: live.ID, Version: 1}, next))
	for author, want := range map[string]int{"Clarice": 0, "B": 0, "C": 0, "D": 1, "E": 1} {
		page, _, err := w.Books().List(t.Context(), book.Query{Author: author, Order: book.ByAuthor, Limit: 10})
		if err != nil || len(page) != want {
			t.Errorf("listed under %s are %d, want %d (%v)", author, len(page), want, err)
		}
	}
	table := w.prefix + "books"
	out, err := w.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	ok(t, err)
	if len(out.Items) != 2 {
		t.Errorf("the table has %d items, want the book and one entry", len(out.Items))
	}
}

func TestARecordOfTheLargestMessageAndALongHistoryIsStored(t *testing.T) {
	t.Parallel()
	w := inWard(t)
	rec := died(newRecord())
	rec.Burial.Message = bytes.Repeat([]byte{0xff}, queue.MaxBody)
	rec.Burial.Cause = strings.Repeat("ação ", 20<<10)
	for i := range 100 {
		rec.Note(job.Event{What: "attempt_failed", Why: strings.Repeat(string(rune('a'+i%26)), 8<<10)})
	}
	ok(t, w.Jobs().Save(t.Context(), rec))
	got, _, err := w.Jobs().Get(t.Context(), rec.ID)
	ok(t, err)
	if !bytes.Equal(got.Burial.Message, rec.Burial.Message) || !strings.HasPrefix(rec.Burial.Cause, got.Burial.Cause) || got.Burial.Cause == "" {
		t.Errorf("a message of %d and a cause of %d bytes are left", len(got.Burial.Message), len(got.Burial.Cause))
	}
	if n := len(got.History); n > 0 && got.History[n-1].Why != rec.History[99].Why {
		t.Error("the history does not end as it did")
	}

	rec = died(newRecord())
	rec.Burial.Message = bytes.Repeat([]byte{0xff}, queue.MaxBody)
	rec.Burial.Cause = strings.Repeat("x", 1<<20)
	ok(t, w.Jobs().Save(t.Context(), rec))
}

func TestTheLargestMessageThatAQueueTakesFromAnybodyIsBuried(t *testing.T) {
	t.Parallel()
	w, c := inWard(t), onSQS(t)
	size, err := strconv.Atoi(aws.Queues()[0].Attributes()["MaximumMessageSize"])
	ok(t, err)
	url, group := queues(t, c)[aws.WritesQueue], uuid.NewString()
	send := func(body string) error {
		_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: &body, MessageGroupId: &group, MessageDeduplicationId: sdk.String(uuid.NewString()),
		})
		return err
	}
	ok(t, send(strings.Repeat("x", size)))
	if err := send(strings.Repeat("x", size+1)); err == nil {
		t.Error("the queue takes more than it says")
	}
	batch, err := c.Lane(url, aws.LaneOptions{}).Receive(t.Context(), 1)
	ok(t, err)
	if len(batch) != 1 {
		t.Fatalf("received %d messages", len(batch))
	}
	h := &work.Writes{Applier: work.NewApplier(w.Books(), w.Jobs(), queue.Writes, time.Now), Log: slog.New(slog.DiscardHandler)}
	ok(t, h.Do(t.Context(), batch[0]))
}

func TestTablesAreCreatedOnceAndExpireByTheirAttribute(t *testing.T) {
	t.Parallel()
	w := inWard(t)
	live := w.live()
	ok(t, w.CreateTables(t.Context()))
	if err := hasBook(t, w.Store, live); err != nil {
		t.Error(err)
	}
	for _, table := range aws.Tables() {
		name := w.prefix + table.Name
		ttl, err := w.client.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &name})
		ok(t, err)
		if d := ttl.TimeToLiveDescription; d.TimeToLiveStatus != types.TimeToLiveStatusEnabled || *d.AttributeName != aws.ExpiresAt {
			t.Errorf("the items of %s expire by %+v", table.Name, d)
		}
		out, err := w.client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
		ok(t, err)
		if out.Table.BillingModeSummary.BillingMode != types.BillingModePayPerRequest || len(out.Table.GlobalSecondaryIndexes) != len(table.Indexes) {
			t.Errorf("the table %s is %+v", table.Name, out.Table)
		}
	}
}
