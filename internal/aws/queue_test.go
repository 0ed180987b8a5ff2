package aws_test

import (
	"testing"
	"time"

	"acervo/internal/aws"
	"acervo/internal/queue/queuetest"
)

func TestALaneKeepsTheContractOfQueues(t *testing.T) {
	t.Parallel()
	const poll = 2 * time.Second
	c := onSQS(t)
	queuetest.Run(t, queuetest.Harness{
		Poll:  poll,
		Walks: 2,
		Open: func(t *testing.T) queuetest.Lane {
			t.Helper()
			return c.Lane(queues(t, c)[aws.WritesQueue], aws.LaneOptions{Lease: 8 * poll, Poll: poll})
		},
	})
}
