package aws

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"acervo/internal/fault"
	"acervo/internal/queue"
)

// Place says where the tables, the queues and the objects are.
type Place struct {
	Region           string // empty for the one of the environment
	DynamoDBEndpoint string // base URLs other than AWS's own
	SQSEndpoint      string //
	S3Endpoint       string //
	Prefix           string // of the names of tables, queues and the bucket
	Bucket           string // of the objects; empty for the prefix and "objects"
	WritesURL        string // of the queue of the writes; empty to look it up by its name
	Create           bool   // make the tables, queues and the bucket that are missing, for development
}

// Engines are what a process uses of AWS.
type Engines struct {
	*Clients
	Store   *Store
	Writes  *Lane
	Imports *Lane
	Lost    *Lane // what SQS took off the lane of imports
	// CoversFailed and DropsFailed hold what the functions gave up.
	CoversFailed *Lane
	DropsFailed  *Lane
	Objects      *Objects
	Control      Control // of the writes
}

// Open finds the tables and the queues. It needs their engines only where it has
// to look for something or to create it.
func Open(ctx context.Context, p Place, opts LaneOptions) (*Engines, error) {
	if p.Bucket == "" {
		p.Bucket = p.Prefix + ObjectsBucket
	}
	clients, err := NewClients(ctx, Options{
		Region: p.Region, DynamoDBEndpoint: p.DynamoDBEndpoint, SQSEndpoint: p.SQSEndpoint, S3Endpoint: p.S3Endpoint,
	})
	if err != nil {
		return nil, err
	}
	e := &Engines{Clients: clients, Store: NewStore(clients, p.Prefix, time.Now)}
	e.Control = e.Store.Control(queue.Writes)
	urls, err := e.urls(ctx, p)
	if err != nil {
		clients.Close()
		return nil, err
	}
	e.Writes, e.Objects = clients.Lane(urls[WritesQueue], opts), clients.Objects(p.Bucket)
	e.CoversFailed, e.DropsFailed = clients.Lane(urls[CoversFailed], opts), clients.Lane(urls[DropsFailed], opts)
	e.Imports, e.Lost = clients.Lane(urls[ImportsQueue], opts), clients.Lane(urls[ImportsDLQ], opts)
	return e, nil
}

// urls are those of the queues, by the names of Queues. The URL of the writes tells
// those of the others, which stand beside it.
func (e *Engines) urls(ctx context.Context, p Place) (map[string]string, error) {
	if p.Create {
		if err := e.Store.CreateTables(ctx); err != nil {
			return nil, err
		}
		if err := e.CreateBucket(ctx, p.Bucket); err != nil {
			return nil, err
		}
		return e.CreateQueues(ctx, p.Prefix)
	}
	urls := map[string]string{WritesQueue: p.WritesURL}
	beside, known := strings.CutSuffix(p.WritesURL, WritesQueue)
	for _, q := range Queues() {
		switch {
		case urls[q.Name] != "":
		case known:
			urls[q.Name] = beside + q.Name
		default:
			url, err := e.queueURL(ctx, p.Prefix+q.Name)
			if err != nil {
				return nil, err
			}
			urls[q.Name] = url
		}
	}
	return urls, nil
}

func (e *Engines) queueURL(ctx context.Context, name string) (string, error) {
	out, err := e.SQS.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	switch {
	case err != nil:
		return "", classify(err, "find the queue %s", name)
	case out.QueueUrl == nil:
		return "", fault.New(fault.Internal, "the queue %s has no URL", name)
	}
	return *out.QueueUrl, nil
}

// Ping reports whether the tables can be read.
func (e *Engines) Ping(ctx context.Context) error {
	_, err := e.Control.Paused(ctx)
	return err
}
