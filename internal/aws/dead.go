package aws

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"acervo/internal/fault"
	"acervo/internal/job"
)

// ledger is the list of the dead that a filter chooses, the latest burial first.
func ledger(f job.Filter) listing {
	l := listing{table: jobsTable, index: ledgerIndex(), descending: true, values: row{}}
	l.partitions = partitions(deadShard, deadShards)
	id := ""
	if f.Book != uuid.Nil {
		id = f.Book.String()
	}
	var conditions []string
	for _, c := range []struct{ name, value string }{
		{"lane", f.Lane}, {"kind", string(f.Kind)}, {"fingerprint", f.Fingerprint}, {"book_id", id},
	} {
		if c.value != "" {
			conditions = append(conditions, "#"+c.name+" = :"+c.name)
			l.values[":"+c.name] = str(c.value)
		}
	}
	l.filter = strings.Join(conditions, " AND ")
	return l
}

// Dead is job.Store's. The index is eventually consistent and says where to look;
// the records are read strongly, and those that are no longer there passed over. A
// damaged record is listed with what stands beside its doc.
func (j Jobs) Dead(ctx context.Context, f job.Filter, cursor string, limit int) (page []job.Record, next string, err error) {
	after, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	var places []string
	for l, more := ledger(f), true; more && len(page) <= limit; {
		keys, err := j.s.keys(ctx, l, after, limit+1)
		if err != nil {
			return nil, "", err
		}
		records, err := j.records(ctx, keys)
		if err != nil {
			return nil, "", err
		}
		for _, key := range keys {
			after = l.place(key)
			if rec, ok := records[after]; ok {
				page, places = append(page, rec), append(places, after)
			}
		}
		more = len(keys) > limit
	}
	if len(page) > limit {
		page, next = page[:limit], formatCursor(places[limit-1])
	}
	return page, next, nil
}

// records reads the records of keys of the ledger that are still listed there, by
// their place.
func (j Jobs) records(ctx context.Context, keys []row) (map[string]job.Record, error) {
	var ids []row
	for _, key := range keys {
		ids = append(ids, row{"id": key["id"]})
	}
	found, err := j.s.get(ctx, jobsTable, ids)
	records := map[string]job.Record{}
	for id, stored := range found {
		rec, err := readRecord(id, stored)
		if err != nil && !fault.Is(err, fault.Damaged) {
			return nil, err
		}
		if place, listed := readString(stored, ledgerIndex().Range); listed {
			records[place] = rec
		}
	}
	return records, err
}

// formatCursor begins with a checksum, so that a cursor which was cut or mistyped
// begins no page somewhere else.
func formatCursor(place string) string {
	sum := crc32.Checksum([]byte(place), crc32.MakeTable(crc32.Castagnoli))
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%08x%s", sum, place))
}

// maxPlace is more than the bytes of any place in the ledger.
const maxPlace = 256

// parseCursor returns the place after which a page begins, empty for the first.
func parseCursor(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	raw, _ := base64.RawURLEncoding.DecodeString(cursor) // of a bad one the checksum is wrong
	if len(raw) > 8 && len(raw) <= 8+maxPlace && formatCursor(string(raw[8:])) == cursor {
		return string(raw[8:]), nil
	}
	return "", fault.New(fault.Syntax, "The cursor is not one that was given out.")
}

// maxGroups is the most groups that are told.
const maxGroups = 100

// Groups is job.Store's. It reads the whole ledger, of which an index entry is a
// few hundred bytes.
func (j Jobs) Groups(ctx context.Context, f job.Filter) ([]job.Group, error) {
	keys, err := j.s.keys(ctx, ledger(f), "", math.MaxInt)
	if err != nil {
		return nil, err
	}
	all := gather(keys)
	slices.SortFunc(all, func(a, b gathered) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Fingerprint, b.Fingerprint), cmp.Compare(a.Lane, b.Lane))
	})
	all = all[:min(len(all), maxGroups)]
	var ends []row
	for _, g := range all {
		ends = append(ends, g.oldest, g.latest)
	}
	records, err := j.records(ctx, ends)
	if err != nil {
		return nil, err
	}
	var groups []job.Group
	for _, g := range all {
		g.Oldest, g.Latest = buriedRecord(g.oldest, records), buriedRecord(g.latest, records)
		groups = append(groups, g.Group)
	}
	return groups, nil
}

// gathered is a group with the index entries of its first and last buried.
type gathered struct {
	job.Group

	oldest, latest row
}

// gather groups the entries of the ledger, which come with the latest first.
func gather(keys []row) []gathered {
	type key struct{ lane, fingerprint string }
	groups := map[key]gathered{}
	for _, entry := range keys {
		lane, _ := readString(entry, "lane")
		fingerprint, _ := readString(entry, "fingerprint")
		g, known := groups[key{lane, fingerprint}]
		if !known {
			g.Lane, g.Fingerprint, g.latest = lane, fingerprint, entry
		}
		g.oldest = entry
		g.Count++
		groups[key{lane, fingerprint}] = g
	}
	return slices.Collect(maps.Values(groups))
}

// buriedRecord is the record of an entry of the ledger, or what the entry tells of
// one that has left since.
func buriedRecord(entry row, records map[string]job.Record) job.Record {
	at, _ := readString(entry, ledgerIndex().Range)
	if rec, ok := records[at]; ok {
		return rec
	}
	var rec job.Record
	rec.ID, _ = readString(entry, "id")
	kind, _ := readString(entry, "kind")
	id, _ := readString(entry, "book_id")
	rec.Kind, rec.State = job.Kind(kind), job.Dead
	rec.BookID, _ = uuid.Parse(id)
	rec.Burial = &job.Burial{Listed: true}
	rec.Burial.Lane, _ = readString(entry, "lane")
	rec.Burial.Fingerprint, _ = readString(entry, "fingerprint")
	rec.Burial.At, _ = time.Parse(placeTime, at[:min(len(at), len(placeTime))])
	return rec
}
