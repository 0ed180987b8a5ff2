package aws

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/go-json-experiment/json"

	"acervo/internal/fault"
	"acervo/internal/job"
)

// unended is the condition that a record of the same generation stands that is not
// terminal.
const unended = "#generation = :generation AND NOT #state IN (:succeeded, :failed, :superseded, :dead)"

// saving is the condition of a Save: nothing stands, or what is unended, or only the
// one of them that the record says.
func saving(rec job.Record) string {
	switch rec.Revision {
	case 0:
		return nothing + " OR (" + unended + ")"
	case job.Unwritten:
		return nothing
	default:
		return "#revision = :revision AND " + unended
	}
}

// recordAttributes are those of a record, of which any may be missing; the key and
// the revision are not among them.
func recordAttributes() []string {
	return []string{
		"generation", "state", "doc", "message", "token", ExpiresAt,
		// of those that the ledger of the dead lists
		"ledger", "buried", "lane", "kind", "fingerprint", "book_id",
	}
}

// update is the write of a record. It is no put, because it counts.
func (j Jobs) update(rec job.Record, condition string) (*types.Update, error) {
	now := j.s.now()
	attributes, err := recordRow(rec, now)
	if err != nil {
		return nil, err
	}
	values := row{":one": integer(1)}
	var set, remove []string
	for _, name := range recordAttributes() {
		if value, ok := attributes[name]; ok {
			set = append(set, "#"+name+" = :"+name)
			values[":"+name] = value
		} else {
			remove = append(remove, "#"+name)
		}
	}
	if strings.Contains(condition, nothing) {
		values[":now"] = seconds(now)
	}
	if strings.Contains(condition, ":revision") {
		values[":revision"] = integer(rec.Revision)
	}
	if strings.Contains(condition, unended) {
		for _, state := range []job.State{job.Succeeded, job.Failed, job.Superseded, job.Dead} {
			values[":"+string(state)] = str(string(state))
		}
	}
	expression := "SET " + strings.Join(set, ", ") + " REMOVE " + strings.Join(remove, ", ") + " ADD #revision :one"
	return &types.Update{
		TableName: j.s.table(jobsTable), Key: jobKey(rec.ID), UpdateExpression: &expression, ConditionExpression: &condition,
		ExpressionAttributeNames: names(expression, condition), ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}, nil
}

// deadShards is over how many partitions the ledger is spread, and deadShard their
// kind.
const (
	deadShards = 4
	deadShard  = "d"
)

// placeTime is the time in the sort key of the ledger, which sorts as time does.
const placeTime = "2006-01-02T15:04:05.000000000Z"

// recordRow is a record as it is stored, without its key and revision.
func recordRow(rec job.Record, now time.Time) (row, error) {
	doc, err := encodeRecord(rec)
	if err != nil {
		return nil, err
	}
	attributes := row{
		"generation": integer(int64(rec.Generation)), "state": str(string(rec.State)), "doc": binary(doc), "token": newToken(),
	}
	if rec.Burial != nil && len(rec.Burial.Message) > 0 {
		attributes["message"] = binary(rec.Burial.Message)
	}
	if at, ok := rec.Expires(now); ok {
		attributes[ExpiresAt] = expiry(at)
		return attributes, nil
	}
	attributes["ledger"], attributes["buried"] = str(shard(deadShard, rec.ID, deadShards)), str(place(rec))
	attributes["lane"], attributes["kind"] = str(rec.Burial.Lane), str(string(rec.Kind))
	attributes["fingerprint"], attributes["book_id"] = str(rec.Burial.Fingerprint), str(rec.BookID.String())
	return attributes, nil
}

// place is where the ledger lists a record.
func place(rec job.Record) string {
	return rec.Burial.At.UTC().Format(placeTime) + " " + rec.ID
}

// maxDoc is the most bytes of a record beside its message. With one of 256 KiB it
// stays below the 400 KB that an item may have.
const maxDoc = 128 << 10

// maxCause is what is kept of the cause of death in a record that is too large
// without any history.
const maxCause = 32 << 10

// encodeRecord leaves out the message, which JSON would make larger. Of a history
// that is too long the oldest goes first.
func encodeRecord(rec job.Record) ([]byte, error) {
	if rec.Burial != nil {
		burial := *rec.Burial
		burial.Message = nil
		rec.Burial = &burial
	}
	for {
		doc, err := json.Marshal(rec)
		switch {
		case err != nil:
			return nil, fault.Wrap(fault.Internal, err, "encode the record of job %s", rec.ID)
		case len(doc) <= maxDoc:
			return doc, nil
		case len(rec.History) > 0:
			rec.History = rec.History[1:]
		case rec.Burial != nil && len(rec.Burial.Cause) > maxCause:
			rec.Burial.Cause = strings.ToValidUTF8(rec.Burial.Cause[:maxCause], "")
		default:
			return nil, fault.New(fault.TooLarge, "the record of job %s has %d bytes", rec.ID, len(doc))
		}
	}
}

// readRecord reads a stored record. Of a damaged one it returns what stands beside
// its doc.
func readRecord(id string, stored row) (job.Record, error) {
	generation, sound := readInteger(stored, "generation")
	state, soundState := readString(stored, "state")
	revision, soundRevision := readInteger(stored, "revision")
	head := job.Record{ID: id, Generation: int(generation), State: job.State(state), Revision: revision}
	if !sound || !soundState || !soundRevision {
		return head, fault.New(fault.Damaged, "the record of job %s is damaged: an attribute is missing", id)
	}
	rec := head
	if err := json.Unmarshal(readBytes(stored, "doc"), &rec); err != nil {
		return head, fault.Wrap(fault.Damaged, err, "the record of job %s is damaged", id)
	}
	if rec.Burial != nil {
		rec.Burial.Message = readBytes(stored, "message")
	}
	return rec, nil
}
