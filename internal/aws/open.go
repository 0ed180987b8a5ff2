package aws

import (
	"context"
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
	Objects *Objects
	Control Control // of the writes
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
	url, err := e.writesURL(ctx, p)
	if err != nil {
		clients.Close()
		return nil, err
	}
	e.Writes, e.Objects = clients.Lane(url, opts), clients.Objects(p.Bucket)
	return e, nil
}

func (e *Engines) writesURL(ctx context.Context, p Place) (string, error) {
	if p.Create {
		if err := e.Store.CreateTables(ctx); err != nil {
			return "", err
		}
		if err := e.CreateBucket(ctx, p.Bucket); err != nil {
			return "", err
		}
		urls, err := e.CreateQueues(ctx, p.Prefix)
		return urls[WritesQueue], err
	}
	if p.WritesURL != "" {
		return p.WritesURL, nil
	}
	name := p.Prefix + WritesQueue
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
