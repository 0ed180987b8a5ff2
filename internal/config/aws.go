package config

import (
	"cmp"
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"regexp"
	"strings"
	"time"

	"acervo/internal/job"
)

// AWS says where the tables and the queues are.
type AWS struct {
	Region           string // empty for the one that AWS_REGION names
	DynamoDBEndpoint string // base URLs other than AWS's own
	SQSEndpoint      string //
	S3Endpoint       string //
	Prefix           string // of the names of tables, queues and the bucket
	Bucket           string // of the objects
	WritesURL        string // of the queue of the writes; empty to look it up by its name
	Create           bool   // make tables, queues and the bucket that are missing, for development
}

// API configures the door of the API on AWS.
type API struct {
	AWS
	Addr        string        // where to listen, host:port
	Key         string        // the operator key
	ReceiptKeys []job.Key     // the current one first
	Grace       time.Duration // how long requests may go on after the stop
	MaxAge      time.Duration // how old the oldest write may be before more are refused
	CoverBase   string        // where readers get the pictures of books, instead of from the API
	RateKey     int           // writes a second of one key in this process; 0 for no limit
	RateBook    int           // writes a second of one book in this process; 0 for no limit
	Access
}

// Worker configures the door of the worker on AWS.
type Worker struct {
	AWS
	Addr  string        // where its health is told, host:port
	Lease time.Duration // how long a delivery is the worker's, unless it says that it still works
	// ReceiptKeys are those of the API, the current one first: they tell whose picture it
	// is that the function covers gave up.
	ReceiptKeys []job.Key
	Slots       int // writes in hand at once
	// ImportSlots are chunks of imports in hand at once.
	ImportSlots int
	Grace       time.Duration // how long jobs may go on after the stop
}

// ParseAPI reads the configuration of the API or reports every mistake, each by its
// flag. It returns flag.ErrHelp once it has printed the help.
func ParseAPI(args []string, getenv func(string) string, stdout io.Writer) (API, error) {
	var t awsText
	var access AccessText
	var addr, behindProxy, key, receiptKeys, grace, maxAge, coverBase, rateKey, rateBook string
	options := append(t.options(),
		option{name: "addr", value: "127.0.0.1:8080", usage: "listen on HOST:PORT", text: &addr},
		option{name: "behind-proxy", value: "false", usage: "a load balancer in front speaks TLS, so plain HTTP off loopback is meant", text: &behindProxy, toggle: true},
		option{name: "key", usage: "the operator key, at least 16 characters; needed", text: &key},
		option{name: "receipt-keys", usage: "keys that sign receipts, each 32 bytes in base64, with commas between them, the same in every\n      process; the first is current, each other has @ and when it was retired (RFC 3339); needed", text: &receiptKeys},
		option{name: "grace", value: "20s", usage: "finish requests within this time after SIGTERM", text: &grace},
		option{name: "max-age", value: "24h", usage: "refuse writes while the oldest one has waited longer", text: &maxAge},
		option{name: "cover-base", usage: "readers get the pictures of books below this URL, such as https://d111111abcdef8.cloudfront.net,\n      instead of from this API", text: &coverBase},
		option{name: "rate-key", value: "0", usage: "take so many writes a second of one key in this process, ten times that at once; 0 for no limit", text: &rateKey},
		option{name: "rate-book", value: "100", usage: "take so many writes a second of one book in this process, ten times that at once; 0 for no limit", text: &rateBook},
	)
	options = append(options, access.options()...)
	if err := read("api", options, args, getenv, stdout); err != nil {
		return API{}, err
	}
	var m mistakes
	wrong := wrong(m.add)
	c := API{
		AWS: t.parse(wrong), Addr: addr, Key: wrong.key(key), ReceiptKeys: wrong.receiptKeys(receiptKeys),
		Grace: wrong.grace(grace), MaxAge: wrong.maxAge(maxAge), CoverBase: wrong.base("cover-base", coverBase),
		RateKey: wrong.rate("rate-key", rateKey), RateBook: wrong.rate("rate-book", rateBook),
		Access: access.parse(wrong),
	}
	if c.Key == "" {
		wrong("key", "is needed, also as ACERVO_KEY")
	}
	proxied := wrong.yes("behind-proxy", behindProxy)
	if host, ok := wrong.host(c.Addr); ok && !loopback(host) && !proxied {
		wrong("addr", "is off loopback: give --behind-proxy=true if a load balancer speaks TLS in front")
	}
	return c, errors.Join(m...)
}

// ParseWorker is ParseAPI for the worker. It may listen anywhere: what it tells of
// its health is no secret, and it takes nothing.
func ParseWorker(args []string, getenv func(string) string, stdout io.Writer) (Worker, error) {
	var t awsText
	var addr, lease, slots, importSlots, grace, receiptKeys string
	options := append(t.options(),
		option{name: "addr", value: "127.0.0.1:8081", usage: "tell of the worker's health on HOST:PORT", text: &addr},
		option{name: "lease", value: "30s", usage: "give a write to another worker when this one has not been heard of for so long", text: &lease},
		option{name: "slots", value: "64", usage: "apply so many writes at once", text: &slots},
		option{name: "import-slots", value: "4", usage: "apply so many chunks of imported files at once, beside the writes", text: &importSlots},
		option{name: "receipt-keys", usage: "the keys that sign receipts, as the API has them, which tell whose pictures the function covers\n      gave up; needed", text: &receiptKeys},
		option{name: "grace", value: "20s", usage: "finish what has begun within this time after SIGTERM", text: &grace},
	)
	if err := read("worker", options, args, getenv, stdout); err != nil {
		return Worker{}, err
	}
	var m mistakes
	wrong := wrong(m.add)
	c := Worker{
		AWS: t.parse(wrong), Addr: addr, Lease: wrong.lease(lease), Slots: wrong.slots("slots", slots),
		ImportSlots: wrong.slots("import-slots", importSlots), Grace: wrong.grace(grace), ReceiptKeys: wrong.receiptKeys(receiptKeys),
	}
	_, _ = wrong.host(c.Addr)
	return c, errors.Join(m...)
}

// awsText is AWS as it was typed.
type awsText struct{ region, dynamodb, sqs, s3, prefix, bucket, writes, create string }

func (t *awsText) options() []option {
	return []option{
		{name: "region", usage: "the AWS region, instead of the one in AWS_REGION", text: &t.region},
		{name: "dynamodb-endpoint", usage: "a URL in place of Amazon's DynamoDB", text: &t.dynamodb},
		{name: "sqs-endpoint", usage: "a URL in place of Amazon's SQS", text: &t.sqs},
		{name: "s3-endpoint", usage: "a URL in place of Amazon's S3", text: &t.s3},
		{name: "prefix", value: "acervo-", usage: "the names of tables, queues and the bucket begin with this", text: &t.prefix},
		{name: "bucket", usage: "the bucket of the objects, instead of the prefix and \"objects\"", text: &t.bucket},
		{name: "writes-url", usage: "the URL of the queue of the writes, instead of asking for it by its name", text: &t.writes},
		{name: "create", value: "false", usage: "make the tables, queues and bucket that are missing, for development", text: &t.create, toggle: true},
	}
}

// tableNames is what the name of a table may begin with, which leaves room for
// its end; names of queues allow no dot.
var tableNames = regexp.MustCompile(`^[a-zA-Z0-9_-]{3,60}$`)

// bucketNames is what a bucket may be called (S3 User Guide, bucket naming rules).
var bucketNames = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// objectsBucket is the end of the name of the bucket, after the prefix.
const objectsBucket = "objects"

func (t awsText) parse(wrong wrong) AWS {
	for _, u := range []struct{ flag, text string }{
		{"dynamodb-endpoint", t.dynamodb}, {"sqs-endpoint", t.sqs}, {"s3-endpoint", t.s3}, {"writes-url", t.writes},
	} {
		if at, err := url.Parse(u.text); u.text != "" && (err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https") {
			wrong(u.flag, "must be a URL such as https://sqs.eu-west-1.amazonaws.com")
		}
	}
	if !tableNames.MatchString(t.prefix) {
		wrong("prefix", "must be 3 to 60 letters, digits, - or _")
	}
	c := AWS{
		Region: t.region, DynamoDBEndpoint: t.dynamodb, SQSEndpoint: t.sqs, S3Endpoint: t.s3, Prefix: t.prefix,
		Bucket: cmp.Or(t.bucket, t.prefix+objectsBucket), WritesURL: t.writes, Create: wrong.yes("create", t.create),
	}
	if !bucketNames.MatchString(c.Bucket) && (t.bucket != "" || tableNames.MatchString(t.prefix)) {
		wrong("bucket", "must be 3 to 63 small letters, digits, dots or hyphens; without it the prefix must be of such")
	}
	if c.Create && c.WritesURL != "" {
		wrong("create", "makes the queue that --writes-url would name")
	}
	return c
}

// base reads a URL to which paths are added, empty for none.
func (w wrong) base(flag, text string) string {
	at, err := url.Parse(text)
	if text != "" && (err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" || at.RawQuery != "" || at.Fragment != "") {
		w(flag, "must be a URL such as https://d111111abcdef8.cloudfront.net")
	}
	return strings.TrimSuffix(text, "/")
}

// receiptKeys reads keys and repeats none of them in a mistake.
func (w wrong) receiptKeys(text string) (keys []job.Key) {
	if text == "" {
		w("receipt-keys", "is needed: 32 random bytes in base64, such as openssl rand -base64 32 makes")
		return nil
	}
	for i, item := range strings.Split(text, ",") {
		secret, retired, dated := strings.Cut(strings.TrimSpace(item), "@")
		key, err := base64.StdEncoding.DecodeString(secret)
		if err != nil || len(key) != job.KeySize {
			w("receipt-keys", "must be 32 bytes in base64 each, which number %d is not", i+1)
			continue
		}
		k := job.Key{Secret: key}
		switch {
		case i == 0 && dated:
			w("receipt-keys", "must begin with the current key, which has no time")
		case i > 0:
			if k.RetiredAt, err = time.Parse(time.RFC3339, retired); err != nil {
				w("receipt-keys", "must say when number %d was retired, such as @2026-01-31T12:00:00Z", i+1)
			}
		}
		keys = append(keys, k)
	}
	return keys
}
