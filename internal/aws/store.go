package aws

import (
	"bytes"
	"hash/crc32"
	"regexp"
	"strconv"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"
)

// Store is the catalogue, the records of jobs, what lanes share and the keys of
// callers, in DynamoDB.
// It is safe for concurrent use.
type Store struct {
	db     *dynamodb.Client
	prefix string
	now    func() time.Time
	adding *semaphore.Weighted // of keys, whose count they would fight for
}

// NewStore returns the store whose tables begin with prefix. It calls nobody.
func NewStore(c *Clients, prefix string, now func() time.Time) *Store {
	return &Store{c.DynamoDB, prefix, now, semaphore.NewWeighted(1)}
}

func (s *Store) table(name string) *string { return sdk.String(s.prefix + name) }

// attribute is one of an item's, and row an item of a table.
type (
	attribute = types.AttributeValue
	row       = map[string]attribute
)

func str(s string) attribute         { return &types.AttributeValueMemberS{Value: s} }
func binary(b []byte) attribute      { return &types.AttributeValueMemberB{Value: b} }
func boolean(b bool) attribute       { return &types.AttributeValueMemberBOOL{Value: b} }
func integer(n int64) attribute      { return number(strconv.FormatInt(n, 10)) }
func number(n string) attribute      { return &types.AttributeValueMemberN{Value: n} }
func seconds(at time.Time) attribute { return integer(at.Unix()) }

// expiry is the time at which an item ends, rounded up to the seconds of ExpiresAt.
func expiry(at time.Time) attribute { return seconds(at.Add(time.Second - time.Nanosecond)) }

// The read… functions return the zero value for an attribute that is missing or of
// another type, and false where that cannot be told from what may be stored.

func readString(r row, name string) (string, bool) {
	a, ok := r[name].(*types.AttributeValueMemberS)
	if !ok {
		return "", false
	}
	return a.Value, true
}

func readBytes(r row, name string) []byte {
	a, ok := r[name].(*types.AttributeValueMemberB)
	if !ok {
		return nil
	}
	return a.Value
}

func readBool(r row, name string) bool {
	a, ok := r[name].(*types.AttributeValueMemberBOOL)
	return ok && a.Value
}

func readInteger(r row, name string) (int64, bool) {
	a, ok := r[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(a.Value, 10, 64)
	return n, err == nil
}

func readFloat(r row, name string) (float64, bool) {
	a, ok := r[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(a.Value, 64)
	return f, err == nil
}

// absent reports whether an item is not there, or its time is over.
func absent(r row, now time.Time) bool {
	ends, expires := readInteger(r, ExpiresAt)
	return len(r) == 0 || expires && ends <= now.Unix()
}

// newToken names one write. A write whose answer was lost is sent again by the SDK
// and loses its condition to itself: the token tells.
func newToken() attribute {
	token := uuid.New()
	return binary(token[:])
}

// wrote reports whether it is the write of this token that an item has from.
func wrote(r row, token attribute) bool {
	mine, isBinary := token.(*types.AttributeValueMemberB)
	return isBinary && bytes.Equal(mine.Value, readBytes(r, "token"))
}

var placeholder = regexp.MustCompile(`#(\w+)`)

// names returns what each #name in an expression stands for: the attribute of that
// name, so that no reserved word is in the way.
func names(expressions ...string) map[string]string {
	names := map[string]string{}
	for _, e := range expressions {
		for _, m := range placeholder.FindAllStringSubmatch(e, -1) {
			names[m[0]] = m[1]
		}
	}
	return names
}

// shard spreads ids over the n partitions of a kind in an index, each of which
// takes a thousand write units a second.
func shard(kind, id string, n uint32) string {
	return partition(kind, crc32.ChecksumIEEE([]byte(id))%n)
}

// partitions are all those of a kind.
func partitions(kind string, n uint32) (all []string) {
	for i := range n {
		all = append(all, partition(kind, i))
	}
	return all
}

func partition(kind string, i uint32) string { return kind + strconv.FormatUint(uint64(i), 10) }
